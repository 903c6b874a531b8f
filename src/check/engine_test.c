/* engine_test.c - points, deviations, findings, on little threads; see engine_probe.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/engine_probe.h"

static struct weft__exchange *exchange;
static int shared, sum, others;
static struct probe_lock lock_a, lock_b;
static struct probe_cond cond;

static void engine_begin_test(void)
{
    exchange = weft__alloc_zero(sizeof *exchange);
    probe_strands = weft__alloc_aligned(64, PROBE_STRANDS * sizeof *probe_strands);
    EXPECT(exchange != NULL && probe_strands != NULL);
    exchange->plan.seed = 1;
    exchange->plan.flags = WEFT__PLAN_TRACE | WEFT__PLAN_ALL_POINTS;
}

static void engine_end_test(void)
{
    weft__engine_fini();
    weft__free(exchange);
    weft__free(probe_strands);
}

static void engine_reset(void)
{
    shared = sum = others = 0;
    lock_a = lock_b = (struct probe_lock){0};
    cond = (struct probe_cond){0};
}

/* Runs schedules of the strategy until one ends with the class; which one it was, 0: none. */
static uint32_t engine_search(void (*body)(void), enum weft__strategy_id strategy,
                              enum weft__class class, uint32_t max)
{
    for (uint32_t i = 1; i <= max; i++) {
        engine_reset();
        exchange->plan.seed = i;
        exchange->plan.strategy = strategy;
        exchange->plan.n_deviations = 0;
        probe_run(exchange, body);
        const struct weft__outcome *out = &exchange->outcome;
        EXPECT_EQ(out->state, WEFT__OUTCOME_DONE);
        for (uint32_t f = 0; f < out->n_findings; f++) {
            if (out->findings[f].class == (uint32_t)class)
                return i;
        }
        exchange->plan.n_hot = out->n_hot;
        memcpy(exchange->plan.hot, out->hot, sizeof out->hot);
    }
    return 0;
}

/* Runs the schedule just found again, by its deviations: it must be the same. */
static void engine_replay(void (*body)(void))
{
    struct weft__plan *plan = &exchange->plan;
    struct weft__outcome *out = &exchange->outcome;
    uint64_t hash = out->trace_hash;
    uint32_t n = out->n_findings;

    plan->strategy = WEFT__STRATEGY_DEFAULT;
    plan->n_deviations = out->n_deviations;
    memcpy(plan->deviations, out->deviations, sizeof out->deviations);
    for (int i = 0; i < 20; i++) {
        engine_reset();
        probe_run(exchange, body);
        EXPECT_EQ(out->trace_hash, hash);
        EXPECT_EQ(out->n_findings, n);
    }
}

/* ---- lost update ---- */

static void engine_add_one(void *arg)
{
    (void)arg;
    probe_write(&shared, probe_read(&shared, PROBE_HERE) + 1, PROBE_HERE);
}

static void engine_lost_update(void)
{
    struct weft__strand *a = probe_spawn(engine_add_one, NULL, PROBE_HERE);
    struct weft__strand *b = probe_spawn(engine_add_one, NULL, PROBE_HERE);
    probe_join(a, PROBE_HERE);
    probe_join(b, PROBE_HERE);
    if (shared != 2)
        weft__found(WEFT__CLASS_ASSERT, (uintptr_t)&shared, "shared == 2");
}

TEST(engine_default_is_sequential)
{
    engine_begin_test();
    probe_run(exchange, engine_lost_update);
    EXPECT_EQ(shared, 2);
    EXPECT_EQ(exchange->outcome.n_deviations, 0);
    EXPECT_EQ(exchange->outcome.preemptions, 0);
    EXPECT_EQ(exchange->outcome.strands, 3);
    EXPECT_EQ(exchange->outcome.exit_status, 0);
    engine_end_test();
}

