/* lockorder.h - which locks a strand holds, in which order locks are taken, which lock is hot.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_LOCKORDER_H
#define WEFT_CHECK_LOCKORDER_H

#include "check/plan.h"

struct weft__held {
    uint64_t lock;
    weft__site site;  /* taken there */
    uint32_t step;
    bool shared;
};

/* Two strands take two (or more) locks in a cycle; a lock that all hold around the cycle (a gate)
 * makes it harmless, and then it is not told.  Each cycle is told once a schedule. */
struct weft__lock_cycle {
    uint32_t n; /* 2 to 4 */
    /* Of each: strand, step, site of the second lock, object = it, holder = the next one's strand,
     * taken = where it took the first, which is held[0]. */
    struct weft__party party[4];
};

int weft__lockorder_init(void);

/* Only reserves the memory.  0 or -ENOMEM. */
int weft__lockorder_map(void);

/* Gives its memory back; NULL-safe, may be called twice. */
void weft__lockorder_fini(void);

/* The strand has taken the lock.  True: that closed a cycle.  tried: what a try took is held but
 * cannot deadlock, so it makes no edge. */
bool weft__lockorder_taken(uint16_t strand, uint64_t lock, bool shared, bool tried, weft__site site,
                           uint32_t step, struct weft__lock_cycle *ret);

/* False: the strand does not hold it. */
bool weft__lockorder_given(uint16_t strand, uint64_t lock, uint32_t step);

/* Does the strand hold it, and as a reader? */
bool weft__lockorder_is_shared(uint16_t strand, uint64_t lock);

/* The lock was made, or unmade: what was learned of another one at that address is no longer true.
 * One that is held is left as it is. */
void weft__lockorder_forget(uint64_t lock);

/* What the strand holds, at most n. */
uint32_t weft__lockorder_held(uint16_t strand, struct weft__held *ret, uint32_t n);

/* Who holds the lock: 0xffff when nobody; *ret_site says where it was taken. */
uint16_t weft__lockorder_holder(uint64_t lock, weft__site *ret_site);

/* At the end: the lock that was held, by two strands at least, during nine tenths of all steps, if
 * there is one; 0: none.  steps: of the whole schedule. */
uint64_t weft__lockorder_serial(uint32_t steps, weft__site *ret_site);

#endif
