/* future_go_test.c - tasks whose result is a future, and tasks that wait for one.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "chan/future.h"
#include "tests/probe.h"

static int submit_add(void *arg)
{
    const int *n = arg;
    return n[0] + n[1];
}

static int submit_square(void *arg, void *ret_value)
{
    int64_t n = *(int64_t *)arg;
    EXPECT_EQ((uintptr_t)arg % 16, 0);
    EXPECT_EQ((uintptr_t)ret_value % 16, 0);
    *(int64_t *)ret_value = n * n;
    return n < 0 ? -WEFT_EINVAL : (int)n;
}

static int submit_sleep_long(void *arg)
{
    (void)arg;
    int rc = weft_sleep(1000 * WEFT_SECOND);
    return rc < 0 ? rc : 1;
}

static void submit_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

/* ---- submit ---- */

TASK_TEST(future_go_code)
{
    weft_future *f;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_add, &f, (&(int[2]){3, 4})), 0);
    EXPECT_EQ(weft_future_get(f, NULL), 7);
    weft_future_unref(f);
    EXPECT_EQ(weft_future_go(&scope, probe_nothing, &f, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_future_try_get(f, NULL), 0);
    weft__future_check(f);
    weft_future_unref(f);
}

TASK_TEST(future_go_value)
{
    weft_future *f;
    int64_t n = 12, got = -1;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go_value(&scope, sizeof got, submit_square, &f, &n), 0);
    n = 5; /* it was copied */
    EXPECT_EQ(weft_future_get(f, &got), 12);
    EXPECT_EQ(got, 144);
    weft_future_unref(f);
    n = -3;
    got = -1;
    EXPECT_EQ(weft_future_go_value(&scope, sizeof got, submit_square, &f, &n), 0);
    EXPECT_EQ(weft_future_get(f, &got), -WEFT_EINVAL);
    EXPECT_EQ(got, -1);
    EXPECT(weft_future_value(f) == NULL);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_future_unref(f);
}

static int submit_fail(void *arg)
{
    (void)arg;
    return -EIO;
}

/* A failure comes out of the future, not of the scope; only one that nobody can see does. */
TASK_TEST(future_go_failure)
{
    weft_future *f;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_fail, &f, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_future_get(f, NULL), -EIO);
    weft_future_unref(f);
}

static int submit_fail_later(void *arg)
{
    (void)arg;
    int rc = weft_sleep(WEFT_SECOND);
    return rc < 0 ? rc : -EIO;
}

TASK_TEST(future_go_failure_unseen)
{
    weft_future *f;
    weft_scope scope;
    weft_error error;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_fail_later, &f, NULL), 0);
    weft_future_unref(f);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_EQ(weft_scope_errors(&scope, &error, 1), 1);
    EXPECT(error.fn == (const void *)(uintptr_t)submit_fail_later);
}

TASK_TEST(future_go_refused)
{
    weft_future *f = NULL;
    int big = 0;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go_with(&scope, NULL, &f, NULL, 0, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_future_go_with(&scope, probe_nothing, &f, &big, WEFT_TASK_ARG_MAX + 1, NULL),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_future_go_value_with(&scope, (size_t)WEFT_FUTURE_VALUE_MAX + 1, submit_square,
                                        &f, NULL, 0, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_future_go_value_with(&scope, 8, NULL, &f, NULL, 0, NULL), -WEFT_EINVAL);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_fail, &f, NULL), -WEFT_ECANCELED);
    EXPECT(f == NULL);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* A cancel reaches the task of this future alone, and is no failure of the scope. */
TASK_TEST(future_go_cancel_running)
{
    weft_future *f, *other;
    struct probe p = {2 * WEFT_SECOND, 5, NULL, NULL};
    int64_t start = weft_now();
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_sleep_long, &f, NULL), 0);
    EXPECT_EQ(weft_future_go(&scope, probe_sleep, &other, &p), 0);
    submit_settle();
    EXPECT(weft_future_cancel(f));
    EXPECT_EQ(weft_future_get(f, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_future_get(other, NULL), 5);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
    weft_future_unref(f);
    weft_future_unref(other);
}

static int submit_count(void *arg)
{
    a_add(*(ATOMIC(int) **)arg, 1, relaxed);
    return 0;
}

/* Cancelled before it began: it does not run at all.  (Whether it had begun, only one worker, or a
 * schedule, can say.) */
TASK_TEST(future_go_cancel_early)
{
    for (int round = 0; round < TEST_FEWER(100); round++) {
        weft_future *f;
        ATOMIC(int) count = 0;
        ATOMIC(int) *counter = &count;
        weft_scope scope;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_future_go(&scope, submit_count, &f, &counter), 0);
        bool was_first = weft_future_cancel(f);
        int rc = weft_future_get(f, NULL);
        EXPECT_EQ(rc, was_first ? -WEFT_ESHUTDOWN : 0);
        EXPECT_EQ(weft_future_is_cancelled(f), was_first);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT(was_first || a_load(&count, relaxed) == 1);
        weft_future_unref(f);
    }
}

/* The cancel comes while the task ends: its scope must not go before the canceller is done. */
static int submit_yield_few(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int rc = weft_yield();
        if (rc < 0) {
            return rc;
        }
    }
    return 9;
}

TASK_TEST(future_go_cancel_at_end)
{
    for (int round = 0; round < TEST_FEWER(300); round++) {
        weft_future *f;
        weft_scope scope;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_future_go(&scope, submit_yield_few, &f, NULL), 0);
        for (int i = 0; i < round % 4; i++) {
            EXPECT_EQ(weft_yield(), 0);
        }
        bool was_first = weft_future_cancel(f);
        EXPECT_EQ(weft_future_get(f, NULL), was_first ? -WEFT_ESHUTDOWN : 9);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        weft__future_check(f);
        weft_future_unref(f);
    }
}

