/* runtime.c - starting and stopping: threads, seats, and the moment when nothing moves.
 *
 * The caller of weft_run sits on seat 0.  The other seats get a thread each, the watchdog one
 * more. When the last task has ended (upstairs says so) every thread leaves its loop; the caller
 * joins them all, and nothing is left: no thread, no mapping, no block.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/runtime.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/syscpu.h"
#include "base/sysring.h"
#include "base/time.h"
#include "core/birth.h"
#include "core/blocked.h"
#include "core/census.h"
#include "core/clock.h"
#include "core/control.h"
#include "core/fatal.h"
#include "core/forks.h"
#include "core/idle.h"
#include "core/inject.h"
#include "core/offload.h"
#include "core/park.h"
#include "core/poll.h"
#include "core/post.h"
#include "core/solo.h"
#include "core/stuck.h"
#include "core/task.h"
#include "core/watch.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

#define RUNTIME_THREAD_STACK   (256 * 1024)
#define RUNTIME_SPARES         64
#define RUNTIME_BLOCKING       64
#define RUNTIME_IDLE_STACKS    1024
#define RUNTIME_STUCK_AFTER_NS (8 * WEFT_MS)

/* ---- options ---- */

/* NULL: it is not set, or to nothing. */
static const char *runtime_env(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

static size_t runtime_worker_count(const weft_options *options)
{
    const char *text = runtime_env("WEFT_WORKERS");
    if (text) {
        char *end;
        unsigned long n = strtoul(text, &end, 10);
        if (*end == '\0' && n >= 1 && n <= WEFT_WORKERS_MAX) {
            return n;
        }
        weft__log("WEFT_WORKERS='%s' is no number from 1 to %d; it is ignored", text,
                  WEFT_WORKERS_MAX);
    }
    if (options->workers) {
        return options->workers;
    }
    return weft__min((size_t)weft__sys_cpus(), (size_t)WEFT_WORKERS_MAX);
}

static enum weft_io runtime_io(enum weft_io wanted)
{
    static const char *const names[] = {[WEFT_IO_AUTO] = "auto",
                                        [WEFT_IO_URING] = "uring",
                                        [WEFT_IO_EPOLL] = "epoll",
                                        [WEFT_IO_SIM] = "sim"};
    const char *text = runtime_env("WEFT_IO");
    if (!text) {
        return wanted;
    }
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum weft_io)i;
        }
    }
    weft__log("WEFT_IO='%s' is none of auto, uring, epoll, sim; it is ignored", text);
    return wanted;
}

/* One seat, no threads, no signals taken, time that moves only when nothing else can. */
static void runtime_steer(weft_options *options)
{
    options->workers = 1;
    options->virtual_clock = options->leave_signals = options->quiet = true;
    options->io = WEFT_IO_SIM;
}

static int runtime_fill_options(weft_options *options)
{
    if (options->workers > WEFT_WORKERS_MAX || options->stuck_after_ns < 0) {
        return -WEFT_EINVAL;
    }
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        runtime_steer(options);
    } else {
        options->workers = runtime_worker_count(options);
        options->io = runtime_io(options->io);
    }
    options->stack_size = options->stack_size ? options->stack_size : WEFT_STACK_DEFAULT;
    options->idle_stacks_max =
        options->idle_stacks_max ? options->idle_stacks_max : RUNTIME_IDLE_STACKS;
    options->spare_threads_max =
        options->spare_threads_max ? options->spare_threads_max : RUNTIME_SPARES;
    options->blocking_threads_max =
        options->blocking_threads_max ? options->blocking_threads_max : RUNTIME_BLOCKING;
    options->stuck_after_ns =
        options->stuck_after_ns ? options->stuck_after_ns : RUNTIME_STUCK_AFTER_NS;
    return 0;
}

size_t weft_cpus(void)
{
    return weft__sys_cpus();
}

/* ---- threads ---- */

void weft__runtime_init_thread(struct weft__runtime *rt, struct weft__thread *thread)
{
    memset(thread, 0, sizeof *thread);
    weft__task_init_thread(&thread->own, "worker");
    thread->task = &thread->own;
    thread->runtime = rt;
    list_init(&thread->link);
    list_init(&thread->spare_link);
}

