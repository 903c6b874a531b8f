/* idle.c - when a worker finds nothing to do.
 *
 * Called by worker.c when a full turn found no work, and by everyone who makes work ready.
 *
 * We want as many workers awake as there is work, and no more: waking a sleeping CPU costs some
 * 25 us on a virtual machine, a thousand times a task switch.  So a maker wakes somebody only
 * when nobody is searching already, and a searcher that finds work wakes the next one: a chain,
 * never a storm.
 *
 * The difficulty is one race: a worker decides to sleep while another makes work ready.
 *
 *   maker:    put the task on a queue       sleeper:   go on the list of sleepers,
 *                                                       leave the searching count
 *             full fence                               full fence
 *             anyone searching?  done                  look at every queue once more
 *             else wake a sleeper                      nothing?  commit, sleep
 *
 * Both fences are needed; with either missing both may look before the other has acted.
 * idle_model.c explores it, and finds the lost task when a fence is taken out.  Makers on a seat
 * are many and sleepers few, so there the sleeper asks for both (membarrier).
 *
 * Commit: a sleeper that has looked for the last time says so under the lock.  When all workers
 * have committed nothing runs, and nothing can begin to run but by an outside event: that is the
 * moment for the virtual clock to jump, or for a deadlock to be told.
 *
 * The keeper: one sleeper at a time gets up by itself, when the next timer is due; the others sleep
 * until they are called.  Timers of busy workers are looked at by the watchdog too.
 *
 * Rejected: waking a worker for each task made ready (storms); a dedicated waker thread (adds a
 * switch to every wake).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/idle.h"

#include "base/sys.h"
#include "base/time.h"
#include "core/clock.h"
#include "core/forks.h"
#include "core/inject.h"
#include "core/poll.h"
#include "core/runtime.h"
#include "core/solo.h"
#include "core/watch.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

/* How soon to look again when a foreign thread may be at work: doubled each time, so that a program
 * with threads of its own pays next to nothing while it idles. */
#define IDLE_UNSURE_NS      (2 * WEFT_MS)
#define IDLE_UNSURE_DOUBLES 9

/* So long the outside is listened to before a virtual clock jumps. */
#define IDLE_LISTEN_NS WEFT_MS

/* The keeper's lead: at the most so much, and raised so slowly. */
#define IDLE_LEAD_MAX_NS (60 * WEFT_US)
#define IDLE_LEAD_SLOWLY 16

void weft__idle_init(struct weft__idle *idle)
{
    a_store(&idle->searching, 0, relaxed);
    a_store(&idle->sleeping, 0, relaxed);
    a_store(&idle->keeper_until, WEFT_NEVER, relaxed);
    a_store(&idle->lead, 0, relaxed);
    lock_init(&idle->lock, WEFT_RANK_IDLE);
    list_init(&idle->list);
    idle->committed = 0;
    idle->era = 1;
    idle->listened = 0;
}

/* Takes a worker off the list; the caller holds the lock. */
static void idle_take_off(struct weft__idle *idle, struct weft__worker *w)
{
    WEFT_CHECK(w->is_idle);
    list_remove(&w->idle_link);
    idle->era++;
    w->is_idle = false;
    if (w->is_committed) {
        w->is_committed = false;
        idle->committed--;
    }
    a_sub(&idle->sleeping, 1, seq_cst); /* before weft__watch_stir's look; see watch_rest */
}

static void idle_call(struct weft__runtime *rt, struct weft__worker *w)
{
    bool rests_in_poll = w->rests_in_poll; /* once called, it may go and rest elsewhere */
    a_add(&rt->wakes, 1, relaxed);
    a_store(&rt->idle.unsure, 0, relaxed);
    a_store(&w->call, 1, release); /* pairs with the acquire in weft__idle_sleep */
    if (rests_in_poll) {
        weft__poll_of(rt)->rouse(w);
    } else {
        weft__sys_futex_wake(&w->call, 1);
    }
    weft__watch_stir(rt);
}

