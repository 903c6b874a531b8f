/* tls_x86_64.c - the thread pointer of x86-64: the base of the segment fs.
 *
 * The head at the pointer is known to compilers (stack protector, split stacks) and therefore
 * fixed:
 *
 *     0 itself   8 vector of dynamic blocks   16 pthread_t   24 threads are many   40 stack guard
 *     48 pointer guard   72 what control-flow enforcement is on
 *
 * wrfsbase takes a few nanoseconds, the system call about a hundred.  The kernel must have allowed
 * the instruction, which it says in AT_HWCAP2 (Linux 5.9).
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/tls.h"

#include <asm/prctl.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "arch/sanitize.h"

enum {
    TLS_HWCAP2_FSGSBASE = 2,
    /* in words */
    TLS_ITSELF = 0,
    TLS_HANDLE = 2,
    TLS_MANY = 3, /* the lower half: not 0, so that libc's locks lock */
    TLS_STACK_GUARD = 5,
    TLS_POINTER_GUARD = 6,
    TLS_ENFORCED = 9,
};

const char weft__tls_name[] = "x86_64";

static bool tls_has_wrfsbase; /* set once, before the first weft__tls_set */

bool weft__tls_can_set(void)
{
    tls_has_wrfsbase = (getauxval(AT_HWCAP2) & TLS_HWCAP2_FSGSBASE) != 0;
#if WEFT__SAN_VALGRIND
    if (RUNNING_ON_VALGRIND) {
        return false;
    }
#endif
    return !WEFT__SAN_THREAD && !WEFT__SAN_ADDRESS;
}

void *weft__tls_get(void)
{
    void *tp;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(tp));
    return tp;
}

void weft__tls_set(void *tp)
{
    if (WEFT_LIKELY(tls_has_wrfsbase)) {
        __asm__ volatile("wrfsbase %0" : : "r"(tp) : "memory");
        return;
    }
    long rc = SYS_arch_prctl; /* not by libc's function, which would look for errno */
    __asm__ volatile("syscall"
                     : "+a"(rc)
                     : "D"((long)ARCH_SET_FS), "S"(tp)
                     : "rcx", "r11", "memory");
    WEFT_CHECK(rc == 0);
}

bool weft__tls_looks_right(const void *tp, const void *handle)
{
    const uintptr_t *head = tp;
    return handle == tp && head[TLS_ITSELF] == (uintptr_t)tp && head[TLS_HANDLE] == (uintptr_t)tp;
}

void weft__tls_fill_head(void *tp, void *handle, const void *like)
{
    static const int same[] = {TLS_STACK_GUARD, TLS_POINTER_GUARD, TLS_ENFORCED};
    uintptr_t *head = tp;
    const uintptr_t *from = like;
    head[TLS_ITSELF] = (uintptr_t)tp;
    head[TLS_HANDLE] = (uintptr_t)handle;
    *(uint32_t *)&head[TLS_MANY] = 1;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(same); i++) {
        head[same[i]] = from[same[i]];
    }
}