static void *runtime_thread_main(void *arg)
{
    struct weft__thread *self = arg;
    weft__self_bind(self);
    a_store(&self->tid, weft__sys_gettid(), relaxed);
    a_add(&self->runtime->threads_live, 1, seq_cst);
    weft__san_init_thread(&self->base_san);
    if (weft__fatal_thread_begin(self) != 0) {
        weft__log("no memory for a signal stack: a stack overflow on this thread would be a bare "
                  "segmentation fault");
    }
    if (self->birth) {
        weft__task_run_on_thread(self, self->birth);
        a_add(&self->runtime->seatless_ended, 1, relaxed);
    } else {
        weft__thread_loop(self);
    }
    weft__fatal_thread_end(self);
    struct weft__runtime *rt = self->runtime;
    bool was_task = self->birth != NULL;
    a_store(&self->ended, 1, release); /* pairs with the acquire in runtime_find_ended */
    weft__self_bind(NULL);
    a_sub(&rt->threads_live, 1, seq_cst);
    weft__watch_call(rt); /* to be reaped: it may rest until it is called */
    if (was_task) {
        weft__runtime_external_end(rt);
    }
    return NULL;
}

static int runtime_launch_thread(struct weft__runtime *rt, struct weft__thread *thread,
                                 size_t stack_size, const char *name)
{
    int rc = weft__sys_thread_start(runtime_thread_main, thread, stack_size, name,
                                    &thread->handle);
    if (rc < 0) {
        weft__free(thread);
        return rc;
    }
    /* On the list only now that it can be joined: it may have ended already. */
    lock_take(&rt->threads_lock);
    list_push_back(&rt->threads, &thread->link);
    lock_drop(&rt->threads_lock);
    return 0;
}

static struct weft__thread *runtime_new_thread(struct weft__runtime *rt)
{
    struct weft__thread *thread = weft__alloc_aligned(WEFT_CACHE_LINE, sizeof *thread);
    if (thread) {
        weft__runtime_init_thread(rt, thread);
    }
    return thread;
}

int weft__runtime_start_thread(struct weft__runtime *rt, struct weft__worker *seat)
{
    struct weft__thread *thread = runtime_new_thread(rt);
    if (!thread) {
        return -WEFT_ENOMEM;
    }
    if (seat) {
        a_store(&thread->inside, 1, relaxed); /* on its base stack: slow to begin, but not stuck */
        a_store(&seat->thread, thread, relaxed);
        a_store(&thread->seat, seat, release);
    } else {
        thread->is_coming = true;
    }
    return runtime_launch_thread(rt, thread, RUNTIME_THREAD_STACK,
                                 seat ? "weft-worker" : "weft-spare");
}

int weft__runtime_start_thread_task(struct weft__runtime *rt, struct weft__birth *birth,
                                    size_t stack_size)
{
    struct weft__thread *thread = runtime_new_thread(rt);
    if (!thread) {
        return -WEFT_ENOMEM;
    }
    thread->birth = birth;
    weft__solo_end();
    weft__runtime_external_begin(rt);
    int rc = runtime_launch_thread(rt, thread, stack_size, birth->name ? birth->name : "weft-task");
    if (rc < 0) {
        weft__runtime_external_end(rt);
    } else {
        a_add(&rt->seatless_started, 1, relaxed);
    }
    return rc;
}

static struct weft__thread *runtime_take_thread(struct weft__runtime *rt, bool any)
{
    struct weft__thread *found = NULL;
    lock_take(&rt->threads_lock);
    LIST_FOR_EACH(&rt->threads, it) {
        struct weft__thread *thread = container_of(it, struct weft__thread, link);
        /* pairs with the release at the end of runtime_thread_main */
        if (!found && (any || a_load(&thread->ended, acquire))) {
            found = thread;
        }
    }
    if (found) {
        list_remove(&found->link);
    }
    lock_drop(&rt->threads_lock);
    return found;
}

void weft__runtime_reap_threads(struct weft__runtime *rt, bool wait)
{
    struct weft__thread *thread;
    while ((thread = runtime_take_thread(rt, wait)) != NULL) {
        weft__sys_thread_join(thread->handle);
        if (!thread->birth && !wait) {
            a_sub(&rt->spare_count, 1, relaxed);
        }
        weft__free(thread);
    }
}

/* ---- what goes on outside ---- */

void weft__runtime_external_begin(struct weft__runtime *rt)
{
    a_add(&rt->external, 1, seq_cst);
}

void weft__runtime_external_end(struct weft__runtime *rt)
{
    a_add(&rt->external_ends, 1, seq_cst);
    uint32_t before = a_sub(&rt->external, 1, seq_cst);
    WEFT_CHECK(before > 0);
    if (before == 1 && a_load(&rt->idle.sleeping, seq_cst) == rt->worker_count) {
        weft__idle_wake(rt); /* perhaps nothing can move now: somebody must find that out */
    }
}

