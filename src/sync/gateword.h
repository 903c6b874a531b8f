/* gateword.h - the one word of semaphore, event and latch, and every step that it may take.
 *
 * The lower half is the value: units, set or not, what is left to count.  Above it one flag,
 * WAITED: the queue of waiters is not empty.  It stands only while the value lets nobody pass; so
 * who finds the gate open passes, or gives, in one step and without a lock.
 *
 * Who opens a gate that is waited for takes the waiters off the queue first, drops the queue's
 * lock, and opens last.  For the step by which it opens may let somebody pass who then frees the
 * memory, and must be the opener's last.
 *
 * Apart from gate.c so that sync_model.c explores these very steps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_GATEWORD_H
#define WEFT_SYNC_GATEWORD_H

#include "base/atomic.h"
#include "base/base.h"

#define GATEWORD_WAITED (UINT64_C(1) << 32)
#define GATEWORD_VALUE  (GATEWORD_WAITED - 1)

typedef bool gateword_is_open_fn(uint64_t w);

/* Passes if it is open, taking so many units.  *w is what the caller has loaded (acquire, if there
 * are no units to take), or becomes what it is. */
static inline bool gateword_pass(ATOMIC(uint64_t) *word, uint64_t *w,
                                 gateword_is_open_fn *is_open, uint64_t takes)
{
    while (is_open(*w)) {
        /* pairs with the release in gateword_replace */
        if (takes == 0 || a_cas_weak(word, w, *w - takes, acquire, relaxed)) {
            return true;
        }
    }
    return false;
}

/* Passes, or else notes that the caller waits.  The queue's lock is held. */
static inline bool gateword_pass_or_wait(ATOMIC(uint64_t) *word, gateword_is_open_fn *is_open,
                                         uint64_t takes)
{
    for (;;) {
        uint64_t w = a_load(word, acquire);
        if (gateword_pass(word, &w, is_open, takes)) {
            return true;
        }
        if ((w & GATEWORD_WAITED) ||
            a_cas_weak(word, &w, w | GATEWORD_WAITED, relaxed, relaxed)) {
            return false;
        }
    }
}

/* Opens, or gives, or counts: *w becomes `next`.  From here on the memory may be gone.  It
 * acquires, too: who counts a latch down to zero passes on what those did who counted before. */
static inline bool gateword_replace(ATOMIC(uint64_t) *word, uint64_t *w, uint64_t next)
{
    return a_cas_weak(word, w, next, acq_rel, relaxed); /* pairs with gateword_pass and itself */
}

/* The queue has become empty.  Its lock is held. */
static inline void gateword_unwait(ATOMIC(uint64_t) *word)
{
    (void)a_and(word, GATEWORD_VALUE, relaxed);
}

#endif
