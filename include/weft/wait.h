/* wait.h - to wait for units, for a flag, for a count, for each other; what sync.h says holds here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_WAIT_H
#define WEFT_WAIT_H

#include "weft/api.h"

typedef struct weft_sem { uint64_t opaque[10]; } weft_sem;
typedef struct weft_event { uint64_t opaque[8]; } weft_event;
typedef struct weft_latch { uint64_t opaque[8]; } weft_latch;
typedef struct weft_barrier { uint64_t opaque[8]; } weft_barrier;

#define WEFT_SEM_INIT(n) {{(uint64_t)(n)}}
#define WEFT_SEM_BOUNDED_INIT(n, max) {{(uint64_t)(n), 0, 0, 0, 0, 0, 0, (uint64_t)(max)}}
#define WEFT_EVENT_INIT {{0}}
#define WEFT_LATCH_INIT(n) {{(uint64_t)(n)}}
#define WEFT_BARRIER_INIT(n) {{(uint64_t)(n)}}

#define WEFT_SEM_MAX   UINT32_MAX
#define WEFT_LATCH_MAX UINT32_MAX
#define WEFT_BARRIER_MAX UINT32_MAX

/* wakes: waits that got what they waited for; cancels: waits that a cancel ended; waiting: now. */
typedef struct weft_sem_counts {
    uint64_t waits, wakes, cancels, waiting;
    uint64_t units; /* now */
    uint64_t max;   /* WEFT_SEM_MAX, or its bound */
} weft_sem_counts;

typedef struct weft_event_counts {
    uint64_t waits, wakes, cancels, waiting;
    bool is_set;
} weft_event_counts;

typedef struct weft_latch_counts {
    uint64_t waits, wakes, cancels, waiting;
    uint64_t left;
} weft_latch_counts;

typedef struct weft_barrier_counts {
    uint64_t waits, cancels;
    uint64_t rounds;  /* complete ones */
    uint64_t arrived; /* in the present one */
    uint64_t parties;
} weft_barrier_counts;

WEFT_BEGIN_DECLS

/* ---- semaphore ---- */

/* Never sleeps. */
WEFT_API void weft_sem_init(weft_sem *sem, uint32_t units);

/* Never sleeps.  Of which there are never more than max units: one given back twice is a mistake
 * that shows.  Panics when units is more than max, or max is 0. */
WEFT_API void weft_sem_init_bounded(weft_sem *sem, uint32_t units, uint32_t max);

/* Sleeps.  Takes one unit.  0, or -WEFT_ECANCELED: none was taken. */
WEFT_API WEFT_MUST_USE int weft_sem_wait(weft_sem *sem);

/* Never sleeps.  0, or -WEFT_EAGAIN: there is none, or others wait for it. */
WEFT_API WEFT_MUST_USE int weft_sem_try_wait(weft_sem *sem);

/* Never sleeps.  Gives one unit, to the longest-waiting one if any.  Panics beyond WEFT_SEM_MAX; or
 * beyond the bound, naming this post and the one before. */
WEFT_API void weft_sem_post(weft_sem *sem);

/* Never sleeps.  Units there now; 0 when others wait. */
WEFT_API uint32_t weft_sem_value(const weft_sem *sem);

/* Never sleeps. */
WEFT_API void weft_sem_stats(const weft_sem *sem, weft_sem_counts *ret);

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

/* Never sleeps. */
WEFT_API void weft_event_stats(const weft_event *event, weft_event_counts *ret);

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

/* Never sleeps. */
WEFT_API void weft_latch_stats(const weft_latch *latch, weft_latch_counts *ret);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_latch_fini(weft_latch *latch);

/* ---- barrier: waits until so many have come, round after round ---- */

/* Never sleeps.  For so many parties.  Panics when there are none. */
WEFT_API void weft_barrier_init(weft_barrier *barrier, uint32_t parties);

/* Sleeps until all parties of this round have come; who comes next begins another round.
 *
 * 1                 all have come, and the caller is the last: exactly one of a round is told so
 * 0                 all have come
 * -WEFT_ECANCELED   cancelled before, or while waiting: its arrival is taken back, and the round
 *                   still needs all its parties.  A cancel that comes when the round is complete is
 *                   told by the next call
 *
 * Who has passed may free it, unless a scope of the others may have been cancelled meanwhile. */
WEFT_API WEFT_MUST_USE int weft_barrier_wait(weft_barrier *barrier);

/* Never sleeps. */
WEFT_API void weft_barrier_stats(const weft_barrier *barrier, weft_barrier_counts *ret);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_barrier_fini(weft_barrier *barrier);

WEFT_END_DECLS

#endif
