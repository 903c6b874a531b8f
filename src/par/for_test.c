/* for_test.c - each index once, whatever the schedule; failures, cancels, and who else wants turns.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "par/loop_probe.h"

struct for_probe {
    ATOMIC(uint8_t) *hits;
    ATOMIC(int64_t) calls, indices;
    int64_t grain_max, fail_at, cancel_at;
    weft_scope *scope;
    int rounds;
};

static int for_hit(int64_t from, int64_t to, void *arg)
{
    struct for_probe *p = arg;
    EXPECT(from < to);
    EXPECT(p->grain_max == 0 || to - from <= p->grain_max);
    a_add(&p->calls, 1, relaxed);
    a_add(&p->indices, to - from, relaxed);
    for (int64_t i = from; i < to; i++) {
        if (p->hits) {
            a_add(&p->hits[i], 1, relaxed);
        }
        probe_work(p->rounds);
        if (p->fail_at && i == p->fail_at) {
            return -7;
        }
        if (p->cancel_at && i == p->cancel_at) {
            weft_scope_cancel(p->scope);
        }
    }
    return 0;
}

static const weft_for_options for_ways[] = {
    {0, WEFT_FOR_ADAPTIVE}, {1, WEFT_FOR_ADAPTIVE}, {13, WEFT_FOR_ADAPTIVE},
    {0, WEFT_FOR_STATIC},   {5, WEFT_FOR_STATIC},   {0, WEFT_FOR_DYNAMIC},
    {64, WEFT_FOR_DYNAMIC},
};

static void for_covers(int64_t n, const weft_for_options *way)
{
    ATOMIC(uint8_t) *hits = calloc((size_t)n + 1, 1);
    struct for_probe p = {.hits = hits, .grain_max = way->grain};
    EXPECT(hits != NULL);
    EXPECT_EQ(weft_for_with(0, n, for_hit, &p, way), 0);
    for (int64_t i = 0; i < n; i++) {
        EXPECT_EQ(a_load(&hits[i], relaxed), 1);
    }
    EXPECT_EQ(a_load(&hits[n], relaxed), 0);
    EXPECT_EQ(a_load(&p.indices, relaxed), n);
    free((void *)hits);
}

TASK_TEST(for_runs_each_index_once)
{
    for (size_t way = 0; way < WEFT_ARRAY_SIZE(for_ways); way++) {
        for (size_t i = 0; i < PROBE_SIZES; i++) {
            for_covers(probe_sizes[i], &for_ways[way]);
        }
    }
}

static void *for_covers_thread(void *arg)
{
    for (size_t way = 0; way < WEFT_ARRAY_SIZE(for_ways); way++) {
        for_covers(1000, &for_ways[way]);
    }
    return arg;
}

TASK_TEST_FREE(for_works_in_plain_threads)
{
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, for_covers_thread, NULL), 0);
    for_covers_thread(NULL);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

TEST(for_works_without_a_run)
{
    for_covers_thread(NULL);
}

static int for_says_nothing(int64_t from, int64_t to, void *arg)
{
    a_add((ATOMIC(uint64_t) *)arg, (uint64_t)to - (uint64_t)from, relaxed);
    return 0;
}

static int for_fails(int64_t from, int64_t to, void *arg)
{
    a_add((ATOMIC(uint64_t) *)arg, 1, relaxed);
    return from == to ? 0 : -7;
}

TASK_TEST(for_takes_odd_ranges)
{
    ATOMIC(uint64_t) sum = 0;
    EXPECT_EQ(weft_for(5, 5, for_fails, &sum), 0);
    EXPECT_EQ(weft_for(5, -5, for_fails, &sum), 0);
    EXPECT_EQ(a_load(&sum, relaxed), 0);
    EXPECT_EQ(weft_for(-3, 4, for_says_nothing, &sum), 0);
    EXPECT_EQ(a_load(&sum, relaxed), 7);
    EXPECT_EQ(weft_for(INT64_MAX - 3, INT64_MAX, for_says_nothing, &sum), 0);
    EXPECT_EQ(a_load(&sum, relaxed), 10);
    EXPECT_EQ(weft_for_with(0, 1, for_fails, &sum, &(weft_for_options){.grain = -1}),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_for_with(0, 1, for_fails, &sum, &(weft_for_options){
              .schedule = (enum weft_schedule)3}), -WEFT_EINVAL);
    EXPECT_EQ(a_load(&sum, relaxed), 10);
}

TASK_TEST(for_reaches_over_all_numbers)
{
    ATOMIC(uint64_t) sum = 0;
    weft_for_options way = {.schedule = WEFT_FOR_STATIC};
    EXPECT_EQ(weft_for_with(INT64_MIN, INT64_MAX, for_says_nothing, &sum, &way), 0);
    EXPECT(a_load(&sum, relaxed) == UINT64_MAX);
    a_store(&sum, 0, relaxed);
    EXPECT_EQ(weft_for(INT64_MIN, INT64_MAX, for_fails, &sum), -7);
    EXPECT(a_load(&sum, relaxed) >= 1);
}

/* ---- the first failure, and a cancel ---- */

