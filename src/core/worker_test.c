/* worker_test.c - order and fairness: promises S4 and S5, overflow, and work from outside.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/worker.h"

#include "base/alloc.h"
#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/run.h"

/* A task on a machine that is busy may look stuck, and then goes another way. */
static const weft_options worker_undisturbed = {.workers = 1, .stuck_after_ns = 60 * WEFT_SECOND};

/* ---- S4 ---- */

enum { FAIR_TASKS = 1000 };

struct fair_plan {
    ATOMIC(uint64_t) total;
    uint64_t limit;
    uint32_t counts[FAIR_TASKS];
};

struct fair_arg {
    struct fair_plan *plan;
    size_t index;
};

static int fair_task(void *arg)
{
    struct fair_arg *a = arg;
    while (a_add(&a->plan->total, 1, relaxed) < a->plan->limit) {
        a->plan->counts[a->index]++;
        EXPECT_EQ(weft_yield(), 0);
    }
    return 0;
}

static int fair_main(void *arg)
{
    struct fair_plan *plan = arg;
    weft_scope scope;
    weft_scope_open(&scope);
    for (size_t i = 0; i < FAIR_TASKS; i++) {
        EXPECT_EQ(weft_go(&scope, fair_task, (&(struct fair_arg){plan, i})), 0);
    }
    return weft_scope_close(&scope);
}

TEST(s4_a_thousand_yielders_are_served_alike)
{
    static struct fair_plan plan;
    plan.limit = (uint64_t)TEST_ROUNDS(1000 * 1000, 10 * 1000 * 1000);
    EXPECT_EQ(weft_run_with(fair_main, &plan, &worker_undisturbed), 0);
    uint32_t least = UINT32_MAX, most = 0;
    for (size_t i = 0; i < FAIR_TASKS; i++) {
        least = weft__min(least, plan.counts[i]);
        most = weft__max(most, plan.counts[i]);
    }
    if (most > 2 * least) {
        test_fail(__FILE__, __LINE__, "one had %u turns, another one %u", most, least);
    }
}

/* ---- S5 ---- */

struct talk {
    struct probe_gate ping, pong;
    ATOMIC(uint32_t) over;
    ATOMIC(uint64_t) turns;
};

static int talk_first(void *arg)
{
    struct talk *talk = *(struct talk **)arg;
    while (!a_load(&talk->over, relaxed)) {
        a_add(&talk->turns, 1, relaxed);
        probe_gate_post(&talk->ping);
        EXPECT_EQ(probe_gate_wait(&talk->pong), 0);
    }
    probe_gate_post(&talk->ping);
    return 0;
}

static int talk_second(void *arg)
{
    struct talk *talk = *(struct talk **)arg;
    while (!a_load(&talk->over, relaxed)) {
        EXPECT_EQ(probe_gate_wait(&talk->ping), 0);
        probe_gate_post(&talk->pong);
    }
    return 0;
}

/* Counted in turns of the talkers: 32 of them are about 3 us. */
static int talk_main(void *arg)
{
    struct talk talk = {.over = 0}, *at = &talk;
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, talk_second, &at), 0);
    EXPECT_EQ(weft_go(&scope, talk_first, &at), 0);
    uint64_t most = 0;
    int64_t best = WEFT_NEVER;
    for (int i = 0; i < 2000; i++) {
        uint64_t before = a_load(&talk.turns, relaxed);
        int64_t start = weft__time_now();
        EXPECT_EQ(weft_yield(), 0);
        best = weft__min(best, weft__time_now() - start);
        if (i > 10) {
            most = weft__max(most, a_load(&talk.turns, relaxed) - before);
        }
    }
    weft_stats stats;
    EXPECT_EQ(weft_stats_get(&stats), 0);
    if (stats.workers == 1) {
        EXPECT(most <= 4 * WEFT_NEXT_RUNS_MAX);
    }
    EXPECT(best < WEFT_MS);
    a_store(&talk.over, 1, relaxed);
    probe_gate_post(&talk.ping);
    probe_gate_post(&talk.pong);
    return weft_scope_close(&scope);
}

TEST(s5_talkers_leave_room_for_a_third)
{
    weft_options four = worker_undisturbed;
    four.workers = 4;
    EXPECT_EQ(weft_run_with(talk_main, NULL, &worker_undisturbed), 0);
    EXPECT_EQ(weft_run_with(talk_main, NULL, &four), 0);
}

/* ---- more than the deque holds stays in order ---- */

enum { ORDER_TASKS = 3000, ORDER_ROUNDS = 3 };

struct order_plan {
    ATOMIC(uint32_t) at[ORDER_ROUNDS];
    ATOMIC(uint32_t) seen[ORDER_ROUNDS][ORDER_TASKS];
};

struct order_arg {
    struct order_plan *plan;
    uint32_t index;
};

static int order_task(void *arg)
{
    struct order_arg *a = arg;
    for (int round = 0; round < ORDER_ROUNDS; round++) {
        uint32_t at = a_add(&a->plan->at[round], 1, relaxed);
        a_store(&a->plan->seen[round][at], a->index, relaxed);
        EXPECT_EQ(weft_yield(), 0);
    }
    return 0;
}

