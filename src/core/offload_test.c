/* offload_test.c - the pool of threads that may block: how many, in which order, and what a cancel
 * does to a call that waits, runs or is done.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/offload.h"

#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/run.h"
#include "weft/wait.h"

/* A blocking call that says when it runs and stays until it is let go. */
struct block {
    ATOMIC(uint32_t) running, let_go, released;
    ATOMIC(uint32_t) now;
    int rc;
};

static int block_fn(void *arg)
{
    struct block *block = arg;
    a_add(&block->now, 1, acq_rel);
    a_add(&block->running, 1, release);
    probe_await(&block->let_go, 1);
    a_sub(&block->now, 1, acq_rel);
    return block->rc;
}

static void block_release(void *arg)
{
    struct block *block = arg;
    a_add(&block->released, 1, release);
}

struct block_call {
    struct block *block;
    const weft_blocking_options *options;
    ATOMIC(int32_t) *ret_rc; /* -1000: not back yet */
};

static int block_task(void *arg)
{
    struct block_call *call = arg;
    int rc = weft_blocking_with(block_fn, call->block, call->options);
    if (call->ret_rc) {
        a_store(call->ret_rc, rc, release);
    }
    return 0;
}

/* Waits in a task for what a thread of the pool does. */
static void block_await(ATOMIC(uint32_t) *word, uint32_t at_least)
{
    while (a_load(word, acquire) < at_least) {
        EXPECT_EQ(weft_sleep(100 * WEFT_US), 0);
    }
}

static int block_code(void *arg)
{
    return *(int *)arg;
}

TASK_TEST(offload_returns_what_fn_returned)
{
    for (int i = -3; i < 3; i++) {
        EXPECT_EQ(weft_blocking(block_code, &i), i);
    }
    EXPECT_EQ(weft_blocking(NULL, NULL), -WEFT_EINVAL);
}

TEST(offload_in_a_plain_thread_calls_directly)
{
    struct block block = {.let_go = 1, .rc = 5};
    weft_limiter limiter = WEFT_LIMITER_INIT(1);
    weft_blocking_options options = {
        .limiter = &limiter, .abandon = true, .release = block_release};
    EXPECT_EQ(weft_blocking_with(block_fn, &block, &options), 5);
    EXPECT_EQ(a_load(&block.released, acquire), 1);
    EXPECT_EQ(weft_limiter_used(&limiter), 0);
    weft_limiter_fini(&limiter);
}

/* ---- how many ---- */

static int meet_fn(void *arg)
{
    int rc = pthread_barrier_wait(arg);
    return rc == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : rc;
}

static int meet_task(void *arg)
{
    return weft_blocking(meet_fn, *(pthread_barrier_t **)arg);
}

/* Calls that come at once do not all count on the one thread that is idle. */
TASK_TEST_REAL(offload_two_calls_find_two_threads)
{
    for (unsigned n = 2; n < 6; n++) {
        pthread_barrier_t barrier, *arg = &barrier;
        int nothing = 0;
        weft_scope scope;
        EXPECT_EQ(pthread_barrier_init(&barrier, NULL, n), 0);
        EXPECT_EQ(weft_blocking(block_code, &nothing), 0); /* now a thread is idle */
        weft_scope_open(&scope);
        for (unsigned i = 0; i < n; i++) {
            EXPECT_EQ(weft_go(&scope, meet_task, &arg), 0);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        pthread_barrier_destroy(&barrier);
    }
}

static void block_count(const weft_blocking_options *options, size_t calls, uint32_t at_once)
{
    struct block block = {.rc = 0};
    weft_stats stats;
    weft_scope scope;
    weft_scope_open(&scope);
    for (size_t i = 0; i < calls; i++) {
        EXPECT_EQ(weft_go(&scope, block_task, (&(struct block_call){&block, options, NULL})), 0);
    }
    block_await(&block.running, at_once);
    EXPECT_EQ(weft_sleep(2 * WEFT_MS), 0);
    EXPECT_EQ(a_load(&block.now, acquire), at_once); /* no more begin */
    EXPECT_EQ(weft_stats_get(&stats), 0);
    EXPECT(stats.blocking_threads_peak >= at_once);
    a_store(&block.let_go, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&block.running, acquire), calls);
}

