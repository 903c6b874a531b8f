/* watch.c - the watchdog: a thread that sees to it that no task can stop the others.
 *
 * While any worker is busy it looks at all of them every tick, somewhat less than a millisecond,
 * or twice that where a single one switches all the time:
 *   - timers that are due and that their busy worker has not fired are fired here;
 *   - work that waits while a worker sleeps gets that worker woken;
 *   - a worker that has not switched for stuck_after_ns, while work waits and no other worker is
 *     free, loses its seat: another thread sits down on it, and the stuck thread keeps its task.
 *     Nothing is interrupted, so a task may be stuck inside malloc.  When the task next parks, it
 *     goes back to a queue like any other, and its thread becomes a spare one.
 * When all workers sleep it sleeps too, without a timeout.  When they sleep but get up again and
 * again for a moment, its ticks grow longer, unless something waits that a stuck task could delay.
 *
 * Taking a seat.  The sitter marks its stay in the runtime by plain stores (weft__enter,
 * weft__leave), and reads its seat after the mark.  The taker removes the seat, then asks the
 * kernel for a barrier on all threads (membarrier), then looks at the mark.  So either the taker
 * sees the mark, and gives the seat back, or the sitter sees that it has no seat any more and
 * works as a plain thread does.  Dekker's pattern with the fence moved to the side that is rarely
 * taken; watch_model.c explores it.
 *
 * The taker holds threads_lock meanwhile.  A sitter that finds its seat gone takes that lock once
 * before it leaves its task (weft__watch_confirm), so while the lock is held the stuck task
 * cannot end, and its name and stack may be read for the report.
 *
 * Rejected: preempting by signals (the task may hold malloc's lock; every library would have to
 * be safe against it); asking every task to call a check function.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/watch.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/time.h"
#include "core/clock.h"
#include "core/forks.h"
#include "core/idle.h"
#include "core/inject.h"
#include "core/post.h"
#include "core/poll.h"
#include "core/runtime.h"
#include "core/solo.h"
#include "core/stuck.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

#define WATCH_STUCK_GRACE_NS (100 * WEFT_US) /* for a worker that does not switch to fire a timer */
#define WATCH_BUSY_GRACE_NS  (5 * WEFT_MS)   /* for one that does */
#define WATCH_SPARE_IDLE_NS  (1 * WEFT_SECOND) /* then a spare thread goes away */
#define WATCH_SERVICE_STACK  (256 * 1024)
#define WATCH_SLACK_NS       1 /* what may be added to timeouts */

/* Where the workers sleep most of the time, and get up a thousand times a second for a moment, a
 * tick for each would cost more than they do.  So the ticks grow to so many times their length,
 * unless something waits behind a task (weft__watch_mind). */
#define WATCH_EASE_MAX 3 /* doubles */

/* Of one worker that comes by all the time: nobody waits for it whom another could take over, and
 * on a full CPU each look is a switch to another thread and back.  Less than two ticks: nobody has
 * to tell that something waits (weft__watch_is_slow). */
#define WATCH_LONE_TICK_NS (WEFT_TICK_NS * 15 / 8)

/* For a while after a stuck task on a seat the next one gets only a share of the time: several in a
 * row must not add up their delays. */
#define WATCH_WARY_NS    (50 * WEFT_MS)
#define WATCH_WARY_SHARE 4

static struct weft__log_limit watch_spares_limit = WEFT_LOG_LIMIT(1);

/* ---- seats ---- */

struct weft__worker *weft__watch_confirm(struct weft__thread *self)
{
    struct weft__runtime *rt = self->runtime;
    lock_take(&rt->threads_lock);
    struct weft__worker *w = weft__seat(self);
    lock_drop(&rt->threads_lock);
    return w;
}

/* Off the list of spares, because its time is over.  False: it was given a seat meanwhile. */
static bool watch_withdraw_spare(struct weft__thread *self)
{
    struct weft__runtime *rt = self->runtime;
    lock_take(&rt->threads_lock);
    bool was_spare = list_is_linked(&self->spare_link);
    list_remove(&self->spare_link);
    lock_drop(&rt->threads_lock);
    return was_spare;
}

