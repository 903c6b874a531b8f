/* stop_test.c - what ends a loop early: a deadline, a cancel, a failure, at each of its steps.
 *
 * Bodies sleep, so that on the virtual clock deadlines come in the middle.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/kinds_probe.h"

/* ---- all are right when nothing stops them ---- */

TASK_TEST(stop_not_at_all)
{
    struct kinds *k = kinds_new(NULL, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        EXPECT_EQ(kinds_run(k, kind), 0);
    }
    free(k);
}

static int stop_naps(struct kinds *k, int64_t index)
{
    (void)k;
    return weft_sleep((1 + index % 8) * WEFT_MS);
}

TASK_TEST(stop_not_when_bodies_sleep)
{
    struct kinds *k = kinds_new(stop_naps, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        EXPECT_EQ(kinds_run(k, kind), 0);
    }
    free(k);
}

/* ---- deadlines ---- */

/* Some of them sleep longer than until the deadline, however many sleep at the same time. */
static void stop_by_deadline(struct kinds *k, enum kinds_kind kind, int64_t after)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(after));
    EXPECT_EQ(kinds_run(k, kind), -WEFT_ECANCELED);
    EXPECT_EQ(kinds_run(k, kind), -WEFT_ECANCELED); /* and none begins any more */
    EXPECT_EQ(a_load(&k->calls, relaxed), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

TASK_TEST(stop_by_a_deadline_in_the_middle)
{
    struct kinds *k = kinds_new(stop_naps, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_SORT_BY; kind++) {
        stop_by_deadline(k, kind, 2 * WEFT_MS);
        stop_by_deadline(k, kind, 7 * WEFT_MS);
    }
    free(k);
}

/* Deadlines of a scope that the body itself has opened are the body's. */
static int stop_opens_scope(struct kinds *k, int64_t index)
{
    weft_scope scope;
    (void)k;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after((index % 3 + 1) * WEFT_MS));
    EXPECT_EQ(weft_sleep(3600 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    return 0;
}

TASK_TEST(stop_only_within_the_body)
{
    struct kinds *k = kinds_new(stop_opens_scope, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        EXPECT_EQ(kinds_run(k, kind), 0);
    }
    free(k);
}

static int stop_burns(struct kinds *k, int64_t index)
{
    (void)k;
    (void)index;
    probe_work(2000);
    return 0;
}

/* On a clock that goes on by itself: the bodies compute, and none of them asks. */
TASK_TEST_REAL(stop_by_a_deadline_of_the_clock)
{
    for (int kind = 0; kind < KINDS_N; kind++) {
        struct kinds *k = kinds_new(stop_burns, NULL);
        weft_scope scope;
        int rc = 0;
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after(5 * WEFT_MS));
        while (rc == 0) {
            rc = kinds_run(k, (enum kinds_kind)kind);
        }
        EXPECT_EQ(rc, -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
        free(k);
    }
}

/* ---- a cancel at the k-th call ---- */

struct stop_plan {
    weft_scope *scope;
    int64_t at; /* which call */
    ATOMIC(int64_t) calls;
    ATOMIC(uint32_t) has_come;
};

static int stop_cancels(struct kinds *k, int64_t index)
{
    struct stop_plan *plan = k->arg;
    (void)index;
    if (a_add(&plan->calls, 1, relaxed) == plan->at) {
        weft_scope_cancel(plan->scope);
        a_store(&plan->has_come, 1, relaxed);
    }
    return 0;
}

static void stop_by_cancel(enum kinds_kind kind, int64_t at)
{
    weft_scope scope;
    struct stop_plan plan = {.scope = &scope, .at = at};
    struct kinds *k = kinds_new(stop_cancels, &plan);
    weft_scope_open(&scope);
    int rc = kinds_run(k, kind);
    EXPECT(rc == 0 || (rc == -WEFT_ECANCELED && a_load(&plan.has_come, relaxed)));
    if (kind == KINDS_FOR_GRAIN && at < k->n / 8) {
        EXPECT_EQ(rc, -WEFT_ECANCELED); /* with one index in a call it is seen at the next */
    }
    rc = weft_scope_close(&scope);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    free(k);
}

TASK_TEST(stop_by_a_cancel_at_each_call)
{
    for (enum kinds_kind kind = 0; kind < KINDS_SORT_BY; kind++) {
        for (int64_t at = 0; at < 3; at++) {
            stop_by_cancel(kind, at);
        }
        stop_by_cancel(kind, test_is_steered ? 12 : 100);
    }
}

/* ---- a cancel by somebody else, whenever it comes ---- */

static int stop_from_outside(void *arg)
{
    const struct stop_plan *plan = *(struct stop_plan **)arg;
    for (int64_t i = 0; i < plan->at; i++) {
        (void)weft_yield();
    }
    weft_scope_cancel(plan->scope);
    return 0;
}

static void stop_by_other_task(struct kinds *k, enum kinds_kind kind, int64_t yields)
{
    weft_scope outer, scope;
    weft_event never;
    struct stop_plan plan = {.scope = &scope, .at = yields}, *its = &plan;
    weft_event_init(&never);
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&outer, stop_from_outside, &its), 0);
    int rc = kinds_run(k, kind);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    EXPECT_EQ(weft_event_wait(&never), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), 0);
    weft_event_fini(&never);
}

