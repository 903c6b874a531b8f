/* tls_aarch64.c - the thread pointer of aarch64: the register tpidr_el0.
 *
 * Two words lie at the pointer, of which the first is the vector of dynamic blocks.  The guards of
 * stack and pointers are variables of the process here.  The descriptor that a pthread_t names lies
 * below; its first word says that threads are many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/tls.h"

#include "arch/sanitize.h"

const char weft__tls_name[] = "aarch64";

bool weft__tls_can_set(void)
{
    return !WEFT__SAN_THREAD && !WEFT__SAN_ADDRESS;
}

void *weft__tls_get(void)
{
    void *tp;
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(tp));
    return tp;
}

void weft__tls_set(void *tp)
{
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(tp) : "memory");
}

bool weft__tls_looks_right(const void *tp, const void *handle)
{
    const uintptr_t *head = tp;
    return (uintptr_t)handle < (uintptr_t)tp && head[0] != 0;
}

void weft__tls_fill_head(void *tp, void *handle, const void *like)
{
    (void)tp;
    (void)like;
    *(uint32_t *)handle = 1;
}
