/* lock.h - the short lock that guards the runtime's own structures.
 *
 * One word, test and set.  Held for a handful of instructions and never across a switch to
 * another task's code, a system call that may block, an allocation or a call upwards.  Not for
 * users: they get weft_mutex, which parks the task.
 *
 * A waiter spins for about a hundred turns, then offers the CPU to others, then sleeps in short
 * steps: the holder may have been preempted, and on one CPU spinning alone would never let it run.
 *
 * Rejected: pthread_mutex (40 bytes, and it belongs to a thread, while here a switch may leave the
 * unlocking to the next task); a ticket or queue lock (fair, but a preempted waiter stops all those
 * behind it, which happens daily on a virtual machine).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_LOCK_H
#define WEFT_BASE_LOCK_H

#include "base/atomic.h"
#include "base/lockrank.h"
#include "base/soloword.h"

/* All zeroes is a free lock without a rank. */
struct weft__lock {
    ATOMIC(uint32_t) word; /* 0 free, 1 held */
    uint32_t rank;         /* enum weft__lockrank; read in debug builds only */
};

#define LOCK_INIT(rank)                                                                            \
    {                                                                                              \
        0, (rank)                                                                                  \
    }

/* 1 in a process that was forked from a running runtime, whose threads it does not have. */
extern ATOMIC(uint32_t) weft__lock_forked;

/* Is what is held somewhere held for ever?  In the child of a fork, whose only thread this is: the
 * holder is not there. */
bool weft__lock_is_orphan(void);

/* Waits until the word could be set.  For lock_take only. */
void weft__lock_contended(struct weft__lock *l);

/* Debug builds: checks the order before a take; notes a take; forgets it. */
void weft__lockrank_check(const struct weft__lock *l);
void weft__lockrank_note(const struct weft__lock *l);
void weft__lockrank_forget(const struct weft__lock *l);

static inline void lock_init(struct weft__lock *l, enum weft__lockrank rank)
{
    a_store(&l->word, 0, relaxed);
    l->rank = (uint32_t)rank;
}

static inline bool lock_is_held(const struct weft__lock *l)
{
    return a_load(&((struct weft__lock *)(uintptr_t)l)->word, relaxed) != 0;
}

static inline void lock_take(struct weft__lock *l)
{
#if defined(WEFT_DEBUG)
    weft__lockrank_check(l);
#endif
    /* pairs with the release in lock_drop */
    if (WEFT_UNLIKELY(a_xchg(&l->word, 1, acquire) != 0))
        weft__lock_contended(l);
#if defined(WEFT_DEBUG)
    weft__lockrank_note(l);
#endif
}

/* The same, for the lock of an object that tasks share (a channel, a mutex's queue, a scope).  Not
 * for what the runtime's own threads share. */
static inline void lock_take_object(struct weft__lock *l)
{
    if (!weft__is_solo()) {
        lock_take(l);
        return;
    }
#if defined(WEFT_DEBUG)
    weft__lockrank_check(l);
#endif
    WEFT_CHECK(!lock_is_held(l));
    a_store(&l->word, 1, relaxed);
#if defined(WEFT_DEBUG)
    weft__lockrank_note(l);
#endif
}

/* Never waits, so it may be tried against the order of ranks. */
static inline bool lock_try(struct weft__lock *l)
{
    if (a_load(&l->word, relaxed) != 0)
        return false;
    if (a_xchg(&l->word, 1, acquire) != 0) /* pairs with the release in lock_drop */
        return false;
#if defined(WEFT_DEBUG)
    weft__lockrank_note(l);
#endif
    return true;
}

static inline void lock_drop(struct weft__lock *l)
{
    WEFT_CHECK(lock_is_held(l));
#if defined(WEFT_DEBUG)
    weft__lockrank_forget(l);
#endif
#if WEFT_TSAN
    /* A store would replace what a parked task has released here (core/park.c); this adds to it. */
    (void)a_xchg(&l->word, 0, release);
#else
    a_store(&l->word, 0, release); /* pairs with the acquire in lock_take */
#endif
}

#endif