struct weft__worker *weft__watch_sit(struct weft__thread *self)
{
    struct weft__runtime *rt = self->runtime;
    a_store(&self->call, 0, relaxed);
    lock_take(&rt->threads_lock);
    struct weft__worker *w = weft__seat(self);
    bool waits = !w && !a_load(&rt->stopping, relaxed); /* set under this lock */
    bool is_back = !w && self->has_lost_seat; /* the task it kept has parked or ended by now */
    if (is_back) {
        self->has_lost_seat = false;
    }
    if (waits) {
        list_push_front(&rt->spares, &self->spare_link);
    }
    lock_drop(&rt->threads_lock);
    if (self->is_coming) { /* now that it can be found */
        self->is_coming = false;
        a_sub(&rt->spares_coming, 1, relaxed);
    }
    if (is_back) {
        weft__runtime_external_end(rt);
    }
    if (!waits) {
        return w;
    }
    /* From here on only a call or its own time lets it go: who has taken it off the list calls. */
    int64_t until = self->is_main ? -1 : weft__time_now() + WATCH_SPARE_IDLE_NS;
    while (a_load(&self->call, acquire) == 0) { /* pairs with weft__watch_call_spare */
        weft__san_hear();
        int rc = weft__sys_futex_wait(&self->call, 0, until);
        if (rc == -ETIMEDOUT && watch_withdraw_spare(self)) {
            return NULL;
        }
    }
    return weft__seat(self);
}

void weft__watch_call_spare(struct weft__thread *spare)
{
    a_store(&spare->call, 1, release);
    weft__sys_futex_wake(&spare->call, 1);
}

/* As watch_take below, but only for a moment.  The lock is held until the seat is given back. */
bool weft__watch_borrow(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    if (!lock_try(&rt->threads_lock)) {
        return false;
    }
    struct weft__thread *sitter = a_load(&w->thread, relaxed);
    if (sitter && !a_load(&sitter->inside, relaxed)) {
        a_store(&sitter->seat, NULL, seq_cst);
        if (weft__sys_membarrier() != 0) {
            a_fence(seq_cst); /* then weft__enter has one too */
        }
        /* pairs with the release in weft__leave: its work on the seat is done and seen */
        if (!a_load(&sitter->inside, acquire)) {
            return true;
        }
        a_store(&sitter->seat, w, release);
    }
    lock_drop(&rt->threads_lock);
    return false;
}

void weft__watch_give_back(struct weft__worker *w)
{
    struct weft__thread *sitter = a_load(&w->thread, relaxed);
    a_store(&sitter->seat, w, release); /* pairs with the acquire in weft__seat */
    lock_drop(&w->runtime->threads_lock);
}

/* Makes sure that a spare thread is there or on its way.  More on their way than there are seats
 * would help nobody: where threads get no turn, each look would start another one. */
static bool watch_has_spare(struct weft__runtime *rt)
{
    lock_take(&rt->threads_lock);
    bool has = !list_empty(&rt->spares);
    lock_drop(&rt->threads_lock);
    if (has || a_load(&rt->spares_coming, relaxed) >= rt->worker_count) {
        return has;
    }
    uint32_t count = a_load(&rt->spare_count, relaxed);
    if (count >= rt->options.spare_threads_max) {
        weft__log_limited(&watch_spares_limit,
                          "all %zu spare threads are stuck; tasks behind them wait "
                          "(weft_options.spare_threads_max)",
                          rt->options.spare_threads_max);
        return false;
    }
    a_add(&rt->spare_count, 1, relaxed);
    a_store(&rt->spare_peak, weft__max(a_load(&rt->spare_peak, relaxed), count + 1), relaxed);
    a_add(&rt->spares_coming, 1, relaxed);
    if (weft__runtime_start_thread(rt, NULL) != 0) {
        a_sub(&rt->spares_coming, 1, relaxed);
        a_sub(&rt->spare_count, 1, relaxed);
        weft__log_limited(&watch_spares_limit, "no thread could be had to take over a stuck one");
    }
    return false; /* it will sit down among the spares by itself; the next look finds it */
}