/* The scope is cancelled: the task ends, and says so through the future. */
TASK_TEST(future_go_scope_cancelled)
{
    weft_future *f;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_sleep_long, &f, NULL), 0);
    submit_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_future_get(f, NULL), -WEFT_ESHUTDOWN);
    EXPECT(weft_future_is_cancelled(f));
    weft_future_unref(f);
}

TASK_TEST(future_go_on_thread)
{
    weft_future *f;
    int n[2] = {20, 22};
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go_with(&scope, submit_add, &f, n, sizeof n,
                                  &(weft_task_options){.name = "adder", .on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_future_get(f, NULL), 42);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_future_unref(f);
}

PANIC_TASK_TEST(future_go_set_by_others, "check failed: !future->fn")
{
    weft_future *f;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_sleep_long, &f, NULL), 0);
    (void)weft_future_set(f, NULL);
}

/* Each allocation on the way fails once; nothing is left behind. */
TASK_TEST_FREE(future_go_without_memory)
{
    int failures = 0;
    for (uint64_t nth = 1; nth < 10; nth++) {
        weft_future *f = NULL;
        weft_scope scope;
        weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), nth);
        int rc = weft_future_go(&scope, submit_add, &f, (&(int[2]){3, 4}));
        weft__fault_disarm();
        EXPECT_EQ(rc, f ? 0 : -WEFT_ENOMEM);
        failures += !f;
        if (f) {
            EXPECT_EQ(weft_future_get(f, NULL), 7);
        }
        weft_future_unref(f);
        (void)weft_scope_close(&scope);
    }
    EXPECT(failures >= 1);
}

/* ---- contained panics ---- */

static int submit_panic(void *arg)
{
    (void)arg;
    weft_panic("on purpose");
}

static int submit_panic_main(void *arg)
{
    weft_future *f;
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_go(&scope, submit_panic, &f, NULL), 0);
    EXPECT_EQ(weft_future_get(f, NULL), -WEFT_EPIPE);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
    weft_future_unref(f);
    weft_scope_open(&scope); /* the others go on as usual */
    EXPECT_EQ(weft_future_go(&scope, submit_add, &f, (&(int[2]){1, 1})), 0);
    EXPECT_EQ(weft_future_get(f, NULL), 2);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_future_unref(f);
    return 5;
}

TEST(future_go_contained_panic)
{
    weft_options options = {.workers = 2, .virtual_clock = true, .panic = WEFT_PANIC_TASK};
    EXPECT_EQ(weft_run_with(submit_panic_main, NULL, &options), 5);
}

/* ---- then ---- */

struct submit_then {
    ATOMIC(int) *ret_seen;
    int code;
};

static int submit_then_note(weft_future *f, void *arg)
{
    const struct submit_then *t = arg;
    int rc = weft_future_try_get(f, NULL);
    a_store(t->ret_seen, rc, relaxed);
    return t->code;
}

TASK_TEST(future_then_runs_after)
{
    ATOMIC(int) seen[3] = {99, 99, 99};
    weft_future *f = weft_future_new(0);
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        struct submit_then t = {&seen[i], 0};
        EXPECT_EQ(weft_future_then(f, &scope, submit_then_note, &t), 0);
    }
    submit_settle();
    EXPECT_EQ(a_load(&seen[0], relaxed), 99);
    EXPECT_EQ(weft_future_fail(f, -EIO), 0);
    struct submit_then last = {&seen[2], 0};
    EXPECT_EQ(weft_future_then(f, &scope, submit_then_note, &last), 0);
    weft_future_setter_unref(f);
    weft_future_unref(f); /* the tasks hold their own */
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(a_load(&seen[i], relaxed), -EIO);
    }
}

/* Its code is its task's; a cancelled scope runs it no more. */
TASK_TEST(future_then_fails_and_is_cancelled)
{
    ATOMIC(int) seen = 99;
    weft_future *f = weft_future_new(0), *g = weft_future_new(0);
    struct submit_then t = {&seen, -EPERM};
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_set(f, NULL), 0);
    EXPECT_EQ(weft_future_then(f, &scope, submit_then_note, &t), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EPERM);
    EXPECT_EQ(a_load(&seen, relaxed), 0);
    a_store(&seen, 99, relaxed);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_future_then(g, &scope, submit_then_note, &t), 0);
    submit_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_future_then(g, &scope, submit_then_note, &t), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&seen, relaxed), 99);
    weft_future_setter_unref(f);
    weft_future_unref(f);
    weft_future_setter_unref(g);
    weft_future_unref(g);
}

TASK_TEST_FREE(future_then_without_memory)
{
    ATOMIC(int) seen = 99;
    weft_future *f = weft_future_new(0);
    struct submit_then t = {&seen, 0};
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    EXPECT_EQ(weft_future_then_with(f, &scope, NULL, NULL, 0, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_future_then_with(f, &scope, submit_then_note, &t, WEFT_TASK_ARG_MAX + 1, NULL),
              -WEFT_EINVAL);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    int rc = weft_future_then(f, &scope, submit_then_note, &t);
    bool is_refused = test_was_refused(rc, -WEFT_ENOMEM);
    EXPECT_EQ(weft_future_set(f, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&seen, relaxed), is_refused ? 99 : 0);
    weft_future_setter_unref(f);
    weft_future_unref(f);
}
