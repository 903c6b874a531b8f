/* barrier_test.c - nobody goes on before all have come, round after round.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "base/fault.h"
#include "sync/sync_probe.h"

enum { BARRIER_PARTIES = 4 };

struct barrier_probe {
    weft_barrier barrier;
    weft_scope scope, other;
    ATOMIC(int) serials, passed, cancelled, came;
    int rounds;
    int reached[BARRIER_PARTIES]; /* plain: ordered by the barrier alone */
};

struct barrier_party {
    struct barrier_probe *probe;
    int index;
};

static weft_barrier barrier_static = WEFT_BARRIER_INIT(2);

TEST(barrier_of_one_lets_pass)
{
    weft_barrier barrier;
    weft_barrier_counts counts;
    memset(&barrier, 0xff, sizeof barrier);
    weft_barrier_init(&barrier, 1);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft_barrier_wait(&barrier), 1);
    }
    weft_barrier_stats(&barrier, &counts);
    EXPECT_EQ(counts.rounds, 3);
    EXPECT_EQ(counts.parties, 1);
    EXPECT_EQ(counts.arrived, 0);
    EXPECT_EQ(counts.waits, 0);
    weft_barrier_fini(&barrier);
    weft_barrier_fini(NULL);
    weft_barrier_fini(&barrier_static);
}

static void barrier_come(struct barrier_probe *p, int me)
{
    for (int round = 1; round <= p->rounds; round++) {
        p->reached[me] = round;
        int rc = weft_barrier_wait(&p->barrier);
        EXPECT(rc == 0 || rc == 1);
        a_add(&p->serials, rc, relaxed);
        for (int i = 0; i < BARRIER_PARTIES; i++) {
            EXPECT_EQ(p->reached[i], round);
        }
        EXPECT(weft_barrier_wait(&p->barrier) >= 0); /* all have looked */
    }
}

static int barrier_come_task(void *arg)
{
    const struct barrier_party *party = arg;
    barrier_come(party->probe, party->index);
    return 0;
}

static void *barrier_come_thread(void *arg)
{
    (void)barrier_come_task(arg);
    return NULL;
}

TASK_TEST(barrier_waits_for_all_in_each_round)
{
    struct barrier_probe p = {.barrier = WEFT_BARRIER_INIT(BARRIER_PARTIES),
                              .rounds = TEST_FEWER(200)};
    weft_barrier_counts counts;
    weft_scope_open(&p.scope);
    for (int i = 0; i < BARRIER_PARTIES; i++) {
        EXPECT_EQ(weft_go(&p.scope, barrier_come_task, (&(struct barrier_party){&p, i})), 0);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.serials, relaxed), p.rounds);
    weft_barrier_stats(&p.barrier, &counts);
    EXPECT_EQ(counts.rounds, 2 * p.rounds);
    EXPECT_EQ(counts.waits, 2 * p.rounds * (BARRIER_PARTIES - 1));
    weft_barrier_fini(&p.barrier);
}

TASK_TEST_REAL(barrier_joins_tasks_and_threads)
{
    struct barrier_probe p = {.barrier = WEFT_BARRIER_INIT(BARRIER_PARTIES), .rounds = 500};
    struct barrier_party parties[2] = {{&p, 0}, {&p, 1}};
    pthread_t threads[2];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, barrier_come_thread, &parties[i]), 0);
        EXPECT_EQ(weft_go(&p.scope, barrier_come_task, (&(struct barrier_party){&p, 2 + i})), 0);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(a_load(&p.serials, relaxed), p.rounds);
    weft_barrier_fini(&p.barrier);
}

/* ---- cancel ---- */

static int barrier_try_to_pass(void *arg)
{
    struct barrier_probe *p = probe_arg(arg);
    int rc = weft_barrier_wait(&p->barrier);
    if (rc >= 0) {
        a_add(&p->passed, 1, relaxed);
        a_add(&p->serials, rc, relaxed);
    } else {
        EXPECT_EQ(rc, -WEFT_ECANCELED);
        a_add(&p->cancelled, 1, relaxed);
    }
    return 0;
}

TASK_TEST(barrier_refuses_in_a_cancelled_scope)
{
    weft_barrier barrier = WEFT_BARRIER_INIT(1);
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_barrier_wait(&barrier), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    weft_barrier_fini(&barrier);
}

TASK_TEST(barrier_takes_a_cancelled_arrival_back)
{
    struct barrier_probe p = {.barrier = WEFT_BARRIER_INIT(3)};
    weft_barrier_counts counts;
    weft_scope_open(&p.other);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, barrier_try_to_pass, &p);
    probe_go(&p.other, barrier_try_to_pass, &p);
    probe_settle();
    weft_barrier_stats(&p.barrier, &counts);
    EXPECT_EQ(counts.arrived, 2);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.cancelled, relaxed), 1);
    probe_go(&p.other, barrier_try_to_pass, &p);
    probe_settle();
    EXPECT_EQ(a_load(&p.passed, relaxed), 0); /* two of three */
    probe_go(&p.other, barrier_try_to_pass, &p);
    EXPECT_EQ(weft_scope_close(&p.other), 0);
    EXPECT_EQ(a_load(&p.passed, relaxed), 3);
    EXPECT_EQ(a_load(&p.serials, relaxed), 1);
    weft_barrier_stats(&p.barrier, &counts);
    EXPECT_EQ(counts.cancels, 1);
    EXPECT_EQ(counts.rounds, 1);
    weft_barrier_fini(&p.barrier);
}