TASK_TEST(for_stops_at_a_failure)
{
    for (size_t way = 0; way < WEFT_ARRAY_SIZE(for_ways); way++) {
        struct for_probe p = {.fail_at = PROBE_MANY / 3};
        EXPECT_EQ(weft_for_with(0, PROBE_MANY, for_hit, &p, &for_ways[way]), -7);
        EXPECT(a_load(&p.indices, relaxed) <= PROBE_MANY);
    }
}

TASK_TEST(for_begins_nothing_after_a_failure)
{
    struct for_probe p = {.fail_at = 1};
    weft_for_options way = {.grain = 1};
    EXPECT_EQ(weft_for_with(0, 1000000000, for_hit, &p, &way), -7);
    EXPECT(a_load(&p.indices, relaxed) < 1000000000);
}

TASK_TEST(for_stops_at_a_cancel)
{
    for (size_t way = 0; way < WEFT_ARRAY_SIZE(for_ways); way++) {
        weft_scope scope;
        struct for_probe p = {.cancel_at = PROBE_MANY / 3, .scope = &scope};
        weft_scope_open(&scope);
        int rc = weft_for_with(0, PROBE_MANY, for_hit, &p, &for_ways[way]);
        EXPECT(rc == -WEFT_ECANCELED || a_load(&p.indices, relaxed) == PROBE_MANY);
        EXPECT_EQ(weft_for_with(0, 1, for_hit, &p, &for_ways[way]), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    }
}

TASK_TEST(for_stops_at_its_deadline)
{
    weft_scope scope;
    struct for_probe p = {.rounds = 10};
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_now());
    EXPECT_EQ(weft_sleep(WEFT_MS), -WEFT_ECANCELED);
    EXPECT_EQ(weft_for(0, PROBE_MANY, for_hit, &p), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.indices, relaxed), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

TASK_TEST_REAL(for_stops_at_a_deadline_of_the_clock)
{
    weft_scope scope;
    struct for_probe p = {.rounds = 10};
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(20 * WEFT_MS));
    EXPECT_EQ(weft_for(0, INT64_MAX, for_hit, &p), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

/* ---- nested, and beside others ---- */

static int for_nested(int64_t from, int64_t to, void *arg)
{
    int rc = 0;
    for (int64_t i = from; i < to && rc == 0; i++) {
        rc = weft_for(0, i + 1, for_hit, arg);
    }
    return rc;
}

TASK_TEST(for_nests)
{
    int64_t n = test_is_steered ? 6 : 300;
    struct for_probe p = {.rounds = 1};
    EXPECT_EQ(weft_for(0, n, for_nested, &p), 0);
    EXPECT_EQ(a_load(&p.indices, relaxed), n * (n + 1) / 2);
    struct for_probe q = {.fail_at = n / 2};
    EXPECT_EQ(weft_for(0, n, for_nested, &q), -7);
}

static int for_sleeps(int64_t from, int64_t to, void *arg)
{
    int rc = 0;
    for (int64_t i = from; i < to && rc == 0; i++) {
        rc = weft_sleep(WEFT_MS);
        a_add((ATOMIC(int64_t) *)arg, 1, relaxed);
    }
    return rc;
}

TASK_TEST(for_bodies_may_sleep)
{
    ATOMIC(int64_t) slept = 0;
    EXPECT_EQ(weft_for(0, 20, for_sleeps, &slept), 0);
    EXPECT_EQ(a_load(&slept, relaxed), 20);
}

static int for_of_a_task(void *arg)
{
    struct for_probe *p = *(struct for_probe **)arg;
    return weft_for(0, PROBE_MANY / 10, for_hit, p);
}

TASK_TEST(for_runs_in_many_tasks)
{
    weft_scope scope;
    int n = TEST_FEWER(50);
    struct for_probe p = {.rounds = 1}, *at = &p;
    weft_scope_open(&scope);
    for (int i = 0; i < n; i++) {
        EXPECT_EQ(weft_go(&scope, for_of_a_task, &at), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&p.indices, relaxed), n * (PROBE_MANY / 10));
}

static int for_ticks(void *arg)
{
    ATOMIC(int64_t) *ticks = *(ATOMIC(int64_t) **)arg;
    for (;;) {
        int rc = weft_sleep(WEFT_MS);
        if (rc != 0) {
            return rc;
        }
        a_add(ticks, 1, relaxed);
    }
}

static int for_until_ticked(int64_t from, int64_t to, void *arg)
{
    probe_work(100 * (int)(to - from));
    return a_load((ATOMIC(int64_t) *)arg, relaxed) >= 20 ? -7 : 0;
}

/* It would never end if the loop kept its worker for itself. */
TASK_TEST_REAL(for_lets_timers_fire)
{
    weft_scope scope;
    ATOMIC(int64_t) ticks = 0, *at = &ticks;
    weft_scope_open(&scope);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_go(&scope, for_ticks, &at), 0);
    }
    EXPECT_EQ(weft_for(0, INT64_MAX, for_until_ticked, &ticks), -7);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}
