/* offload.c - the pool of threads that may block, for weft_blocking and for files.
 *
 * Threads are started when a call finds none idle, up to a limit, and go away when idle for a
 * while.  Calls wait in one FIFO queue.  A call is announced before it is queued, so that two that
 * come at once do not both count on one idle thread, and no thread leaves with a call on its way.
 *
 * A caller sleeps twice at the most.  First cancellably, while its call is queued or runs.  A
 * cancel wakes it; it takes the lock and looks: still queued - it takes its call back, which then
 * did not happen; running - it sleeps again, not cancellably, until the call is done (its
 * arguments lie on this stack); or, abandoned, it leaves, and the call, which is on the heap
 * then, is finished by its thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/offload.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "base/time.h"
#include "core/limiter.h"
#include "core/local.h"
#include "core/runtime.h"
#include "core/solo.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "lockfree/evcount.h"
#include "weft/err.h"
#include "weft/time.h"

#define OFFLOAD_STACK   (256 * 1024)
#define OFFLOAD_IDLE_NS (2 * WEFT_SECOND)

enum offload_state {
    OFFLOAD_QUEUED,
    OFFLOAD_RUNNING,
    OFFLOAD_DONE
};

struct offload_call {
    struct weft__list link;
    enum offload_state state; /* this and below under the pool's lock */
    bool is_abandoned;
    struct weft__waiter waiter;
    int rc;
    int (*fn)(void *);
    void *arg;
    weft_limiter *limiter;
    void (*release)(void *);
};

struct offload_thread {
    struct weft__list link;
    struct weft__offload *pool;
    struct weft__thread self; /* without a runtime: an abandoned call may outlive it */
    pthread_t handle;
    bool has_ended;    /* under the lock: only the join is left */
    bool is_abandoned; /* it runs a call that nobody waits for */
    bool is_detached;
};

struct weft__offload {
    struct weft__lock lock;
    struct weft__runtime *runtime; /* not touched for abandoned calls: they may outlive it */
    struct weft__list queue;
    struct weft__list threads;
    struct weft__evcount idle;
    size_t pending; /* calls announced and not taken by a thread yet */
    size_t idle_count, starting_count, thread_count, thread_peak, threads_max;
    bool stopping;
    size_t refs; /* the runtime, and each detached thread */
};

/* ---- the pool's threads ---- */

static void offload_unref_locked(struct weft__offload *pool)
{
    bool is_last = --pool->refs == 0;
    lock_drop(&pool->lock);
    if (is_last) {
        weft__free(pool);
    }
}

static struct offload_call *offload_pop(struct weft__offload *pool)
{
    struct weft__list *node = list_pop_front(&pool->queue);
    if (!node) {
        return NULL;
    }
    WEFT_CHECK(pool->pending > 0);
    pool->pending--;
    return container_of(node, struct offload_call, link);
}

/* Runs one call; the lock is held on entry and on return. */
static void offload_run(struct weft__offload *pool, struct offload_thread *me,
                        struct offload_call *call)
{
    call->state = OFFLOAD_RUNNING;
    call->waiter.value = me;
    lock_drop(&pool->lock);
    int rc = call->fn(call->arg);
    weft_limiter *limiter = call->limiter;
    struct weft__thread *self = weft__enter();
    weft__locals_unref(self->task->locals); /* what fn set is not for the next one */
    self->task->locals = NULL;
    weft__limiter_leave(limiter);
    weft__leave(self);
    lock_take(&pool->lock);
    if (call->is_abandoned) {
        lock_drop(&pool->lock);
        if (call->release) {
            call->release(call->arg);
        }
        weft__free(call);
        lock_take(&pool->lock);
        me->is_abandoned = false;
        if (!me->is_detached) {
            a_add(&pool->runtime->threads_live, 1, seq_cst); /* known again */
        }
        return;
    }
    struct weft__task *task = call->waiter.task;
    call->rc = rc;
    call->state = OFFLOAD_DONE;
    /* The sleeper has armed before the call could be taken off the queue: both under the lock.
     * Once the lock is dropped the call may be gone, if a cancel has woken the sleeper. */
    enum weft__claim claim = weft__claim(task, call->waiter.ticket, 0);
    lock_drop(&pool->lock);
    self = weft__enter();
    if (claim == WEFT__CLAIM_MUST_READY) {
        weft__ready(task);
    }
    weft__runtime_external_end(pool->runtime);
    weft__leave(self);
    lock_take(&pool->lock);
}

