/* once_test.c - done one time, by one, and seen by all; if it fails, by the next.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/fault.h"
#include "sync/sync_probe.h"

struct once_probe {
    weft_once once;
    weft_event go_on;
    weft_scope scope, other;
    ATOMIC(int) calls, passed, failed, cancelled, inside;
    int made; /* what fn makes: plain, so that TSan judges whether all see it */
    int fails, rounds;
};

static weft_once once_static = WEFT_ONCE_INIT;

static int once_make(void *arg)
{
    struct once_probe *p = arg;
    EXPECT_EQ(a_xchg(&p->inside, 1, relaxed), 0);
    a_add(&p->calls, 1, relaxed);
    if (weft_yield() < 0) {
        a_store(&p->inside, 0, relaxed);
        return -WEFT_ECANCELED;
    }
    int nth = p->made++; /* a call that was cancelled is not counted */
    EXPECT_EQ(a_xchg(&p->inside, 0, relaxed), 1);
    return nth < p->fails ? -WEFT_EBUSY : nth;
}

static int once_use(void *arg)
{
    struct once_probe *p = probe_arg(arg);
    int rc = weft_once_call(&p->once, once_make, p);
    if (rc == 0) {
        EXPECT_EQ(p->made, p->fails + 1);
        a_add(&p->passed, 1, relaxed);
    } else if (rc == -WEFT_EBUSY) {
        a_add(&p->failed, 1, relaxed);
    } else {
        EXPECT_EQ(rc, -WEFT_ECANCELED);
        a_add(&p->cancelled, 1, relaxed);
    }
    return 0;
}

static void *once_use_thread(void *arg)
{
    void *p = arg;
    once_use(&p);
    return NULL;
}

static int once_nothing(void *arg)
{
    return *(int *)arg;
}

TEST(once_is_done_once)
{
    weft_once once;
    weft_once_counts counts;
    int code = -WEFT_EBUSY;
    memset(&once, 0xff, sizeof once);
    weft_once_init(&once);
    EXPECT(!weft_once_is_done(&once));
    EXPECT_EQ(weft_once_call(&once, once_nothing, &code), -WEFT_EBUSY);
    EXPECT(!weft_once_is_done(&once));
    code = 7; /* any code but a negative one is success */
    EXPECT_EQ(weft_once_call(&once, once_nothing, &code), 0);
    EXPECT(weft_once_is_done(&once));
    code = -1;
    EXPECT_EQ(weft_once_call(&once, once_nothing, &code), 0);
    weft_once_stats(&once, &counts);
    EXPECT_EQ(counts.calls, 2);
    EXPECT_EQ(counts.failures, 1);
    EXPECT_EQ(counts.waits, 0);
    weft_once_fini(&once);
    weft_once_fini(NULL);
    weft_once_fini(&once_static);
}

TASK_TEST(once_all_wait_for_its_end)
{
    struct once_probe p = {0};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 6; i++) {
        probe_go(&p.scope, once_use, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.calls, relaxed), 1);
    EXPECT_EQ(a_load(&p.passed, relaxed), 6);
    weft_once_fini(&p.once);
}

TASK_TEST(once_that_fails_is_tried_by_the_next)
{
    struct once_probe p = {.fails = 3};
    weft_once_counts counts;
    weft_scope_open(&p.scope);
    for (int i = 0; i < 6; i++) {
        probe_go(&p.scope, once_use, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(a_load(&p.calls, relaxed), 4);
    EXPECT_EQ(a_load(&p.failed, relaxed), 3);
    EXPECT_EQ(a_load(&p.passed, relaxed), 3);
    weft_once_stats(&p.once, &counts);
    EXPECT_EQ(counts.calls, 4);
    EXPECT_EQ(counts.failures, 3);
    EXPECT_EQ(counts.waiting, 0);
    weft_once_fini(&p.once);
}

TASK_TEST_REAL(once_serves_tasks_and_threads)
{
    for (int round = 0; round < 200; round++) {
        struct once_probe p = {.fails = round % 3};
        pthread_t threads[2];
        weft_scope_open(&p.scope);
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(pthread_create(&threads[i], NULL, once_use_thread, &p), 0);
            probe_go(&p.scope, once_use, &p);
            probe_go(&p.scope, once_use, &p);
        }
        EXPECT_EQ(weft_scope_close(&p.scope), 0);
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(pthread_join(threads[i], NULL), 0);
        }
        EXPECT_EQ(a_load(&p.calls, relaxed), p.fails + 1);
        EXPECT_EQ(a_load(&p.failed, relaxed), p.fails);
        EXPECT_EQ(a_load(&p.passed, relaxed), 6 - p.fails);
        weft_once_fini(&p.once);
    }
}

/* ---- cancel ---- */

