/* rate.c - so many units in so much time.
 *
 * The generic cell rate algorithm in its form of virtual scheduling (ITU-T I.371, annex A; ATM
 * Forum TM 4.0).  `full` is the time at which a whole burst will be there again; each unit puts it
 * off by one step.  So n units may go from full - (burst - n) steps on.  A step need not be a
 * whole number of nanoseconds: a span counts in nanoseconds and `rest` parts of 1 / units of one,
 * and nothing is ever rounded but the time at which somebody is woken, and that upwards.
 *
 * One caller has the TURN: it sleeps until its time, alone, and passes the turn on when it has gone
 * or is cancelled.  The others wait in a queue for the turn.  So nobody reserves anything, a
 * cancelled one has nothing to give back, and those behind it move up.  What a caller takes is
 * counted from its coming, not from its late waking: the schedule is that of reservations made in
 * order, without those that were cancelled.
 *
 * Rejected: a bucket filled by a timer (a wake-up for each step, and bursts of the timer's size);
 * each waiter with a timer of its own (a cancel would have to move the timers of all behind it).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "core/clock.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

/* ns + rest / units */
struct rate_span {
    int64_t ns;
    uint64_t rest; /* below units */
};

struct rate {
    uint64_t units;
    int64_t period_ns;
    uint64_t burst;
    struct weft__lock lock;
    struct rate_span step; /* all zero until the first use */
    struct rate_span full; /* changed by whoever has the turn, or under the lock when nobody has */
    const void *turn;      /* this and below under the lock: where the one who has it waits */
    struct weft__waitq waiters;
    uint64_t waiting, gone_units, gone_calls, waited, refused, cancelled;
};

_Static_assert(sizeof(struct rate) <= sizeof(weft_rate), "fits its public box");
_Static_assert(_Alignof(struct rate) <= _Alignof(weft_rate), "lies well in its public box");

static const struct weft__wait_kind rate_kind = {.what = "rate"};

static struct rate *rate_of(const weft_rate *rate)
{
    return (struct rate *)(uintptr_t)rate;
}

/* ---- arithmetic ---- */

/* Looks at what the user has asked for, once. */
static void rate_prepare(struct rate *r)
{
    uint64_t fill;
    if (WEFT_LIKELY(r->step.ns != 0 || r->step.rest != 0)) {
        return;
    }
    WEFT_CHECK(r->units > 0 && r->units <= WEFT_RATE_MAX);
    WEFT_CHECK(r->period_ns > 0);
    WEFT_CHECK(r->burst > 0 && r->burst <= WEFT_RATE_MAX);
    r->step.ns = (int64_t)((uint64_t)r->period_ns / r->units);
    r->step.rest = (uint64_t)r->period_ns % r->units;
    bool is_too_long = __builtin_mul_overflow((uint64_t)r->step.ns + 1, r->burst, &fill);
    WEFT_CHECK(!is_too_long && fill <= (uint64_t)WEFT_RATE_FILL_MAX);
}

/* Of n steps, n at most the burst. */
static struct rate_span rate_steps(const struct rate *r, uint64_t n)
{
    uint64_t rest = n * r->step.rest; /* both are below 2^32 */
    return (struct rate_span){.ns = (int64_t)(n * (uint64_t)r->step.ns + rest / r->units),
                              .rest = rest % r->units};
}

/* The first nanosecond at which n units may go. */
static int64_t rate_when(const struct rate *r, uint64_t n)
{
    struct rate_span before = rate_steps(r, r->burst - n);
    return r->full.ns - before.ns + (r->full.rest > before.rest);
}

/* n units are gone, by one who came at that time. */
static void rate_go(struct rate *r, uint64_t n, int64_t came)
{
    struct rate_span steps = rate_steps(r, n);
    if (r->full.ns < came) {
        r->full = (struct rate_span){.ns = came};
    }
    r->full.rest += steps.rest;
    if (r->full.rest >= r->units) {
        r->full.rest -= r->units;
        steps.ns++;
    }
    if (__builtin_add_overflow(r->full.ns, steps.ns, &r->full.ns)) {
        r->full.ns = WEFT_NEVER;
    }
    r->gone_units += n;
    r->gone_calls++;
}

/* ---- waiting ---- */

