/* confirm_test.c - suspicions that come true and such that do not; the pair that decides.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/engine_probe.h"
#include "check/patience_probe.h"
#include "check/search.h"
#include "check/shrink.h"

static struct weft__exchange *confirm_exchange;
static void (*confirm_body)(void);
static int confirm_x;
static bool confirm_guarded;
static struct probe_lock confirm_a, confirm_b, confirm_gate;

static int confirm_probe_run(struct weft__runner *runner)
{
    (void)runner;
    confirm_x = 0;
    confirm_a = confirm_b = confirm_gate = (struct probe_lock){0};
    probe_run(confirm_exchange, confirm_body);
    return 0;
}

static struct weft__runner confirm_runner(void (*body)(void), bool guarded)
{
    confirm_exchange = weft__alloc_zero(sizeof *confirm_exchange);
    probe_strands = weft__alloc_aligned(64, PROBE_STRANDS * sizeof *probe_strands);
    EXPECT(confirm_exchange != NULL && probe_strands != NULL);
    confirm_exchange->plan.flags = WEFT__PLAN_ALL_POINTS | WEFT__PLAN_TRACE;
    confirm_body = body;
    confirm_guarded = guarded;
    return (struct weft__runner){confirm_probe_run, confirm_exchange, NULL};
}

static void confirm_end(void)
{
    weft__engine_fini();
    weft__free(confirm_exchange);
    weft__free(probe_strands);
}

/* The first finding of the class in the schedule just run. */
static bool confirm_find(enum weft__class class, struct weft__finding *ret)
{
    const struct weft__outcome *out = &confirm_exchange->outcome;
    for (uint32_t i = 0; i < out->n_findings; i++) {
        if (out->findings[i].class == (uint32_t)class) {
            *ret = out->findings[i];
            return true;
        }
    }
    return false;
}

/* It must come true; false only if there was no time to see it. */
static bool confirm_comes_true(struct weft__runner *runner, struct weft__finding *suspicion,
                               struct weft__finding *ret_failure)
{
    int64_t since = weft__time_now();
    bool came = weft__confirm(runner, suspicion, 1000, ret_failure);
    EXPECT(came || !probe_had_time(since));
    return came;
}

static void confirm_add(void *arg)
{
    (void)arg;
    if (confirm_guarded)
        probe_lock(&confirm_a, PROBE_HERE);
    int old = probe_read(&confirm_x, PROBE_HERE);
    probe_write(&confirm_x, old + 1, PROBE_HERE);
    if (confirm_guarded)
        probe_unlock(&confirm_a, PROBE_HERE);
}

static void confirm_adders(void)
{
    struct weft__strand *one = probe_spawn(confirm_add, NULL, PROBE_HERE);
    struct weft__strand *two = probe_spawn(confirm_add, NULL, PROBE_HERE);
    probe_join(one, PROBE_HERE);
    probe_join(two, PROBE_HERE);
    if (confirm_x != 2) {
        weft__found(WEFT__CLASS_ASSERT, 0, "x == 2");
        weft__engine_over();
    }
}

TEST(confirm_race_fails)
{
    struct weft__runner runner = confirm_runner(confirm_adders, false);
    struct weft__finding race, failure;
    EXPECT_EQ(runner.run(&runner), 0);
    EXPECT(confirm_find(WEFT__CLASS_RACE, &race));
    EXPECT(!confirm_find(WEFT__CLASS_ASSERT, &failure));
    if (confirm_comes_true(&runner, &race, &failure)) {
        EXPECT_EQ(failure.class, WEFT__CLASS_ASSERT);
        EXPECT_EQ(confirm_exchange->plan.strategy, WEFT__STRATEGY_DEFAULT);
        EXPECT_EQ(runner.run(&runner), 0);
        EXPECT(weft__outcome_has(&confirm_exchange->outcome, &failure));
    }
    confirm_end();
}

TEST(confirm_race_without_harm)
{
    struct weft__runner runner = confirm_runner(confirm_adders, true);
    struct weft__finding failure;
    /* Not a race at all, but told as one. */
    struct weft__finding race = {.class = WEFT__CLASS_RACE, .object = (uintptr_t)&confirm_x,
                                 .n_parties = 2};
    EXPECT_EQ(runner.run(&runner), 0);
    EXPECT(!confirm_find(WEFT__CLASS_RACE, &failure));
    EXPECT(!weft__confirm(&runner, &race, 300, &failure));
    EXPECT(race.tries > 0 && race.tries <= 300);
    confirm_end();
}

