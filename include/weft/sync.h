/* sync.h - locks and their relatives, for tasks and plain OS threads alike.
 *
 * All of them live in your memory and need no fini when nobody waits: all-zero bytes, or the
 * _INIT macro, make a valid one (but a barrier wants its number, and a semaphore or latch may have
 * one: _INIT(n)).  A task that waits lets its worker run other tasks; a plain OS thread that waits
 * blocks in the kernel.  Uncontended calls make no system call, and waiting allocates nothing.
 * Waiters are served first come, first served; where it is otherwise, it is said.
 *
 * Every wait is cancelled by its scope: -WEFT_ECANCELED then means that nothing was taken.  A call
 * that may sleep refuses so, too, when the scope was cancelled before, even if it need not wait.
 * Misuse (unlocking what you do not hold, fini while others wait) panics and names both sites.
 *
 * Each has _stats, which never sleeps and may be called at any time: figures for people, each right
 * by itself, and together perhaps of different moments.  Waits are sleeps.
 *
 * Here: mutex, recursive mutex, read-write lock, condition, once.  In weft/wait.h: semaphore,
 * event, latch, barrier.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include "weft/api.h"
#include "weft/wait.h"

typedef struct weft_mutex { uint64_t opaque[10]; } weft_mutex;
typedef struct weft_rmutex { uint64_t opaque[12]; } weft_rmutex;
typedef struct weft_rwlock { uint64_t opaque[14]; } weft_rwlock;
typedef struct weft_cond { uint64_t opaque[8]; } weft_cond;
typedef struct weft_once { uint64_t opaque[12]; } weft_once;

#define WEFT_MUTEX_INIT {{0}}
#define WEFT_RMUTEX_INIT {{0}}
#define WEFT_RWLOCK_INIT {{0}}
#define WEFT_COND_INIT  {{0}}
#define WEFT_ONCE_INIT  {{0}}

#define WEFT_RMUTEX_DEPTH_MAX 65535

typedef struct weft_mutex_counts {
    uint64_t locks;       /* times that it was taken */
    uint64_t waits;       /* sleeps; one call may need several, when others are faster */
    uint64_t handed_over; /* to waiters that had been passed for 1 ms */
    uint64_t cancels;     /* waits that a cancel ended */
    uint64_t waiting;     /* now */
} weft_mutex_counts;

typedef struct weft_rmutex_counts {
    weft_mutex_counts mutex; /* locks: the outermost only */
    uint64_t relocks;        /* by who held it already */
    uint64_t depth;          /* now; 0: free */
} weft_rmutex_counts;

typedef struct weft_rwlock_counts {
    uint64_t writes;      /* times that it was taken for writing */
    uint64_t write_waits;
    uint64_t read_waits;  /* reads that need not wait are not counted */
    uint64_t cancels;
    uint64_t readers;     /* inside now */
    uint64_t waiting;     /* now, readers and writers */
} weft_rwlock_counts;

typedef struct weft_cond_counts {
    uint64_t waits, wakes, cancels; /* wakes: waits that a signal or broadcast ended */
    uint64_t waiting;               /* now */
} weft_cond_counts;

typedef struct weft_once_counts {
    uint64_t calls;    /* of fn */
    uint64_t failures; /* of these */
    uint64_t waits, cancels;
    uint64_t waiting;  /* now */
} weft_once_counts;

WEFT_BEGIN_DECLS

/* ---- mutex: not recursive.  A newcomer may overtake waiters, but a waiter that has been passed
 * for 1 ms is handed the lock (barging with hand-off, as in WebKit's and Go's locks). ---- */

/* Never sleeps.  As WEFT_MUTEX_INIT. */
WEFT_API void weft_mutex_init(weft_mutex *mutex);

/* Sleeps.  0: it is yours.  -WEFT_ECANCELED: it is not.  Panics if the caller holds it already. */
WEFT_API WEFT_MUST_USE int weft_mutex_lock(weft_mutex *mutex);

/* Never sleeps.  0: it is yours.  -WEFT_EAGAIN: somebody holds it. */
WEFT_API WEFT_MUST_USE int weft_mutex_try_lock(weft_mutex *mutex);

/* Never sleeps.  Panics, naming the holder, when the caller does not hold it. */
WEFT_API void weft_mutex_unlock(weft_mutex *mutex);

/* Never sleeps. */
WEFT_API void weft_mutex_stats(const weft_mutex *mutex, weft_mutex_counts *ret);

/* Never sleeps.  Panics when it is held or waited for.  NULL is allowed. */
WEFT_API void weft_mutex_fini(weft_mutex *mutex);

/* ---- recursive mutex: who holds it may lock it again, up to WEFT_RMUTEX_DEPTH_MAX deep, and must
 * unlock it as often.  For code that calls itself by way of others; a mutex shows more mistakes.  A
 * condition cannot wait with it, which would have to unlock all levels. ---- */

/* Never sleeps.  As WEFT_RMUTEX_INIT. */
WEFT_API void weft_rmutex_init(weft_rmutex *mutex);

/* Sleeps, but not when the caller holds it.  0: it is yours, one level deeper.  -WEFT_ECANCELED: as
 * before the call.  Panics beyond WEFT_RMUTEX_DEPTH_MAX. */
