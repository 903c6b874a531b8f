/* sem_test.c - units are neither lost nor made up, whoever is cancelled.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "sync/sync_probe.h"

struct sem_probe {
    weft_sem sem;
    weft_scope scope;
    ATOMIC(int) taken, next;
    int rounds;
    int order[8];
};

static weft_sem sem_static = WEFT_SEM_INIT(2);

TEST(sem_counts)
{
    weft_sem sem;
    EXPECT_EQ(weft_sem_value(&sem_static), 2);
    EXPECT_EQ(weft_sem_wait(&sem_static), 0);
    EXPECT_EQ(weft_sem_try_wait(&sem_static), 0);
    EXPECT_EQ(weft_sem_try_wait(&sem_static), -WEFT_EAGAIN);
    weft_sem_post(&sem_static);
    EXPECT_EQ(weft_sem_value(&sem_static), 1);
    weft_sem_fini(&sem_static);
    memset(&sem, 0xff, sizeof sem);
    weft_sem_init(&sem, WEFT_SEM_MAX);
    EXPECT_EQ(weft_sem_value(&sem), WEFT_SEM_MAX);
    EXPECT_EQ(weft_sem_wait(&sem), 0);
    weft_sem_post(&sem);
    EXPECT_EQ(weft_sem_value(&sem), WEFT_SEM_MAX);
    weft_sem_fini(&sem);
    weft_sem_fini(NULL);
}

static int sem_note_order(void *arg)
{
    struct sem_probe *p = probe_arg(arg);
    int me = a_add(&p->taken, 1, relaxed);
    EXPECT_EQ(weft_sem_wait(&p->sem), 0);
    int turn = a_load(&p->next, relaxed);
    p->order[turn] = me;
    a_store(&p->next, turn + 1, release);
    return 0;
}

TASK_TEST(sem_wakes_in_order)
{
    struct sem_probe p = {0};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 8; i++) {
        probe_go(&p.scope, sem_note_order, &p);
        probe_settle();
    }
    EXPECT_EQ(weft_sem_value(&p.sem), 0);
    EXPECT_EQ(weft_sem_try_wait(&p.sem), -WEFT_EAGAIN);
    for (int i = 0; i < 8; i++) {
        weft_sem_post(&p.sem);
        EXPECT_EQ(weft_sem_try_wait(&p.sem), -WEFT_EAGAIN);
        probe_settle();
        EXPECT_EQ(a_load(&p.next, acquire), i + 1);
        EXPECT_EQ(p.order[i], i);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_sem_fini(&p.sem);
}

/* ---- from everywhere to everywhere ---- */

static int sem_post_rounds(void *arg)
{
    struct sem_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        weft_sem_post(&p->sem);
    }
    return 0;
}

static int sem_wait_rounds(void *arg)
{
    struct sem_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        EXPECT_EQ(weft_sem_wait(&p->sem), 0);
        a_add(&p->taken, 1, relaxed);
    }
    return 0;
}

static void *sem_post_thread(void *arg)
{
    void *p = arg;
    sem_post_rounds(&p);
    return NULL;
}

static void *sem_wait_thread(void *arg)
{
    void *p = arg;
    sem_wait_rounds(&p);
    return NULL;
}

TASK_TEST_REAL(sem_serves_tasks_and_threads)
{
    struct sem_probe p = {.rounds = 2000};
    pthread_t threads[4];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[2 * i], NULL, sem_wait_thread, &p), 0);
        EXPECT_EQ(pthread_create(&threads[2 * i + 1], NULL, sem_post_thread, &p), 0);
        probe_go(&p.scope, sem_wait_rounds, &p);
        probe_go(&p.scope, sem_post_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(a_load(&p.taken, relaxed), 4 * p.rounds);
    EXPECT_EQ(weft_sem_value(&p.sem), 0);
    weft_sem_fini(&p.sem);
}

static void sem_post_it(void *arg)
{
    weft_sem_post(arg);
}

TASK_TEST(sem_is_posted_by_the_service_thread)
{
    weft_sem sem = WEFT_SEM_INIT(0);
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(weft_post(sem_post_it, &sem), 0);
        EXPECT_EQ(weft_sem_wait(&sem), 0);
    }
    weft_sem_fini(&sem);
}

/* ---- cancel ---- */

static int sem_try_to_take(void *arg)
{
    struct sem_probe *p = probe_arg(arg);
    int rc = weft_sem_wait(&p->sem);
    if (rc == 0) {
        a_add(&p->taken, 1, relaxed);
    } else {
        EXPECT_EQ(rc, -WEFT_ECANCELED);
    }
    return 0;
}

TASK_TEST(sem_refuses_in_a_cancelled_scope)
{
    weft_sem sem = WEFT_SEM_INIT(1);
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_sem_wait(&sem), -WEFT_ECANCELED);
    EXPECT_EQ(weft_sem_value(&sem), 1);
    EXPECT_EQ(weft_sem_try_wait(&sem), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

TASK_TEST(sem_unit_passes_by_the_cancelled)
{
    struct sem_probe p = {0};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, sem_try_to_take, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    weft_sem_post(&p.sem);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.taken, relaxed), 0);
    EXPECT_EQ(weft_sem_value(&p.sem), 1);
    weft_sem_fini(&p.sem);
}

