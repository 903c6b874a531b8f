/* scope_race_test.c - cancels, deadlines, opens, closes and ends that meet; and crowds.
 *
 * Each race is run many times on four workers and the real clock.  What is lost shows as a task
 * that sleeps for ever, which the runtime tells as a deadlock; what is touched too late shows under
 * the sanitizers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/sanitize.h"
#include "base/rng.h"
#include "base/time.h"
#include "scope/scope.h"
#include "tests/probe.h"

enum { RACE_DAY = 10000, RACE_NIGHT = 1000000, RACE_SPIN_MAX = 400 };

struct race {
    int (*round)(struct weft__rng *rng);
    int rounds;
};

/* Two seconds a day are enough of any race, if the machine has other things to do. */
static int race_main(void *arg)
{
    const struct race *race = arg;
    struct weft__rng rng;
    int64_t until = weft__time_now() + 2 * WEFT_SECOND;
    weft__rng_seed(&rng, weft__rng_entropy());
    for (int i = 0; i < race->rounds; i++) {
        EXPECT_EQ(race->round(&rng), 0);
        if (!test_is_night() && weft__time_now() > until) {
            break;
        }
    }
    return 0;
}

static void race_run(int (*round)(struct weft__rng *), int rounds)
{
    struct race race = {round, rounds};
    EXPECT_EQ(weft_run_with(race_main, &race, &(weft_options){.workers = 4, .quiet = true}), 0);
}

#define RACE_FOR(name, by_night)            \
    TEST(race_##name)                       \
    {                                       \
        race_run(name##_round, RACE_DAY);   \
    }                                       \
    NIGHT_TEST(race_##name##_all_night)     \
    {                                       \
        race_run(name##_round, (by_night)); \
    }

#define RACE(name) RACE_FOR(name, RACE_NIGHT)

static uint32_t race_pause(struct weft__rng *rng)
{
    return (uint32_t)weft__rng_below(rng, RACE_SPIN_MAX);
}

static void race_spin(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        a_compiler_fence();
    }
}

/* ---- a cancel, soon ---- */

struct race_cancel {
    weft_scope *scope;
    uint32_t pause;
};

static int race_cancel_soon(void *arg)
{
    const struct race_cancel *c = arg;
    race_spin(c->pause);
    weft_scope_cancel(c->scope);
    return 0;
}

static void race_cancel(weft_scope *where, weft_scope *scope, struct weft__rng *rng)
{
    EXPECT_EQ(weft_go(where, race_cancel_soon, &(struct race_cancel){scope, race_pause(rng)}), 0);
}

/* Waits until the tasks of a scope have ended, without closing it.  A scope that they cancel must
 * stay open as long. */
static void race_wait_for(weft_scope *scope)
{
    weft_scope shield;
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    while (a_load(&weft__scope_of(scope)->alive, acquire) > 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    EXPECT_EQ(weft_scope_close(&shield), 0);
}

/* ---- cancel, spawn ---- */

/* A task runs exactly if weft_go said 0. */
static int spawn_round(struct weft__rng *rng)
{
    enum { TASKS_MAX = 50 };
    weft_scope outer, scope;
    ATOMIC(int) count = 0, *pointer = &count;
    int started = 0;
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    race_cancel(&outer, &scope, rng);
    while (started < TASKS_MAX) {
        int code = weft_go(&scope, probe_count, &pointer);
        if (code < 0) {
            EXPECT_EQ(code, -WEFT_ECANCELED);
            break;
        }
        started++;
    }
    int rc = weft_go(&scope, probe_sleep, &(struct probe){WEFT_NEVER, 0, NULL, NULL});
    EXPECT(rc == -WEFT_ECANCELED || (rc == 0 && started == TASKS_MAX));
    EXPECT_EQ(weft_sleep(WEFT_NEVER), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&count, relaxed), started);
    return weft_scope_close(&outer);
}

RACE(spawn)

/* ---- cancel, open and close ---- */

struct race_nest {
    int turns, depth;
};

/* Opens and closes scopes, and at last sleeps in the innermost of some. */
static int nest_task(void *arg)
{
    const struct race_nest *nest = arg;
    weft_scope scopes[8];
    for (int i = 0; i < nest->turns; i++) {
        weft_scope_open(&scopes[0]);
        weft_scope_open(&scopes[1]);
        (void)weft_scope_close(&scopes[1]);
        (void)weft_scope_close(&scopes[0]);
    }
    for (int i = 0; i < nest->depth; i++) {
        weft_scope_open(&scopes[i]);
    }
    EXPECT_EQ(weft_sleep(WEFT_NEVER), -WEFT_ECANCELED);
    for (int i = nest->depth - 1; i >= 0; i--) {
        EXPECT_EQ(weft_scope_close(&scopes[i]), -WEFT_ECANCELED);
    }
    return -WEFT_ECANCELED;
}

static int nest_round(struct weft__rng *rng)
{
    weft_scope outer, scope;
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        struct race_nest nest = {(int)weft__rng_below(rng, 10), (int)weft__rng_below(rng, 8)};
        EXPECT_EQ(weft_go(&scope, nest_task, &nest), 0);
    }
    race_cancel(&outer, &scope, rng);
    EXPECT_EQ(nest_task(&(struct race_nest){(int)weft__rng_below(rng, 10), 3}), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 0);
    return weft_scope_close(&outer);
}

RACE(nest)

/* Two cancels, of an inner and an outer scope, from different tasks. */
static int two_cancels_round(struct weft__rng *rng)
{
    weft_scope outer, scopes[3];
    weft_scope_open(&outer);
    for (int i = 0; i < 3; i++) {
        weft_scope_open(&scopes[i]);
    }
    EXPECT_EQ(weft_go(&scopes[1], nest_task, (&(struct race_nest){2, 2})), 0);
    EXPECT_EQ(weft_go(&scopes[2], nest_task, (&(struct race_nest){0, 0})), 0);
    race_cancel(&outer, &scopes[0], rng);
    race_cancel(&outer, &scopes[weft__rng_below(rng, 3)], rng);
    EXPECT_EQ(weft_sleep(WEFT_NEVER), -WEFT_ECANCELED);
    race_wait_for(&outer);
    for (int i = 2; i >= 0; i--) {
        (void)weft_scope_close(&scopes[i]);
    }
    return weft_scope_close(&outer);
}

RACE(two_cancels)

/* ---- deadlines ---- */

static int deadline_round(struct weft__rng *rng)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after((int64_t)weft__rng_below(rng, 3000)));
    (void)weft_go(&scope, probe_nothing, NULL);
    race_spin(race_pause(rng));
    int rc = weft_yield();
    EXPECT_EQ(weft_scope_close(&scope), rc == 0 ? 0 : -WEFT_ETIMEDOUT);
    return 0;
}