WEFT_API WEFT_MUST_USE int weft_rmutex_lock(weft_rmutex *mutex);

/* Never sleeps.  0: it is yours, one level deeper.  -WEFT_EAGAIN: another one holds it. */
WEFT_API WEFT_MUST_USE int weft_rmutex_try_lock(weft_rmutex *mutex);

/* Never sleeps.  One level up; the outermost lets go.  Panics, naming the holder, when the caller
 * does not hold it. */
WEFT_API void weft_rmutex_unlock(weft_rmutex *mutex);

/* Never sleeps. */
WEFT_API void weft_rmutex_stats(const weft_rmutex *mutex, weft_rmutex_counts *ret);

/* Never sleeps.  Panics when it is held or waited for.  NULL is allowed. */
WEFT_API void weft_rmutex_fini(weft_rmutex *mutex);

/* ---- read-write lock: many readers, or one writer.  Phase-fair (Brandenburg and Anderson):
 * readers that come after a waiting writer wait; when a writer leaves, all readers that wait then
 * go in, before the next writer.  So a reader waits for one writer at the most, and a writer for
 * one phase of readers per writer before it.  Not recursive: a reader that reads again deadlocks
 * with a writer between, and one that wants to write waits for itself; no list of the readers is
 * kept that could tell. ---- */

/* Never sleeps.  As WEFT_RWLOCK_INIT. */
WEFT_API void weft_rwlock_init(weft_rwlock *lock);

/* Sleeps.  0: the caller may read.  -WEFT_ECANCELED: it may not.  Panics if the caller has it for
 * writing. */
WEFT_API WEFT_MUST_USE int weft_rwlock_read_lock(weft_rwlock *lock);

/* Never sleeps.  0: the caller may read.  -WEFT_EAGAIN: a writer is inside, or waits. */
WEFT_API WEFT_MUST_USE int weft_rwlock_try_read_lock(weft_rwlock *lock);

/* Never sleeps.  Of the same task or of another one.  Panics when nobody reads. */
WEFT_API void weft_rwlock_read_unlock(weft_rwlock *lock);

/* Sleeps.  0: the caller may write.  -WEFT_ECANCELED: it may not, and readers that waited for it go
 * in.  Panics if the caller has it for writing already. */
WEFT_API WEFT_MUST_USE int weft_rwlock_write_lock(weft_rwlock *lock);

/* Never sleeps.  0: the caller may write.  -WEFT_EAGAIN: somebody is inside, or waits. */
WEFT_API WEFT_MUST_USE int weft_rwlock_try_write_lock(weft_rwlock *lock);

/* Never sleeps.  Panics, naming the writer, when the caller is not the one. */
WEFT_API void weft_rwlock_write_unlock(weft_rwlock *lock);

/* Never sleeps. */
WEFT_API void weft_rwlock_stats(const weft_rwlock *lock, weft_rwlock_counts *ret);

/* Never sleeps.  Panics when somebody is inside, or waits.  NULL is allowed. */
WEFT_API void weft_rwlock_fini(weft_rwlock *lock);

/* ---- condition: wait in a loop that tests what you wait for ---- */

/* Never sleeps. */
WEFT_API void weft_cond_init(weft_cond *cond);

/* Sleeps.  Lets go of the mutex, waits for a signal, and takes the mutex again (that last step is
 * not cancellable).  Either way the mutex is held when it returns.  0: signalled (test again).
 * -WEFT_ECANCELED: cancelled while waiting; a signal was not consumed.  No spurious wake-ups, but
 * what you wait for may be gone again.  Panics when the caller does not hold the mutex. */
WEFT_API WEFT_MUST_USE int weft_cond_wait(weft_cond *cond, weft_mutex *mutex);

/* Never sleeps.  Wakes the longest-waiting one, or all.  No effect when nobody waits. */
WEFT_API void weft_cond_signal(weft_cond *cond);
WEFT_API void weft_cond_broadcast(weft_cond *cond);

/* Never sleeps. */
WEFT_API void weft_cond_stats(const weft_cond *cond, weft_cond_counts *ret);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_cond_fini(weft_cond *cond);

/* ---- once: something that is to be done one time, by whoever comes first ---- */

/* Never sleeps.  As WEFT_ONCE_INIT. */
WEFT_API void weft_once_init(weft_once *once);

/* Sleeps, while another one is in fn.  Calls fn(arg), unless that was done with success before.
 *
 * 0                 it is done: what fn did is seen by the caller
 * fn's own code     the caller's fn failed (any code below 0).  It is not done, and the call is
 *                   made by the one who waits longest, with its own fn and arg; if nobody waits, by
 *                   whoever comes next
 * -WEFT_ECANCELED   cancelled before it, or while waiting; fn was not called
 *
 * Panics when fn calls it again on the same once. */
WEFT_API WEFT_MUST_USE int weft_once_call(weft_once *once, int (*fn)(void *arg), void *arg);

/* Never sleeps. */
WEFT_API bool weft_once_is_done(const weft_once *once);

/* Never sleeps. */
WEFT_API void weft_once_stats(const weft_once *once, weft_once_counts *ret);

/* Never sleeps.  Panics while fn runs.  NULL is allowed. */
WEFT_API void weft_once_fini(weft_once *once);

WEFT_END_DECLS

#endif
