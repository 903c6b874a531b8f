/* rate_test.c - units go on time, to the nanosecond, in order, and a cancelled one takes nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/timer.h"
#include "sync/sync_probe.h"

/* When a sleep until `at` ends, on the virtual clock: at the next tick. */
static int64_t rate_tick(int64_t at)
{
    int64_t tick = (int64_t)1 << WEFT_WHEEL_TICK_BITS;
    return (at + tick - 1) / tick * tick;
}

/* Under schedules time may go on while others are late. */
static void rate_expect_now(int64_t at)
{
    int64_t now = weft_now();
    EXPECT(now >= at);
    if (!test_is_steered) {
        EXPECT_EQ(now, rate_tick(at));
    }
}

/* ---- the same with exact fractions: all times are multiplied by the units ---- */

typedef __int128 rate_wide;

struct rate_exact {
    rate_wide units, period, burst, full;
};

static bool rate_exact_try(struct rate_exact *e, int64_t now, uint64_t n)
{
    rate_wide at = now * e->units, full = e->full > at ? e->full : at;
    if (full + (rate_wide)n * e->period - e->burst * e->period > at) {
        return false;
    }
    e->full = full + (rate_wide)n * e->period;
    return true;
}

static void rate_compare(struct weft__rng *rng, uint64_t units, int64_t period_ns, uint64_t burst)
{
    struct rate_exact exact = {(rate_wide)units, period_ns, (rate_wide)burst, 0};
    weft_rate rate = WEFT_RATE_INIT(units, period_ns, burst);
    weft_rate_counts counts;
    uint64_t went = 0, step = weft__min(4 * (uint64_t)period_ns / units + 4, UINT64_C(1) << 50);
    int n_went = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t n = weft__rng_below(rng, weft__min(burst + 1, UINT64_C(20)));
        bool goes = rate_exact_try(&exact, weft_now(), n);
        EXPECT_EQ(weft_rate_try(&rate, n), goes ? 0 : -WEFT_EAGAIN);
        went += goes ? n : 0;
        n_went += goes;
        if (weft__rng_below(rng, 2)) {
            EXPECT_EQ(weft_sleep((int64_t)weft__rng_below(rng, step)), 0);
        }
    }
    EXPECT_EQ(weft_rate_try(&rate, burst + 1), -WEFT_EINVAL);
    weft_rate_stats(&rate, &counts);
    EXPECT_EQ(counts.units, went);
    EXPECT_EQ(counts.calls, n_went);
    EXPECT_EQ(counts.calls + counts.refused, 1000);
    weft_rate_fini(&rate);
}

/* Not under schedules, where time may go on between a look at the clock and the try. */
TASK_TEST_FREE(rate_is_exact)
{
    struct weft__rng rng;
    weft__rng_seed(&rng, 3);
    rate_compare(&rng, 1, 1, 1);
    rate_compare(&rng, 3, 1000, 2);
    rate_compare(&rng, 7, 1024 * 9, 1);
    rate_compare(&rng, 3, WEFT_SECOND, 5);
    rate_compare(&rng, 1000003, WEFT_SECOND, 1000);
    rate_compare(&rng, WEFT_RATE_MAX, WEFT_SECOND, WEFT_RATE_MAX);
    rate_compare(&rng, 1, WEFT_RATE_FILL_MAX / 4 - 1, 4);
    for (int i = 0; i < 50; i++) {
        rate_compare(&rng, 1 + weft__rng_below(&rng, 100), 1 + (int64_t)weft__rng_below(&rng, 9999),
                     1 + weft__rng_below(&rng, 30));
    }
}

/* ---- waiting ---- */

TASK_TEST(rate_keeps_time_without_drift)
{
    weft_rate rate = WEFT_RATE_INIT(3, WEFT_SECOND, 4); /* a third of a second is no whole number */
    int rounds = TEST_FEWER(3000);
    int64_t start = weft_now();
    for (int i = 0; i < rounds; i++) {
        EXPECT_EQ(weft_rate_wait(&rate, 1), 0);
        int64_t late = i < 4 ? 0 : ((i - 3) * WEFT_SECOND + 2) / 3;
        EXPECT(weft_now() >= start + late);
        if (i < 4) {
            EXPECT_EQ(weft_now(), start);
        } else {
            rate_expect_now(start + late);
        }
    }
    weft_rate_fini(&rate);
}

/* After a rest the burst is there again, and no more. */
TASK_TEST(rate_fills_up_to_the_burst)
{
    weft_rate rate;
    memset(&rate, 0xff, sizeof rate);
    weft_rate_init(&rate, 10, WEFT_SECOND, 5);
    for (int round = 0; round < 3; round++) {
        int64_t start = weft_now();
        EXPECT_EQ(weft_rate_wait(&rate, 5), 0);
        EXPECT_EQ(weft_now(), start);
        EXPECT_EQ(weft_rate_try(&rate, 1), -WEFT_EAGAIN);
        EXPECT_EQ(weft_rate_try(&rate, 0), 0);
        EXPECT_EQ(weft_rate_wait(&rate, 6), -WEFT_EINVAL);
        EXPECT_EQ(weft_rate_wait(&rate, 2), 0);
        rate_expect_now(start + WEFT_SECOND / 5);
        EXPECT_EQ(weft_sleep((round + 1) * WEFT_SECOND), 0);
    }
    weft_rate_fini(&rate);
    weft_rate_fini(NULL);
}

