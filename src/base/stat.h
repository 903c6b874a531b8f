/* stat.h - counters that one thread writes and anyone may read.
 *
 * A plain load and store, both relaxed: the single owner needs no read-modify-write, which would
 * cost as much as a whole task switch.  Readers see some recent value.  With two writers counts
 * get lost; those use a_add.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_STAT_H
#define WEFT_BASE_STAT_H

#include "base/atomic.h"

struct weft__stat {
    ATOMIC(uint64_t) count;
};

/* Never sleeps.  The owner only. */
static inline void weft__stat_add(struct weft__stat *s, uint64_t n)
{
    a_store(&s->count, a_load(&s->count, relaxed) + n, relaxed);
}

/* Never sleeps.  The owner only: remembers the largest value seen. */
static inline void weft__stat_max(struct weft__stat *s, uint64_t n)
{
    if (a_load(&s->count, relaxed) < n)
        a_store(&s->count, n, relaxed);
}

/* Never sleeps.  Anyone. */
static inline uint64_t weft__stat_read(struct weft__stat *s)
{
    return a_load(&s->count, relaxed);
}

#endif