/* The fence of the one who looks last, and of all makers, who have none: see weft__idle_share. */
static void idle_barrier(struct weft__runtime *rt)
{
    bool is_only = rt->worker_count == 1; /* then makers are not on seats, and have their own */
    if (is_only || a_load(&weft__enter_fences, relaxed) || weft__sys_membarrier() != 0) {
        a_fence(seq_cst); /* pairs with the one in weft__idle_wake */
    }
}

void weft__idle_wake(struct weft__runtime *rt)
{
    struct weft__idle *idle = &rt->idle;
    a_fence(seq_cst); /* pairs with the one in weft__idle_sleep */
    if (a_load(&idle->searching, relaxed) != 0 || a_load(&idle->sleeping, relaxed) == 0) {
        return;
    }
    lock_take(&idle->lock);
    struct weft__worker *w = NULL;
    /* Another maker may have been faster: then its sleeper will find our work too.  Nobody counts
     * as searching before there is a worker that does, else a third maker would rely on nobody. */
    if (!list_empty(&idle->list) && a_load(&idle->searching, relaxed) == 0) {
        w = container_of(idle->list.next, struct weft__worker, idle_link);
        idle_take_off(idle, w);
        a_add(&idle->searching, 1, seq_cst); /* in its name */
    }
    lock_drop(&idle->lock);
    if (w) {
        idle_call(rt, w);
    }
}

void weft__idle_wake_all(struct weft__runtime *rt)
{
    struct weft__idle *idle = &rt->idle;
    for (;;) {
        lock_take(&idle->lock);
        struct weft__worker *w = NULL;
        if (!list_empty(&idle->list)) {
            w = container_of(idle->list.next, struct weft__worker, idle_link);
            idle_take_off(idle, w);
            a_add(&idle->searching, 1, seq_cst);
        }
        lock_drop(&idle->lock);
        if (!w) {
            return;
        }
        idle_call(rt, w);
    }
}

uint64_t weft__idle_quiet_era(struct weft__runtime *rt)
{
    struct weft__idle *idle = &rt->idle;
    lock_take(&idle->lock);
    uint64_t era = idle->committed == rt->worker_count ? idle->era : 0;
    lock_drop(&idle->lock);
    return era;
}

void weft__idle_keep(struct weft__runtime *rt, int64_t at)
{
    if (rt->options.virtual_clock || at < a_load(&rt->idle.keeper_until, seq_cst)) {
        weft__idle_wake(rt); /* it will look at the timers before it sleeps again */
    }
}

bool weft__idle_may_search(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    struct weft__idle *idle = &rt->idle;
    size_t busy = rt->worker_count - weft__min(rt->worker_count,
                                               (size_t)a_load(&idle->sleeping, relaxed));
    if (2 * (size_t)a_load(&idle->searching, relaxed) >= busy && !w->forking.is_hot) {
        return false; /* enough others look */
    }
    a_add(&idle->searching, 1, seq_cst);
    return true;
}

static bool idle_work_anywhere(struct weft__runtime *rt)
{
    for (size_t i = 0; i < rt->worker_count; i++) {
        if (weft__worker_has_work(&rt->workers[i]) || weft__forks_has_more(&rt->workers[i])) {
            return true;
        }
    }
    return !weft__inject_is_empty(rt);
}

/* The first time at which a timer is due, over all workers. */
static int64_t idle_next_timer(struct weft__runtime *rt)
{
    int64_t at = WEFT_NEVER;
    for (size_t i = 0; i < rt->worker_count; i++) {
        at = weft__min(at, a_load(&rt->workers[i].wheel.next_at, relaxed));
    }
    return at;
}

/* What it leaves waiting when it begins to run a task. */
static void idle_mind(struct weft__worker *w)
{
    if (WEFT_UNLIKELY(weft__watch_is_slow(w->runtime))) {
        bool has_more = weft__worker_has_work(w) || weft__worker_has_private(w);
        weft__watch_mind(w->runtime, has_more ? 0 : idle_next_timer(w->runtime));
    }
}