static int limited_main(void *arg)
{
    weft_stats stats;
    (void)arg;
    block_count(NULL, 9, 3);
    EXPECT_EQ(weft_stats_get(&stats), 0);
    EXPECT_EQ(stats.blocking_threads_peak, 3);
    return 0;
}

TEST(offload_limit_of_threads)
{
    EXPECT_EQ(weft_run_with(limited_main, NULL,
                            &(weft_options){.workers = 2, .blocking_threads_max = 3}),
              0);
}

TASK_TEST_REAL(offload_limiter)
{
    weft_limiter limiter;
    weft_limiter_init(&limiter, 2);
    block_count(&(weft_blocking_options){.limiter = &limiter}, 7, 2);
    EXPECT_EQ(weft_limiter_used(&limiter), 0);
    weft_limiter_fini(&limiter);
}

/* Idle threads go away, and the next call gets a new one. */
TASK_TEST_REAL(offload_threads_go_away)
{
    weft_stats stats;
    int three = 3;
    EXPECT_EQ(weft_blocking(block_code, &three), 3);
    do {
        EXPECT_EQ(weft_sleep(50 * WEFT_MS), 0);
        EXPECT_EQ(weft_stats_get(&stats), 0);
    } while (stats.blocking_threads > 0);
    EXPECT_EQ(weft_blocking(block_code, &three), 3);
}

/* ---- cancelled ---- */

static int cancel_main(void *arg)
{
    struct block block = {.rc = 4}, other = {.rc = 0};
    ATOMIC(int32_t) rc = -1000, other_rc = -1000;
    weft_scope scope, inner;
    bool abandon = *(bool *)arg;
    weft_blocking_options options = {.abandon = abandon, .release = block_release};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, block_task, (&(struct block_call){&block, NULL, &rc})), 0);
    block_await(&block.running, 1);
    weft_scope_open(&inner); /* there is one thread only: this call waits */
    EXPECT_EQ(weft_go(&inner, block_task, (&(struct block_call){&other, &options, &other_rc})), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(a_load(&other_rc, acquire), -1000);
    weft_scope_cancel(&inner);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&other_rc, acquire), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&other.running, acquire), 0);
    EXPECT_EQ(a_load(&other.released, acquire), abandon);
    a_store(&block.let_go, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&rc, acquire), 4);
    return 0;
}

TEST(offload_cancel_while_queued)
{
    for (int abandon = 0; abandon < 2; abandon++) {
        bool arg = abandon;
        EXPECT_EQ(weft_run_with(cancel_main, &arg,
                                &(weft_options){.workers = 2, .blocking_threads_max = 1}),
                  0);
    }
}

/* The call is not cut short: it returns its result, and so the scope was not cut short either. */
TASK_TEST_REAL(offload_cancel_while_running)
{
    struct block block = {.rc = 4};
    ATOMIC(int32_t) rc = -1000;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, block_task, (&(struct block_call){&block, NULL, &rc})), 0);
    block_await(&block.running, 1);
    weft_scope_cancel(&scope);
    a_store(&block.let_go, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&rc, acquire), 4);
    EXPECT(!weft_scope_delivered(&scope));
}

TASK_TEST_REAL(offload_cancel_while_waiting_for_the_limiter)
{
    struct block block = {.rc = 0}, other = {.rc = 0};
    weft_limiter limiter = WEFT_LIMITER_INIT(1);
    weft_blocking_options options = {
        .limiter = &limiter, .abandon = true, .release = block_release};
    ATOMIC(int32_t) rc = -1000;
    weft_scope scope, inner;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, block_task, (&(struct block_call){&block, &options, NULL})), 0);
    block_await(&block.running, 1);
    weft_scope_open(&inner);
    EXPECT_EQ(weft_go(&inner, block_task, (&(struct block_call){&other, &options, &rc})), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_scope_cancel(&inner);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&rc, acquire), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&other.running, acquire), 0);
    EXPECT_EQ(a_load(&other.released, acquire), 1);
    EXPECT_EQ(weft_limiter_used(&limiter), 1);
    a_store(&block.let_go, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&block.released, acquire), 1);
    EXPECT_EQ(weft_limiter_used(&limiter), 0);
}

