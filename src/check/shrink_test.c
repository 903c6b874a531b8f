/* shrink_test.c - long failing schedules become short ones, on little threads; see engine_probe.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/engine_probe.h"
#include "check/patience_probe.h"
#include "check/search.h"
#include "check/shrink.h"

static struct weft__exchange *shrink_exchange;
static void (*shrink_body)(void);
static int shrink_x, shrink_y, shrink_runs;
static struct probe_lock shrink_a, shrink_b, shrink_c;

static void shrink_reset(void)
{
    shrink_x = shrink_y = 0;
    shrink_a = shrink_b = shrink_c = (struct probe_lock){0};
}

static int shrink_probe_run(struct weft__runner *runner)
{
    (void)runner;
    shrink_runs++;
    shrink_reset();
    probe_run(shrink_exchange, shrink_body);
    return 0;
}

static void shrink_open(void (*body)(void))
{
    shrink_exchange = weft__alloc_zero(sizeof *shrink_exchange);
    probe_strands = weft__alloc_aligned(64, PROBE_STRANDS * sizeof *probe_strands);
    EXPECT(shrink_exchange != NULL && probe_strands != NULL);
    shrink_exchange->plan.flags = WEFT__PLAN_ALL_POINTS | WEFT__PLAN_NO_RACES;
    shrink_body = body;
    shrink_runs = 0;
}

static void shrink_close(void)
{
    weft__engine_fini();
    weft__free(shrink_exchange);
    weft__free(probe_strands);
}

/* Sites of shared memory become points once they are known, as the search does it. */
static void shrink_learn(struct weft__plan *plan, const struct weft__outcome *out)
{
    for (uint32_t i = 0; i < out->n_hot; i++) {
        bool known = false;
        for (uint32_t j = 0; j < plan->n_hot; j++)
            known |= plan->hot[j] == out->hot[i];
        if (!known)
            plan->hot[plan->n_hot++] = out->hot[i];
    }
}

/* Shrinks failing schedules of many seeds; all must come down to these preemptions, proven. */
static void shrink_expect(void (*body)(void), enum weft__class class, uint32_t preemptions,
                          uint32_t deviations)
{
    int found = 0;
    struct weft__plan *plan;
    struct weft__outcome *out;
    shrink_open(body);
    plan = &shrink_exchange->plan;
    out = &shrink_exchange->outcome;
    struct weft__runner runner = {shrink_probe_run, shrink_exchange, NULL};
    for (uint64_t seed = 1; seed <= 400 && found < 10; seed++) {
        plan->seed = seed;
        plan->strategy = WEFT__STRATEGY_RANDOM;
        plan->n_deviations = 0;
        EXPECT_EQ(runner.run(&runner), 0);
        shrink_learn(plan, out);
        if (out->n_findings == 0 || out->findings[0].class != (uint32_t)class)
            continue;
        struct weft__finding finding = out->findings[0];
        bool minimal = false;
        int64_t since = weft__time_now();
        EXPECT_EQ(weft__shrink(&runner, &finding, 20000, &minimal), 0);
        if (!minimal && !probe_had_time(since))
            continue; /* given up */
        found++;
        EXPECT(minimal);
        EXPECT_EQ(plan->strategy, WEFT__STRATEGY_DEFAULT);
        EXPECT(plan->n_deviations <= deviations);
        EXPECT_EQ(runner.run(&runner), 0);
        EXPECT(weft__outcome_has(out, &finding));
        EXPECT_EQ(out->preemptions, preemptions);
    }
    EXPECT(found > 0);
    shrink_close();
}

/* ---- lost update: one preemption ---- */

static void shrink_add(void *arg)
{
    (void)arg;
    int old = probe_read(&shrink_x, PROBE_HERE);
    probe_write(&shrink_x, old + 1, PROBE_HERE);
}

static void shrink_many_adders(void)
{
    struct weft__strand *s[4];
    for (int i = 0; i < 4; i++)
        s[i] = probe_spawn(shrink_add, NULL, PROBE_HERE);
    for (int i = 0; i < 4; i++)
        probe_join(s[i], PROBE_HERE);
    if (shrink_x != 4) {
        weft__found(WEFT__CLASS_ASSERT, 0, "x == 4");
        weft__engine_over();
    }
}