/* The lock is held, and dropped. */
static int rate_take_turn(struct rate *r, struct weft__thread **self, const void *site)
{
    struct weft__waiter waiter;
    if (!r->turn) {
        r->turn = site;
        lock_drop(&r->lock);
        return 0;
    }
    weft__waiter_init(&waiter, *self);
    waiter.value = (void *)(uintptr_t)site;
    weft__waitq_push(&r->waiters, &waiter);
    int rc = weft__park(
        self,
        &(struct weft__parking){.kind = &rate_kind, .object = r, .site = site, .lock = &r->lock});
    if (rc < 0) {
        lock_take(&r->lock);
        weft__waitq_remove(&r->waiters, &waiter);
        lock_drop(&r->lock);
    }
    return rc;
}

/* To the longest-waiting one, whom the caller must make ready.  The lock is held. */
static struct weft__waiter *rate_pass_turn(struct rate *r)
{
    WEFT_CHECK(r->turn != NULL);
    struct weft__waiter *next = weft__waitq_claim(&r->waiters);
    r->turn = next ? next->value : NULL;
    return next;
}

/* The lock is held, and dropped. */
static WEFT_NOINLINE int rate_wait_slowly(struct rate *r, struct weft__thread **self, uint64_t n,
                                          int64_t came, const void *site)
{
    struct weft__parking parking = {.kind = &rate_kind, .object = r, .site = site};
    struct weft__waiter *next = NULL;
    r->waited++;
    r->waiting++;
    int rc = rate_take_turn(r, self, site);
    bool has_turn = rc == 0;
    if (has_turn) {
        int64_t when = rate_when(r, n); /* nobody else changes that now */
        if (when > weft_now()) {
            rc = weft__clock_sleep(self, when, &parking);
        }
    }
    lock_take(&r->lock);
    r->waiting--;
    if (rc == 0) {
        rate_go(r, n, came);
    } else {
        r->cancelled++;
    }
    if (has_turn) {
        next = rate_pass_turn(r);
    }
    lock_drop(&r->lock);
    if (next) {
        weft__ready(next->task);
    }
    return rc;
}

/* ---- public ---- */

void weft_rate_init(weft_rate *rate, uint64_t units, int64_t period_ns, uint64_t burst)
{
    struct rate *r = rate_of(rate);
    memset(rate, 0, sizeof *rate);
    r->units = units;
    r->period_ns = period_ns;
    r->burst = burst;
    lock_init(&r->lock, WEFT_RANK_SYNC);
    rate_prepare(r);
}

/* Goes if it may at once.  The lock is held. */
static int rate_try(struct rate *r, uint64_t n, int64_t came)
{
    rate_prepare(r);
    if (n > r->burst) {
        return -WEFT_EINVAL;
    }
    if (r->turn || rate_when(r, n) > came) {
        return -WEFT_EAGAIN;
    }
    rate_go(r, n, came);
    return 0;
}

int weft_rate_wait(weft_rate *rate, uint64_t n)
{
    const void *site = __builtin_return_address(0);
    struct rate *r = rate_of(rate);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_RATE_WAIT, rate, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int64_t came = weft_now();
    lock_take(&r->lock);
    int rc = rate_try(r, n, came);
    if (rc == -WEFT_EAGAIN) {
        rc = rate_wait_slowly(r, &self, n, came, site);
    } else {
        lock_drop(&r->lock);
    }
    weft__leave(self);
    return rc;
}

int weft_rate_try(weft_rate *rate, uint64_t n)
{
    struct rate *r = rate_of(rate);
    weft__control_point(WEFT__DEED_RATE_TRY, rate, __builtin_return_address(0));
    int64_t came = weft_now();
    lock_take(&r->lock);
    int rc = rate_try(r, n, came);
    r->refused += rc == -WEFT_EAGAIN;
    lock_drop(&r->lock);
    return weft__control_result(rc);
}

void weft_rate_stats(const weft_rate *rate, weft_rate_counts *ret_counts)
{
    struct rate *r = rate_of(rate);
    lock_take(&r->lock);
    *ret_counts = (weft_rate_counts){.waiting = r->waiting,
                                     .units = r->gone_units,
                                     .calls = r->gone_calls,
                                     .waited = r->waited,
                                     .refused = r->refused,
                                     .cancelled = r->cancelled};
    lock_drop(&r->lock);
}

void weft_rate_fini(weft_rate *rate)
{
    if (!rate) {
        return;
    }
    struct rate *r = rate_of(rate);
    lock_take(&r->lock);
    const void *waited_at = r->turn;
    lock_drop(&r->lock);
    if (waited_at) {
        weft__panic_sites("weft_rate_fini: a task still waits for it", "destroyed at",
                          __builtin_return_address(0), "waited for at", waited_at);
    }
}