struct rate_probe {
    weft_rate rate;
    weft_scope scope;
    ATOMIC(int) next, went, cancelled;
    int order[8];
    int64_t at[8];
    int rounds;
};

struct rate_arg {
    struct rate_probe *probe;
    int me;
    uint64_t n;
};

static int rate_wait_once(void *arg)
{
    struct rate_arg *a = arg;
    struct rate_probe *p = a->probe;
    int rc = weft_rate_wait(&p->rate, a->n);
    if (rc < 0) {
        EXPECT_EQ(rc, -WEFT_ECANCELED);
        a_add(&p->cancelled, 1, relaxed);
        return rc;
    }
    int turn = a_add(&p->next, 1, relaxed);
    p->order[turn] = a->me;
    p->at[turn] = weft_now();
    return 0;
}

static void rate_go_wait(struct rate_probe *p, weft_scope *scope, int me, uint64_t n)
{
    EXPECT_EQ(weft_go(scope, rate_wait_once, (&(struct rate_arg){p, me, n})), 0);
    EXPECT_EQ(weft_sleep(1), 0); /* it waits now */
}

static void rate_expect_turn(const struct rate_probe *p, int turn, int who, int64_t at)
{
    EXPECT_EQ(p->order[turn], who);
    EXPECT(p->at[turn] >= at);
    if (!test_is_steered) {
        EXPECT_EQ(p->at[turn], rate_tick(at));
    }
}

TASK_TEST(rate_serves_in_order)
{
    struct rate_probe p = {.rate = WEFT_RATE_INIT(1, WEFT_SECOND, 5)};
    weft_rate_counts counts;
    static const uint64_t wants[] = {5, 1, 3, 1};
    int64_t start = weft_now(), at = start;
    EXPECT_EQ(weft_rate_wait(&p.rate, 5), 0);
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        rate_go_wait(&p, &p.scope, i, wants[i]);
    }
    EXPECT_EQ(weft_sleep_until(start + WEFT_SECOND), 0);
    EXPECT_EQ(weft_rate_try(&p.rate, 1), -WEFT_EAGAIN); /* one is there, and others wait for it */
    weft_rate_stats(&p.rate, &counts);
    EXPECT_EQ(counts.waiting, 4);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 4; i++) {
        at += (int64_t)wants[i] * WEFT_SECOND;
        rate_expect_turn(&p, i, i, at);
    }
    weft_rate_stats(&p.rate, &counts);
    EXPECT_EQ(counts.units, 15);
    EXPECT_EQ(counts.calls, 5);
    EXPECT_EQ(counts.waited, 4);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(counts.refused, 1);
    weft_rate_fini(&p.rate);
}

/* ---- cancel ---- */

TASK_TEST(rate_refuses_in_a_cancelled_scope)
{
    weft_rate rate = WEFT_RATE_INIT(1, WEFT_SECOND, 1);
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_rate_wait(&rate, 1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_rate_try(&rate, 1), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* The first of four, who has the turn, and the third, who waits for it. */
TASK_TEST(rate_cancelled_ones_take_nothing)
{
    struct rate_probe p = {.rate = WEFT_RATE_INIT(1, WEFT_SECOND, 5)};
    weft_rate_counts counts;
    weft_scope first, third;
    int64_t start = weft_now();
    EXPECT_EQ(weft_rate_wait(&p.rate, 5), 0);
    weft_scope_open(&p.scope);
    weft_scope_open(&third);
    weft_scope_open(&first);
    rate_go_wait(&p, &first, 0, 5);
    rate_go_wait(&p, &p.scope, 1, 2);
    rate_go_wait(&p, &third, 2, 4);
    rate_go_wait(&p, &p.scope, 3, 2);
    EXPECT_EQ(weft_sleep_until(start + WEFT_SECOND), 0);
    weft_scope_cancel(&first);
    EXPECT_EQ(weft_scope_close(&first), -WEFT_ECANCELED);
    EXPECT_EQ(weft_sleep_until(start + 2 * WEFT_SECOND + WEFT_MS), 0);
    weft_scope_cancel(&third);
    EXPECT_EQ(weft_scope_close(&third), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.next, relaxed), 2);
    EXPECT_EQ(a_load(&p.cancelled, relaxed), 2);
    rate_expect_turn(&p, 0, 1, start + 2 * WEFT_SECOND);
    rate_expect_turn(&p, 1, 3, start + 4 * WEFT_SECOND);
    weft_rate_stats(&p.rate, &counts);
    EXPECT_EQ(counts.units, 9);
    EXPECT_EQ(counts.cancelled, 2);
    EXPECT_EQ(counts.waiting, 0);
    weft_rate_fini(&p.rate);
}

static int rate_mess_task(void *arg)
{
    struct rate_probe *p = probe_arg(arg);
    struct weft__rng rng;
    weft__rng_seed(&rng, (uint64_t)a_add(&p->next, 1, relaxed));
    for (int i = 0; i < p->rounds; i++) {
        uint64_t n = 1 + weft__rng_below(&rng, 3);
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after((int64_t)weft__rng_below(&rng, 60 * WEFT_US)));
        int rc = weft_rate_wait(&p->rate, n);
        a_add(&p->went, rc == 0 ? (int)n : 0, relaxed);
        a_add(&p->cancelled, rc != 0, relaxed);
        EXPECT_EQ(weft_scope_close(&scope), rc == 0 ? 0 : -WEFT_ETIMEDOUT);
    }
    return 0;
}