/* ---- locks ---- */

static void confirm_ab(void *arg)
{
    struct probe_lock *first = arg ? &confirm_b : &confirm_a;
    struct probe_lock *second = arg ? &confirm_a : &confirm_b;
    if (confirm_guarded)
        probe_lock(&confirm_gate, PROBE_HERE);
    probe_lock(first, PROBE_HERE);
    probe_lock(second, PROBE_HERE);
    probe_unlock(second, PROBE_HERE);
    probe_unlock(first, PROBE_HERE);
    if (confirm_guarded)
        probe_unlock(&confirm_gate, PROBE_HERE);
}

static void confirm_opposite(void)
{
    struct weft__strand *one = probe_spawn(confirm_ab, NULL, PROBE_HERE);
    struct weft__strand *two = probe_spawn(confirm_ab, &confirm_x, PROBE_HERE);
    probe_join(one, PROBE_HERE);
    probe_join(two, PROBE_HERE);
}

TEST(confirm_lock_order)
{
    struct weft__runner runner = confirm_runner(confirm_opposite, false);
    struct weft__finding order, failure;
    EXPECT_EQ(runner.run(&runner), 0);
    EXPECT(confirm_find(WEFT__CLASS_LOCK_ORDER, &order));
    if (confirm_comes_true(&runner, &order, &failure))
        EXPECT_EQ(failure.class, WEFT__CLASS_DEADLOCK);
    confirm_end();
}

TEST(confirm_lock_order_with_gate)
{
    struct weft__runner runner = confirm_runner(confirm_opposite, true);
    struct weft__finding failure, order = {.class = WEFT__CLASS_LOCK_ORDER, .n_parties = 2,
                                           .object = (uintptr_t)&confirm_a};
    EXPECT_EQ(runner.run(&runner), 0);
    EXPECT(!weft__confirm(&runner, &order, 300, &failure));
    confirm_end();
}

/* ---- the pair ---- */

/* Both touch x, one of them writes, and they are of two strands. */
static void confirm_expect_pair(const struct weft__outcome *out,
                                const struct weft__critical *critical)
{
    const struct weft__event *first = &out->trace[critical->first_step - 1];
    const struct weft__event *second = &out->trace[critical->second_step - 1];
    EXPECT(critical->opposite_runs > 0);
    EXPECT_EQ(critical->opposite_failed, 0);
    EXPECT_EQ(first->step, critical->first_step);
    EXPECT_EQ(second->step, critical->second_step);
    EXPECT_EQ(first->object, (uintptr_t)&confirm_x);
    EXPECT_EQ(second->object, (uintptr_t)&confirm_x);
    EXPECT(first->strand != second->strand);
    EXPECT(first->op == WEFT__OP_WRITE || second->op == WEFT__OP_WRITE);
}

TEST(confirm_pair_that_decides)
{
    struct weft__runner runner = confirm_runner(confirm_adders, false);
    struct weft__finding race, failure;
    struct weft__critical critical;
    const struct weft__outcome *out = &confirm_exchange->outcome;
    bool minimal;
    EXPECT_EQ(runner.run(&runner), 0);
    EXPECT(confirm_find(WEFT__CLASS_RACE, &race));
    int64_t since = weft__time_now();
    if (confirm_comes_true(&runner, &race, &failure)) {
        EXPECT_EQ(runner.run(&runner), 0);
        EXPECT_EQ(weft__shrink(&runner, &failure, 5000, &minimal), 0);
        uint32_t n = confirm_exchange->plan.n_deviations;
        weft__critical_pair(&runner, &failure, 300, &critical);
        EXPECT(critical.known || !probe_had_time(since));
        EXPECT_EQ(confirm_exchange->plan.n_deviations, n);
        EXPECT_EQ(runner.run(&runner), 0);
        EXPECT(weft__outcome_has(out, &failure));
        if (critical.known)
            confirm_expect_pair(out, &critical);
    }
    confirm_end();
}