TEST(engine_finds_lost_update_and_replays_it)
{
    engine_begin_test();
    uint32_t at =
        engine_search(engine_lost_update, WEFT__STRATEGY_RANDOM, WEFT__CLASS_ASSERT, 100);
    EXPECT(at > 0 && at <= 40);
    EXPECT(exchange->outcome.n_deviations > 0);
    engine_replay(engine_lost_update);
    EXPECT_EQ(shared, 1);
    engine_end_test();
}

TEST(engine_tells_the_race)
{
    engine_begin_test();
    EXPECT_EQ(engine_search(engine_lost_update, WEFT__STRATEGY_DEFAULT, WEFT__CLASS_RACE, 1), 1);
    const struct weft__finding *race = &exchange->outcome.findings[0];
    EXPECT_EQ(race->object, (uint64_t)(uintptr_t)&shared);
    EXPECT_EQ(race->n_parties, 2);
    EXPECT(race->parties[0].strand != race->parties[1].strand);
    engine_end_test();
}

/* ---- AB-BA ---- */

static void engine_ab(void *arg)
{
    (void)arg;
    probe_lock(&lock_a, PROBE_HERE);
    probe_lock(&lock_b, PROBE_HERE);
    probe_unlock(&lock_b, PROBE_HERE);
    probe_unlock(&lock_a, PROBE_HERE);
}

static void engine_ba(void *arg)
{
    (void)arg;
    probe_lock(&lock_b, PROBE_HERE);
    probe_lock(&lock_a, PROBE_HERE);
    probe_unlock(&lock_a, PROBE_HERE);
    probe_unlock(&lock_b, PROBE_HERE);
}

static void engine_ab_ba(void)
{
    struct weft__strand *a = probe_spawn(engine_ab, NULL, PROBE_HERE);
    struct weft__strand *b = probe_spawn(engine_ba, NULL, PROBE_HERE);
    probe_join(a, PROBE_HERE);
    probe_join(b, PROBE_HERE);
}

TEST(engine_finds_deadlock)
{
    engine_begin_test();
    EXPECT(engine_search(engine_ab_ba, WEFT__STRATEGY_RANDOM, WEFT__CLASS_DEADLOCK, 50) > 0);
    const struct weft__outcome *out = &exchange->outcome;
    const struct weft__finding *f = &out->findings[out->n_findings - 1];
    EXPECT_EQ(f->n_parties, 2);
    EXPECT_EQ(f->parties[0].holder, f->parties[1].strand);
    EXPECT_EQ(f->parties[1].holder, f->parties[0].strand);
    engine_replay(engine_ab_ba);
    engine_end_test();
}

TEST(engine_tells_lock_order_in_a_good_schedule)
{
    engine_begin_test();
    EXPECT_EQ(engine_search(engine_ab_ba, WEFT__STRATEGY_DEFAULT, WEFT__CLASS_LOCK_ORDER, 1), 1);
    engine_end_test();
}

/* ---- a signal before the wait ---- */

static void engine_waiter(void *arg)
{
    (void)arg;
    if (probe_read(&shared, PROBE_HERE) == 0) { /* tested outside the lock */
        probe_lock(&lock_a, PROBE_HERE);
        probe_wait(&cond, &lock_a, WEFT__NO_DEADLINE, PROBE_HERE);
        probe_unlock(&lock_a, PROBE_HERE);
    }
}

static void engine_setter(void *arg)
{
    (void)arg;
    probe_write(&shared, 1, PROBE_HERE);
    probe_lock(&lock_a, PROBE_HERE);
    probe_signal(&cond, PROBE_HERE);
    probe_unlock(&lock_a, PROBE_HERE);
}

static void engine_missed_signal(void)
{
    struct weft__strand *a = probe_spawn(engine_waiter, NULL, PROBE_HERE);
    struct weft__strand *b = probe_spawn(engine_setter, NULL, PROBE_HERE);
    probe_join(a, PROBE_HERE);
    probe_join(b, PROBE_HERE);
}