/* Gives the seat to a spare thread if the sitter is still outside the runtime.  True if it did. */
static bool watch_take(struct weft__runtime *rt, struct weft__worker *w, int64_t stuck_ns)
{
    struct weft__stuck_report report = {.is_wanted = false};
    weft__solo_end(); /* two threads will be about, and it must not wait under a lock */
    lock_take(&rt->threads_lock);
    struct weft__thread *sitter = a_load(&w->thread, relaxed);
    /* Looked at before, to spare the barrier.  Nobody there yet: the start of its thread failed. */
    bool is_inside = !sitter || a_load(&sitter->inside, relaxed) != 0;
    struct weft__list *node = is_inside ? NULL : list_pop_front(&rt->spares);
    if (!node) {
        lock_drop(&rt->threads_lock);
        return false;
    }
    struct weft__thread *spare = container_of(node, struct weft__thread, spare_link);
    a_store(&sitter->seat, NULL, seq_cst);
    if (weft__sys_membarrier() != 0) {
        a_fence(seq_cst); /* then weft__enter has one too */
    }
    /* pairs with the release in weft__leave: its work on the seat is done and seen */
    if (a_load(&sitter->inside, acquire) != 0) {
        a_store(&sitter->seat, w, release);
        list_push_front(&rt->spares, &spare->spare_link);
        lock_drop(&rt->threads_lock);
        return false;
    }
    if (!rt->options.quiet) {
        weft__stuck_look(&report, sitter, stuck_ns);
    }
    /* From here on the stuck task is outside the workers, and may wake others from there. */
    sitter->has_lost_seat = true;
    weft__runtime_external_begin(rt);
    a_store(&w->thread, spare, relaxed);
    a_store(&spare->seat, w, release);
    lock_drop(&rt->threads_lock);
    weft__watch_call_spare(spare);
    a_add(&rt->handovers, 1, relaxed);
    weft__stuck_tell(&report);
    return true;
}

/* ---- one look ---- */

static bool watch_has_moved(struct weft__worker *w)
{
    return weft__stat_read(&w->epoch) != w->watch_epoch;
}

static bool watch_all_asleep(struct weft__runtime *rt)
{
    return a_load(&rt->idle.sleeping, seq_cst) == rt->worker_count;
}

/* When all sleep one of them keeps the time; it may be just about to get up. */
static bool watch_worker_waits(struct weft__runtime *rt, struct weft__worker *w)
{
    return weft__worker_has_work(w) || weft__worker_has_private(w) ||
           (!watch_all_asleep(rt) && a_load(&w->wheel.next_at, relaxed) <= weft__now(rt));
}

/* On a virtual clock time stands still while a worker is busy; and when all sleep, one of them
 * keeps the time. */
static void watch_fire_late_timers(struct weft__runtime *rt)
{
    if (rt->options.virtual_clock || watch_all_asleep(rt)) {
        return;
    }
    int64_t now = weft__now(rt);
    for (size_t i = 0; i < rt->worker_count; i++) {
        struct weft__worker *w = &rt->workers[i];
        struct weft__wheel *wheel = &w->wheel;
        int64_t late = now - (watch_has_moved(w) ? WATCH_BUSY_GRACE_NS : WATCH_STUCK_GRACE_NS);
        if (late < a_load(&wheel->next_at, relaxed)) {
            continue;
        }
        /* Between the wheel and the queue a task is nowhere to be seen; without this the workers
         * could take that for a deadlock. */
        weft__solo_end(); /* a deadline's task may be computing, and ask whether it is over */
        weft__runtime_external_begin(rt);
        a_add(&rt->timers_fired, weft__wheel_fire(wheel, late), relaxed);
        weft__runtime_external_end(rt);
    }
}