void weft__idle_found(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    idle_mind(w);
    uint32_t before = a_sub(&rt->idle.searching, 1, seq_cst);
    WEFT_CHECK(before > 0);
    if (before != 1 || a_load(&rt->idle.sleeping, seq_cst) == 0) {
        return; /* who goes to sleep from here on looks himself, behind a barrier of his own */
    }
    idle_barrier(rt); /* a maker relied on our search */
    if (idle_work_anywhere(rt)) { /* last one searching, and more is there */
        weft__idle_wake(rt);
    }
}

/* Gets off the list by itself.  False: somebody has called already, the call must be taken. */
static bool idle_withdraw(struct weft__worker *w)
{
    struct weft__idle *idle = &w->runtime->idle;
    bool was_idle;
    lock_take(&idle->lock);
    was_idle = w->is_idle;
    if (was_idle) {
        idle_take_off(idle, w);
        a_add(&idle->searching, 1, seq_cst);
    }
    lock_drop(&idle->lock);
    if (was_idle) {
        weft__watch_stir(w->runtime);
    }
    return was_idle;
}

/* Looked for the last time.  True: it is the last of all, and nothing runs. */
static bool idle_commit(struct weft__worker *w)
{
    struct weft__idle *idle = &w->runtime->idle;
    bool is_last = false;
    lock_take(&idle->lock);
    if (w->is_idle) {
        w->is_committed = true;
        idle->committed++;
        is_last = idle->committed == w->runtime->worker_count;
    }
    lock_drop(&idle->lock);
    return is_last && a_load(&w->runtime->external, seq_cst) == 0;
}

/* How long it takes to get up, taken from how late we were: on the low side, so that few are
 * early. */
static void idle_note_late(struct weft__idle *idle, int64_t late)
{
    int64_t lead = a_load(&idle->lead, relaxed);
    lead += late < lead ? (late - lead) / 2 : (late - lead) / IDLE_LEAD_SLOWLY;
    a_store(&idle->lead, weft__min(lead, (int64_t)IDLE_LEAD_MAX_NS), relaxed);
}

/* -ETIMEDOUT, or something else: look. */
static int idle_rest(struct weft__worker *w, int64_t until)
{
    weft__san_hear();
    if (w->rests_in_poll) {
        return weft__poll_of(w->runtime)->wait(w, until);
    }
    return weft__sys_futex_wait(&w->call, 0, until == WEFT_NEVER ? -1 : until);
}

/* True: the time has come.  Getting up takes its time, so it begins before; the rest is spun
 * away. */
static bool idle_wait_until(struct weft__worker *w, int64_t at)
{
    struct weft__idle *idle = &w->runtime->idle;
    if (at == WEFT_NEVER) {
        (void)idle_rest(w, at);
        return false;
    }
    int64_t alarm = weft__max(at - a_load(&idle->lead, relaxed), INT64_C(0));
    bool slept = weft__time_now() < alarm;
    if (idle_rest(w, alarm) != -ETIMEDOUT) {
        return false;
    }
    int64_t now = weft__time_now();
    if (slept) {
        idle_note_late(idle, now - alarm);
    }
    while (now < at && a_load(&w->call, relaxed) == 0) {
        a_relax();
        now = weft__time_now();
    }
    return now >= at;
}

/* When to look again although nobody calls. */
static int64_t idle_look_at(struct weft__runtime *rt, enum weft__quiet quiet)
{
    int64_t at = rt->options.virtual_clock ? WEFT_NEVER : idle_next_timer(rt);
    if (quiet == WEFT__QUIET_UNSURE) {
        uint32_t doubles = a_add(&rt->idle.unsure, 1, relaxed);
        doubles = weft__min(doubles, (uint32_t)IDLE_UNSURE_DOUBLES);
        at = weft__min(at, weft__time_now() + (IDLE_UNSURE_NS << doubles));
    } else if (quiet == WEFT__QUIET_LISTEN) {
        at = weft__min(at, weft__time_now() + IDLE_LISTEN_NS);
    }
    return at;
}

