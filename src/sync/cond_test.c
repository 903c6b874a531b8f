/* cond_test.c - no signal is lost, none is eaten by the cancelled, and the mutex is always held
 * after.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "sync/sync_probe.h"

struct cond_probe {
    weft_mutex mutex;
    weft_cond cond;
    weft_scope scope;
    ATOMIC(int) woken, cancelled, next;
    int tickets, rounds, waiting;
    int order[8];
};

static weft_mutex cond_static_mutex = WEFT_MUTEX_INIT, cond_other_mutex = WEFT_MUTEX_INIT;
static weft_cond cond_static = WEFT_COND_INIT;

/* The caller holds it: everybody else finds it taken. */
static void cond_expect_held(weft_mutex *mutex)
{
    EXPECT_EQ(weft_mutex_try_lock(mutex), -WEFT_EAGAIN);
}

TEST(cond_signal_without_waiters_does_nothing)
{
    weft_cond cond;
    memset(&cond, 0xff, sizeof cond);
    weft_cond_init(&cond);
    weft_cond_signal(&cond);
    weft_cond_broadcast(&cond);
    weft_cond_fini(&cond);
    weft_cond_signal(&cond_static);
    weft_cond_broadcast(&cond_static);
    weft_cond_fini(&cond_static);
    weft_cond_fini(NULL);
}

static int cond_note_order(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    int me = a_add(&p->woken, 1, relaxed);
    EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
    EXPECT_EQ(weft_cond_wait(&p->cond, &p->mutex), 0);
    cond_expect_held(&p->mutex);
    p->order[a_load(&p->next, relaxed)] = me;
    a_add(&p->next, 1, release);
    weft_mutex_unlock(&p->mutex);
    return 0;
}

TASK_TEST(cond_signals_in_order)
{
    struct cond_probe p = {0};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 8; i++) {
        probe_go(&p.scope, cond_note_order, &p);
        probe_settle();
    }
    for (int i = 0; i < 4; i++) {
        weft_cond_signal(&p.cond);
        probe_settle();
        EXPECT_EQ(a_load(&p.next, acquire), i + 1);
        EXPECT_EQ(p.order[i], i);
    }
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    weft_cond_broadcast(&p.cond);
    probe_settle();
    EXPECT_EQ(a_load(&p.next, acquire), 4);
    weft_mutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.next, acquire), 8);
    weft_cond_fini(&p.cond);
    weft_mutex_fini(&p.mutex);
}

/* ---- a queue of tickets, between tasks and threads ---- */

static int cond_make(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        p->tickets++;
        if (i % 2) {
            weft_cond_signal(&p->cond);
        }
        weft_mutex_unlock(&p->mutex);
        if (i % 2 == 0) {
            weft_cond_signal(&p->cond);
        }
    }
    return 0;
}

static int cond_take(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        while (p->tickets == 0) {
            EXPECT_EQ(weft_cond_wait(&p->cond, &p->mutex), 0);
        }
        p->tickets--;
        weft_mutex_unlock(&p->mutex);
    }
    return 0;
}

static void *cond_make_thread(void *arg)
{
    void *p = arg;
    cond_make(&p);
    return NULL;
}

static void *cond_take_thread(void *arg)
{
    void *p = arg;
    cond_take(&p);
    return NULL;
}

TASK_TEST_REAL(cond_serves_tasks_and_threads)
{
    struct cond_probe p = {.rounds = 1000};
    pthread_t threads[4];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[2 * i], NULL, cond_take_thread, &p), 0);
        EXPECT_EQ(pthread_create(&threads[2 * i + 1], NULL, cond_make_thread, &p), 0);
        probe_go(&p.scope, cond_take, &p);
        probe_go(&p.scope, cond_make, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(p.tickets, 0);
    weft_cond_fini(&p.cond);
    weft_mutex_fini(&p.mutex);
}

static int cond_wait_for_all(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
    p->waiting++;
    while (p->tickets == 0) {
        EXPECT_EQ(weft_cond_wait(&p->cond, &p->mutex), 0);
    }
    a_add(&p->next, 1, release);
    weft_mutex_unlock(&p->mutex);
    return 0;
}