static int order_main(void *arg)
{
    struct order_plan *plan = arg;
    weft_scope scope;
    weft_scope_open(&scope);
    for (uint32_t i = 0; i < ORDER_TASKS; i++) {
        EXPECT_EQ(weft_go(&scope, order_task, (&(struct order_arg){plan, i})), 0);
    }
    return weft_scope_close(&scope);
}

TEST(worker_keeps_the_order_of_thousands)
{
    static struct order_plan plan;
    EXPECT_EQ(weft_run_with(order_main, &plan, &worker_undisturbed), 0);
    for (int round = 0; round < ORDER_ROUNDS; round++) {
        EXPECT_EQ(plan.at[round], ORDER_TASKS);
        for (uint32_t i = 0; i < ORDER_TASKS; i++) {
            EXPECT_EQ(plan.seen[round][i], i);
        }
    }
}

/* ---- thousands from plain threads ---- */

/* ThreadSanitizer has numbers for 8,000 tasks. */
enum { OUTSIDE_THREADS = 3, OUTSIDE_TASKS = WEFT_TSAN ? 2000 : 3000 };

struct outside {
    weft_scope *scope;
    ATOMIC(uint32_t) ran;
};

static int outside_task(void *arg)
{
    struct outside *outside = *(struct outside **)arg;
    a_add(&outside->ran, 1, relaxed);
    return weft_yield();
}

static void *outside_thread(void *arg)
{
    struct outside *outside = arg;
    for (int i = 0; i < OUTSIDE_TASKS; i++) {
        EXPECT_EQ(weft_go(outside->scope, outside_task, &outside), 0);
    }
    return NULL;
}

static int outside_join(void *arg)
{
    pthread_t *threads = arg;
    for (int i = 0; i < OUTSIDE_THREADS; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    return 0;
}

TASK_TEST_REAL(inject_from_plain_threads)
{
    struct outside outside = {.ran = 0};
    pthread_t threads[OUTSIDE_THREADS];
    weft_scope scope;
    weft_scope_open(&scope);
    outside.scope = &scope;
    for (int i = 0; i < OUTSIDE_THREADS; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, outside_thread, &outside), 0);
    }
    EXPECT_EQ(weft_blocking(outside_join, threads), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&outside.ran, relaxed), OUTSIDE_THREADS * OUTSIDE_TASKS);
}

/* ---- two plain threads wake one worker by turns: what idle_model.c calls the phantom ---- */

struct turns {
    struct probe_gate gate;
    ATOMIC(uint32_t) seen;
    uint32_t rounds;
};

static void *turns_thread(void *arg)
{
    struct turns *turns = arg;
    for (uint32_t i = 0; i < turns->rounds; i++) {
        probe_gate_post(&turns->gate);
        if (i % 8 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static int turns_main(void *arg)
{
    struct turns *turns = arg;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, turns_thread, turns), 0);
    }
    for (uint32_t i = 0; i < 2 * turns->rounds; i++) {
        EXPECT_EQ(probe_gate_wait(&turns->gate), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

TEST(inject_wakes_are_not_lost)
{
    for (size_t workers = 1; workers <= 2; workers++) {
        struct turns turns = {.rounds = (uint32_t)TEST_ROUNDS(20000, 2000000)};
        EXPECT_EQ(weft_run_with(turns_main, &turns, &(weft_options){.workers = workers}), 0);
    }
}

/* ---- S2: park, wake, cancel, steal, at random; park_model.c has the proof ---- */

enum { STORM_TASKS = 64, STORM_GATES = 8 };

struct storm {
    struct probe_gate gates[STORM_GATES];
    ATOMIC(uint64_t) taken, given;
    uint64_t rounds;
};

static int storm_task(void *arg)
{
    struct storm *storm = *(struct storm **)arg;
    struct weft__rng rng;
    weft__rng_seed(&rng, weft__rng_entropy());
    for (uint64_t i = 0; i < storm->rounds; i++) {
        struct probe_gate *gate = &storm->gates[weft__rng_below(&rng, STORM_GATES)];
        weft_scope scope;
        switch (weft__rng_below(&rng, 4)) {
        case 0:
            weft_scope_open(&scope); /* a wait that its deadline may end */
            weft_scope_deadline(&scope, weft_after((int64_t)weft__rng_below(&rng, 100 * WEFT_US)));
            if (probe_gate_wait(gate) == 0) {
                a_add(&storm->taken, 1, relaxed);
            }
            (void)weft_scope_close(&scope);
            break;
        case 1:
            EXPECT_EQ(weft_yield(), 0);
            break;
        default:
            probe_gate_post(gate);
            a_add(&storm->given, 1, relaxed);
            break;
        }
    }
    return 0;
}

static void storm_run(void)
{
    struct storm storm = {.rounds = (uint64_t)TEST_ROUNDS(300, 20000)}, *arg = &storm;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < STORM_TASKS; i++) {
        EXPECT_EQ(weft_go(&scope, storm_task, &arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    uint64_t left = 0;
    for (int i = 0; i < STORM_GATES; i++) {
        left += storm.gates[i].permits;
        EXPECT(weft__waitq_is_empty(&storm.gates[i].waiters));
    }
    EXPECT_EQ(a_load(&storm.given, relaxed), a_load(&storm.taken, relaxed) + left);
}

TASK_TEST_REAL(s2_storm_of_wakes_and_cancels)
{
    storm_run();
}

TASK_TEST(s2_storm_on_a_virtual_clock)
{
    storm_run();
}
