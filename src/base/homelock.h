/* homelock.h - a lock that costs its home next to nothing.
 *
 * For what belongs to one seat and is seldom wanted by anybody else: its timers, its stacks.  HOME
 * is whoever holds the seat (one thread at a time, and the next one has seen what the last one
 * did); GUESTS are all others.
 *
 *   home:    inside := 1                     guest:   take the lock proper
 *            shared?  then by the lock                shared := 1, and membarrier
 *            ...                                      wait until inside is 0 (acquire)
 *            inside := 0 (release)                    ...; drop the lock
 *
 * So either home sees that the lock is shared, or the guest waits for it: Dekker's pattern, the
 * fence on the side that is rarely taken.  homelock_model.c explores it.
 *
 * Once a guest has been, everybody goes by the lock proper, since more guests may follow and a
 * membarrier costs a thousand times a lock.  When home has been alone for a while, it is its own
 * again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_HOMELOCK_H
#define WEFT_BASE_HOMELOCK_H

#include "base/lock.h"

struct weft__homelock {
    struct weft__lock lock;
    ATOMIC(uint32_t) inside; /* home is in, without the lock */
    ATOMIC(uint32_t) shared; /* enum homelock_sharing */
    uint32_t calm;           /* under the lock: how often home came since the last guest */
};

/* Out of line; for the functions below only. */
bool weft__homelock_enter_shared(struct weft__homelock *l);

/* Where the kernel has no membarrier it is an ordinary lock. */
void weft__homelock_init(struct weft__homelock *l, enum weft__lockrank rank);

/* By home.  Returns whether the lock proper was taken: for homelock_leave. */
static inline bool homelock_enter(struct weft__homelock *l)
{
#if defined(WEFT_DEBUG) && !defined(WEFT_ATOMIC_CHECK)
    weft__lockrank_check(&l->lock);
#endif
    a_store(&l->inside, 1, relaxed);
    a_compiler_fence(); /* made a fence by a guest's membarrier */
    if (WEFT_UNLIKELY(a_load(&l->shared, relaxed) != 0)) {
        return weft__homelock_enter_shared(l);
    }
#if defined(WEFT_DEBUG) && !defined(WEFT_ATOMIC_CHECK)
    weft__lockrank_note(&l->lock);
#endif
    return false;
}

static inline void homelock_leave(struct weft__homelock *l, bool has_lock)
{
    if (WEFT_UNLIKELY(has_lock)) {
        lock_drop(&l->lock);
        return;
    }
#if defined(WEFT_DEBUG) && !defined(WEFT_ATOMIC_CHECK)
    weft__lockrank_forget(&l->lock);
#endif
    a_store(&l->inside, 0, release); /* pairs with the acquire in weft__homelock_take */
}

/* By a guest, any thread. */
void weft__homelock_take(struct weft__homelock *l);

static inline void homelock_drop(struct weft__homelock *l)
{
    lock_drop(&l->lock);
}

#endif