struct race_mover {
    weft_scope *scope;
    int turns;
};

static int race_move_deadline(void *arg)
{
    const struct race_mover *m = arg;
    for (int i = 0; i < m->turns; i++) {
        weft_scope_deadline(m->scope, weft_after(i % 3 == 2 ? WEFT_SECOND : i * 500));
    }
    weft_scope_deadline(m->scope, weft_after(1000));
    return 0;
}

/* Two tasks move it, while it comes. */
static int move_round(struct weft__rng *rng)
{
    weft_scope outer, scope;
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_go(&outer, race_move_deadline,
                          &(struct race_mover){&scope, (int)weft__rng_below(rng, 8)}), 0);
    }
    EXPECT_EQ(weft_sleep(10 * WEFT_SECOND), -WEFT_ECANCELED);
    race_wait_for(&outer);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    return weft_scope_close(&outer);
}

RACE(deadline)
RACE(move)

/* ---- services ---- */

struct race_service {
    weft_scope *scope;
    uint32_t pause;
    ATOMIC(int) *started, *ran;
};

static int race_service(void *arg)
{
    const struct race_service *s = arg;
    race_spin(s->pause);
    if (weft_go(s->scope, probe_count, &s->ran) == 0) {
        a_add(s->started, 1, relaxed);
    }
    race_spin(s->pause);
    return 0;
}

/* A service ends by itself, having started a task or not, while the owner closes. */
static int service_round(struct weft__rng *rng)
{
    weft_scope scope;
    ATOMIC(int) started = 0, ran = 0;
    int services = (int)weft__rng_below(rng, 3) + 1;
    weft_scope_open(&scope);
    for (int i = 0; i < services; i++) {
        struct race_service arg = {&scope, race_pause(rng), &started, &ran};
        EXPECT_EQ(weft_go_with(&scope, race_service, &arg, sizeof arg,
                               &(weft_task_options){.service = true}), 0);
    }
    race_spin(race_pause(rng));
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&ran, relaxed), a_load(&started, relaxed));
    return 0;
}

RACE(service)

/* ---- starting ---- */

static int race_start_soon(void *arg)
{
    race_spin(*(uint32_t *)arg);
    if (*(uint32_t *)arg % 3 == 0) {
        int rc = weft_yield();
        if (rc < 0) {
            return rc;
        }
    }
    weft_started(arg);
    return 0;
}