/* Sleeps, the lock dropped meanwhile.  False: idle for too long. */
static bool offload_wait(struct weft__offload *pool)
{
    uint32_t key = evcount_prepare(&pool->idle);
    pool->idle_count++;
    lock_drop(&pool->lock);
    int rc = evcount_commit(&pool->idle, key, weft__time_now() + OFFLOAD_IDLE_NS);
    lock_take(&pool->lock);
    pool->idle_count--;
    return rc != -ETIMEDOUT;
}

static void *offload_main(void *arg)
{
    struct offload_thread *me = arg;
    struct weft__offload *pool = me->pool;
    weft__self_bind(&me->self); /* or it would be made known, by memory that may not be there */
    a_store(&me->self.tid, weft__sys_gettid(), relaxed);
    a_add(&pool->runtime->threads_live, 1, seq_cst);
    lock_take(&pool->lock);
    pool->starting_count--;
    for (;;) {
        struct offload_call *call = offload_pop(pool);
        if (call) {
            offload_run(pool, me, call);
        } else if ((pool->stopping || !offload_wait(pool)) && pool->pending == 0) {
            break;
        }
    }
    pool->thread_count--;
    weft__self_bind(NULL);
    me->has_ended = true;
    if (me->is_detached) {
        weft__free(me);
        offload_unref_locked(pool);
    } else {
        a_sub(&pool->runtime->threads_live, 1, seq_cst); /* it waits for this thread */
        lock_drop(&pool->lock);
    }
    return NULL;
}

/* Joins the threads that have ended by themselves. */
static void offload_reap(struct weft__offload *pool)
{
    for (;;) {
        struct offload_thread *ended = NULL;
        lock_take(&pool->lock);
        LIST_FOR_EACH(&pool->threads, it) {
            struct offload_thread *thread = container_of(it, struct offload_thread, link);
            if (thread->has_ended && !ended) {
                ended = thread;
            }
        }
        if (ended) {
            list_remove(&ended->link);
        }
        lock_drop(&pool->lock);
        if (!ended) {
            return;
        }
        weft__sys_thread_join(ended->handle);
        weft__free(ended);
    }
}

static int offload_start_thread(struct weft__offload *pool)
{
    struct offload_thread *thread = weft__alloc_zero(sizeof *thread);
    if (!thread) {
        return -WEFT_ENOMEM;
    }
    weft__runtime_init_thread(NULL, &thread->self);
    thread->pool = pool;
    weft__solo_end();
    int rc = weft__sys_thread_start(offload_main, thread, OFFLOAD_STACK, "weft-blocking",
                                    &thread->handle);
    if (rc < 0) {
        weft__free(thread);
        return rc;
    }
    /* On the list only now that it can be joined: it may have ended already. */
    lock_take(&pool->lock);
    list_push_back(&pool->threads, &thread->link);
    lock_drop(&pool->lock);
    return 0;
}

/* Announces a call, and starts another thread if all are busy and the limit allows.  A code only
 * when none runs at all; then nothing is announced. */
static int offload_announce(struct weft__offload *pool)
{
    offload_reap(pool);
    lock_take(&pool->lock);
    pool->pending++;
    bool wanted = pool->pending > pool->idle_count + pool->starting_count &&
                  pool->thread_count < pool->threads_max;
    if (wanted) {
        pool->thread_count++;
        pool->starting_count++;
        pool->thread_peak = weft__max(pool->thread_peak, pool->thread_count);
    }
    lock_drop(&pool->lock);
    int rc = wanted ? offload_start_thread(pool) : 0;
    if (rc == 0) {
        return 0;
    }
    lock_take(&pool->lock);
    pool->thread_count--;
    pool->starting_count--;
    bool has_one = pool->thread_count > pool->starting_count; /* those may fail as well */
    if (!has_one) {
        pool->pending--;
    }
    lock_drop(&pool->lock);
    return has_one ? 0 : rc;
}