TASK_TEST_REAL(cond_broadcast_wakes_all)
{
    for (int round = 0; round < 200; round++) {
        struct cond_probe p = {0};
        weft_scope_open(&p.scope);
        for (int i = 0; i < 10; i++) {
            probe_go(&p.scope, cond_wait_for_all, &p);
        }
        for (int all = 0; !all;) {
            EXPECT_EQ(weft_yield(), 0);
            EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
            all = p.waiting == 10;
            weft_mutex_unlock(&p.mutex);
        }
        EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
        p.tickets = 1;
        weft_mutex_unlock(&p.mutex);
        weft_cond_broadcast(&p.cond);
        EXPECT_EQ(weft_scope_close(&p.scope), 0);
        EXPECT_EQ(a_load(&p.next, acquire), 10);
    }
}

/* ---- cancel ---- */

static int cond_wait_once(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
    int rc = weft_cond_wait(&p->cond, &p->mutex);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    cond_expect_held(&p->mutex);
    a_add(&p->next, 1, release);
    a_add(rc == 0 ? &p->woken : &p->cancelled, 1, relaxed);
    weft_mutex_unlock(&p->mutex);
    return 0;
}

/* A cancelled wait returns with the mutex held, even if it has to wait for that. */
TASK_TEST(t20_cancelled_wait_holds_the_mutex)
{
    struct cond_probe p = {0};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, cond_wait_once, &p);
    probe_settle();
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    weft_scope_cancel(&p.scope);
    weft_scope shield;
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    probe_settle();
    EXPECT_EQ(a_load(&p.next, acquire), 0);
    weft_mutex_unlock(&p.mutex);
    probe_settle();
    EXPECT_EQ(a_load(&p.next, acquire), 1);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.cancelled, relaxed), 1);
    weft_cond_fini(&p.cond);
    weft_mutex_fini(&p.mutex);
}

/* One is signalled, and one cancelled. */
TASK_TEST(cond_stats_count)
{
    struct cond_probe p = {0};
    weft_cond_counts counts;
    weft_scope_open(&p.scope);
    probe_go(&p.scope, cond_wait_once, &p);
    probe_settle();
    probe_go(&p.scope, cond_wait_once, &p);
    probe_settle();
    weft_cond_stats(&p.cond, &counts);
    EXPECT_EQ(counts.waiting, 2);
    weft_cond_signal(&p.cond);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    weft_cond_stats(&p.cond, &counts);
    EXPECT_EQ(counts.waits, 2);
    EXPECT_EQ(counts.wakes, 1);
    EXPECT_EQ(counts.cancels, 1);
    EXPECT_EQ(counts.waiting, 0);
    weft_cond_fini(&p.cond);
    weft_mutex_fini(&p.mutex);
}

TASK_TEST(cond_refuses_in_a_cancelled_scope)
{
    struct cond_probe p = {0};
    EXPECT_EQ(weft_mutex_lock(&p.mutex), 0);
    weft_scope_open(&p.scope);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_cond_wait(&p.cond, &p.mutex), -WEFT_ECANCELED);
    cond_expect_held(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    weft_mutex_unlock(&p.mutex);
}

/* Cancelled, but not run since: the signal goes to the one behind. */
TASK_TEST(cond_cancelled_waiter_eats_no_signal)
{
    struct cond_probe p = {0};
    weft_scope behind;
    weft_scope_open(&behind);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, cond_wait_once, &p);
    probe_settle();
    probe_go(&behind, cond_wait_once, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    weft_cond_signal(&p.cond);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&behind), 0);
    EXPECT_EQ(a_load(&p.woken, relaxed), 1);
    EXPECT_EQ(a_load(&p.cancelled, relaxed), 1);
}

/* Signalled, then cancelled before it runs: 0. */
TASK_TEST(cond_signalled_then_cancelled)
{
    struct cond_probe p = {0};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, cond_wait_once, &p);
    probe_settle();
    weft_cond_signal(&p.cond);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.woken, relaxed), 1);
}

/* Is cancelled, or passes the signal on. */
static int cond_relay(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    int rc = weft_mutex_lock(&p->mutex);
    if (rc < 0) {
        return 0;
    }
    if (p->tickets == 0 && weft_cond_wait(&p->cond, &p->mutex) == 0) {
        weft_cond_signal(&p->cond);
    }
    cond_expect_held(&p->mutex);
    weft_mutex_unlock(&p->mutex);
    return 0;
}

