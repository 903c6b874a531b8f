/* clock.c - the runtime's clock, and sleeping on it.
 *
 * The virtual clock stands still while anything can run; when all is blocked the last worker to
 * fall asleep moves it to the next timer (weft__runtime_quiescent).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/clock.h"

#include "base/time.h"
#include "core/idle.h"
#include "core/park.h"
#include "core/runtime.h"
#include "weft/err.h"
#include "weft/time.h"

int64_t weft__now(struct weft__runtime *rt)
{
    if (WEFT_UNLIKELY(rt && rt->options.virtual_clock)) {
        return a_load(&rt->virtual_now, acquire);
    }
    return weft__time_now();
}

struct weft__wheel *weft__wheel_here(struct weft__thread *self, struct weft__runtime *rt)
{
    struct weft__worker *w = weft__seat(self);
    return w ? &w->wheel : &rt->workers[0].wheel;
}

void weft__clock_arm(struct weft__thread *self, struct weft__runtime *rt, struct weft__timer *timer,
                     int64_t at)
{
    weft__timer_start(weft__wheel_here(self, rt), timer, at);
    if (!weft__seat(self)) {
        weft__idle_keep(rt, at);
    }
}

void weft__clock_set(struct weft__thread *self, struct weft__runtime *rt, struct weft__timer *timer,
                     int64_t at)
{
    struct weft__worker *w = weft__seat(self);
    if (WEFT_LIKELY(w != NULL)) {
        weft__timer_set(&w->wheel, timer, at);
        return;
    }
    weft__timer_stop(timer);
    if (at != WEFT_NEVER) {
        weft__clock_arm(self, rt, timer, at);
    }
}

int64_t weft_now(void)
{
    const struct weft__task *task = weft__self_or_null() ? weft__self_task() : NULL;
    if (task && task->runtime) {
        return weft__now(task->runtime);
    }
    struct weft__runtime *rt = weft__runtime_pin(); /* it does not wait for a plain thread */
    int64_t now = weft__now(rt);
    if (rt) {
        weft__runtime_unpin();
    }
    return now;
}

int64_t weft_after(int64_t ns)
{
    int64_t at;
    if (__builtin_add_overflow(weft_now(), ns, &at)) {
        return ns < 0 ? INT64_MIN : WEFT_NEVER;
    }
    return at;
}

static const struct weft__wait_kind clock_sleep_kind = {.what = "a sleep to end"};

/* Arms the timer that ends a sleep.  False: the caller is a plain thread and sleeps by the system's
 * clock.  By a virtual one it sleeps on our timers, which all fire when the run ends. */
static bool clock_arm_sleep(struct weft__thread *self, struct weft__timer *timer, int64_t when)
{
    struct weft__runtime *rt = self->task->runtime;
    bool is_pinned = !rt && (rt = weft__runtime_pin()) != NULL;
    bool is_ours = rt && (!is_pinned || rt->options.virtual_clock);
    if (is_ours && when != WEFT_NEVER) {
        weft__clock_arm(self, rt, timer, when);
    }
    if (is_pinned) {
        weft__runtime_unpin();
    }
    return is_ours;
}

int weft__clock_sleep(struct weft__thread **self, int64_t when, struct weft__parking *parking)
{
    struct weft__task *task = (*self)->task;
    struct weft__timer timer = {.task = task, .ticket = weft__park_arm(task)};
    WEFT_CHECK(!parking->lock);
    if (!clock_arm_sleep(*self, &timer, when) && when != WEFT_NEVER) {
        parking->deadline = weft__max(when, INT64_C(1));
    }
    int rc = weft__park(self, parking);
    weft__timer_stop(&timer);
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

static int clock_sleep_until(int64_t when, const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_SLEEP, NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    struct weft__parking parking = {.kind = &clock_sleep_kind, .site = site};
    int rc = weft__clock_sleep(&self, when, &parking);
    weft__leave(self);
    return rc;
}

int weft_sleep_until(int64_t when)
{
    if (when <= weft_now()) {
        return weft_yield();
    }
    return clock_sleep_until(when, __builtin_return_address(0));
}

int weft_sleep(int64_t ns)
{
    if (ns <= 0) {
        return weft_yield();
    }
    return clock_sleep_until(weft_after(ns), __builtin_return_address(0));
}