static int stop_yields(struct kinds *k, int64_t index)
{
    (void)k;
    return index % 4 == 0 ? weft_yield() : 0;
}

TASK_TEST(stop_by_a_cancel_from_outside)
{
    struct kinds *k = kinds_new(stop_yields, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        for (int64_t yields = 0; yields < 40; yields += test_is_steered ? 9 : 1) {
            stop_by_other_task(k, kind, yields);
        }
    }
    free(k);
}

/* ---- failures ---- */

static int stop_fails(struct kinds *k, int64_t index)
{
    struct stop_plan *plan = k->arg;
    (void)index;
    return a_add(&plan->calls, 1, relaxed) == plan->at ? -7 : 0;
}

TASK_TEST(stop_by_a_failure_at_each_call)
{
    for (enum kinds_kind kind = 0; kind < KINDS_SORT; kind++) {
        int64_t n = test_is_steered ? 24 : KINDS_MAX;
        for (int64_t at = 0; at < n; at += test_is_steered ? 5 : 1) {
            struct stop_plan plan = {.at = at};
            struct kinds *k = kinds_new(stop_fails, &plan);
            EXPECT_EQ(kinds_run(k, kind), -7);
            EXPECT_EQ(weft_yield(), 0); /* the scope has not failed by it */
            free(k);
        }
    }
}

/* Each fails in its own way: what comes out is one of them, and no other. */
static int stop_fails_by_index(struct kinds *k, int64_t index)
{
    (void)k;
    return index % 3 == 0 ? (int)(-1000 - index) : 0;
}

TASK_TEST(stop_by_one_of_many_failures)
{
    struct kinds *k = kinds_new(stop_fails_by_index, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_SORT; kind++) {
        int rc = kinds_run(k, kind);
        EXPECT(rc <= -1000 && rc > -1000 - k->n && (-1000 - rc) % 3 == 0);
        EXPECT(a_load(&k->hits[-1000 - rc], relaxed) > 0); /* and that one it was */
    }
    free(k);
}

/* The failure was first, then came the cancel. */
static int stop_fails_and_cancels(struct kinds *k, int64_t index)
{
    struct stop_plan *plan = k->arg;
    (void)index;
    if (a_add(&plan->calls, 1, relaxed) == 0) {
        return -7;
    }
    weft_scope_cancel(plan->scope);
    return weft_sleep(3600 * WEFT_SECOND);
}

TASK_TEST(stop_by_a_failure_and_a_cancel)
{
    for (enum kinds_kind kind = 0; kind < KINDS_SORT; kind++) {
        for (int i = 0; i < TEST_FEWER(30); i++) {
            weft_scope scope;
            struct stop_plan plan = {.scope = &scope};
            struct kinds *k = kinds_new(stop_fails_and_cancels, &plan);
            weft_scope_open(&scope);
            int rc = kinds_run(k, kind);
            EXPECT(rc == -7 || rc == -WEFT_ECANCELED);
            (void)weft_scope_close(&scope);
            free(k);
        }
    }
}