/* ---- when nothing moves ---- */

/* Each worker has looked anew before it committed to sleep, and who came to a wheel since then did
 * so, too. */
static int64_t runtime_next_timer(struct weft__runtime *rt)
{
    int64_t at = WEFT_NEVER;
    for (size_t i = 0; i < rt->worker_count; i++) {
        at = weft__min(at, a_load(&rt->workers[i].wheel.next_at, relaxed));
    }
    return at;
}

/* Does the process have a thread that we know nothing of?  It may wake a task any moment.  Foreign
 * threads also wake each other: the count says something only if none of them parked or was woken
 * while the kernel counted. */
static bool runtime_has_unknown_threads(struct weft__runtime *rt)
{
    weft__runtime_reap_threads(rt, false);
    uint64_t parked = a_load(&weft__foreign_parked, seq_cst);
    int count = weft__sys_thread_count();
    int known = (int)a_load(&rt->threads_live, seq_cst) + rt->hidden_threads + (int32_t)parked;
    if (count > known && weft__poll_of(rt)) {
        count -= weft__sys_ring_threads(); /* which wake nobody but by what is_pending tells of */
    }
    return count < 0 || count > known || a_load(&weft__foreign_parked, seq_cst) != parked;
}

static void runtime_deadlock(struct weft__runtime *rt)
{
    if (a_xchg(&rt->deadlocked, 1, seq_cst)) {
        weft__blocked_print(rt, "still nothing can move after the run was cancelled: the remaining "
                                "waits cannot be cancelled");
        weft__panic("deadlock that cannot be unwound");
    }
    weft__blocked_print(rt, "every task is blocked and nothing is pending that could wake one");
    weft__owner_ops.cancel_root(rt->root);
}

static bool runtime_awaits_io(struct weft__runtime *rt)
{
    const struct weft__poll *poll = weft__poll_of(rt);
    return poll && poll->is_pending(rt);
}

/* Nothing goes on outside, and the caller alone decides: it stands for something outside itself.
 * What is read from here on is what the last one outside has left.  But a foreign thread may have
 * woken a thread of ours, and gone to rest, before it was looked for: hence the second look. */
static enum weft__quiet runtime_decide(struct weft__runtime *rt, uint64_t era, uint32_t ends)
{
    int64_t next = runtime_next_timer(rt);
    bool is_virtual = rt->options.virtual_clock;
    if (a_load(&rt->stopping, seq_cst) || (!is_virtual && next != WEFT_NEVER)) {
        return WEFT__QUIET_SLEEP;
    }
    if (runtime_awaits_io(rt)) { /* whoever is outside may speak at any time */
        if (!is_virtual || next == WEFT_NEVER) {
            return WEFT__QUIET_SLEEP;
        }
        if (!weft__idle_has_listened(rt)) {
            return WEFT__QUIET_LISTEN;
        }
    }
    bool has_foreign = a_load(&weft__foreign_seen, relaxed) != rt->foreign_seen;
    if ((next == WEFT_NEVER || has_foreign) && runtime_has_unknown_threads(rt)) {
        return WEFT__QUIET_UNSURE;
    }
    if (a_load(&rt->external, seq_cst) != 1 || a_load(&rt->external_ends, seq_cst) != ends) {
        return WEFT__QUIET_SLEEP; /* it will come here when it ends, or has: see the caller */
    }
    if (runtime_next_timer(rt) != next) {
        return WEFT__QUIET_LOOK;
    }
    if (weft__idle_quiet_era(rt) != era) {
        return WEFT__QUIET_SLEEP; /* a worker has got up meanwhile; it will come here again */
    }
    if (next == WEFT_NEVER) {
        runtime_deadlock(rt);
    } else {
        int64_t now = a_load(&rt->virtual_now, relaxed);
        a_store(&rt->virtual_now, weft__max(now, next), release);
    }
    return WEFT__QUIET_LOOK;
}

/* Has a worker got up since, and come to rest again?  Then it found somebody deciding. */
static bool runtime_is_quiet_anew(struct weft__runtime *rt, uint64_t era)
{
    uint64_t now = weft__idle_quiet_era(rt);
    return now != 0 && now != era;
}

