/* mutexword.h - the one word of a mutex, and every step that it may take.
 *
 * The word is the owner's task, 0 when free, and two flags in the low bits:
 *
 *   WAITED   the queue of waiters is not empty
 *   WOKEN    a waiter that was taken off the queue is on its way to try again
 *
 * Free, waited for and nobody woken never stands: that would be a wake-up lost.  So an unlocker
 * that sees WAITED without WOKEN goes to the queue, and a woken waiter takes WOKEN off again only
 * in the same step by which it becomes the owner, or while another is the owner, who will then look
 * at the queue.
 *
 * Taking and letting go need no lock.  What says "the queue's lock is held" does.  With that lock
 * the owner alone may store the word: others change it only when it is free or under the same lock.
 *
 * Apart from mutex.c so that sync_model.c explores these very steps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_MUTEXWORD_H
#define WEFT_SYNC_MUTEXWORD_H

#include "base/atomic.h"
#include "base/base.h"

#define MUTEXWORD_WAITED ((uintptr_t)1)
#define MUTEXWORD_WOKEN  ((uintptr_t)2)
#define MUTEXWORD_FLAGS  (MUTEXWORD_WAITED | MUTEXWORD_WOKEN)

static inline uintptr_t mutexword_owner(uintptr_t w)
{
    return w & ~MUTEXWORD_FLAGS;
}

/* Takes it if it is free, whoever waits.  `mine` is WOKEN if the caller is the woken one, else 0.
 * *w is what the word is thought to be, and becomes what it is. */
static inline bool mutexword_take(ATOMIC(uintptr_t) *word, uintptr_t *w, uintptr_t me,
                                  uintptr_t mine)
{
    while (mutexword_owner(*w) == 0) {
        /* pairs with the releases in mutexword_let_go and mutexword_let_go_waking */
        if (a_cas_weak(word, w, (*w & ~mine) | me, acquire, relaxed)) {
            return true;
        }
    }
    return false;
}

/* Takes it, or else notes that the caller waits.  The queue's lock is held. */
static inline bool mutexword_take_or_wait(ATOMIC(uintptr_t) *word, uintptr_t me, uintptr_t mine)
{
    uintptr_t w = a_load(word, relaxed);
    for (;;) {
        if (mutexword_take(word, &w, me, mine)) {
            return true;
        }
        if (a_cas_weak(word, &w, (w & ~mine) | MUTEXWORD_WAITED, relaxed, relaxed)) {
            return false;
        }
    }
}

/* The owner lets go, if nobody has to be woken for it; w is what it thinks the word to be.  False:
 * it must look at the queue. */
static inline bool mutexword_let_go(ATOMIC(uintptr_t) *word, uintptr_t w)
{
    while ((w & MUTEXWORD_FLAGS) != MUTEXWORD_WAITED) {
        /* pairs with the acquire in mutexword_take; from here on the mutex may be gone */
        if (a_cas_weak(word, &w, w & MUTEXWORD_FLAGS, release, relaxed)) {
            return true;
        }
    }
    return false;
}

/* The owner lets go, having taken a waiter off the queue that it will wake.  The queue's lock is
 * held. */
static inline void mutexword_let_go_waking(ATOMIC(uintptr_t) *word, bool more)
{
    a_store(word, (more ? MUTEXWORD_WAITED : 0) | MUTEXWORD_WOKEN, release);
}

/* The owner makes a waiter that it has taken off the queue the owner.  The queue's lock is held.
 * Relaxed, because what the old owner did reaches the new one with the wake. */
static inline void mutexword_hand_over(ATOMIC(uintptr_t) *word, uintptr_t next, bool more)
{
    a_store(word, next | (more ? MUTEXWORD_WAITED : 0), relaxed);
}

/* The queue has become empty without a wake.  Its lock is held. */
static inline void mutexword_unwait(ATOMIC(uintptr_t) *word)
{
    (void)a_and(word, ~MUTEXWORD_WAITED, relaxed);
}

#endif
