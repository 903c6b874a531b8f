/* futex.c - waits for a word of memory: the futex system call, and C++'s local statics.
 *
 * The C++ library calls syscall(SYS_futex) itself (futures, latches, atomic waits), and programs
 * with locks of their own do.  A wait compares, and then sleeps until somebody wakes it: not until
 * the word changes, or a forgotten wake would go unseen.  Who is woken is the strategy's choice.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/preload.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check/preload/hooks.h"

/* One strand's wait; on its stack. */
struct futex_wait {
    struct futex_wait *next;
    uintptr_t address;
    uint32_t bits;
    bool woken;
};

static struct futex_wait *futex_first, **futex_last = &futex_first;

static bool futex_is_woken(const struct weft__strand *strand)
{
    const struct futex_wait *wait = strand->next.arg;

    return wait->woken;
}

static void futex_remove(struct futex_wait *wait)
{
    struct futex_wait **link = &futex_first;

    while (*link != wait)
        link = &(*link)->next;
    *link = wait->next;
    if (futex_last == &wait->next)
        futex_last = link;
}

static struct weft__operation futex_operation(enum weft__op op, uintptr_t address, uintptr_t pc)
{
    return (struct weft__operation){.op = op,
                                    .object = address,
                                    .pc = pc,
                                    .caller = weft__caller(),
                                    .deadline = WEFT__NO_DEADLINE};
}

/* timeout: from now; with bits it is a time, on the one clock that there is here. */
static int64_t futex_deadline(const struct timespec *timeout, int operation)
{
    int64_t ns;
    struct timespec now = {0, 0};

    if (timeout == NULL)
        return WEFT__NO_DEADLINE;
    ns = timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec;
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT)
        return weft__virtual_now() + ns;
    (void)clock_gettime(operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    return weft__virtual_now() + ns - (now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
}

static long futex_sleep(uintptr_t address, uint32_t expected, int64_t deadline, uint32_t bits,
                        uintptr_t pc)
{
    struct weft__operation op = futex_operation(WEFT__OP_FUTEX_WAIT, address, pc);
    struct futex_wait wait = {.address = address, .bits = bits};
    enum weft__go go;

    weft__hook_access(WEFT__OP_ATOMIC_LOAD, address, sizeof expected, __ATOMIC_SEQ_CST, pc);
    if (__atomic_load_n((uint32_t *)address, __ATOMIC_SEQ_CST) != expected) {
        errno = EAGAIN;
        return -1;
    }
    *futex_last = &wait;
    futex_last = &wait.next;
    op.can = futex_is_woken;
    op.arg = &wait;
    op.deadline = deadline;
    go = weft__point(&op);
    if (!wait.woken)
        futex_remove(&wait);
    if (go == WEFT__GO_TIMED_OUT && !wait.woken) {
        errno = ETIMEDOUT;
        return -1;
    }
    weft__happened_acquire(address);
    return 0;
}

static struct futex_wait *futex_nth(uintptr_t address, uint32_t bits, uint32_t n)
{
    for (struct futex_wait *wait = futex_first; wait != NULL; wait = wait->next) {
        if (wait->address == address && (wait->bits & bits) != 0 && n-- == 0)
            return wait;
    }
    return NULL;
}

static uint32_t futex_count(uintptr_t address, uint32_t bits)
{
    uint32_t n = 0;

    while (futex_nth(address, bits, n) != NULL)
        n++;
    return n;
}

static long futex_wake(uintptr_t address, uint32_t max, uint32_t bits)
{
    uint32_t waiting = futex_count(address, bits), woken = 0;

    weft__happened_release(address);
    while (woken < max && waiting > 0) {
        uint32_t pick = woken + waiting <= max ? 0 : weft__choose(WEFT__CHOICE_WAITER, waiting);
        struct futex_wait *wait = futex_nth(address, bits, pick);
        futex_remove(wait);
        wait->woken = true;
        waiting--;
        woken++;
    }
    if (woken > 0)
        weft__changed(address);
    return woken;
}

/* Those that are not woken wait at another word from now on. */
static long futex_requeue(uintptr_t address, uint32_t max_wake, uint32_t max_move, uintptr_t to)
{
    long n = futex_wake(address, max_wake, UINT32_MAX);
    struct futex_wait *wait;

    while (max_move-- > 0 && (wait = futex_nth(address, UINT32_MAX, 0)) != NULL) {
        futex_remove(wait);
        wait->address = to;
        wait->next = NULL;
        *futex_last = wait;
        futex_last = &wait->next;
        n++;
    }
    return n;
}

static long futex_call(const long *a, uintptr_t pc, bool *ret_known)
{
    uintptr_t address = (uintptr_t)a[0], second = (uintptr_t)a[4];
    int operation = (int)a[1], command = operation & FUTEX_CMD_MASK;
    uint32_t value = (uint32_t)a[2];
    struct weft__operation op = futex_operation(WEFT__OP_FUTEX_WAKE, address, pc);
    long result;

    *ret_known = true;
    if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET)
        return futex_sleep(address, value,
                           futex_deadline((const struct timespec *)a[3], operation),
                           command == FUTEX_WAIT ? UINT32_MAX : (uint32_t)a[5], pc);
    *ret_known = command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET ||
                 command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE;
    if (!*ret_known)
        return 0;
    weft__point(&op);
    if (command == FUTEX_CMP_REQUEUE && *(uint32_t *)address != (uint32_t)a[5]) {
        errno = EAGAIN;
        return -1;
    }
    if (command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE)
        result = futex_requeue(address, value, (uint32_t)a[3], second);
    else
        result = futex_wake(address, value,
                            command == FUTEX_WAKE ? UINT32_MAX : (uint32_t)a[5]);
    weft__value((uint64_t)result, WEFT__EVENT_HAS_VALUE);
    return result;
}