/* In a cancelled scope nothing happens, but what was given for release is released. */
TASK_TEST(offload_refused_when_cancelled)
{
    struct block block = {.rc = 0};
    weft_blocking_options options = {.abandon = true, .release = block_release};
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_blocking_with(block_fn, &block, &options), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&block.running, acquire), 0);
    EXPECT_EQ(a_load(&block.released, acquire), 1);
    EXPECT_EQ(weft_blocking_with(NULL, &block, &options), -WEFT_EINVAL);
    EXPECT_EQ(a_load(&block.released, acquire), 1);
}

/* ---- abandoned ---- */

TASK_TEST_REAL(offload_abandon)
{
    struct block block = {.rc = 9};
    weft_blocking_options options = {.abandon = true, .release = block_release};
    ATOMIC(int32_t) rc = -1000;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, block_task, (&(struct block_call){&block, &options, &rc})), 0);
    block_await(&block.running, 1);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED); /* while fn runs */
    EXPECT_EQ(a_load(&rc, acquire), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&block.released, acquire), 0);
    a_store(&block.let_go, 1, release);
    block_await(&block.released, 1);
}

TASK_TEST_REAL(offload_abandon_not_used)
{
    struct block block = {.rc = 9, .let_go = 1};
    weft_blocking_options options = {.abandon = true, .release = block_release};
    EXPECT_EQ(weft_blocking_with(block_fn, &block, &options), 9);
    EXPECT_EQ(a_load(&block.released, acquire), 1);
}

static int abandon_main(void *arg)
{
    struct block *block = arg;
    weft_blocking_options options = {.abandon = true, .release = block_release};
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, block_task, (&(struct block_call){block, &options, NULL})), 0);
    block_await(&block->running, 1);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    return 0;
}

/* The runtime does not wait for it: it ends by itself, even while the next runtime runs. */
TEST(offload_abandoned_call_outlives_the_runtime)
{
    int threads = weft__sys_thread_count();
    for (int i = 0; i < 20; i++) {
        struct block block = {.rc = 9};
        int code = 6;
        EXPECT_EQ(weft_run_with(abandon_main, &block, &(weft_options){.workers = 2}), 0);
        EXPECT_EQ(a_load(&block.released, acquire), 0);
        if (i % 2) {
            EXPECT_EQ(weft_run_with(block_code, &code, &(weft_options){.workers = 2}), 6);
        }
        a_store(&block.let_go, 1, release);
        probe_await(&block.released, 1);
    }
    /* glibc frees the stack of a detached thread when the next thread ends. */
    while (weft__sys_thread_count() > threads) {
        sched_yield();
    }
    int code = 6;
    EXPECT_EQ(weft_run_with(block_code, &code, &(weft_options){.workers = 2}), 6);
}

/* An abandoned call that is the last thing that moves: it stays until the run has looked around. */
struct last {
    ATOMIC(uint32_t) running, is_abandoned, released;
    weft_limiter limiter;
    weft_sem sem;
};

static int last_fn(void *arg)
{
    struct last *last = arg;
    struct weft__runtime *rt = a_load(&weft__runtime_now, seq_cst);
    a_store(&last->running, 1, release);
    probe_await(&last->is_abandoned, 1);
    while (a_load(&rt->idle.unsure, relaxed) == 0 && a_load(&rt->deadlocked, relaxed) == 0) {
        weft__sys_yield();
    }
    weft_sem_post(&last->sem);
    return 0;
}

static void last_release(void *arg)
{
    struct last *last = arg;
    a_store(&last->released, 1, release);
}

static int last_task(void *arg)
{
    struct last *last = *(struct last **)arg;
    weft_blocking_options options = {
        .limiter = &last->limiter, .abandon = true, .release = last_release};
    return weft_blocking_with(last_fn, last, &options);
}

