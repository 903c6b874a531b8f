/* mutex_test.c - one at a time, in order, without starving, and every misuse named.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/mutex.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/time.h"
#include "sync/sync_probe.h"

struct mutex_probe {
    weft_mutex mutex;
    weft_mutex other;
    weft_latch both;
    weft_scope scope;
    ATOMIC(int) locks, running, stop;
    int counter, rounds, next;
    int64_t since; /* see probe_goes_on */
    int order[8];
};

static weft_mutex mutex_static = WEFT_MUTEX_INIT;

/* ---- mutual exclusion ---- */

static int mutex_count_up(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    for (int i = 0; probe_goes_on(i, p->rounds, p->since); i++) {
        if (i % 7 == 3 && weft_mutex_try_lock(&p->mutex) < 0) {
            EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        } else if (i % 7 != 3) {
            EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        }
        EXPECT_EQ(a_xchg(&p->running, 1, relaxed), 0);
        int seen = p->counter;
        if (i % 50 == 0) {
            EXPECT_EQ(weft_yield(), 0);
        }
        p->counter = seen + 1;
        EXPECT_EQ(a_xchg(&p->running, 0, relaxed), 1);
        weft_mutex_unlock(&p->mutex);
        a_add(&p->locks, 1, relaxed);
    }
    return 0;
}

static void *mutex_count_up_thread(void *arg)
{
    void *p = arg;
    mutex_count_up(&p);
    return NULL;
}

TASK_TEST_REAL(mutex_excludes)
{
    struct mutex_probe p = {.rounds = 2000};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 8; i++) {
        probe_go(&p.scope, mutex_count_up, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(p.counter, 8 * p.rounds);
    weft_mutex_fini(&p.mutex);
}

TASK_TEST_REAL(mutex_excludes_tasks_and_threads)
{
    struct mutex_probe p = {.rounds = 1000, .since = weft__time_now()};
    pthread_t threads[3];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, mutex_count_up_thread, &p), 0);
        probe_go(&p.scope, mutex_count_up, &p);
    }
    void *pointer = &p;
    EXPECT_EQ(weft_go_with(&p.scope, mutex_count_up, &pointer, sizeof pointer,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(p.counter, a_load(&p.locks, relaxed));
    weft_mutex_fini(&p.mutex);
}

TEST(mutex_excludes_threads_without_runtime)
{
    static struct mutex_probe p = {.rounds = 3000};
    pthread_t threads[4];
    p.since = weft__time_now();
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, mutex_count_up_thread, &p), 0);
    }
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(p.counter, a_load(&p.locks, relaxed));
    weft_mutex_fini(&p.mutex);
}

TEST(mutex_needs_no_init)
{
    weft_mutex mutex;
    memset(&mutex, 0xff, sizeof mutex);
    weft_mutex_init(&mutex);
    EXPECT_EQ(weft_mutex_lock(&mutex), 0);
    EXPECT_EQ(weft_mutex_try_lock(&mutex), -WEFT_EAGAIN);
    weft_mutex_unlock(&mutex);
    EXPECT_EQ(weft_mutex_try_lock(&mutex), 0);
    weft_mutex_unlock(&mutex);
    weft_mutex_fini(&mutex);
    weft_mutex_fini(NULL);
    EXPECT_EQ(weft_mutex_lock(&mutex_static), 0);
    weft_mutex_unlock(&mutex_static);
    weft_mutex_fini(&mutex_static);
}

/* ---- order and fairness ---- */

static int mutex_note_order(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    int me = a_add(&p->locks, 1, relaxed);
    EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
    p->order[p->next++] = me;
    weft_mutex_unlock(&p->mutex);
    return 0;
}

TASK_TEST(mutex_wakes_in_order)
{
    struct mutex_probe p = {0};
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    weft_scope_open(&p.scope);
    for (int i = 0; i < 8; i++) {
        probe_go(&p.scope, mutex_note_order, &p);
        probe_settle();
    }
    weft_mutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(p.order[i], i);
    }
}

static int mutex_take_and_stop(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    a_store(&p->running, 1, relaxed);
    EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
    a_store(&p->stop, 1, relaxed);
    weft_mutex_unlock(&p->mutex);
    return 0;
}

static void *mutex_take_and_stop_thread(void *arg)
{
    void *p = arg;
    mutex_take_and_stop(&p);
    return NULL;
}