enum weft__quiet weft__runtime_quiescent(struct weft__runtime *rt)
{
    enum weft__quiet quiet;
    uint32_t ends;
    uint64_t era;
    do {
        uint32_t none = 0;
        era = weft__idle_quiet_era(rt);
        ends = a_load(&rt->external_ends, seq_cst);
        if (!era || !a_cas(&rt->external, &none, 1, seq_cst, relaxed)) {
            return WEFT__QUIET_SLEEP; /* who is at work, or decides, will come here again */
        }
        quiet = runtime_decide(rt, era, ends);
        a_sub(&rt->external, 1, seq_cst);
        /* Somebody came to rest while we stood in its place: it has left this to us. */
    } while (quiet != WEFT__QUIET_LOOK && (a_load(&rt->external_ends, seq_cst) != ends ||
                                           runtime_is_quiet_anew(rt, era)));
    return quiet;
}

/* ---- pins ---- */

static ATOMIC(uint32_t) runtime_pins;

struct weft__runtime *weft__runtime_pin(void)
{
    /* pairs with runtime_retire: it sees the pin, or this sees that the runtime is gone */
    a_add(&runtime_pins, 1, seq_cst);
    struct weft__runtime *rt = a_load(&weft__runtime_now, seq_cst);
    if (!rt) {
        weft__runtime_unpin();
    }
    return rt;
}

void weft__runtime_unpin(void)
{
    uint32_t before = a_sub(&runtime_pins, 1, release);
    WEFT_CHECK(before > 0);
}

/* What is left are sleeps of plain threads on a virtual clock. */
static void runtime_fire_all(struct weft__runtime *rt)
{
    for (size_t i = 0; i < rt->worker_count; i++) {
        while (weft__wheel_fire(&rt->workers[i].wheel, WEFT_NEVER - 1) > 0) {
        }
    }
}

/* Nobody finds the runtime any more. */
static void runtime_retire(void)
{
    a_store(&weft__runtime_now, NULL, seq_cst);
    while (a_load(&runtime_pins, seq_cst) != 0) {
        weft__sys_yield();
    }
}

/* ---- start and stop ---- */

static void runtime_init_worker(struct weft__runtime *rt, size_t index)
{
    struct weft__worker *w = &rt->workers[index];
    w->runtime = rt;
    w->index = index;
    w->is_only = rt->worker_count == 1;
    w->turns_left = WEFT_GLOBAL_TURN;
    w->spin_score = 1;
    weft__rng_seed(&w->rng, (weft__control ? 0 : weft__rng_entropy()) ^ index);
    deque_init(&w->deque);
    lock_init(&w->woken.lock, WEFT_RANK_INJECT);
    lock_init(&w->born.lock, WEFT_RANK_INJECT);
    weft__wheel_init(&w->wheel, weft__now(rt));
    weft__stack_cache_init(&w->stacks);
    list_init(&w->idle_link);
    w->watch_since = weft__time_now();
}

static void runtime_free(struct weft__runtime *rt)
{
    const struct weft__poll *poll = weft__poll_of(rt);
    if (poll) {
        poll->stop(rt);
    }
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_keep_stacks(&rt->stacks);
    } else {
        weft__stacks_fini(&rt->stacks);
    }
    weft__forks_free(&rt->forks);
    for (size_t i = 0; rt->workers && i < rt->worker_count; i++) {
        weft__births_drop(&rt->workers[i].births);
    }
    weft__free(rt->workers);
    weft__free(rt);
}

static int runtime_init_stacks(struct weft__runtime *rt)
{
    int class_index = weft__stack_class_for(rt->options.stack_size);
    if (WEFT_UNLIKELY(weft__control != NULL) && class_index >= 0 &&
        weft__control_take_stacks(&rt->stacks, (uint32_t)class_index)) {
        return 0;
    }
    return weft__stacks_init(&rt->stacks, rt->options.stack_size, rt->options.idle_stacks_max);
}