int weft__offload_start(struct weft__runtime *rt)
{
    struct weft__offload *pool = weft__alloc_zero(sizeof *pool);
    if (!pool) {
        return -WEFT_ENOMEM;
    }
    lock_init(&pool->lock, WEFT_RANK_OFFLOAD);
    pool->runtime = rt;
    list_init(&pool->queue);
    list_init(&pool->threads);
    evcount_init(&pool->idle);
    pool->threads_max = rt->options.blocking_threads_max;
    pool->refs = 1;
    rt->offload = pool;
    return 0;
}

void weft__offload_stop(struct weft__runtime *rt)
{
    struct weft__offload *pool = rt->offload;
    lock_take(&pool->lock);
    WEFT_CHECK(list_empty(&pool->queue));
    pool->stopping = true;
    LIST_FOR_EACH(&pool->threads, it) {
        struct offload_thread *thread = container_of(it, struct offload_thread, link);
        if (thread->is_abandoned) {
            thread->is_detached = true;
            pool->refs++;
            list_remove(&thread->link);
            weft__sys_thread_detach(thread->handle);
            a_add(&weft__foreign_seen, 1, seq_cst); /* so no later run is solo: see solo.h */
        }
    }
    lock_drop(&pool->lock);
    evcount_notify_all(&pool->idle);
    for (;;) {
        lock_take(&pool->lock);
        struct weft__list *node = list_pop_front(&pool->threads);
        lock_drop(&pool->lock);
        if (!node) {
            break;
        }
        struct offload_thread *thread = container_of(node, struct offload_thread, link);
        weft__sys_thread_join(thread->handle);
        weft__free(thread);
    }
    rt->offload = NULL;
    lock_take(&pool->lock);
    offload_unref_locked(pool);
}

void weft__offload_count(struct weft__runtime *rt, uint64_t *ret_threads, uint64_t *ret_peak)
{
    struct weft__offload *pool = rt->offload;
    lock_take(&pool->lock);
    *ret_threads = pool->thread_count;
    *ret_peak = pool->thread_peak;
    lock_drop(&pool->lock);
}

/* ---- the caller's side ---- */

/* Nobody waits for it, and still it will give back its limiter's unit and may wake whom it likes:
 * as long as it runs its thread is one that the run knows nothing of, and nothing is a deadlock. */
static void offload_mark_abandoned(struct weft__offload *pool, struct offload_call *call)
{
    call->is_abandoned = true;
    struct offload_thread *runner = call->waiter.value;
    WEFT_CHECK(runner != NULL);
    runner->is_abandoned = true;
    a_sub(&pool->runtime->threads_live, 1, seq_cst);
}

/* The sleep was cut short by a cancel: *ret_rc says whether the call happened all the same.  True:
 * it goes on, abandoned, and belongs to its thread. */
static bool offload_cancelled(struct weft__offload *pool, struct offload_call *call,
                              struct weft__thread **self, const struct weft__parking *parking,
                              bool abandon, int *ret_rc)
{
    lock_take(&pool->lock);
    bool is_queued = call->state == OFFLOAD_QUEUED;
    if (is_queued || (call->state == OFFLOAD_RUNNING && abandon)) {
        if (is_queued) {
            list_remove(&call->link);
            pool->pending--;
        } else {
            offload_mark_abandoned(pool, call);
        }
        lock_drop(&pool->lock);
        if (is_queued) {
            weft__limiter_leave(call->limiter);
        }
        weft__runtime_external_end(pool->runtime);
        weft__owner_ops.delivered((*self)->task);
        *ret_rc = -WEFT_ECANCELED;
        return !is_queued;
    }
    if (call->state == OFFLOAD_RUNNING) {
        struct weft__parking again = *parking;
        again.is_uncancellable = true;
        call->waiter.ticket = weft__park_arm((*self)->task);
        int rc = weft__park(self, &again);
        WEFT_CHECK(rc == 0);
    } else {
        lock_drop(&pool->lock);
    }
    *ret_rc = call->rc;
    return false;
}

