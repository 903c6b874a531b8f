/* event_test.c - a flag that wakes all, and stays up.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "sync/sync_probe.h"

struct event_probe {
    weft_event event, never;
    weft_scope scope;
    ATOMIC(int) woken;
    int rc, next_rc;
};

static weft_event event_static = WEFT_EVENT_INIT;

TEST(event_stays_set_until_cleared)
{
    weft_event event;
    memset(&event, 0xff, sizeof event);
    weft_event_init(&event);
    EXPECT(!weft_event_is_set(&event));
    weft_event_clear(&event);
    weft_event_set(&event);
    weft_event_set(&event);
    EXPECT(weft_event_is_set(&event));
    EXPECT_EQ(weft_event_wait(&event), 0);
    EXPECT_EQ(weft_event_wait(&event), 0);
    weft_event_clear(&event);
    EXPECT(!weft_event_is_set(&event));
    weft_event_fini(&event);
    weft_event_set(&event_static);
    EXPECT_EQ(weft_event_wait(&event_static), 0);
    weft_event_fini(&event_static);
    weft_event_fini(NULL);
}

static int event_wait_and_count(void *arg)
{
    struct event_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_event_wait(&p->event), 0);
    a_add(&p->woken, 1, relaxed);
    return 0;
}

static void *event_wait_and_count_thread(void *arg)
{
    void *p = arg;
    event_wait_and_count(&p);
    return NULL;
}

TASK_TEST(event_wakes_all)
{
    struct event_probe p = {0};
    weft_scope_open(&p.scope);
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 10; i++) {
            probe_go(&p.scope, event_wait_and_count, &p);
        }
        probe_settle();
        EXPECT_EQ(a_load(&p.woken, relaxed), 10 * (round - 1));
        weft_event_set(&p.event);
        weft_event_clear(&p.event); /* those who waited were woken all the same */
        probe_settle();
        EXPECT_EQ(a_load(&p.woken, relaxed), 10 * round);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_event_fini(&p.event);
}

static void event_set_it(void *arg)
{
    weft_event_set(arg);
}

TASK_TEST_REAL(event_wakes_tasks_and_threads)
{
    for (int round = 0; round < 50; round++) {
        struct event_probe p = {0};
        pthread_t threads[2];
        weft_scope_open(&p.scope);
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(pthread_create(&threads[i], NULL, event_wait_and_count_thread, &p), 0);
            probe_go(&p.scope, event_wait_and_count, &p);
        }
        if (round % 2) {
            EXPECT_EQ(weft_post(event_set_it, &p.event), 0);
        } else {
            weft_event_set(&p.event);
        }
        EXPECT_EQ(weft_scope_close(&p.scope), 0);
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(pthread_join(threads[i], NULL), 0);
        }
        EXPECT_EQ(a_load(&p.woken, relaxed), 4);
    }
}

/* ---- cancel ---- */

static int event_wait_twice(void *arg)
{
    struct event_probe *p = probe_arg(arg);
    p->rc = weft_event_wait(&p->event);
    p->next_rc = weft_event_wait(&p->never);
    return 0;
}

TASK_TEST(event_refuses_in_a_cancelled_scope)
{
    weft_event event = WEFT_EVENT_INIT;
    weft_scope scope;
    weft_event_set(&event);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_event_wait(&event), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* One wait is ended by a set, and one by a cancel. */
TASK_TEST(event_stats_count)
{
    struct event_probe p = {.rc = 1};
    weft_event_counts counts;
    weft_scope_open(&p.scope);
    probe_go(&p.scope, event_wait_twice, &p);
    probe_settle();
    weft_event_stats(&p.event, &counts);
    EXPECT_EQ(counts.waiting, 1);
    EXPECT(!counts.is_set);
    weft_event_set(&p.event);
    probe_settle();
    weft_event_stats(&p.event, &counts);
    EXPECT_EQ(counts.waits, 1);
    EXPECT_EQ(counts.wakes, 1);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT(counts.is_set);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    weft_event_stats(&p.never, &counts);
    EXPECT_EQ(counts.waits, 1);
    EXPECT_EQ(counts.cancels, 1);
    EXPECT_EQ(counts.waiting, 0);
}

/* Set, then cancelled before the waiter runs: 0, and the next call is cancelled. */
TASK_TEST(t12_set_then_cancel)
{
    struct event_probe p = {.rc = 1};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, event_wait_twice, &p);
    probe_settle();
    weft_event_set(&p.event);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(p.rc, 0);
    EXPECT_EQ(p.next_rc, -WEFT_ECANCELED);
    weft_event_fini(&p.event);
    weft_event_fini(&p.never);
}

/* Cancelled, then set before the waiter runs: -ECANCELED, and the event is still set. */
TASK_TEST(t13_cancel_then_set)
{
    struct event_probe p = {.rc = 1};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, event_wait_twice, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    weft_event_set(&p.event);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(p.rc, -WEFT_ECANCELED);
    EXPECT(weft_event_is_set(&p.event));
    weft_event_fini(&p.event);
    weft_event_fini(&p.never);
}

static int event_try_to_wait(void *arg)
{
    struct event_probe *p = probe_arg(arg);
    int rc = weft_event_wait(&p->event);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    a_add(&p->woken, rc == 0, relaxed);
    return 0;
}

static void event_race_set_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 12);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct event_probe p = {0};
        weft_scope all;
        weft_scope_open(&all);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, event_try_to_wait, &p);
        probe_go(&all, event_try_to_wait, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        weft_event_set(&p.event);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&all), 0);
        EXPECT(a_load(&p.woken, relaxed) >= 1);
        EXPECT(weft_event_is_set(&p.event));
        weft_event_fini(&p.event);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(event_set_against_cancel)
{
    event_race_set_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(event_set_against_cancel_night)
{
    event_race_set_cancel(PROBE_NIGHT);
}

/* ---- who sees it set may free it ---- */

static int event_set_and_forget(void *arg)
{
    weft_event_set(probe_arg(arg));
    return 0;
}

TASK_TEST_REAL(event_may_be_freed_by_the_waiter)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3000; i++) {
        weft_event *event = calloc(1, sizeof *event);
        EXPECT(event != NULL);
        probe_go(&scope, event_set_and_forget, event);
        while (i % 3 == 0 && !weft_event_is_set(event)) {
            EXPECT_EQ(weft_yield(), 0);
        }
        EXPECT_EQ(weft_event_wait(event), 0);
        memset(event, 0xee, sizeof *event);
        free(event);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- misuse ---- */

static __attribute__((noinline)) int event_site_wait(void *arg)
{
    (void)arg;
    int rc = weft_event_wait(&event_static);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) int event_site_fini(void *arg)
{
    (void)arg;
    probe_settle();
    weft_event_fini(&event_static);
    a_compiler_fence();
    return 0;
}

static int event_misuse_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    (void)weft_go(&scope, event_site_wait, NULL);
    (void)weft_go(&scope, event_site_fini, NULL);
    return weft_scope_close(&scope);
}

static void event_misuse_fini(void)
{
    (void)weft_run_with(event_misuse_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(event_fini_while_waited_for_panics)
{
    probe_panics(event_misuse_fini, "weft_event_fini: a task still waits for it",
                 "destroyed at  event_site_fini", "waited for at  event_site_wait");
}