TEST(shrink_lost_update)
{
    shrink_expect(shrink_many_adders, WEFT__CLASS_ASSERT, 1, 2);
}

/* ---- opposite locks: one preemption ---- */

static void shrink_ab(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        probe_lock(&shrink_c, PROBE_HERE);
        probe_unlock(&shrink_c, PROBE_HERE);
    }
    probe_lock(&shrink_a, PROBE_HERE);
    probe_lock(&shrink_b, PROBE_HERE);
    probe_unlock(&shrink_b, PROBE_HERE);
    probe_unlock(&shrink_a, PROBE_HERE);
}

static void shrink_ba(void *arg)
{
    (void)arg;
    probe_lock(&shrink_b, PROBE_HERE);
    probe_lock(&shrink_a, PROBE_HERE);
    probe_unlock(&shrink_a, PROBE_HERE);
    probe_unlock(&shrink_b, PROBE_HERE);
}

static void shrink_opposite(void)
{
    struct weft__strand *one = probe_spawn(shrink_ab, NULL, PROBE_HERE);
    struct weft__strand *two = probe_spawn(shrink_ba, NULL, PROBE_HERE);
    probe_join(one, PROBE_HERE);
    probe_join(two, PROBE_HERE);
}

TEST(shrink_deadlock)
{
    shrink_expect(shrink_opposite, WEFT__CLASS_DEADLOCK, 1, 2);
}

/* ---- a schedule without preemption: only the order of the threads ---- */

static void shrink_sets(void *arg)
{
    probe_write(&shrink_y, *(int *)arg, PROBE_HERE);
}

static void shrink_order(void)
{
    static int one = 1, two = 2;
    struct weft__strand *a = probe_spawn(shrink_sets, &one, PROBE_HERE);
    struct weft__strand *b = probe_spawn(shrink_sets, &two, PROBE_HERE);
    probe_join(a, PROBE_HERE);
    probe_join(b, PROBE_HERE);
    if (shrink_y == 1) {
        weft__found(WEFT__CLASS_ASSERT, 0, "y == 2");
        weft__engine_over();
    }
}

TEST(shrink_wrong_order)
{
    shrink_expect(shrink_order, WEFT__CLASS_ASSERT, 0, 1);
}

/* ---- two preemptions are needed: there and back within one read and write ---- */

static void shrink_up(void *arg)
{
    (void)arg;
    probe_write(&shrink_x, 1, PROBE_HERE);
    probe_write(&shrink_x, 2, PROBE_HERE);
}

static void shrink_looks(void *arg)
{
    (void)arg;
    int before = probe_read(&shrink_x, PROBE_HERE);
    int after = probe_read(&shrink_x, PROBE_HERE);
    if (before == 1 && after == 2) {
        weft__found(WEFT__CLASS_ASSERT, 0, "torn");
        weft__engine_over();
    }
}

static void shrink_torn(void)
{
    struct weft__strand *a = probe_spawn(shrink_up, NULL, PROBE_HERE);
    struct weft__strand *b = probe_spawn(shrink_looks, NULL, PROBE_HERE);
    probe_join(a, PROBE_HERE);
    probe_join(b, PROBE_HERE);
}

TEST(shrink_torn_pair)
{
    shrink_expect(shrink_torn, WEFT__CLASS_ASSERT, 2, 3);
}

/* ---- what is the same ---- */

TEST(shrink_findings_same)
{
    struct weft__finding a = {.class = WEFT__CLASS_DEADLOCK, .n_parties = 2}, b;
    a.parties[0].site = 10;
    a.parties[1].site = 20;
    b = a;
    b.parties[0].site = 20;
    b.parties[1].site = 10;
    EXPECT(weft__finding_same(&a, &b));
    b.parties[1].site = 30;
    EXPECT(!weft__finding_same(&a, &b));
    b = a;
    b.class = WEFT__CLASS_LOST_WAKEUP;
    EXPECT(!weft__finding_same(&a, &b));
    a.class = b.class = WEFT__CLASS_ASSERT;
    EXPECT(weft__finding_same(&a, &b));
    b.text[0] = 'x';
    EXPECT(!weft__finding_same(&a, &b));
}
