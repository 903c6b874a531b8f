/* strategy_test.c - all strategies over toy programs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/strategy.h"

#include "check/toy_probe.h"
#include "tests/test.h"

static void strategy_plan(struct toy *t, enum weft__strategy_id id, uint64_t seed)
{
    struct weft__plan *plan = &t->runner.exchange->plan;

    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    plan->strategy = id;
    plan->depth = 3;
    plan->flags = WEFT__PLAN_ALL_POINTS | WEFT__PLAN_TRACE;
    plan->steps_max = 20000;
    plan->points_estimate = 60;
    plan->strands_estimate = 5;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(plan->strand_points); i++)
        plan->strand_points[i] = 12;
}

static const struct weft__outcome *strategy_run(struct toy *t)
{
    EXPECT_EQ(t->runner.run(&t->runner), 0);
    return &t->runner.exchange->outcome;
}

TEST(strategy_names)
{
    for (int i = 0; i < WEFT__STRATEGY_COUNT; i++)
        EXPECT_EQ(weft__strategy_by_name(weft__strategy_of((enum weft__strategy_id)i)->name), i);
    EXPECT_EQ(weft__strategy_by_name("portfolio"), -1);
}

TEST(strategy_default_never_preempts)
{
    struct toy *t = toy_open(toy_program("lost_update"));

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    const struct weft__outcome *o = strategy_run(t);
    EXPECT_EQ(o->n_findings, 0);
    EXPECT_EQ(o->preemptions, 0);
    EXPECT_EQ(o->n_deviations, 0);
    strategy_plan(t, WEFT__STRATEGY_REVERSE, 1);
    o = strategy_run(t);
    EXPECT_EQ(o->n_findings, 0);
    EXPECT_EQ(o->preemptions, 0);
    EXPECT(o->n_deviations > 0);
    toy_close(t);
}

/* The same seed does the same; what a strategy did can be done again by its deviations alone. */
TEST(strategy_replays)
{
    for (size_t p = 0; p < toy_programs_n; p++) {
        struct toy *t = toy_open(toy_programs[p].body);
        struct weft__plan *plan = &t->runner.exchange->plan;
        for (int id = 0; id < WEFT__STRATEGY_COUNT; id++) {
            strategy_plan(t, (enum weft__strategy_id)id, 7 + p);
            const struct weft__outcome *o = strategy_run(t);
            uint64_t hash = o->trace_hash;
            uint32_t findings = o->n_findings;
            EXPECT_EQ(strategy_run(t)->trace_hash, hash);
            plan->strategy = WEFT__STRATEGY_DEFAULT;
            plan->n_deviations = o->n_deviations;
            memcpy(plan->deviations, o->deviations, sizeof plan->deviations);
            EXPECT_EQ(strategy_run(t)->trace_hash, hash);
            EXPECT_EQ(o->n_findings, findings);
            EXPECT_EQ(o->deviations_lost, 0);
        }
        toy_close(t);
    }
}

/* Every sampling strategy meets the simplest bugs soon. */
TEST(strategy_finds_simple_bugs)
{
    static const char *const names[] = {"lost_update", "account", "inversion", "missed_signal",
                                        "publication"};

    for (size_t p = 0; p < WEFT_ARRAY_SIZE(names); p++) {
        struct toy *t = toy_open(toy_program(names[p]));
        for (int id = WEFT__STRATEGY_RANDOM; id < WEFT__STRATEGY_COUNT; id++) {
            bool found = false;
            for (uint64_t seed = 1; seed <= 200 && !found; seed++) {
                strategy_plan(t, (enum weft__strategy_id)id, seed);
                const struct weft__outcome *o = strategy_run(t);
                found = o->n_findings > 0 &&
                        weft__class_is_failure((enum weft__class)o->findings[0].class);
            }
            EXPECT(found);
        }
        toy_close(t);
    }
}