TEST(engine_finds_lost_wakeup)
{
    engine_begin_test();
    EXPECT(engine_search(engine_missed_signal, WEFT__STRATEGY_RANDOM, WEFT__CLASS_LOST_WAKEUP,
                         100) > 0);
    engine_replay(engine_missed_signal);
    engine_end_test();
}

/* ---- spinning, time ---- */

static void engine_spinner(void *arg)
{
    (void)arg;
    while (probe_read(&shared, PROBE_HERE) == 0) {
    }
    sum++;
}

static void engine_set_flag(void *arg)
{
    (void)arg;
    probe_write(&shared, 1, PROBE_HERE);
}

static void engine_spin(void)
{
    struct weft__strand *a = probe_spawn(engine_spinner, NULL, PROBE_HERE);
    struct weft__strand *b = probe_spawn(engine_set_flag, NULL, PROBE_HERE);
    probe_join(a, PROBE_HERE);
    probe_join(b, PROBE_HERE);
}

TEST(engine_spin_is_a_wait)
{
    engine_begin_test();
    for (enum weft__strategy_id s = 0; s < WEFT__STRATEGY_COUNT; s++) {
        EXPECT_EQ(engine_search(engine_spin, s, WEFT__CLASS_LIVELOCK, 20), 0);
        EXPECT_EQ(sum, 1);
        EXPECT(exchange->outcome.steps < 10000);
    }
    engine_end_test();
}

static void engine_spin_alone(void)
{
    struct weft__strand *a = probe_spawn(engine_spinner, NULL, PROBE_HERE);
    probe_join(a, PROBE_HERE);
}

TEST(engine_spin_for_ever_is_livelock)
{
    engine_begin_test();
    EXPECT_EQ(engine_search(engine_spin_alone, WEFT__STRATEGY_POS, WEFT__CLASS_LIVELOCK, 1), 1);
    engine_end_test();
}

static void engine_timed_waiter(void *arg)
{
    (void)arg;
    probe_lock(&lock_a, PROBE_HERE);
    int64_t until = weft__virtual_now() + 3600 * INT64_C(1000000000);
    others = probe_wait(&cond, &lock_a, until, PROBE_HERE) == WEFT__GO_TIMED_OUT;
    EXPECT(weft__virtual_now() >= until);
    probe_unlock(&lock_a, PROBE_HERE);
}

static void engine_timed_wait(void)
{
    probe_join(probe_spawn(engine_timed_waiter, NULL, PROBE_HERE), PROBE_HERE);
}

TEST(engine_time_jumps)
{
    engine_begin_test();
    probe_run(exchange, engine_timed_wait);
    EXPECT_EQ(others, 1);
    EXPECT_EQ(exchange->outcome.n_findings, 0);
    engine_end_test();
}

/* ---- many ---- */

static void engine_lock_and_add(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        probe_lock(&lock_a, PROBE_HERE);
        probe_write(&sum, probe_read(&sum, PROBE_HERE) + 1, PROBE_HERE);
        probe_unlock(&lock_a, PROBE_HERE);
    }
}

static void engine_crowd(void)
{
    struct weft__strand *strands[20];
    for (int i = 0; i < 20; i++)
        strands[i] = probe_spawn(engine_lock_and_add, NULL, PROBE_HERE);
    for (int i = 0; i < 20; i++)
        probe_join(strands[i], PROBE_HERE);
    EXPECT_EQ(probe_read(&sum, PROBE_HERE), 200);
}

TEST(engine_correct_program_stays_correct)
{
    engine_begin_test();
    for (enum weft__strategy_id s = 0; s < WEFT__STRATEGY_COUNT; s++) {
        EXPECT_EQ(engine_search(engine_crowd, s, WEFT__CLASS_RACE, 30), 0);
        EXPECT_EQ(exchange->outcome.strands, 21);
        for (uint32_t f = 0; f < exchange->outcome.n_findings; f++)
            EXPECT(!weft__class_is_failure((enum weft__class)exchange->outcome.findings[f].class));
    }
    engine_end_test();
}