/* Who sleeps while another one fails is not woken by it: a failure begins nothing new, and cancels
 * nobody.  So the loop ends when the longest sleep does. */
static int stop_fails_beside(int64_t from, int64_t to, void *arg)
{
    ATOMIC(uint32_t) *ended = arg;
    (void)to;
    if (from == 0) {
        return -7;
    }
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    a_add(ended, 1, relaxed);
    return 0;
}

TASK_TEST(stop_lets_bodies_end)
{
    for (int i = 0; i < TEST_FEWER(100); i++) {
        ATOMIC(uint32_t) ended = 0;
        weft_for_options way = {.grain = 1, .schedule = i % 2 ? WEFT_FOR_DYNAMIC : WEFT_FOR_STATIC};
        EXPECT_EQ(weft_for_with(0, 4, stop_fails_beside, &ended, &way), -7);
        uint32_t now = a_load(&ended, relaxed);
        EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
        EXPECT_EQ(a_load(&ended, relaxed), now); /* none was left behind */
    }
}

/* ---- nested: a loop in a loop in a piece ---- */

struct stop_nest {
    ATOMIC(int64_t) count;
    int64_t n, fail_at;
};

static int stop_nest_inner(int64_t from, int64_t to, void *arg)
{
    struct stop_nest *nest = arg;
    for (int64_t i = from; i < to; i++) {
        if (a_add(&nest->count, 1, relaxed) == nest->fail_at) {
            return -7;
        }
    }
    return 0;
}

static int stop_nest_sum(int64_t from, int64_t to, void *acc, void *arg)
{
    struct stop_nest *nest = arg;
    int rc = 0;
    for (int64_t i = from; i < to && rc == 0; i++) {
        *(int64_t *)acc += 1;
        rc = weft_for(0, nest->n, stop_nest_inner, nest);
    }
    return rc;
}

static int stop_nest_piece(void *arg)
{
    struct stop_nest *nest = arg;
    int64_t zero = 0, sum = -1;
    weft_reduce_ops ops = {.size = sizeof zero, .identity = &zero, .body = stop_nest_sum,
                           .combine = kinds_add};
    int rc = weft_reduce(0, nest->n, &ops, &sum, nest);
    EXPECT_EQ(sum, rc == 0 ? nest->n : -1);
    return rc;
}

static int stop_nested(int64_t n, int64_t fail_at)
{
    struct stop_nest nest = {.n = n, .fail_at = fail_at};
    weft_piece a, b;
    weft_fork(&a, stop_nest_piece, &nest);
    weft_fork(&b, stop_nest_piece, &nest);
    int rc = stop_nest_piece(&nest);
    int rc_b = weft_join(&b), rc_a = weft_join(&a);
    EXPECT(fail_at >= 0 || a_load(&nest.count, relaxed) == 3 * n * n);
    EXPECT_EQ((rc < 0) + (rc_a < 0) + (rc_b < 0), fail_at >= 0); /* one piece knows of it */
    return rc < 0 ? rc : rc_b < 0 ? rc_b : rc_a;
}

TASK_TEST(stop_in_nested_loops)
{
    int64_t n = test_is_steered ? 3 : 40;
    EXPECT_EQ(stop_nested(n, -1), 0);
    for (int64_t at = 0; at < 3 * n * n; at += test_is_steered ? 7 : 97) {
        EXPECT_EQ(stop_nested(n, at), -7);
    }
}

/* ---- the scope around a loop is closed right behind it, its memory used again ---- */

static int stop_in_own_scope(struct kinds *k, int64_t index)
{
    weft_scope scope;
    struct stop_nest nest = {.n = 3, .fail_at = index % 5 == 0 ? 1 : -1};
    (void)k;
    weft_scope_open(&scope);
    int rc = weft_for(0, nest.n, stop_nest_inner, &nest);
    EXPECT_EQ(rc, index % 5 == 0 ? -7 : 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_for(0, nest.n, stop_nest_inner, &nest), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    memset(&scope, 0xa5, sizeof scope);
    return 0;
}

TASK_TEST(stop_in_scopes_of_bodies)
{
    struct kinds *k = kinds_new(stop_in_own_scope, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        EXPECT_EQ(kinds_run(k, kind), 0);
    }
    free(k);
}