/* Sleeps.  Queues the call and waits for it.  True: the call is still in use (abandoned). */
static bool offload_submit(struct weft__offload *pool, struct offload_call *call,
                           struct weft__thread **self, struct weft__parking *parking, bool abandon,
                           int *ret_rc)
{
    int rc = offload_announce(pool);
    if (rc < 0) {
        *ret_rc = rc;
        weft__limiter_leave(call->limiter);
        return false;
    }
    weft__runtime_external_begin(pool->runtime);
    lock_take(&pool->lock);
    list_push_back(&pool->queue, &call->link);
    evcount_notify_one(&pool->idle);
    weft__waiter_init(&call->waiter, *self);
    parking->lock = &pool->lock;
    parking->keeps_cancel = true; /* it may come when the call is made already */
    rc = weft__park(self, parking);
    if (rc == 0) {
        *ret_rc = call->rc;
        return false;
    }
    return offload_cancelled(pool, call, self, parking, abandon, ret_rc);
}

static int offload_direct(int (*fn)(void *arg), void *arg, const weft_blocking_options *options,
                          struct weft__thread *self, const void *site)
{
    int rc = weft__limiter_enter(options->limiter, &self, site);
    if (rc < 0) {
        weft__leave(self);
        return rc;
    }
    weft__leave(self);
    rc = fn(arg);
    self = weft__enter();
    weft__limiter_leave(options->limiter);
    weft__leave(self);
    return rc;
}

static int offload_from_task(int (*fn)(void *arg), void *arg, const weft_blocking_options *options,
                             const struct weft__wait_kind *kind, const void *site,
                             struct weft__thread *self, bool *ret_abandoned)
{
    struct weft__offload *pool = self->task->runtime->offload;
    struct offload_call local, *call = &local;
    int rc = weft__limiter_enter(options->limiter, &self, site);
    if (rc == 0 && options->abandon && !(call = weft__alloc(sizeof *call))) {
        weft__limiter_leave(options->limiter);
        rc = -WEFT_ENOMEM;
    }
    if (rc < 0) {
        weft__leave(self);
        return rc;
    }
    *call = (struct offload_call){.state = OFFLOAD_QUEUED,
                                  .fn = fn,
                                  .arg = arg,
                                  .limiter = options->limiter,
                                  .release = options->release};
    struct weft__parking parking = {
        .kind = kind, .object = (const void *)(uintptr_t)fn, .site = site};
    *ret_abandoned = offload_submit(pool, call, &self, &parking, options->abandon, &rc);
    weft__leave(self);
    if (options->abandon && !*ret_abandoned) {
        weft__free(call);
    }
    return rc;
}

int weft__offload(int (*fn)(void *arg), void *arg, const weft_blocking_options *options,
                  const struct weft__wait_kind *kind, const void *site)
{
    static const weft_blocking_options none;
    bool is_abandoned = false;
    int rc;
    if (!fn) {
        return -WEFT_EINVAL;
    }
    options = options ? options : &none;
    struct weft__thread *self =
        weft__op_begin(WEFT__DEED_BLOCKING, (const void *)(uintptr_t)fn, site);
    if (weft__op_cancelled(self)) {
        rc = weft__op_refuse(self);
    } else if (self->task->driven != WEFT__BY_WORKER) { /* a steered one stops all for as long */
        rc = offload_direct(fn, arg, options, self, site);
    } else {
        rc = offload_from_task(fn, arg, options, kind, site, self, &is_abandoned);
    }
    if (options->abandon && options->release && !is_abandoned) {
        options->release(arg);
    }
    return rc;
}

static const struct weft__wait_kind offload_kind = {.what = "blocking call"};

int weft_blocking(int (*fn)(void *arg), void *arg)
{
    return weft__offload(fn, arg, NULL, &offload_kind, __builtin_return_address(0));
}

int weft_blocking_with(int (*fn)(void *arg), void *arg, const weft_blocking_options *options)
{
    return weft__offload(fn, arg, options, &offload_kind, __builtin_return_address(0));
}