static void cond_race_signal_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 20);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct cond_probe p = {0};
        weft_scope all;
        weft_scope_open(&all);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, cond_relay, &p);
        probe_go(&all, cond_wait_for_all, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        while (weft_mutex_try_lock(&p.mutex) < 0) {
            a_relax();
        }
        p.tickets = 1;
        weft_cond_signal(&p.cond);
        weft_mutex_unlock(&p.mutex);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&all), 0);
        EXPECT_EQ(a_load(&p.next, acquire), 1);
        weft_cond_fini(&p.cond);
        weft_mutex_fini(&p.mutex);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(cond_signal_against_cancel)
{
    cond_race_signal_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(cond_signal_against_cancel_night)
{
    cond_race_signal_cancel(PROBE_NIGHT);
}

/* ---- who is woken may free it ---- */

static int cond_signal_and_forget(void *arg)
{
    struct cond_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
    p->tickets = 1;
    weft_cond_signal(&p->cond);
    weft_mutex_unlock(&p->mutex);
    return 0;
}

TASK_TEST_REAL(cond_may_be_freed_by_the_waiter)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3000; i++) {
        struct cond_probe *p = calloc(1, sizeof *p);
        EXPECT(p != NULL);
        EXPECT_EQ(weft_mutex_lock(&p->mutex), 0);
        probe_go(&scope, cond_signal_and_forget, p);
        while (p->tickets == 0) {
            EXPECT_EQ(weft_cond_wait(&p->cond, &p->mutex), 0);
        }
        weft_mutex_unlock(&p->mutex);
        memset(p, 0xee, sizeof *p);
        free(p);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- misuse ---- */

static __attribute__((noinline)) void cond_site_wait(weft_mutex *mutex)
{
    (void)!weft_cond_wait(&cond_static, mutex);
    a_compiler_fence();
}

static __attribute__((noinline)) void cond_site_lock(weft_mutex *mutex)
{
    EXPECT_EQ(weft_mutex_lock(mutex), 0);
    a_compiler_fence();
}

static void cond_misuse_without_mutex(void)
{
    cond_site_lock(&cond_static_mutex);
    weft_mutex_unlock(&cond_static_mutex);
    cond_site_wait(&cond_static_mutex);
}

static int cond_first_task(void *arg)
{
    (void)arg;
    cond_site_lock(&cond_static_mutex);
    cond_site_wait(&cond_static_mutex);
    return 0;
}

static __attribute__((noinline)) int cond_second_task(void *arg)
{
    (void)arg;
    probe_settle();
    cond_site_lock(&cond_other_mutex);
    (void)!weft_cond_wait(&cond_static, &cond_other_mutex);
    a_compiler_fence();
    return 0;
}

static __attribute__((noinline)) int cond_fini_task(void *arg)
{
    (void)arg;
    probe_settle();
    weft_cond_fini(&cond_static);
    a_compiler_fence();
    return 0;
}

static int cond_misuse_two_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    (void)weft_go(&scope, cond_first_task, NULL);
    (void)weft_go(&scope, cond_second_task, NULL);
    return weft_scope_close(&scope);
}

static int cond_misuse_fini_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    (void)weft_go(&scope, cond_first_task, NULL);
    (void)weft_go(&scope, cond_fini_task, NULL);
    return weft_scope_close(&scope);
}

static void cond_misuse_two(void)
{
    (void)weft_run_with(cond_misuse_two_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

static void cond_misuse_fini(void)
{
    (void)weft_run_with(cond_misuse_fini_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(cond_wait_without_mutex_panics)
{
    probe_panics(cond_misuse_without_mutex, "weft_cond_wait: the mutex is not locked",
                 "waited at  cond_site_wait", "last locked at  cond_site_lock");
}

TEST(cond_with_two_mutexes_panics)
{
    probe_panics(cond_misuse_two, "weft_cond_wait: waited for with two different mutexes",
                 "waited at  cond_second_task", "and at  cond_site_wait");
}

TEST(cond_fini_while_waited_for_panics)
{
    probe_panics(cond_misuse_fini, "weft_cond_fini: a task still waits for it",
                 "destroyed at  cond_fini_task", "waited for at  cond_site_wait");
}
