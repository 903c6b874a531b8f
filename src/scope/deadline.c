/* deadline.c - a scope's deadline: one timer, armed and moved.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "core/clock.h"
#include "core/watch.h"
#include "scope/scope.h"

#define DEADLINE_SURE_NS (100 * WEFT_MS)

static void deadline_passed(struct weft__timer *timer)
{
    struct weft__scope *s = container_of(timer, struct weft__scope, timer);
    weft__scope_cancel(s, WEFT__CAUSE_DEADLINE);
}

/* Is the time past?  The last look at the clock, by the watchdog or by a worker that got up,
 * decides where it can: it is never ahead, and behind by more than the margin only when the
 * machine stalls (then the timer fires at once). */
static bool deadline_is_past(struct weft__runtime *rt, int64_t when)
{
    int64_t seen = a_load(&rt->coarse_now, relaxed);
    bool is_exact = rt->options.virtual_clock;
    if (!is_exact && (when <= seen || when - seen > DEADLINE_SURE_NS)) {
        return when <= seen;
    }
    return when <= weft__now(rt);
}

/* deadline_lock keeps two movers apart; the timer's call does not take it, so that stopping the
 * timer, which waits for that call, cannot wait for ever. */
void weft__scope_set_deadline(struct weft__scope *s, int64_t when)
{
    struct weft__runtime *rt = weft__runtime();
    struct weft__thread *self = weft__enter();
    if (!rt || !s->in_run) {
        weft__panic("weft_scope_deadline: no runtime runs that could keep the time");
    }
    bool is_past = deadline_is_past(rt, when);
    lock_take_object(&s->deadline_lock);
    a_store(&s->deadline, when, relaxed);
    s->timer.call = deadline_passed;
    weft__clock_set(self, rt, &s->timer, is_past ? WEFT_NEVER : when);
    if (WEFT_UNLIKELY(weft__watch_is_slow(rt))) { /* the task may compute until then */
        weft__watch_mind(rt, when);
    }
    lock_drop(&s->deadline_lock);
    if (is_past) {
        weft__scope_cancel(s, WEFT__CAUSE_DEADLINE);
    }
    weft__leave(self);
}

void weft__scope_drop_deadline(struct weft__scope *s)
{
    if (a_load(&s->deadline, relaxed) != WEFT_NEVER) {
        weft__timer_stop(&s->timer);
    }
}

void weft_scope_deadline(weft_scope *scope, int64_t when)
{
    struct weft__scope *s = weft__scope_of(scope);
    WEFT_CHECK(s->magic == WEFT__SCOPE_OPEN);
    weft__control_point(WEFT__DEED_CANCEL, s, __builtin_return_address(0));
    weft__scope_set_deadline(s, when);
}

int64_t weft_scope_deadline_effective(void)
{
    const struct weft__task *task = weft__self_task();
    int64_t at = WEFT_NEVER;
    if (task->cancel && a_load(task->cancel, relaxed)) {
        return INT64_MIN;
    }
    for (struct weft__scope *s = task->scope; s; s = s->shield ? NULL : s->parent) {
        at = weft__min(at, (int64_t)a_load(&s->deadline, relaxed));
    }
    return at;
}
