/* fault.h - making the n-th allocation, mapping, thread or system call fail.
 *
 * A test arms it, runs a piece of work, disarms it, and does so for n = 1, 2, 3 ... until the
 * work no longer reaches n: every call has then failed once, and each time the work must have
 * returned a code, leaked nothing and hung nowhere.
 *
 * Off, a fault point costs one relaxed load and a branch that is always predicted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_FAULT_H
#define WEFT_BASE_FAULT_H

#include "base/atomic.h"

enum weft__fault_kind {
    WEFT_FAULT_ALLOC,  /* the heap: NULL */
    WEFT_FAULT_MAP,    /* mappings, protections, guards: -ENOMEM */
    WEFT_FAULT_THREAD, /* starting an OS thread: -EAGAIN */
    WEFT_FAULT_SYS,    /* calls on files: -EIO, or -EMFILE from open */
    WEFT_FAULT_KINDS
};

#define WEFT_FAULT_MASK(kind) (UINT32_C(1) << (kind))
#define WEFT_FAULT_ALL (WEFT_FAULT_MASK(WEFT_FAULT_KINDS) - 1)

/* Which kinds are counted now; 0 is off.  For the inline below only. */
extern ATOMIC(uint32_t) weft__fault_mask;

/* The armed half of weft__fault. */
bool weft__fault_hit(enum weft__fault_kind kind);

/* Never sleeps.  Counts calls of the kinds in `kind_mask` from now on, in all threads together;
 * the n-th of them fails, once.  n = 0 only counts. */
void weft__fault_arm(uint32_t kind_mask, uint64_t n);

/* Never sleeps.  Turns it off; returns how many calls were counted since it was armed. */
uint64_t weft__fault_disarm(void);

static inline bool weft__fault_is_armed(void)
{
    return a_load(&weft__fault_mask, relaxed) != 0;
}

/* True if this call must fail. */
static inline bool weft__fault(enum weft__fault_kind kind)
{
    if (WEFT_LIKELY(a_load(&weft__fault_mask, relaxed) == 0))
        return false;
    return weft__fault_hit(kind);
}

#endif
