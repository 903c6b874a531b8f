/* sync.h - locks and their relatives, for tasks and plain OS threads alike.
 *
 * All of them live in your memory and need no fini when nobody waits: all-zero bytes, or the
 * _INIT macro, make a valid one (a semaphore or latch with a count: _INIT(n)).  A task that waits
 * lets its worker run other tasks; a plain OS thread that waits blocks in the kernel.
 * Uncontended calls make no system call, and waiting allocates nothing.  Waiters are served first
 * come, first served.
 *
 * Every wait is cancelled by its scope: -WEFT_ECANCELED then means that nothing was taken.
 * Misuse (unlocking what you do not hold, fini while others wait) panics and names both sites.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include "weft/api.h"

typedef struct weft_mutex { uint64_t opaque[8]; } weft_mutex;
typedef struct weft_cond { uint64_t opaque[6]; } weft_cond;
typedef struct weft_sem { uint64_t opaque[6]; } weft_sem;
typedef struct weft_event { uint64_t opaque[6]; } weft_event;
typedef struct weft_latch { uint64_t opaque[6]; } weft_latch;

#define WEFT_MUTEX_INIT {{0}}
#define WEFT_COND_INIT  {{0}}
#define WEFT_SEM_INIT(n) {{(uint64_t)(n)}}
#define WEFT_EVENT_INIT {{0}}
#define WEFT_LATCH_INIT(n) {{(uint64_t)(n)}}

#define WEFT_SEM_MAX   UINT32_MAX
#define WEFT_LATCH_MAX UINT32_MAX

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

/* Never sleeps.  Panics when it is held or waited for.  NULL is allowed. */
WEFT_API void weft_mutex_fini(weft_mutex *mutex);

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

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_cond_fini(weft_cond *cond);

/* ---- semaphore ---- */

/* Never sleeps. */
WEFT_API void weft_sem_init(weft_sem *sem, uint32_t units);

/* Sleeps.  Takes one unit.  0, or -WEFT_ECANCELED: none was taken. */
WEFT_API WEFT_MUST_USE int weft_sem_wait(weft_sem *sem);

/* Never sleeps.  0, or -WEFT_EAGAIN: there is none, or others wait for it. */
WEFT_API WEFT_MUST_USE int weft_sem_try_wait(weft_sem *sem);

/* Never sleeps.  Gives one unit, to the longest-waiting one if any.  Panics beyond WEFT_SEM_MAX. */
WEFT_API void weft_sem_post(weft_sem *sem);

/* Never sleeps.  Units there now; 0 when others wait. */
WEFT_API uint32_t weft_sem_value(const weft_sem *sem);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_sem_fini(weft_sem *sem);

/* ---- event: a flag that tasks wait for; stays set until cleared ---- */

/* Never sleeps. */
WEFT_API void weft_event_init(weft_event *event);

/* Sleeps until set.  0, or -WEFT_ECANCELED. */
WEFT_API WEFT_MUST_USE int weft_event_wait(weft_event *event);

/* Never sleeps.  Sets it and wakes all who wait. */
WEFT_API void weft_event_set(weft_event *event);

/* Never sleeps.  Those who wait from now on wait for the next set. */
WEFT_API void weft_event_clear(weft_event *event);

/* Never sleeps. */
WEFT_API bool weft_event_is_set(const weft_event *event);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_event_fini(weft_event *event);

/* ---- latch: counts down once to zero, and lets all pass from then on ---- */

/* Never sleeps. */
WEFT_API void weft_latch_init(weft_latch *latch, uint32_t count);

/* Never sleeps.  Counts down by n.  Panics when n is more than what is left. */
WEFT_API void weft_latch_down(weft_latch *latch, uint32_t n);

/* Sleeps until zero.  0, or -WEFT_ECANCELED. */
WEFT_API WEFT_MUST_USE int weft_latch_wait(weft_latch *latch);

/* Never sleeps.  What is left. */
WEFT_API uint32_t weft_latch_left(const weft_latch *latch);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_latch_fini(weft_latch *latch);

WEFT_END_DECLS

#endif
