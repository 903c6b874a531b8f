/* table.h - a small hash table from numbers to numbers, for the engine's books.
 *
 * Open addressing, grows by doubling into fresh memory of an arena, forgets the old half.  Begins
 * with a quarter of a page: in a forked child each page touched for the first time is a copy.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_TABLE_H
#define WEFT_CHECK_TABLE_H

#include "base/base.h"

#define WEFT__TABLE_FIRST 64 /* slots */

struct weft__arena {
    unsigned char *low, *at, *high;
};

struct weft__table_slot {
    uint64_t key; /* 0: free; so keys are stored plus one */
    uint64_t value;
};

struct weft__table {
    struct weft__table_slot *slots;
    uint32_t n, capacity;
};

/* Zeroed memory; NULL when the arena is full. */
void *weft__arena_take(struct weft__arena *arena, size_t size);

void weft__table_init(struct weft__table *table, struct weft__arena *arena);

/* The value of the key, 0 at first.  NULL: the arena is full. */
uint64_t *weft__table_at(struct weft__table *table, struct weft__arena *arena, uint64_t key);

/* Puts the key in, with the value 1.  True: it was not there. */
bool weft__table_add(struct weft__table *table, struct weft__arena *arena, uint64_t key);

/* The value of the key; NULL when it is not there. */
uint64_t *weft__table_find(const struct weft__table *table, uint64_t key);

static inline uint64_t weft__mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

#endif
