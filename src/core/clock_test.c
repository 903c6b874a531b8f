/* clock_test.c - sleeping by the real clock and by a virtual one, in tasks and in plain threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/clock.h"

#include "base/rng.h"
#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/run.h"

#define CLOCK_YEAR (365 * 24 * 3600 * WEFT_SECOND)

/* Else the runner would not wait for the end. */
TASK_TEST(clock_virtual_years_take_no_time)
{
    int64_t start = weft_now();
    for (int i = 0; i < 10; i++) {
        int64_t at = weft_after(5 * CLOCK_YEAR + i);
        EXPECT_EQ(weft_sleep_until(at), 0);
        EXPECT(weft_now() >= at);
        EXPECT(weft_now() < at + 2 * WEFT_US);
    }
    EXPECT(weft_now() - start >= 50 * CLOCK_YEAR);
}

/* It stands still while anything runs. */
TASK_TEST(clock_virtual_stands_still)
{
    int64_t start = weft_now();
    int64_t until = weft__time_now() + 3 * WEFT_MS;
    while (weft__time_now() < until) {
        EXPECT_EQ(weft_yield(), 0);
    }
    EXPECT_EQ(weft_now(), start);
}

TASK_TEST(clock_arithmetic)
{
    int64_t now = weft_now();
    EXPECT_EQ(weft_after(0), now);
    EXPECT_EQ(weft_after(-5), now - 5);
    EXPECT_EQ(weft_after(WEFT_NEVER), WEFT_NEVER);
    EXPECT_EQ(weft_after(WEFT_NEVER - now), WEFT_NEVER);
    EXPECT_EQ(weft_after(INT64_MIN), INT64_MIN + now);
    EXPECT_EQ(weft_sleep(0), 0);
    EXPECT_EQ(weft_sleep(-1), 0);
    EXPECT_EQ(weft_sleep_until(INT64_MIN), 0);
    EXPECT_EQ(weft_sleep_until(now), 0);
    EXPECT_EQ(weft_now(), now);
}

/* ---- many sleepers are woken in the order of their times ---- */

enum { ALARMS = 2000 };

struct alarms {
    int64_t start, last;
    ATOMIC(uint32_t) rung;
};

struct alarm_arg {
    struct alarms *alarms;
    int64_t after;
};

static int alarm_task(void *arg)
{
    struct alarm_arg *a = arg;
    int64_t at = a->alarms->start + a->after;
    EXPECT_EQ(weft_sleep_until(at), 0);
    int64_t now = weft_now();
    EXPECT(now >= at);
    EXPECT(now < at + 3 * WEFT_US);
    a_add(&a->alarms->rung, 1, relaxed);
    return 0;
}

TASK_TEST_FREE(clock_virtual_alarms)
{
    struct alarms alarms = {.start = weft_now() + WEFT_SECOND};
    struct weft__rng rng;
    weft_scope scope;
    weft__rng_seed(&rng, 11);
    weft_scope_open(&scope);
    for (int i = 0; i < ALARMS; i++) {
        int64_t span = (int64_t)1 << weft__rng_below(&rng, 61);
        int64_t after = (int64_t)weft__rng_below(&rng, (uint64_t)span);
        EXPECT_EQ(weft_go(&scope, alarm_task, (&(struct alarm_arg){&alarms, after})), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&alarms.rung, relaxed), ALARMS);
}

/* Nobody gets up for the last moment of the clock. */
TASK_TEST_REAL(clock_almost_never)
{
    weft_stats before, after;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(30 * WEFT_MS));
    EXPECT_EQ(weft_stats_get(&before), 0);
    EXPECT_EQ(weft_sleep_until(WEFT_NEVER - 1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stats_get(&after), 0);
    EXPECT(after.switches - before.switches < 1000);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

/* ---- plain threads ---- */

TEST(clock_plain_thread_without_a_runtime)
{
    int64_t start = weft__time_now();
    EXPECT(weft_now() >= start);
    EXPECT_EQ(weft_sleep(5 * WEFT_MS), 0);
    EXPECT(weft__time_now() - start >= 5 * WEFT_MS);
    EXPECT_EQ(weft_sleep(0), 0);
}

struct thread_sleep {
    int64_t ns, took_ns;
    ATOMIC(uint32_t) began, over;
};

static void *clock_thread(void *arg)
{
    struct thread_sleep *sleep = arg;
    int64_t start = weft_now();
    a_store(&sleep->began, 1, release);
    EXPECT_EQ(weft_sleep(sleep->ns), 0);
    sleep->took_ns = weft_now() - start;
    a_store(&sleep->over, 1, release);
    return NULL;
}

TASK_TEST_REAL(clock_plain_thread_beside_a_runtime)
{
    struct thread_sleep sleep = {.ns = 5 * WEFT_MS};
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, clock_thread, &sleep), 0);
    while (!a_load(&sleep.over, acquire)) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    pthread_join(thread, NULL);
    EXPECT(sleep.took_ns >= 5 * WEFT_MS);
}

/* It sleeps by the virtual clock, which the task's sleeps move. */
TASK_TEST(clock_plain_thread_on_a_virtual_clock)
{
    struct thread_sleep sleep = {.ns = CLOCK_YEAR};
    pthread_t thread;
    int64_t start = weft_now();
    EXPECT_EQ(pthread_create(&thread, NULL, clock_thread, &sleep), 0);
    probe_await_foreign(1); /* else the clock would run away from it */
    for (int i = 0; i < 6; i++) {
        EXPECT_EQ(weft_sleep(CLOCK_YEAR / 4), 0);
    }
    probe_await(&sleep.over, 1);
    pthread_join(thread, NULL);
    EXPECT(weft_now() - start >= CLOCK_YEAR);
    EXPECT(sleep.took_ns >= CLOCK_YEAR);
}

static int clock_leave_thread(void *arg)
{
    struct thread_sleep *sleep = ((void **)arg)[0];
    EXPECT_EQ(pthread_create(((void **)arg)[1], NULL, clock_thread, sleep), 0);
    probe_await(&sleep->began, 1);
    if (sleep->ns == CLOCK_YEAR) { /* on the virtual clock it must have gone to sleep by now */
        probe_await_foreign(1);
    }
    return 0;
}

/* The run does not wait for it, nor leave it asleep for ever. */
TEST(clock_plain_thread_when_the_run_ends)
{
    for (int i = 0; i < TEST_ROUNDS(30, 3000); i++) {
        struct thread_sleep sleep = {.ns = i % 2 ? CLOCK_YEAR : WEFT_MS};
        pthread_t thread;
        void *args[] = {&sleep, &thread};
        EXPECT_EQ(weft_run_with(clock_leave_thread, args,
                                &(weft_options){.workers = 2, .virtual_clock = i % 2}),
                  0);
        pthread_join(thread, NULL);
        EXPECT(a_load(&sleep.over, acquire));
    }
}