/* Holds it nearly always. */
static int mutex_hog(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    while (!a_load(&p->stop, relaxed)) {
        EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        int64_t until = weft__time_now() + 20 * WEFT_US;
        while (weft__time_now() < until) {
            a_relax();
        }
        weft_mutex_unlock(&p->mutex);
    }
    return 0;
}

TASK_TEST_REAL(mutex_hog_starves_nobody)
{
    struct mutex_probe p = {0};
    pthread_t thread;
    weft_scope_open(&p.scope);
    probe_go(&p.scope, mutex_hog, &p);
    probe_go(&p.scope, mutex_take_and_stop, &p);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    a_store(&p.stop, 0, relaxed);
    weft_scope_open(&p.scope);
    EXPECT_EQ(pthread_create(&thread, NULL, mutex_take_and_stop_thread, &p), 0);
    probe_go(&p.scope, mutex_hog, &p);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

/* The virtual clock stands still meanwhile: there is always something to run.  How often we come
 * round says nothing: whoever is to run the other task may have to wait for a CPU. */
TASK_TEST(mutex_hog_that_yields_starves_nobody)
{
    struct mutex_probe p = {0};
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    probe_go(&p.scope, mutex_take_and_stop, &p);
    do {
        EXPECT_EQ(weft_yield(), 0);
        weft_mutex_unlock(&p.mutex);
        EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    } while (!a_load(&p.stop, relaxed));
    weft_mutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
}

/* Passed for a virtual millisecond: the next unlock hands it over. */
TASK_TEST(mutex_is_handed_over_after_1_ms)
{
    struct mutex_probe p = {0};
    int rounds = 0;
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    probe_go(&p.scope, mutex_take_and_stop, &p);
    do {
        probe_settle();
        EXPECT(!a_load(&p.stop, relaxed) || rounds > 0);
        weft_mutex_unlock(&p.mutex);
        EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
        rounds++;
    } while (!a_load(&p.stop, relaxed));
    weft_mutex_unlock(&p.mutex);
    EXPECT(rounds <= 4);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
}

TASK_TEST(mutex_stats_count)
{
    struct mutex_probe p = {0};
    weft_mutex_counts counts;
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    for (int i = 0; i < 3; i++) {
        probe_go(&p.scope, mutex_note_order, &p);
        probe_settle();
    }
    weft_mutex_stats(&p.mutex, &counts);
    EXPECT_EQ(counts.locks, 1);
    EXPECT_EQ(counts.waits, 3);
    EXPECT_EQ(counts.waiting, 3);
    weft_mutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(weft_mutex_try_lock(&p.mutex), 0);
    weft_mutex_unlock(&p.mutex);
    weft_mutex_stats(&p.mutex, &counts);
    EXPECT_EQ(counts.locks, 5);
    EXPECT(counts.waits >= 3);
    EXPECT_EQ(counts.cancels, 0);
    EXPECT_EQ(counts.waiting, 0);
    weft_mutex_fini(&p.mutex);
}

/* ---- cancel ---- */

static int mutex_try_to_take(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    int rc = weft_mutex_lock(&p->mutex);
    if (rc == 0) {
        p->counter++;
        weft_mutex_unlock(&p->mutex);
        a_add(&p->locks, 1, relaxed);
    } else {
        EXPECT_EQ(rc, -WEFT_ECANCELED);
    }
    return 0;
}

TASK_TEST(mutex_refuses_in_a_cancelled_scope)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_mutex_lock(&mutex), -WEFT_ECANCELED);
    EXPECT_EQ(weft_mutex_try_lock(&mutex), 0);
    weft_mutex_unlock(&mutex);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    weft_mutex_fini(&mutex);
}

/* A cancelled lock leaves no waiter, and the owner's unlock does not hand it over. */
TASK_TEST(t14_cancelled_lock_leaves_no_waiter)
{
    struct mutex_probe p = {0};
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, mutex_try_to_take, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    weft_mutex_unlock(&p.mutex);
    EXPECT_EQ(p.counter, 0);
    EXPECT_EQ(weft_mutex_try_lock(&p.mutex), 0);
    weft_mutex_unlock(&p.mutex);
    weft_mutex_fini(&p.mutex);
}

/* Cancelled, but not run since: the unlock passes it by, for the one behind it. */
TASK_TEST(mutex_goes_to_the_one_behind_a_cancelled)
{
    struct mutex_probe p = {0};
    weft_scope behind;
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    weft_scope_open(&behind);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, mutex_try_to_take, &p);
    probe_settle();
    probe_go(&behind, mutex_try_to_take, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    weft_mutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&behind), 0);
    EXPECT_EQ(p.counter, 1);
    weft_mutex_fini(&p.mutex);
}