static int runtime_new(const weft_options *options, void *root, struct weft__runtime **ret_rt)
{
    struct weft__runtime *rt = weft__alloc_aligned(WEFT_CACHE_LINE, sizeof *rt);
    if (!rt) {
        return -WEFT_ENOMEM;
    }
    memset(rt, 0, sizeof *rt);
    rt->options = *options;
    int rc = runtime_fill_options(&rt->options);
    int64_t now = weft__control ? weft__control->now() : weft__time_now();
    now &= -(INT64_C(1) << WEFT_WHEEL_TICK_BITS); /* so timers are rounded alike in each run */
    a_store(&rt->virtual_now, now, relaxed);
    if (rc == 0) {
        rc = runtime_init_stacks(rt);
    }
    if (rc < 0) {
        weft__free(rt);
        return rc;
    }
    rt->root = root;
    rt->worker_count = rt->options.workers;
    rt->spin = rt->worker_count > 1 && rt->worker_count <= weft__sys_cpus();
    a_store(&rt->coarse_now, weft__now(rt), relaxed);
    weft__inject_init(&rt->inject);
    weft__idle_init(&rt->idle);
    lock_init(&rt->forks.lock, WEFT_RANK_STACKS);
    lock_init(&rt->threads_lock, WEFT_RANK_RUNTIME);
    list_init(&rt->threads);
    list_init(&rt->spares);
    a_store(&rt->threads_live, 1, relaxed);
    rt->workers = weft__alloc_aligned(WEFT_CACHE_LINE, rt->worker_count * sizeof *rt->workers);
    if (!rt->workers) {
        runtime_free(rt);
        return -WEFT_ENOMEM;
    }
    memset(rt->workers, 0, rt->worker_count * sizeof *rt->workers);
    for (size_t i = 0; i < rt->worker_count; i++) {
        runtime_init_worker(rt, i);
    }
    *ret_rt = rt;
    return 0;
}

/* Gives the calling thread seat 0. */
static void runtime_seat_caller(struct weft__runtime *rt, struct weft__thread *self)
{
    self->runtime = rt;
    self->is_main = true;
    list_init(&self->spare_link);
    weft__san_init_thread(&self->base_san);
    a_store(&rt->workers[0].thread, self, relaxed);
    a_store(&self->seat, &rt->workers[0], release);
}

static void runtime_unseat_caller(struct weft__thread *self)
{
    a_store(&self->seat, NULL, release);
    self->runtime = NULL;
    self->is_main = false;
}

static void runtime_wake_spares(struct weft__runtime *rt)
{
    for (;;) {
        lock_take(&rt->threads_lock);
        struct weft__list *node = list_pop_front(&rt->spares);
        lock_drop(&rt->threads_lock);
        if (!node) {
            return;
        }
        weft__watch_call_spare(container_of(node, struct weft__thread, spare_link));
    }
}

void weft__runtime_stop(struct weft__runtime *rt)
{
    lock_take(&rt->threads_lock);
    a_store(&rt->stopping, WEFT__STOP_WORKERS, seq_cst);
    lock_drop(&rt->threads_lock);
    runtime_wake_spares(rt);
    weft__idle_wake_all(rt);
}

/* ThreadSanitizer runs threads of its own beside ours, at the latest when we have started one.
 * They block every signal; so does a thread of anybody that is just being born, hence the one
 * look. */
static void runtime_count_hidden(struct weft__runtime *rt)
{
    if (WEFT_TSAN) {
        while (a_load(&rt->service.tid, acquire) == 0) {
            weft__sys_yield();
        }
        rt->hidden_threads = weft__sys_shut_thread_count();
    }
}

/* What the runtime needs beside itself, in this order; undone from the step that failed. */
static int runtime_start_parts(struct weft__runtime *rt, struct weft__thread *self)
{
    int rc = weft__fatal_thread_begin(self);
    if (rc == 0) {
        runtime_seat_caller(rt, self);
        rc = weft__watch_start(rt);
        if (rc == 0) {
            runtime_count_hidden(rt);
            return 0;
        }
        runtime_unseat_caller(self);
        weft__fatal_thread_end(self);
    }
    return rc;
}

/* Makes a runtime that everybody can find, and that runs nothing yet. */
static int runtime_announce(const weft_options *options, void *root, struct weft__runtime **ret_rt)
{
    struct weft__runtime *rt, *none = NULL;
    int rc = runtime_new(options, root, &rt);
    if (rc < 0) {
        return rc;
    }
    rc = weft__offload_start(rt); /* before anybody can ask for its counters */
    if (rc < 0) {
        runtime_free(rt);
        return rc;
    }
    weft__post_init();
    if (!a_cas(&weft__runtime_now, &none, rt, acq_rel, relaxed)) {
        weft__offload_stop(rt);
        runtime_free(rt);
        return -WEFT_EBUSY;
    }
    rt->foreign_seen = a_load(&weft__foreign_seen, relaxed);
    *ret_rt = rt;
    return 0;
}

static int runtime_start_steered(const weft_options *options, void *root,
                                 struct weft__runtime **ret_rt)
{
    struct weft__runtime *rt;
    int rc = runtime_announce(options, root, &rt);
    if (rc < 0) {
        return rc;
    }
    runtime_seat_caller(rt, weft__self());
    weft__control_start(rt, weft__self());
    *ret_rt = rt;
    return 0;
}