/* What has completed at a seat whose sitter is busy: another worker may have time for it. */
static bool watch_help(struct weft__runtime *rt, struct weft__worker *w)
{
    const struct weft__poll *poll = weft__poll_at(w);
    if (!poll || watch_has_moved(w) || watch_all_asleep(rt) || !poll->has_news(w)) {
        return false;
    }
    if (rt->worker_count > 1) {
        weft__runtime_external_begin(rt); /* as with timers */
        (void)poll->help(w);
        weft__runtime_external_end(rt);
    }
    return true;
}

static void watch_look_at(struct weft__runtime *rt, struct weft__worker *w, int64_t now,
                          bool work_waits)
{
    if (watch_has_moved(w)) {
        w->watch_epoch = weft__stat_read(&w->epoch);
        w->watch_since = now;
        return;
    }
    int64_t patience = rt->options.stuck_after_ns;
    if (now < w->watch_wary_until) {
        patience /= WATCH_WARY_SHARE;
    }
    bool nobody_free = a_load(&rt->idle.sleeping, relaxed) == 0 &&
                       a_load(&rt->idle.searching, relaxed) == 0;
    if (work_waits && nobody_free && now - w->watch_since >= patience && watch_has_spare(rt) &&
        watch_take(rt, w, now - w->watch_since)) {
        w->watch_since = now;
        w->watch_wary_until = now + WATCH_WARY_NS;
    }
}

/* A piece is on offer and a worker sleeps: nobody was woken for it, because the last time it was in
 * vain (forks_may_wake); but it is there still. */
static bool watch_sees_piece(struct weft__runtime *rt)
{
    bool sees = false;
    if (a_load(&rt->idle.sleeping, relaxed) != 0 && !watch_all_asleep(rt)) {
        for (size_t i = 0; i < rt->worker_count && !sees; i++) {
            sees = weft__forks_has_more(&rt->workers[i]);
        }
    }
    return sees;
}

/* Has any worker switched since the last look? */
static bool watch_look(struct weft__runtime *rt)
{
    int64_t now = weft__time_now();
    bool has_moved = false;
    a_store(&rt->coarse_now, weft__now(rt), relaxed);
    watch_fire_late_timers(rt);
    bool work_waits = false;
    for (size_t i = 0; i < rt->worker_count; i++) {
        work_waits |= watch_help(rt, &rt->workers[i]);
    }
    work_waits |= !weft__inject_is_empty(rt);
    for (size_t i = 0; i < rt->worker_count && !work_waits; i++) {
        work_waits = watch_worker_waits(rt, &rt->workers[i]);
    }
    if (work_waits || watch_sees_piece(rt)) {
        weft__idle_wake(rt); /* if somebody sleeps */
    }
    for (size_t i = 0; i < rt->worker_count; i++) {
        has_moved |= watch_has_moved(&rt->workers[i]);
        watch_look_at(rt, &rt->workers[i], now, work_waits);
    }
    return has_moved;
}

/* ---- the service thread ---- */

void weft__watch_call(struct weft__runtime *rt)
{
    a_store(&rt->service_call, 1, release);
    weft__sys_futex_wake(&rt->service_call, 1);
}

void weft__watch_stir(struct weft__runtime *rt)
{
    /* pairs with the fence in watch_rest: it sees that a worker is up, or we see that it is deep */
    if (a_load(&rt->service_deep, seq_cst) && a_xchg(&rt->service_deep, 0, seq_cst)) {
        weft__watch_call(rt);
    }
}

void weft__watch_mind(struct weft__runtime *rt, int64_t due)
{
    int64_t until = a_load(&rt->service_until, relaxed);
    if (!weft__watch_is_slow(rt) || due >= until || rt->options.virtual_clock) {
        return;
    }
    if (a_cas(&rt->service_until, &until, 0, relaxed, relaxed)) { /* one call is enough */
        weft__watch_call(rt);
    }
}