bool weft__idle_has_listened(struct weft__runtime *rt)
{
    struct weft__idle *idle = &rt->idle;
    lock_take(&idle->lock);
    bool has = idle->listened == idle->era;
    lock_drop(&idle->lock);
    return has;
}

/* Something has come for a sleeper that has not got up yet, perhaps for want of a CPU. */
static bool idle_has_news(struct weft__runtime *rt)
{
    for (size_t i = 0; i < rt->worker_count; i++) {
        const struct weft__poll *poll = weft__poll_at(&rt->workers[i]);
        if (poll && poll->has_news(&rt->workers[i])) {
            return true;
        }
    }
    return false;
}

/* The whole time has passed, and nobody but the caller has got up since `era`, or is about to. */
static void idle_note_listened(struct weft__runtime *rt, uint64_t era)
{
    struct weft__idle *idle = &rt->idle;
    bool has_news = idle_has_news(rt); /* first: who has taken its news has got up by then */
    lock_take(&idle->lock);
    if (!has_news && idle->era == era + 1) {
        idle->listened = idle->era;
    }
    lock_drop(&idle->lock);
}

static void idle_wait_for_call(struct weft__worker *w, enum weft__quiet quiet)
{
    struct weft__runtime *rt = w->runtime;
    struct weft__idle *idle = &rt->idle;
    uint64_t era = quiet == WEFT__QUIET_LISTEN ? weft__idle_quiet_era(rt) : 0;
    int64_t at = idle_look_at(rt, quiet);
    bool is_keeper = false;
    if (at < a_load(&idle->keeper_until, seq_cst)) {
        a_store(&idle->keeper_until, at, seq_cst);
        is_keeper = true;
    }
    struct weft__thread *self = weft__self();
    weft__solo_rest(self);
    while (a_load(&w->call, acquire) == 0) { /* pairs with the release in idle_call */
        bool is_time = idle_wait_until(w, is_keeper ? at : WEFT_NEVER);
        bool may_look = is_time || (w->rests_in_poll && a_load(&w->call, relaxed) == 0);
        if (may_look && idle_withdraw(w)) {
            if (is_time && era) {
                idle_note_listened(rt, era);
            }
            break;
        }
    }
    weft__solo_stir(self);
    a_store(&rt->coarse_now, weft__now(rt), relaxed); /* the watchdog may have slept, too */
    if (is_keeper) {
        int64_t mine = at;
        a_cas(&idle->keeper_until, &mine, WEFT_NEVER, seq_cst, relaxed);
    }
}

void weft__idle_sleep(struct weft__worker *w, bool is_searching)
{
    struct weft__runtime *rt = w->runtime;
    struct weft__idle *idle = &rt->idle;
    a_store(&w->call, 0, relaxed);
    lock_take(&idle->lock);
    WEFT_CHECK(!w->is_idle);
    list_push_front(&idle->list, &w->idle_link); /* the one that slept last is the warmest */
    w->is_idle = true;
    w->rests_in_poll = weft__poll_at(w) != NULL;
    a_add(&idle->sleeping, 1, seq_cst);
    lock_drop(&idle->lock);
    if (is_searching) {
        a_sub(&idle->searching, 1, seq_cst);
    }
    idle_barrier(rt);
    weft__forks_ask(rt); /* who shares a piece from here on wakes somebody */
    bool must_look = idle_work_anywhere(rt) || a_load(&rt->stopping, seq_cst) ||
                     idle_next_timer(rt) <= weft__now(rt);
    enum weft__quiet quiet = WEFT__QUIET_SLEEP;
    if (!must_look) { /* what was stopped is not waited for */
        (void)weft__wheel_next(&w->wheel);
    }
    if (!must_look && idle_commit(w)) {
        quiet = weft__runtime_quiescent(rt);
    }
    if ((must_look || quiet == WEFT__QUIET_LOOK) && idle_withdraw(w)) {
        return;
    }
    idle_wait_for_call(w, quiet);
}