int weft__runtime_start(const weft_options *options, void *root, struct weft__runtime **ret_rt)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        return runtime_start_steered(options, root, ret_rt);
    }
    struct weft__thread *self = weft__self();
    struct weft__runtime *rt;
    int rc = runtime_announce(options, root, &rt);
    if (rc < 0) {
        return rc;
    }
    weft__census_start();
    rc = runtime_start_parts(rt, self);
    if (rc < 0) {
        runtime_retire();
        weft__post_run(rt);
        weft__offload_stop(rt);
        runtime_free(rt);
        return rc;
    }
    weft__fatal_start(rt);
    weft__stuck_start(rt);
    for (size_t i = 1; i < rt->worker_count && rc == 0; i++) {
        rc = weft__runtime_start_thread(rt, &rt->workers[i]);
    }
    if (rc < 0) { /* some seats stay empty: stop the others */
        weft__runtime_stop(rt);
        (void)weft__runtime_work_until_stop(rt, &(bool){false});
        return rc;
    }
    *ret_rt = rt;
    return 0;
}

static int runtime_work_steered(struct weft__runtime *rt)
{
    struct weft__thread *self = weft__self();
    if (weft__control_work(self)) {
        runtime_fire_all(rt);
    }
    runtime_retire();
    weft__offload_stop(rt);
    runtime_unseat_caller(self);
    runtime_free(rt);
    return 0;
}

int weft__runtime_work_until_stop(struct weft__runtime *rt, bool *ret_deadlocked)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        return runtime_work_steered(rt);
    }
    struct weft__thread *self = weft__self();
    weft__thread_loop(self);
    weft__solo_end();
    weft__watch_stop(rt); /* first: it may be about to start a spare thread, or to report on one */
    weft__stuck_stop(rt);
    weft__fatal_stop(rt);
    runtime_retire(); /* before the reaping: a plain thread may be about to list a task's thread */
    weft__runtime_reap_threads(rt, true);
    weft__post_run(rt); /* what came since the service thread's last look */
    runtime_fire_all(rt);
    weft__offload_stop(rt);
    weft__census_report();
    int signo = (int)(a_load(&rt->signal_seen, seq_cst) & ~WEFT__SIGNAL_PENDING);
    *ret_deadlocked = a_load(&rt->deadlocked, seq_cst) != 0;
    runtime_unseat_caller(self);
    weft__fatal_thread_end(self);
    runtime_free(rt);
    return signo;
}

int weft_stats_get(weft_stats *ret_stats)
{
    struct weft__runtime *rt = weft__runtime_pin();
    size_t carved, idle;
    if (!rt) {
        return -WEFT_ESHUTDOWN;
    }
    weft_stats stats = {.workers = rt->worker_count,
                        .tasks_started = a_load(&rt->seatless_started, relaxed),
                        .tasks_ended = a_load(&rt->seatless_ended, relaxed),
                        .wakes = a_load(&rt->wakes, relaxed),
                        .timers_fired = a_load(&rt->timers_fired, relaxed),
                        .handovers = a_load(&rt->handovers, relaxed),
                        .accepts_delayed = a_load(&rt->accepts_delayed, relaxed),
                        .spare_threads = a_load(&rt->spare_count, relaxed),
                        .spare_threads_peak = a_load(&rt->spare_peak, relaxed)};
    for (size_t i = 0; i < rt->worker_count; i++) {
        struct weft__worker *w = &rt->workers[i];
        stats.tasks_started += weft__stat_read(&w->started);
        stats.tasks_ended += weft__stat_read(&w->ended);
        stats.switches += weft__stat_read(&w->epoch);
        stats.steals += weft__stat_read(&w->steals);
        stats.io_begun += weft__stat_read(&w->io_begun);
        stats.io_slept += weft__stat_read(&w->io_slept);
        stats.io_entered += weft__stat_read(&w->io_entered);
    }
    const struct weft__poll *poll = weft__poll_of(rt);
    stats.io = poll ? poll->number : WEFT_IO_AUTO;
    weft__offload_count(rt, &stats.blocking_threads, &stats.blocking_threads_peak);
    weft__stacks_count(&rt->stacks, &carved, &idle);
    stats.stacks_mapped = carved;
    stats.stacks_idle = idle;
    weft__runtime_unpin();
    *ret_stats = stats;
    return 0;
}