/* Two waiters, one of them cancelled while two units are posted: nothing is lost. */
static void sem_race_post_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 16);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct sem_probe p = {0};
        weft_scope all;
        weft_scope_open(&all);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, sem_try_to_take, &p);
        probe_go(&all, sem_try_to_take, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        weft_sem_post(&p.sem);
        weft_sem_post(&p.sem);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&all), 0);
        EXPECT_EQ(a_load(&p.taken, relaxed) + (int)weft_sem_value(&p.sem), 2);
        EXPECT(a_load(&p.taken, relaxed) >= 1);
        weft_sem_fini(&p.sem);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(t16_post_against_cancel)
{
    sem_race_post_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(t16_post_against_cancel_night)
{
    sem_race_post_cancel(PROBE_NIGHT);
}

/* ---- who gets the unit may free the semaphore ---- */

static int sem_post_and_forget(void *arg)
{
    weft_sem_post(probe_arg(arg));
    return 0;
}

static void *sem_post_and_forget_thread(void *arg)
{
    for (;;) {
        weft_sem *sem = a_xchg((ATOMIC(weft_sem *) *)arg, NULL, acquire);
        if (sem == &sem_static) {
            return NULL;
        }
        if (sem) {
            weft_sem_post(sem);
        }
    }
}

TASK_TEST_REAL(sem_may_be_freed_by_the_waiter)
{
    weft_scope scope;
    pthread_t thread;
    ATOMIC(weft_sem *) box = NULL;
    EXPECT_EQ(pthread_create(&thread, NULL, sem_post_and_forget_thread, &box), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 3000; i++) {
        weft_sem *sem = calloc(1, sizeof *sem);
        EXPECT(sem != NULL);
        probe_go(&scope, sem_post_and_forget, sem);
        if (i % 2) {
            a_store(&box, sem, release);
            EXPECT_EQ(weft_sem_wait(sem), 0);
        }
        EXPECT_EQ(weft_sem_wait(sem), 0);
        memset(sem, 0xee, sizeof *sem);
        free(sem);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    while (a_load(&box, relaxed) != NULL) {
        a_relax();
    }
    a_store(&box, &sem_static, release);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

/* ---- misuse ---- */

static weft_sem sem_bounded_static = WEFT_SEM_BOUNDED_INIT(1, 2);

TEST(sem_bounded_takes_no_more_than_its_bound)
{
    weft_sem sem;
    weft_sem_counts counts;
    memset(&sem, 0xff, sizeof sem);
    weft_sem_init_bounded(&sem, 2, 2);
    weft_sem_stats(&sem, &counts);
    EXPECT_EQ(counts.max, 2);
    EXPECT_EQ(counts.units, 2);
    EXPECT_EQ(weft_sem_wait(&sem), 0);
    weft_sem_post(&sem);
    EXPECT_EQ(weft_sem_value(&sem), 2);
    weft_sem_fini(&sem);
    weft_sem_stats(&sem_bounded_static, &counts);
    EXPECT_EQ(counts.max, 2);
    EXPECT_EQ(counts.units, 1);
    weft_sem_post(&sem_bounded_static);
    EXPECT_EQ(weft_sem_value(&sem_bounded_static), 2);
    weft_sem_stats(&sem_static, &counts);
    EXPECT_EQ(counts.max, WEFT_SEM_MAX);
}

TASK_TEST(sem_stats_count_waits)
{
    struct sem_probe p = {.sem = WEFT_SEM_INIT(1)};
    weft_sem_counts counts;
    weft_scope_open(&p.scope);
    for (int i = 0; i < 3; i++) {
        probe_go(&p.scope, sem_try_to_take, &p);
        probe_settle();
    }
    weft_sem_stats(&p.sem, &counts);
    EXPECT_EQ(counts.waits, 2);
    EXPECT_EQ(counts.waiting, 2);
    weft_sem_post(&p.sem);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    weft_sem_stats(&p.sem, &counts);
    EXPECT_EQ(counts.waits, 2);
    EXPECT_EQ(counts.wakes, 1);
    EXPECT_EQ(counts.cancels, 1);
    EXPECT_EQ(counts.waiting, 0);
    weft_sem_fini(&p.sem);
}

PANIC_TEST(sem_more_than_its_bound_panics, "weft_sem_init_bounded: 3 units of at most 2")
{
    weft_sem sem;
    weft_sem_init_bounded(&sem, 3, 2);
}

PANIC_TEST(sem_overflow_panics, "weft_sem_post: more than 4294967295 units")
{
    weft_sem sem = WEFT_SEM_INIT(WEFT_SEM_MAX);
    weft_sem_post(&sem);
}

static __attribute__((noinline)) void sem_site_post(void)
{
    weft_sem_post(&sem_bounded_static);
    a_compiler_fence();
}

static __attribute__((noinline)) void sem_site_post_again(void)
{
    a_compiler_fence(); /* else it is the same function to an optimiser */
    weft_sem_post(&sem_bounded_static);
    a_compiler_fence();
}

static void sem_misuse_post(void)
{
    sem_site_post();
    sem_site_post_again();
}

TEST(sem_post_beyond_the_bound_panics)
{
    probe_panics(sem_misuse_post, "weft_sem_post: more than 2 units",
                 "posted at  sem_site_post_again", "posted before at  sem_site_post");
}

static __attribute__((noinline)) int sem_site_wait(void *arg)
{
    (void)arg;
    int rc = weft_sem_wait(&sem_static);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) int sem_site_fini(void *arg)
{
    (void)arg;
    probe_settle();
    weft_sem_fini(&sem_static);
    a_compiler_fence();
    return 0;
}

static int sem_misuse_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_sem_init(&sem_static, 0);
    weft_scope_open(&scope);
    (void)weft_go(&scope, sem_site_wait, NULL);
    (void)weft_go(&scope, sem_site_fini, NULL);
    return weft_scope_close(&scope);
}

static void sem_misuse_fini(void)
{
    (void)weft_run_with(sem_misuse_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(sem_fini_while_waited_for_panics)
{
    probe_panics(sem_misuse_fini, "weft_sem_fini: a task still waits for it",
                 "destroyed at  sem_site_fini", "waited for at  sem_site_wait");
}