/* Nothing is found where nothing is wrong, and nobody starves who waits by yielding. */
TEST(strategy_right_program)
{
    struct toy *t = toy_open(toy_right_update);
    struct toy *spin = toy_open(toy_program("spin"));

    for (int id = 0; id < WEFT__STRATEGY_COUNT; id++) {
        for (uint64_t seed = 1; seed <= 200; seed++) {
            strategy_plan(t, (enum weft__strategy_id)id, seed);
            EXPECT_EQ(strategy_run(t)->n_findings, 0);
            if (id < WEFT__STRATEGY_RANDOM)
                continue;
            strategy_plan(spin, (enum weft__strategy_id)id, seed);
            const struct weft__outcome *o = strategy_run(spin);
            EXPECT(o->n_findings == 0 || o->findings[0].class == WEFT__CLASS_ASSERT);
        }
    }
    toy_close(t);
    toy_close(spin);
}

static uint32_t strategy_line(struct toy *t, enum weft__op op, uint32_t nth)
{
    const struct weft__outcome *o = &t->runner.exchange->outcome;

    for (uint32_t i = 0; i < o->n_trace; i++) {
        if (o->trace[i].strand > 0 && o->trace[i].op == op && nth-- == 0)
            return o->trace[i].site;
    }
    test_fail(__FILE__, __LINE__, "no such event");
}

/* Held until the other has read: the lost update, each time that the hold is not let pass. */
TEST(strategy_rf_negative)
{
    struct toy *t = toy_open(toy_program("lost_update"));
    uint32_t failed = 0;

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    strategy_run(t);
    uint32_t read = strategy_line(t, WEFT__OP_READ, 0), write = strategy_line(t, WEFT__OP_WRITE, 0);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        strategy_plan(t, WEFT__STRATEGY_RF, seed);
        struct weft__plan *plan = &t->runner.exchange->plan;
        plan->n_constraints = 1;
        plan->constraints[0] =
            (struct weft__constraint){.writer = write, .reader = read, .negative = 1};
        failed += strategy_run(t)->n_findings;
    }
    EXPECT(failed >= 70);
    toy_close(t);
}

/* The reader is held until the pointer was written, and goes at once: the data is not there yet. */
TEST(strategy_rf_positive)
{
    struct toy *t = toy_open(toy_program("publication"));
    uint32_t failed = 0;

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    strategy_run(t);
    uint32_t read = strategy_line(t, WEFT__OP_READ, 0), write = strategy_line(t, WEFT__OP_WRITE, 0);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        strategy_plan(t, WEFT__STRATEGY_RF, seed);
        struct weft__plan *plan = &t->runner.exchange->plan;
        plan->n_constraints = 1;
        plan->constraints[0] = (struct weft__constraint){.writer = write, .reader = read};
        failed += strategy_run(t)->n_findings;
    }
    EXPECT(failed >= 30);
    toy_close(t);
}

/* Let pass once, it goes wrong in the second round of the loop and not in the first. */
static void strategy_rounds(struct toy *t, int arg)
{
    for (int i = 0; i < 3; i++) {
        int64_t x = LOAD(0);
        STORE(1 + arg, i);
        STORE(0, x + 1);
    }
}

static void strategy_loop(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(strategy_rounds, 0);
    SPAWN(strategy_rounds, 1);
    JOIN_ALL();
}

TEST(strategy_rf_lets_pass)
{
    struct toy *t = toy_open(strategy_loop);

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    const struct weft__outcome *o = strategy_run(t);
    uint32_t read = strategy_line(t, WEFT__OP_READ, 0), write = strategy_line(t, WEFT__OP_WRITE, 1);
    for (uint8_t pass = 0; pass < 3; pass++) {
        uint32_t alone = 0;
        strategy_plan(t, WEFT__STRATEGY_RF, 1);
        struct weft__plan *plan = &t->runner.exchange->plan;
        plan->depth = 2;
        plan->n_constraints = 1;
        plan->constraints[0] = (struct weft__constraint){
            .writer = write, .reader = read, .negative = 1, .pass = pass};
        o = strategy_run(t);
        for (uint32_t i = 0; i < o->n_trace && o->trace[i].strand < 2; i++)
            alone += o->trace[i].strand == 1 && o->trace[i].site == write;
        EXPECT_EQ(alone, pass);
    }
    toy_close(t);
}

