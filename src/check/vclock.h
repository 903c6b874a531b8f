/* vclock.h - vector clocks: of strands, and rows of counts for whatever carries an order.
 *
 * shadow.c is the user; the engine knows the upper half through shadow.h.  A row is as wide as
 * there are strands; all rows are spread anew when that doubles, so the address of a row holds
 * until the next strand is known.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_VCLOCK_H
#define WEFT_CHECK_VCLOCK_H

#include "check/plan.h"

void weft__clock_spawn(uint16_t parent, uint16_t child);
void weft__clock_join(uint16_t strand, uint16_t ended);

/* C11's fences; order is __ATOMIC_ACQUIRE and so on. */
void weft__clock_fence(uint16_t strand, int order);

/* The order by spawn and join alone, which no schedule can change.  A strand's life falls into
 * segments: which one is it in?  And did that segment of `before` end before `strand` came where it
 * is?  True for a strand and itself. */
uint32_t weft__clock_segment(uint16_t strand);
bool weft__clock_forked(uint16_t before, uint32_t segment, uint16_t strand);

/* ---- for shadow.c ---- */

/* The rows that each strand has. */
enum { WEFT__VCLOCK_NOW,      /* its clock */
       WEFT__VCLOCK_RELEASED, /* its clock at its last release fence */
       WEFT__VCLOCK_PENDING,  /* what an acquire fence will acquire */
       WEFT__VCLOCK_FORKED,   /* its clock by spawn and join alone */
       WEFT__VCLOCK_SETS };

enum weft__row_use { WEFT__ROW_FREE, WEFT__ROW_ATOMIC, WEFT__ROW_OBJECT };

#define WEFT__ROW_NOBODY 0xffff
#define WEFT__ROW_MANY   0xfffe

/* What belongs to a row of counts.  Rows are numbered from 1. */
struct weft__row {
    uint32_t *list; /* the head of the list it is in */
    uint32_t next;  /* there, or among the free ones */
    uint32_t clock; /* an atomic: the newest of the head's clocks that were given */
    uint16_t head;  /* ... who began the release sequence */
    uint8_t mask;   /* the bytes of the cell that it is about */
    uint8_t use;
};

struct weft__vclocks {
    uint32_t *clocks; /* all rows of strand 0, of strand 1, and so on */
    uint32_t n_strands, stride;
    uint32_t *rows;   /* each: a struct weft__row and its counts */
    uint32_t n_rows, row_free, row_cursor;
    uint32_t *lost; /* what forgotten rows had */
    bool has_lost;
    void *memory;
};

#define WEFT__ROW_HEAD UINT32_C(8) /* words before the counts */

extern struct weft__vclocks weft__vclocks;

int weft__vclock_init(void);

/* Only reserves the memory.  0 or -ENOMEM. */
int weft__vclock_map(void);
void weft__vclock_fini(void);

/* Makes room for the strand.  One that nobody spawned is ordered with nothing. */
void weft__vclock_know(uint16_t strand);

/* into = what either has. */
void weft__vclock_add(uint32_t *into, const uint32_t *from);

/* A new row, all zero, at the head of the list. */
uint32_t weft__row_new(uint32_t *list, uint8_t mask, enum weft__row_use use);

void weft__row_to_front(uint32_t row);

/* Out of its list.  Folding keeps what it ordered, in `lost`, which every acquire joins. */
void weft__row_drop(uint32_t row);
void weft__row_fold(uint32_t row);

static inline uint32_t *weft__vclock_of(int set, uint32_t strand)
{
    size_t row = (size_t)strand * WEFT__VCLOCK_SETS + (size_t)set;

    return weft__vclocks.clocks + row * weft__vclocks.stride;
}

static inline struct weft__row *weft__row_of(uint32_t row)
{
    return (void *)(weft__vclocks.rows + (size_t)row * (WEFT__ROW_HEAD + weft__vclocks.stride));
}

static inline uint32_t *weft__row_counts(uint32_t row)
{
    return (uint32_t *)(void *)weft__row_of(row) + WEFT__ROW_HEAD;
}

/* After a release: what comes next is not in what was given. */
static inline void weft__vclock_tick(uint16_t strand)
{
    weft__vclock_of(WEFT__VCLOCK_NOW, strand)[strand]++;
}

static inline bool weft__order_acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static inline bool weft__order_releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

#endif