/* Until when it may rest, as long as nobody calls.  -1: all workers sleep, as they did before. */
static int64_t watch_until(struct weft__runtime *rt, bool has_moved)
{
    int64_t now = weft__time_now();
    bool was_hurried = a_load(&rt->service_until, relaxed) == 0;
    if (!watch_all_asleep(rt)) {
        rt->service_ease -= rt->service_ease > 0;
        return now + (rt->worker_count == 1 && has_moved ? WATCH_LONE_TICK_NS : WEFT_TICK_NS);
    }
    if (!has_moved) {
        return -1;
    }
    rt->service_ease = was_hurried ? 0 : weft__min(rt->service_ease + 1, (uint32_t)WATCH_EASE_MAX);
    return now + (WEFT_TICK_NS << rt->service_ease);
}

/* until: as watch_until says; at the latest it gets up at `latest`. */
static void watch_rest(struct weft__runtime *rt, int64_t until, int64_t latest)
{
    if (until < 0) {
        a_store(&rt->service_deep, 1, seq_cst);
        a_fence(seq_cst); /* pairs with the load in weft__watch_stir */
        until = watch_all_asleep(rt) ? WEFT_NEVER : 0;
    }
    until = weft__min(until, latest);
    a_store(&rt->service_until, until, relaxed);
    if (until > 0 && a_load(&rt->service_call, acquire) == 0) {
        weft__sys_futex_wait(&rt->service_call, 0, until == WEFT_NEVER ? -1 : until);
    }
    a_store(&rt->service_deep, 0, seq_cst);
    a_xchg(&rt->service_call, 0, acq_rel); /* so that what the caller left is seen from here on */
}

static void watch_check_signal(struct weft__runtime *rt)
{
    uint32_t seen = a_load(&rt->signal_seen, seq_cst);
    if (seen & WEFT__SIGNAL_PENDING) {
        a_store(&rt->signal_seen, seen & ~WEFT__SIGNAL_PENDING, seq_cst);
        weft__solo_end();
        weft__owner_ops.cancel_root(rt->root);
    }
}

static void *watch_main(void *arg)
{
    struct weft__runtime *rt = arg;
    weft__self_bind(&rt->service);
    a_add(&rt->threads_live, 1, seq_cst);
    a_store(&rt->service.tid, weft__sys_gettid(), release); /* pairs with runtime_count_hidden */
    a_store(&rt->service.inside, 1, relaxed);
    while (a_load(&rt->stopping, acquire) < WEFT__STOP_SERVICE) {
        watch_check_signal(rt);
        weft__post_run(rt);
        bool has_moved = watch_look(rt);
        weft__runtime_reap_threads(rt, false);
        int64_t trim_at = weft__stacks_trim(&rt->stacks, weft__time_now());
        watch_rest(rt, watch_until(rt, has_moved), trim_at);
    }
    weft__post_run(rt);
    weft__self_bind(NULL);
    return NULL;
}

int weft__watch_start(struct weft__runtime *rt)
{
    weft__runtime_init_thread(rt, &rt->service);
    rt->timer_slack = weft__sys_timer_slack(WATCH_SLACK_NS); /* of all threads from here on */
    weft__solo_begin(rt, weft__self()); /* before there is a second thread */
    int rc = weft__sys_thread_start(watch_main, rt, WATCH_SERVICE_STACK, "weft-watch",
                                    &rt->service.handle);
    if (rc < 0) {
        weft__solo_end();
        (void)weft__sys_timer_slack(rt->timer_slack);
    }
    return rc;
}

void weft__watch_stop(struct weft__runtime *rt)
{
    a_store(&rt->stopping, WEFT__STOP_SERVICE, seq_cst);
    weft__watch_call(rt);
    weft__sys_thread_join(rt->service.handle);
    (void)weft__sys_timer_slack(rt->timer_slack);
}