/* Late: it is released, but whoever runs goes on.  At once: it goes first. */
TEST(strategy_rf_late)
{
    struct toy *t = toy_open(toy_program("publication"));

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    strategy_run(t);
    uint32_t read = strategy_line(t, WEFT__OP_READ, 0), write = strategy_line(t, WEFT__OP_WRITE, 0);
    for (uint8_t late = 0; late < 2; late++) {
        uint16_t after = 0;
        strategy_plan(t, WEFT__STRATEGY_RF, 1);
        struct weft__plan *plan = &t->runner.exchange->plan;
        plan->depth = 2;
        plan->n_constraints = 1;
        plan->constraints[0] = (struct weft__constraint){
            .writer = write, .reader = read, .negative = 1, .late = late};
        const struct weft__outcome *o = strategy_run(t);
        for (uint32_t i = 1; i < o->n_trace; i++)
            after = o->trace[i - 1].site == read ? o->trace[i].strand : after;
        EXPECT_EQ(after, late ? 2 : 1);
    }
    toy_close(t);
}

/* What another strand did before does not count: the second one is held until the first, who has
 * read long ago, is done. */
TEST(strategy_rf_fresh)
{
    struct toy *t = toy_open(strategy_loop);

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    strategy_run(t);
    uint32_t read = strategy_line(t, WEFT__OP_READ, 0), write = strategy_line(t, WEFT__OP_WRITE, 1);
    for (uint8_t fresh = 0; fresh < 2; fresh++) {
        uint32_t switches = 0;
        strategy_plan(t, WEFT__STRATEGY_RF, 1);
        struct weft__plan *plan = &t->runner.exchange->plan;
        plan->depth = 2;
        plan->n_constraints = 1;
        plan->constraints[0] = (struct weft__constraint){
            .writer = write, .reader = read, .negative = 1, .pass = 2, .fresh = fresh};
        const struct weft__outcome *o = strategy_run(t);
        for (uint32_t i = 1; i < o->n_trace; i++)
            switches += o->trace[i].strand != o->trace[i - 1].strand;
        EXPECT_EQ(o->n_findings, 0);
        EXPECT(switches >= 3);
    }
    toy_close(t);
}

/* All 70 orders of two strands of four operations each, about equally often. */
static void strategy_four(struct toy *t, int arg)
{
    for (int i = 0; i < 4; i++)
        STORE(arg, i);
}

static void strategy_walk(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(strategy_four, 0);
    SPAWN(strategy_four, 0);
    JOIN_ALL();
}

TEST(strategy_surw_is_uniform)
{
    enum { ROUNDS = 7000 };
    struct toy *t = toy_open(strategy_walk);
    uint32_t count[256] = {0}, orders = 0, most = 0;

    strategy_plan(t, WEFT__STRATEGY_DEFAULT, 1);
    strategy_run(t);
    uint32_t line = strategy_line(t, WEFT__OP_WRITE, 0);
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        uint32_t order = 0;
        strategy_plan(t, WEFT__STRATEGY_SURW, seed);
        struct weft__plan *plan = &t->runner.exchange->plan;
        plan->focus[0] = line;
        plan->strands_estimate = 3;
        plan->strand_points[0] = 0;
        plan->strand_points[1] = plan->strand_points[2] = 4;
        const struct weft__outcome *o = strategy_run(t);
        for (uint32_t i = 0; i < o->n_trace; i++) {
            if (o->trace[i].op == WEFT__OP_WRITE)
                order = order << 1 | (o->trace[i].strand == 2);
        }
        count[order]++;
    }
    for (uint32_t i = 0; i < 256; i++) {
        orders += count[i] > 0;
        most = weft__max(most, count[i]);
    }
    EXPECT_EQ(orders, 70);
    EXPECT(most < 2 * ROUNDS / 70);
    toy_close(t);
}