/* The starter is cancelled while the task says that it has started, or ends. */
static int start_round(struct weft__rng *rng)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    race_cancel(&outer, &inner, rng);
    uint32_t pause = race_pause(rng);
    for (int i = 0; i < 4; i++) {
        int rc = weft_start_with(&outer, race_start_soon, &pause, sizeof pause,
                                 &(weft_task_options){.service = pause % 2}, NULL);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    }
    race_wait_for(&outer);
    (void)weft_scope_close(&inner);
    EXPECT(!weft_scope_cancelled(&outer));
    return weft_scope_close(&outer);
}

/* The same with a thread, whose memory goes when it ends. */
static int start_on_thread_round(struct weft__rng *rng)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    race_cancel(&outer, &inner, rng);
    uint32_t pause = 50 * race_pause(rng);
    int rc = weft_start_with(&outer, race_start_soon, &pause, sizeof pause,
                             &(weft_task_options){.on = WEFT_THREAD}, NULL);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    race_wait_for(&outer);
    (void)weft_scope_close(&inner);
    return weft_scope_close(&outer);
}

RACE(start)
RACE_FOR(start_on_thread, RACE_NIGHT / 10) /* a thread each time */

/* ---- outcomes ---- */

static int race_fail_soon(void *arg)
{
    race_spin(*(uint32_t *)arg);
    return -1 - (int)(*(uint32_t *)arg % 7);
}

/* Several fail at once: one is the first, all are counted. */
static int fail_round(struct weft__rng *rng)
{
    enum { FAILING = 6 };
    weft_scope scope;
    weft_error errors[WEFT_SCOPE_ERRORS_MAX];
    int started = 0;
    weft_scope_open(&scope);
    for (int i = 0; i < FAILING; i++) {
        uint32_t pause = race_pause(rng);
        started += weft_go(&scope, race_fail_soon, &pause) == 0;
    }
    int rc = weft_scope_close(&scope);
    EXPECT_EQ(weft_scope_errors(&scope, errors, WEFT_ARRAY_SIZE(errors)), started);
    EXPECT_EQ(errors[0].code, rc);
    EXPECT(rc < 0);
    return 0;
}

RACE(fail)

/* ---- crowds ---- */

/* A cancel storm: 10^4 tasks in 100 nested scopes, the outermost is cancelled: all join. */
static void storm(void)
{
    enum { DEPTH = 100, EACH = WEFT__SAN_THREAD ? 10 : 100 };
    static weft_scope scopes[DEPTH];
    struct weft__rng rng;
    weft_scope outer;
    weft__rng_seed(&rng, 52);
    weft_scope_open(&outer);
    for (int i = 0; i < DEPTH; i++) {
        weft_scope_open(&scopes[i]);
        for (int k = 0; k < EACH; k++) {
            struct race_nest nest = {0, k % 4};
            EXPECT_EQ(weft_go(&scopes[i], nest_task, &nest), 0);
        }
    }
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    race_cancel(&outer, &scopes[0], &rng);
    EXPECT_EQ(weft_sleep(WEFT_NEVER), -WEFT_ECANCELED);
    for (int i = DEPTH - 1; i >= 0; i--) {
        EXPECT_EQ(weft_scope_close(&scopes[i]), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_errors(&scopes[i], NULL, 0), 0);
    }
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

TASK_TEST_FREE(t52_cancel_storm)
{
    storm();
}

TASK_TEST_REAL(t52_cancel_storm_real)
{
    storm();
}

/* 10,000 scopes, one within the other, cancelled from outside: no depth overflows a stack. */
TASK_TEST_FREE(scope_deep_nesting)
{
    enum { DEPTH = 10000 };
    static weft_scope scopes[DEPTH];
    struct weft__rng rng;
    weft_scope outer;
    weft__rng_seed(&rng, 1);
    weft_scope_open(&outer);
    for (int i = 0; i < DEPTH; i++) {
        weft_scope_open(&scopes[i]);
    }
    EXPECT_EQ(weft_go(&scopes[DEPTH - 1], nest_task, (&(struct race_nest){0, 1})), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    race_cancel(&outer, &scopes[0], &rng);
    EXPECT_EQ(weft_sleep(WEFT_NEVER), -WEFT_ECANCELED);
    for (int i = DEPTH - 1; i >= 0; i--) {
        EXPECT(weft_scope_cancelled(&scopes[i]));
        EXPECT_EQ(weft_scope_close(&scopes[i]), -WEFT_ECANCELED);
    }
    EXPECT_EQ(weft_scope_close(&outer), 0);
}