/* One waiter is cancelled while the mutex is let go; one that is not must always get it. */
static void mutex_race_unlock_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 15);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct mutex_probe p = {0};
        weft_scope all;
        EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
        weft_scope_open(&all);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, mutex_try_to_take, &p);
        probe_go(&all, mutex_try_to_take, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        weft_mutex_unlock(&p.mutex);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&all), 0);
        EXPECT_EQ(p.counter, a_load(&p.locks, relaxed));
        EXPECT(p.counter == 1 || p.counter == 2);
        EXPECT_EQ(weft_mutex_try_lock(&p.mutex), 0);
        weft_mutex_unlock(&p.mutex);
        weft_mutex_fini(&p.mutex);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(t15_unlock_against_cancel)
{
    mutex_race_unlock_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(t15_unlock_against_cancel_night)
{
    mutex_race_unlock_cancel(PROBE_NIGHT);
}

/* ---- who gets it may free it ---- */

struct mutex_shared {
    weft_mutex mutex;
    int refs;
};

static int mutex_unref(void *arg)
{
    struct mutex_shared *s = probe_arg(arg);
    EXPECT_EQ(weft_mutex_lock(&s->mutex), 0);
    bool is_last = --s->refs == 0;
    weft_mutex_unlock(&s->mutex);
    if (is_last) {
        weft_mutex_fini(&s->mutex);
        memset(s, 0xee, sizeof *s);
        free(s);
    }
    return 0;
}

TASK_TEST_REAL(mutex_may_be_freed_by_the_last_user)
{
    for (int i = 0; i < 3000; i++) {
        struct mutex_shared *s = calloc(1, sizeof *s);
        weft_scope scope;
        EXPECT(s != NULL);
        s->refs = 4;
        weft_scope_open(&scope);
        for (int k = 0; k < 4; k++) {
            probe_go(&scope, mutex_unref, s);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* ---- the cost of waiting ---- */

static int mutex_in_turns(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        EXPECT_EQ(weft_yield(), 0);
        weft_mutex_unlock(&p->mutex);
        EXPECT_EQ(weft_yield(), 0);
    }
    return 0;
}

TASK_TEST(mutex_waiting_allocates_nothing)
{
    struct mutex_probe p = {0};
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.scope, mutex_in_turns, &p);
    }
    probe_settle();
    test_watch_allocations();
    weft_mutex_unlock(&p.mutex);
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
        weft_mutex_unlock(&p.mutex);
        EXPECT_EQ(weft_yield(), 0);
    }
    test_expect_no_allocations();
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
}

/* ---- deadlock ---- */

static int mutex_take_both(struct mutex_probe *p, weft_mutex *first, weft_mutex *second)
{
    int rc = weft_mutex_lock(first);
    EXPECT_EQ(rc, 0);
    weft_latch_down(&p->both, 1);
    EXPECT_EQ(weft_latch_wait(&p->both), 0);
    rc = weft_mutex_lock(second);
    if (rc == 0) {
        weft_mutex_unlock(second);
    }
    weft_mutex_unlock(first);
    return rc;
}

static int mutex_take_left(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    return mutex_take_both(p, &p->mutex, &p->other);
}

static int mutex_take_right(void *arg)
{
    struct mutex_probe *p = probe_arg(arg);
    return mutex_take_both(p, &p->other, &p->mutex);
}

static int mutex_deadlock_root(void *arg)
{
    struct mutex_probe p = {.both = WEFT_LATCH_INIT(2)};
    void *pointer = &p;
    (void)arg;
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_go_with(&p.scope, mutex_take_left, &pointer, sizeof pointer,
                           &(weft_task_options){.name = "lefty"}), 0);
    EXPECT_EQ(weft_go_with(&p.scope, mutex_take_right, &pointer, sizeof pointer,
                           &(weft_task_options){.name = "righty"}), 0);
    int rc = weft_scope_close(&p.scope);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    weft_mutex_fini(&p.mutex);
    weft_mutex_fini(&p.other);
    return rc;
}