/* Of two, one is cancelled while the other one comes.  Either the round was complete, and both have
 * passed; or the arrival was taken back, and the other one still waits, for us. */
static void barrier_meet(struct barrier_probe *p)
{
    int rc = weft_scope_close(&p->scope);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    if (a_load(&p->cancelled, relaxed)) {
        EXPECT(weft_barrier_wait(&p->barrier) >= 0);
        EXPECT_EQ(weft_scope_close(&p->other), 0);
        EXPECT_EQ(a_load(&p->passed, relaxed), 1);
    } else {
        EXPECT_EQ(weft_scope_close(&p->other), 0);
        EXPECT_EQ(a_load(&p->passed, relaxed), 2);
        EXPECT_EQ(a_load(&p->serials, relaxed), 1);
    }
    weft_barrier_fini(&p->barrier);
}

TASK_TEST(barrier_cancel_against_the_last)
{
    struct barrier_probe p = {.barrier = WEFT_BARRIER_INIT(2)};
    weft_scope_open(&p.other);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, barrier_try_to_pass, &p);
    EXPECT_EQ(weft_yield(), 0);
    probe_go(&p.other, barrier_try_to_pass, &p);
    weft_scope_cancel(&p.scope);
    barrier_meet(&p);
}

static void barrier_race_pass_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 19);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct barrier_probe p = {.barrier = WEFT_BARRIER_INIT(2)};
        weft_scope_open(&p.other);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, barrier_try_to_pass, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        probe_go(&p.other, barrier_try_to_pass, &p);
        probe_canceller_await(&canceller);
        barrier_meet(&p);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(barrier_pass_against_cancel)
{
    barrier_race_pass_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(barrier_pass_against_cancel_night)
{
    barrier_race_pass_cancel(PROBE_NIGHT);
}

TASK_TEST(barrier_waiting_allocates_nothing)
{
    struct barrier_probe p = {.barrier = WEFT_BARRIER_INIT(4)};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 3; i++) {
        probe_go(&p.scope, barrier_try_to_pass, &p);
    }
    probe_settle();
    test_watch_allocations();
    EXPECT_EQ(weft_barrier_wait(&p.barrier), 1);
    test_expect_no_allocations();
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.passed, relaxed), 3);
    weft_barrier_fini(&p.barrier);
}

/* ---- who has passed may free it ---- */

static int barrier_pass_and_free(void *arg)
{
    weft_barrier *barrier = probe_arg(arg);
    if (weft_barrier_wait(barrier) == 1) {
        weft_barrier_fini(barrier);
        memset(barrier, 0xee, sizeof *barrier);
        free(barrier);
    }
    return 0;
}

TASK_TEST_REAL(barrier_may_be_freed_by_who_has_passed)
{
    for (int i = 0; i < 2000; i++) {
        weft_barrier *barrier = malloc(sizeof *barrier);
        weft_scope scope;
        EXPECT(barrier != NULL);
        weft_barrier_init(barrier, 3);
        weft_scope_open(&scope);
        for (int k = 0; k < 3; k++) {
            probe_go(&scope, barrier_pass_and_free, barrier);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* ---- misuse ---- */

PANIC_TEST(barrier_for_nobody_panics, "weft_barrier_init: a barrier for nobody")
{
    weft_barrier barrier;
    weft_barrier_init(&barrier, 0);
}

PANIC_TEST(barrier_of_zeroes_panics, "weft_barrier_wait: a barrier for nobody")
{
    static weft_barrier barrier;
    EXPECT(weft_barrier_wait(&barrier) < 0);
}

static __attribute__((noinline)) int barrier_site_wait(void *arg)
{
    (void)arg;
    int rc = weft_barrier_wait(&barrier_static);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) int barrier_site_fini(void *arg)
{
    (void)arg;
    probe_settle();
    weft_barrier_fini(&barrier_static);
    a_compiler_fence();
    return 0;
}

static int barrier_misuse_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    (void)weft_go(&scope, barrier_site_wait, NULL);
    (void)weft_go(&scope, barrier_site_fini, NULL);
    return weft_scope_close(&scope);
}

static void barrier_misuse_fini(void)
{
    (void)weft_run_with(barrier_misuse_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(barrier_fini_while_waited_for_panics)
{
    probe_panics(barrier_misuse_fini, "weft_barrier_fini: a task still waits for it",
                 "destroyed at  barrier_site_fini", "waited for at  barrier_site_wait");
}