static void rate_mess(int rounds)
{
    struct rate_probe p = {.rate = WEFT_RATE_INIT(1, 10 * WEFT_US, 8), .rounds = rounds};
    weft_rate_counts counts;
    weft_scope_open(&p.scope);
    for (int i = 0; i < 8; i++) {
        probe_go(&p.scope, rate_mess_task, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_rate_stats(&p.rate, &counts);
    EXPECT_EQ(counts.units, a_load(&p.went, relaxed));
    EXPECT_EQ(counts.calls + (uint64_t)a_load(&p.cancelled, relaxed), 8 * p.rounds);
    EXPECT_EQ(counts.waiting, 0);
    weft_rate_fini(&p.rate);
}

TASK_TEST(rate_mess_of_cancels)
{
    rate_mess(TEST_FEWER(300));
}

TASK_TEST_REAL(rate_mess_of_cancels_real)
{
    rate_mess(TEST_ROUNDS(300, 10000));
}

/* ---- from everywhere ---- */

static int rate_take_rounds(void *arg)
{
    struct rate_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        EXPECT_EQ(weft_rate_wait(&p->rate, 1), 0);
        a_add(&p->went, 1, relaxed);
    }
    return 0;
}

static void *rate_take_thread(void *arg)
{
    rate_take_rounds(&arg);
    return NULL;
}

TASK_TEST_REAL(rate_serves_tasks_and_threads)
{
    struct rate_probe p = {.rate = WEFT_RATE_INIT(100, WEFT_MS, 10), .rounds = 200};
    pthread_t threads[2];
    int64_t start = weft_now();
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, rate_take_thread, &p), 0);
        probe_go(&p.scope, rate_take_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(a_load(&p.went, relaxed), 800);
    EXPECT(weft_now() - start >= 790 * WEFT_MS / 100);
    weft_rate_fini(&p.rate);
}

TEST(rate_in_a_plain_thread_without_a_runtime)
{
    weft_rate rate = WEFT_RATE_INIT(1000, WEFT_SECOND, 1);
    int64_t start = weft_now();
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_rate_wait(&rate, 1), 0);
    }
    EXPECT(weft_now() - start >= 3 * WEFT_MS);
    weft_rate_fini(&rate);
}

/* ---- misuse ---- */

PANIC_TEST(rate_never_made_panics, "r->units > 0")
{
    weft_rate rate = {{0}};
    EXPECT_EQ(weft_rate_try(&rate, 1), 0);
}

PANIC_TEST(rate_without_a_period_panics, "r->period_ns > 0")
{
    weft_rate rate;
    weft_rate_init(&rate, 1, 0, 1);
}

PANIC_TEST(rate_without_a_burst_panics, "r->burst > 0")
{
    weft_rate rate;
    weft_rate_init(&rate, 1, 1, 0);
}

PANIC_TEST(rate_too_slow_panics, "WEFT_RATE_FILL_MAX")
{
    weft_rate rate;
    weft_rate_init(&rate, 1, WEFT_RATE_FILL_MAX / 2, 3);
}

static weft_rate rate_static = WEFT_RATE_INIT(1, WEFT_SECOND, 1);

static __attribute__((noinline)) int rate_site_wait(void *arg)
{
    (void)arg;
    int rc = weft_rate_wait(&rate_static, 1);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) int rate_site_fini(void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_rate_fini(&rate_static);
    a_compiler_fence();
    return 0;
}

static int rate_misuse_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    EXPECT_EQ(weft_rate_wait(&rate_static, 1), 0);
    weft_scope_open(&scope);
    (void)weft_go(&scope, rate_site_wait, NULL);
    (void)weft_go(&scope, rate_site_fini, NULL);
    return weft_scope_close(&scope);
}

static void rate_misuse_fini(void)
{
    (void)weft_run_with(rate_misuse_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(rate_fini_while_waited_for_panics)
{
    probe_panics(rate_misuse_fini, "weft_rate_fini: a task still waits for it",
                 "destroyed at  rate_site_fini", "waited for at  rate_site_wait");
}