WEFT__EXPORT long syscall(long number, ...);
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    va_list arguments;
    bool known = false;
    long a[6], result;

    va_start(arguments, number);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(a); i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (WEFT__CONTROLLED()) {
        if (number == SYS_futex) {
            result = futex_call(a, WEFT__PC(), &known);
            if (known)
                return result;
        } else if (number == SYS_gettid) { /* all share one: tell them apart */
            return getpid() + weft__strand_self()->id;
        }
    }
    return WEFT__REAL(real, "syscall")(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

WEFT__EXPORT pid_t gettid(void);
pid_t gettid(void)
{
    static pid_t (*real)(void);

    return WEFT__CONTROLLED() ? getpid() + weft__strand_self()->id : WEFT__REAL(real, "gettid")();
}

/* ---- C++'s local statics ---- */

/* The first byte says "done", as compiled code expects; the second one is ours: "being done". */

static bool futex_guard_is_idle(const struct weft__strand *strand)
{
    const uint8_t *guard = strand->next.arg;

    return guard[1] == 0;
}

WEFT__EXPORT int __cxa_guard_acquire(uint8_t *guard);
int __cxa_guard_acquire(uint8_t *guard)
{
    static int (*real)(uint8_t *);
    struct weft__operation op;

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "__cxa_guard_acquire")(guard);
    op = futex_operation(WEFT__OP_ONCE, (uintptr_t)guard, WEFT__PC());
    op.can = futex_guard_is_idle;
    op.arg = guard;
    weft__point(&op);
    weft__happened_acquire((uintptr_t)guard);
    if (guard[0] != 0)
        return 0;
    guard[1] = 1;
    weft__changed((uintptr_t)guard); /* the others that came wait now */
    return 1;
}

static void futex_guard_end(uint8_t *guard, uint8_t done, uintptr_t pc)
{
    weft__happened_release((uintptr_t)guard);
    weft__hook_access(WEFT__OP_ATOMIC_STORE, (uintptr_t)guard, 1, __ATOMIC_RELEASE, pc);
    guard[0] = done;
    guard[1] = 0;
    weft__changed((uintptr_t)guard);
}

WEFT__EXPORT void __cxa_guard_release(uint8_t *guard);
void __cxa_guard_release(uint8_t *guard)
{
    static void (*real)(uint8_t *);

    if (WEFT__CONTROLLED())
        futex_guard_end(guard, 1, WEFT__PC());
    else
        WEFT__REAL(real, "__cxa_guard_release")(guard);
}

WEFT__EXPORT void __cxa_guard_abort(uint8_t *guard);
void __cxa_guard_abort(uint8_t *guard)
{
    static void (*real)(uint8_t *);

    if (WEFT__CONTROLLED())
        futex_guard_end(guard, 0, WEFT__PC());
    else
        WEFT__REAL(real, "__cxa_guard_abort")(guard);
}
