/* evcount.h - sleep until something changed, without a lock around what changes.
 *
 * Called by the idle threads of the blocking pool (core/offload.c).  An event count
 * turns any condition on atomic data into one that can be slept on, and costs the one who makes it
 * true a fence and a load when nobody sleeps.
 *
 *   waiter:                                      maker:
 *     while (!work()) {                            put the work where work() looks
 *         uint32_t key = evcount_prepare(&ec);     evcount_notify_one(&ec);
 *         if (work()) {
 *             evcount_cancel(&ec);
 *             break;
 *         }
 *         evcount_commit(&ec, key, -1);
 *     }
 *
 * Between prepare and commit the waiter must look once more.  commit may return for no reason, so
 * the waiter looks again after it as well.
 *
 * Why nothing is lost.  The waiter adds itself to waiters, full fence, looks for work.  The maker
 * puts the work, full fence, looks at waiters.  Of two full fences one is first, so at least one
 * of the two sees what the other did.  If the waiter sees the work, good.  If not, the maker sees
 * a waiter, and changes the epoch before it wakes:
 *   - the key is the old epoch: the kernel compares it under its own lock when the waiter goes to
 *     sleep, so either the sleeper is there when the wake comes, or it does not fall asleep;
 *   - the key is the new epoch already: the key was read before the waiter's fence and the epoch
 *     written after the maker's, so the look that follows the fence finds the work.
 *
 * notify_one wakes one sleeper and whoever stands between prepare and commit.  It need not be the
 * one who slept first: a waiter that came between the maker's epoch and its wake may get it.  So
 * who waits on one event count with notify_one must be interchangeable: each looks for the same
 * work.
 *
 * The epoch is 32 bits, because a futex is.  A waiter would miss a wake if exactly 2^32
 * notifications that found a waiter (a system call each: ten minutes of nothing else) came between
 * its prepare and its commit.
 *
 * Orders: all accesses are relaxed, the two fences carry everything.  evcount_model.c fails when
 * one of them is weakened.
 *
 * Rejected: epoch and waiters in one 64-bit word (saves the waiter one load, on its way to a system
 * call; the futex half would depend on the byte order).  A membarrier instead of the maker's fence
 * belongs to the caller who knows how rare its sleepers are: see core/idle.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_LOCKFREE_EVCOUNT_H
#define WEFT_LOCKFREE_EVCOUNT_H

#include <limits.h>

#include "base/atomic.h"
#include "base/base.h"
#include "base/sys.h"

struct weft__evcount {
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint32_t) epoch; /* the futex */
    ATOMIC(uint32_t) waiters; /* between prepare and the end of commit */
};

#define EVCOUNT_INIT {0, 0}

static inline void evcount_init(struct weft__evcount *ec)
{
    a_store(&ec->epoch, 0, relaxed);
    a_store(&ec->waiters, 0, relaxed);
}

/* Any thread; a guess that was true once. */
static inline uint32_t evcount_waiters(struct weft__evcount *ec)
{
    return a_load(&ec->waiters, relaxed);
}

/* Never sleeps.  Announces a waiter.  Returns the key for evcount_commit.  A full fence: what the
 * caller loads next is not older than this call. */
static inline uint32_t evcount_prepare(struct weft__evcount *ec)
{
    uint32_t before = a_add(&ec->waiters, 1, relaxed);
    uint32_t key;

    WEFT_CHECK(before != UINT32_MAX);
    key = a_load(&ec->epoch, relaxed); /* before the fence: see the head, last point */
    a_fence(seq_cst);                  /* pairs with the fence in evcount_notify */
    return key;
}

static inline void evcount_leave(struct weft__evcount *ec)
{
    uint32_t before = a_sub(&ec->waiters, 1, relaxed);

    WEFT_CHECK(before != 0);
}

/* Never sleeps.  Takes the announcement back. */
static inline void evcount_cancel(struct weft__evcount *ec)
{
    evcount_leave(ec);
}

/* Sleeps until a notification that came after the evcount_prepare that gave this key, or until
 * deadline_ns of the monotonic clock (-1: for ever), or for no reason.  Returns what the futex
 * returned: 0, or a negative code such as the time-out's; the caller looks for work in any case. */
static inline int evcount_commit(struct weft__evcount *ec, uint32_t key, int64_t deadline_ns)
{
    int code = weft__sys_futex_wait(&ec->epoch, key, deadline_ns);

    evcount_leave(ec);
    return code;
}

/* Never sleeps.  Wakes up to n waiters, if there are any. */
static inline void evcount_notify(struct weft__evcount *ec, int n)
{
    a_fence(seq_cst); /* pairs with the fence in evcount_prepare */
    if (WEFT_LIKELY(a_load(&ec->waiters, relaxed) == 0))
        return;
    a_add(&ec->epoch, 1, relaxed);
    (void)weft__sys_futex_wake(&ec->epoch, n);
}

/* Never sleeps.  Wakes one sleeper, if there is one.  A full fence. */
static inline void evcount_notify_one(struct weft__evcount *ec)
{
    evcount_notify(ec, 1);
}

/* Never sleeps.  Wakes all sleepers.  A full fence. */
static inline void evcount_notify_all(struct weft__evcount *ec)
{
    evcount_notify(ec, INT_MAX);
}

#endif