static int once_make_when_told(void *arg)
{
    struct once_probe *p = arg;
    a_add(&p->calls, 1, relaxed);
    int rc = weft_event_wait(&p->go_on);
    p->made++;
    return rc;
}

static int once_use_when_told(void *arg)
{
    struct once_probe *p = probe_arg(arg);
    int rc = weft_once_call(&p->once, once_make_when_told, p);
    a_add(rc == 0 ? &p->passed : &p->cancelled, 1, relaxed);
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

TASK_TEST(once_refuses_in_a_cancelled_scope)
{
    struct once_probe p = {0};
    weft_scope_open(&p.scope);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_once_call(&p.once, once_make, &p), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.calls, relaxed), 0);
    weft_once_fini(&p.once);
}

TASK_TEST(once_waiter_is_cancelled)
{
    struct once_probe p = {0};
    weft_scope_open(&p.other);
    probe_go(&p.other, once_use_when_told, &p);
    probe_settle();
    weft_scope_open(&p.scope);
    probe_go(&p.scope, once_use_when_told, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.cancelled, relaxed), 1);
    EXPECT_EQ(a_load(&p.calls, relaxed), 1);
    weft_event_set(&p.go_on);
    EXPECT_EQ(weft_scope_close(&p.other), 0);
    EXPECT_EQ(a_load(&p.passed, relaxed), 1);
    weft_once_fini(&p.once);
}

/* The one at it is cancelled: its fn fails with that, and the turn goes to the next one. */
TASK_TEST(once_turn_goes_from_the_cancelled_to_the_next)
{
    struct once_probe p = {0};
    weft_scope_open(&p.other);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, once_use_when_told, &p);
    probe_settle();
    probe_go(&p.other, once_use_when_told, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    probe_settle();
    EXPECT_EQ(a_load(&p.calls, relaxed), 2);
    weft_event_set(&p.go_on);
    EXPECT_EQ(weft_scope_close(&p.other), 0);
    EXPECT_EQ(a_load(&p.passed, relaxed), 1);
    EXPECT_EQ(p.made, 2);
    weft_once_fini(&p.once);
}

TASK_TEST(once_crowd_with_cancels)
{
    struct once_probe p = {.fails = 2};
    weft_scope_open(&p.other);
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.other, once_use_when_told, &p);
        probe_go(&p.scope, once_use_when_told, &p);
    }
    EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&p.scope);
    weft_event_set(&p.go_on);
    int rc = weft_scope_close(&p.scope);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&p.other), 0);
    EXPECT(weft_once_is_done(&p.once));
    EXPECT(a_load(&p.passed, relaxed) >= 4);
    EXPECT_EQ(a_load(&p.passed, relaxed) + a_load(&p.cancelled, relaxed), 8);
    weft_once_fini(&p.once);
}

/* One waiter is cancelled while the one at it fails: the turn is never lost. */
static void once_race_fail_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 18);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct once_probe p = {.fails = 1};
        weft_scope_open(&p.other);
        probe_go(&p.other, once_use, &p);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, once_use, &p);
        probe_go(&p.other, once_use, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&p.other), 0);
        EXPECT_EQ(a_load(&p.passed, relaxed) + a_load(&p.failed, relaxed) +
                      a_load(&p.cancelled, relaxed), 3);
        weft_once_fini(&p.once);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(once_fail_against_cancel)
{
    once_race_fail_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(once_fail_against_cancel_night)
{
    once_race_fail_cancel(PROBE_NIGHT);
}

TASK_TEST(once_waiting_allocates_nothing)
{
    struct once_probe p = {0};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.scope, once_use_when_told, &p);
    }
    probe_settle();
    test_watch_allocations();
    weft_event_set(&p.go_on);
    EXPECT_EQ(weft_once_call(&p.once, once_make_when_told, &p), 0);
    test_expect_no_allocations();
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
}

/* ---- misuse ---- */

static __attribute__((noinline)) int once_site_again(void *arg)
{
    int rc = weft_once_call(&once_static, once_nothing, arg);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) void once_site_first(int (*fn)(void *), void *arg)
{
    EXPECT_EQ(weft_once_call(&once_static, fn, arg), 0);
    a_compiler_fence();
}

static void once_misuse_recursion(void)
{
    int code = 0;
    once_site_first(once_site_again, &code);
}

static __attribute__((noinline)) int once_site_fini(void *arg)
{
    (void)arg;
    weft_once_fini(&once_static);
    a_compiler_fence();
    return 0;
}

static void once_misuse_fini(void)
{
    once_site_first(once_site_fini, NULL);
}

TEST(once_misuse_panics)
{
    probe_panics(once_misuse_recursion, "weft_once_call: called by its own function",
                 "called again at  once_site_again", "first called at  once_site_first");
    probe_panics(once_misuse_fini, "weft_once_fini: its function is running",
                 "destroyed at  once_site_fini", "first called at  once_site_first");
}
