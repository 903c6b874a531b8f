/* fault.c - making the n-th allocation, mapping, thread or system call fail.
 *
 * Called from the doors in alloc.c and sys.c, by any thread; armed by tests.  The calls of all
 * threads are counted in one word, so that exactly one of them is the n-th.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/fault.h"

ATOMIC(uint32_t) weft__fault_mask;

static ATOMIC(uint64_t) fault_count;
static ATOMIC(uint64_t) fault_target; /* 0: none */

bool weft__fault_hit(enum weft__fault_kind kind)
{
    /* pairs with the release in weft__fault_arm: who sees the mask sees the target */
    if ((a_load(&weft__fault_mask, acquire) & WEFT_FAULT_MASK(kind)) == 0)
        return false;
    return a_add(&fault_count, 1, relaxed) + 1 == a_load(&fault_target, relaxed);
}

void weft__fault_arm(uint32_t kind_mask, uint64_t n)
{
    WEFT_CHECK((kind_mask & ~WEFT_FAULT_ALL) == 0);
    a_store(&weft__fault_mask, 0, relaxed);
    a_store(&fault_count, 0, relaxed);
    a_store(&fault_target, n, relaxed);
    a_store(&weft__fault_mask, kind_mask, release); /* pairs with the acquire in weft__fault_hit */
}

uint64_t weft__fault_disarm(void)
{
    a_store(&weft__fault_mask, 0, relaxed);
    return a_load(&fault_count, relaxed);
}