static void mutex_expect_deadlock(const weft_options *options)
{
    char text[16384];
    int ends[2], rc;
    EXPECT_EQ(pipe(ends), 0);
    int old_stderr = dup(STDERR_FILENO);
    EXPECT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    rc = weft_run_with(mutex_deadlock_root, NULL, options);
    EXPECT_EQ(dup2(old_stderr, STDERR_FILENO), STDERR_FILENO);
    close(old_stderr);
    close(ends[1]);
    probe_read_all(ends[0], text, sizeof text);
    EXPECT_EQ(rc, -WEFT_EDEADLK);
    probe_said(text, "deadlock");
    probe_said(text, "lefty waits for mutex");
    probe_said(text, "righty waits for mutex");
    probe_said(text, "held by lefty");
    probe_said(text, "held by righty");
    probe_said(text, "mutex_take_both");
}

TEST(mutex_deadlock_is_reported_by_1_worker)
{
    mutex_expect_deadlock(&(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(mutex_deadlock_is_reported_by_4_workers)
{
    mutex_expect_deadlock(&(weft_options){.workers = 4});
}

/* The holder has ended, and its thread's memory is gone: the graph says so, and reads nothing. */
static void *mutex_lock_and_end(void *arg)
{
    EXPECT_EQ(weft_mutex_lock(arg), 0);
    return NULL;
}

static int mutex_wait_for_the_dead(void *arg)
{
    static weft_mutex left_behind;
    pthread_t thread;
    (void)arg;
    EXPECT_EQ(pthread_create(&thread, NULL, mutex_lock_and_end, &left_behind), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    return weft_mutex_lock(&left_behind);
}

TEST(mutex_deadlock_with_an_ended_holder)
{
    char text[8192];
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    int old_stderr = dup(STDERR_FILENO);
    EXPECT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    int rc = weft_run_with(mutex_wait_for_the_dead, NULL, &(weft_options){.workers = 1});
    EXPECT_EQ(dup2(old_stderr, STDERR_FILENO), STDERR_FILENO);
    close(old_stderr);
    close(ends[1]);
    probe_read_all(ends[0], text, sizeof text);
    EXPECT_EQ(rc, -WEFT_EDEADLK);
    probe_said(text, "a task that has ended");
}

/* ---- misuse ---- */

static __attribute__((noinline)) void mutex_site_lock(void)
{
    EXPECT_EQ(weft_mutex_lock(&mutex_static), 0);
    a_compiler_fence();
}

static __attribute__((noinline)) void mutex_site_unlock(void)
{
    weft_mutex_unlock(&mutex_static);
    a_compiler_fence();
}

static __attribute__((noinline)) void mutex_site_fini(void)
{
    weft_mutex_fini(&mutex_static);
    a_compiler_fence();
}

static void mutex_misuse_unlock(void)
{
    mutex_site_lock();
    mutex_site_unlock();
    mutex_site_unlock();
}

static void mutex_misuse_lock_twice(void)
{
    mutex_site_lock();
    mutex_site_lock();
}

static void mutex_misuse_fini(void)
{
    mutex_site_lock();
    mutex_site_fini();
}

static int mutex_locking_task(void *arg)
{
    (void)arg;
    mutex_site_lock();
    return weft_sleep(WEFT_SECOND);
}

static int mutex_unlocking_task(void *arg)
{
    (void)arg;
    probe_settle();
    mutex_site_unlock();
    return 0;
}

static int mutex_misuse_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    (void)weft_go_with(&scope, mutex_locking_task, NULL, 0,
                       &(weft_task_options){.name = "the-holder"});
    (void)weft_go(&scope, mutex_unlocking_task, NULL);
    return weft_scope_close(&scope);
}

static void mutex_misuse_unlock_other(void)
{
    (void)weft_run_with(mutex_misuse_root, NULL,
                        &(weft_options){.workers = 2, .virtual_clock = true});
}

TEST(mutex_unlock_not_held_panics)
{
    probe_panics(mutex_misuse_unlock, "weft_mutex_unlock: the mutex is not locked",
                 "unlocked at  mutex_site_unlock", "last locked at  mutex_site_lock");
}

TEST(mutex_unlock_of_another_panics)
{
    probe_panics(mutex_misuse_unlock_other, "weft_mutex_unlock: the mutex is held by 'the-holder'",
                 "unlocked at  mutex_site_unlock", "locked at  mutex_site_lock");
}

TEST(mutex_lock_twice_panics)
{
    probe_panics(mutex_misuse_lock_twice, "weft_mutex_lock: the mutex is held by the caller",
                 "locked again at  mutex_site_lock", "locked at  mutex_site_lock");
}

TEST(mutex_fini_while_held_panics)
{
    probe_panics(mutex_misuse_fini, "weft_mutex_fini: the mutex is held by the caller",
                 "destroyed at  mutex_site_fini", "locked at  mutex_site_lock");
}