/* Starts it and abandons it, and forgets that the run has ever looked around before. */
static void last_begin(struct last *last)
{
    struct weft__runtime *rt = a_load(&weft__runtime_now, seq_cst);
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, last_task, &last), 0);
    block_await(&last->running, 1);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    a_store(&rt->idle.unsure, 0, relaxed);
    a_store(&last->is_abandoned, 1, release);
}

/* It gives a unit back and may wake whom it likes: who waits for that is not in a deadlock. */
TASK_TEST_REAL(offload_abandoned_call_wakes)
{
    for (int i = 0; i < 2; i++) {
        struct last last = {.limiter = WEFT_LIMITER_INIT(1)};
        weft_sem_init(&last.sem, 0);
        last_begin(&last);
        if (i == 0) {
            EXPECT_EQ(weft_limiter_take(&last.limiter), 0);
            weft_limiter_give(&last.limiter);
        } else {
            EXPECT_EQ(weft_sem_wait(&last.sem), 0);
        }
        block_await(&last.released, 1);
        EXPECT_EQ(weft_limiter_used(&last.limiter), 0);
        weft_limiter_fini(&last.limiter);
        weft_sem_fini(&last.sem);
    }
}

static int last_main(void *arg)
{
    struct last last = {.limiter = WEFT_LIMITER_INIT(1)};
    last_begin(&last);
    EXPECT_EQ(weft_sem_wait(&last.sem), 0);
    *(bool *)arg = a_load(&a_load(&weft__runtime_now, seq_cst)->deadlocked, relaxed) != 0;
    return weft_sem_wait(&last.sem);
}

/* Once it is over, a deadlock is one again. */
TEST(offload_abandoned_call_hides_no_deadlock)
{
    bool too_early = true;
    EXPECT_EQ(weft_run_with(last_main, &too_early, &(weft_options){.workers = 2}), -WEFT_EDEADLK);
    EXPECT(!too_early);
}

/* ---- at random: each call ends one way, and is released once ---- */

enum { MESS_TASKS = 40 };

struct mess {
    weft_limiter limiter;
    ATOMIC(uint32_t) made, ran, released, cancelled;
};

static int mess_fn(void *arg)
{
    struct mess *mess = arg;
    int64_t until = weft__time_now() + 30 * WEFT_US;
    while (weft__time_now() < until) {
    }
    a_add(&mess->ran, 1, relaxed);
    return 0;
}

static void mess_release(void *arg)
{
    a_add(&((struct mess *)arg)->released, 1, release);
}

static int mess_task(void *arg)
{
    struct mess *mess = *(struct mess **)arg;
    struct weft__rng rng;
    weft__rng_seed(&rng, weft__rng_entropy());
    for (int i = 0; i < TEST_ROUNDS(20, 2000); i++) {
        weft_blocking_options options = {
            .limiter = weft__rng_below(&rng, 2) ? &mess->limiter : NULL,
            .abandon = true,
            .release = mess_release};
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after((int64_t)weft__rng_below(&rng, 200 * WEFT_US)));
        a_add(&mess->made, 1, relaxed);
        int rc = weft_blocking_with(mess_fn, mess, &options);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        a_add(&mess->cancelled, rc != 0, relaxed);
        int close = weft_scope_close(&scope);
        EXPECT_EQ(close, rc == 0 ? 0 : -WEFT_ETIMEDOUT);
    }
    return 0;
}

TASK_TEST_REAL(offload_mess_of_calls)
{
    struct mess mess = {.made = 0}, *arg = &mess;
    weft_scope scope;
    weft_limiter_init(&mess.limiter, 3);
    weft_scope_open(&scope);
    for (int i = 0; i < MESS_TASKS; i++) {
        EXPECT_EQ(weft_go(&scope, mess_task, &arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    block_await(&mess.released, a_load(&mess.made, relaxed));
    EXPECT_EQ(a_load(&mess.released, acquire), a_load(&mess.made, relaxed));
    EXPECT(a_load(&mess.ran, relaxed) + a_load(&mess.cancelled, relaxed) >=
           a_load(&mess.made, relaxed));
    EXPECT_EQ(weft_limiter_used(&mess.limiter), 0);
    weft_limiter_fini(&mess.limiter);
}
