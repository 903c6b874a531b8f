/* onceword.h - the word of a once, a gate's (gateword.h), and every step that it may take.
 *
 * Undone and waited for never stands: nobody would wake who waits.  So who comes says in one step
 * whether it begins or waits, and who fails with somebody waiting leaves the word as it is and the
 * turn to that one.
 *
 * Apart from once.c so that sync_model.c explores these very steps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_ONCEWORD_H
#define WEFT_SYNC_ONCEWORD_H

#include "sync/gateword.h"

#define ONCEWORD_RUNS UINT64_C(1)
#define ONCEWORD_DONE UINT64_C(2)

enum onceword_turn {
    ONCEWORD_IS_DONE,
    ONCEWORD_BEGINS, /* the caller; it is its turn */
    ONCEWORD_WAITS
};

static inline bool onceword_is_done(uint64_t w)
{
    return w == ONCEWORD_DONE;
}

/* Begins, if nobody has yet.  *w becomes what the word is. */
static inline bool onceword_begin(ATOMIC(uint64_t) *word, uint64_t *w)
{
    *w = 0;
    while (*w == 0) {
        /* pairs with the release in onceword_fail: who failed may have left something behind */
        if (a_cas_weak(word, w, ONCEWORD_RUNS, acquire, relaxed)) {
            return true;
        }
    }
    return false;
}

/* What the caller is to do.  The queue's lock is held. */
static inline enum onceword_turn onceword_begin_or_wait(ATOMIC(uint64_t) *word)
{
    for (;;) {
        uint64_t w;
        if (onceword_begin(word, &w)) {
            return ONCEWORD_BEGINS;
        }
        if (onceword_is_done(w) && onceword_is_done(a_load(word, acquire))) {
            return ONCEWORD_IS_DONE; /* pairs with gateword_replace */
        }
        if ((w & GATEWORD_WAITED) ||
            a_cas_weak(word, &w, w | GATEWORD_WAITED, relaxed, relaxed)) {
            return ONCEWORD_WAITS;
        }
    }
}

/* It was not done, and nobody waits.  False: somebody does, who is to get the turn. */
static inline bool onceword_fail(ATOMIC(uint64_t) *word)
{
    uint64_t w = ONCEWORD_RUNS;
    return a_cas(word, &w, 0, release, relaxed); /* pairs with onceword_begin */
}

#endif
