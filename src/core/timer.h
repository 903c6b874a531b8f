/* timer.h - a worker's timers: a hierarchical timing wheel.
 *
 * Varghese & Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987): arming and stopping are
 * O(1) whatever the number, which matters because most deadlines never come.  Nine levels of 64
 * slots over ticks of 1.024 us reach as far as the clock itself; a bitmap per level finds the next
 * used slot by one count of trailing zeros.
 *
 * Each wheel is at home on a seat, whose sitter comes and goes without a lock; any other thread may
 * fire what is due, so that no timer depends on a worker that is busy, and stop what it armed
 * elsewhere (base/homelock.h).
 *
 * With a million timers nearly all lie in cold memory, and letting a slot down means to visit each
 * of them.  So a slot is several lists, its LANES, that are walked side by side: while the next
 * timer of one is on its way from memory, the others are, too.  Those of one tick share a lane, so
 * that they fire in the order in which they came.
 *
 * A timer never fires early: it lies in the first tick that begins at or after its time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_TIMER_H
#define WEFT_CORE_TIMER_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/homelock.h"
#include "base/list.h"

#define WEFT_WHEEL_LEVELS    9
#define WEFT_WHEEL_BITS      6
#define WEFT_WHEEL_SLOTS     (1 << WEFT_WHEEL_BITS)
#define WEFT_WHEEL_LANES   4  /* heads on one cache line */
#define WEFT_WHEEL_TICK_BITS 10 /* a tick is 1024 ns */
#define WEFT_TIMER_BATCH     256 /* fired in one go, so that a burst cannot hog a worker */

struct weft__task;
struct weft__wheel;

enum weft__timer_state {
    WEFT__TIMER_OFF = 0,
    WEFT__TIMER_ARMED, /* in a wheel */
    WEFT__TIMER_FIRING /* its call runs, on some thread */
};

/* Lives in its user's memory, on the sleeper's stack or in a scope. */
struct weft__timer {
    struct weft__list link;
    uint64_t tick;
    ATOMIC(uint32_t) state;
    uint8_t level, slot, lane;
    struct weft__wheel *wheel;            /* the one it is in, or was in last */
    void (*call)(struct weft__timer *);   /* NULL: wakes the task, with outcome "timed out" */
    struct weft__task *task;
    uint64_t ticket;
};

struct weft__wheel_slot {
    struct weft__list lane[WEFT_WHEEL_LANES];
};

struct weft__wheel {
    struct weft__homelock lock;
    uint64_t now_tick; /* everything before it has been fired */
    size_t count;
    ATOMIC(int64_t) next_at; /* no timer is due before this; WEFT_NEVER: none at all */
    uint64_t used[WEFT_WHEEL_LEVELS];
    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__wheel_slot slot[WEFT_WHEEL_LEVELS][WEFT_WHEEL_SLOTS];
};

void weft__wheel_init(struct weft__wheel *wheel, int64_t now);

/* Never sleeps.  Arms a timer that is off.  The caller has filled call, or task and ticket. */
void weft__timer_start(struct weft__wheel *wheel, struct weft__timer *timer, int64_t at);

/* Stop and start in one, for a timer that may be armed; `at` may be WEFT_NEVER: then only stop.
 * By the wheel's home alone, that is: by who is inside and sits on its seat. */
void weft__timer_set(struct weft__wheel *wheel, struct weft__timer *timer, int64_t at);

/* Never sleeps, but waits for a call that is running on another thread to return (such calls are
 * short).  When it returns the timer is off and nobody touches it any more.  True if it was armed.
 */
bool weft__timer_stop(struct weft__timer *timer);

/* Never sleeps.  Fires what is due at `now`, at most WEFT_TIMER_BATCH; returns how many. */
size_t weft__wheel_fire(struct weft__wheel *wheel, int64_t now);

/* Never sleeps.  Looks anew when the next timer is due (next_at may be too early after a stop). */
int64_t weft__wheel_next(struct weft__wheel *wheel);

/* Asserts what must hold; debug builds and tests. */
void weft__wheel_check(struct weft__wheel *wheel);

#endif
