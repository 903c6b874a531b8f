/* defer_test.c - deferred calls run on every way out; panics that end the process, or a task alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "base/fault.h"
#include "scope/scope.h"
#include "tests/probe.h"

/* What ran, in order, as letters. */
static char defer_said[64];
static ATOMIC(uint32_t) defer_count;

static void defer_reset(void)
{
    memset(defer_said, 0, sizeof defer_said);
    a_store(&defer_count, 0, relaxed);
}

static void defer_say(void *arg)
{
    defer_said[a_add(&defer_count, 1, relaxed)] = *(const char *)arg;
}

static void defer_letter(const char *letter)
{
    EXPECT_EQ(weft_defer(defer_say, (void *)(uintptr_t)letter), 0);
}

static int defer_run_alone(int (*fn)(void *), enum weft_on on, enum weft_policy policy)
{
    weft_scope scope;
    defer_reset();
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = policy});
    EXPECT_EQ(weft_go_with(&scope, fn, NULL, 0, &(weft_task_options){.on = on}), 0);
    return weft_scope_close(&scope);
}

/* ---- order and place ---- */

static int defer_abc(void *arg)
{
    (void)arg;
    defer_letter("a");
    defer_letter("b");
    defer_letter("c");
    EXPECT_EQ(a_load(&defer_count, relaxed), 0);
    return 0;
}

static int defer_abc_cancelled(void *arg)
{
    weft_scope scope;
    defer_abc(arg);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    int rc = weft_sleep(1);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&defer_count, relaxed), 0);
    return rc;
}

static int defer_abc_panics(void *arg)
{
    defer_abc(arg);
    weft_panic("on purpose: %d", 7);
}

static int defer_abc_main(void *arg)
{
    (void)arg;
    for (enum weft_on on = WEFT_TASK; on <= WEFT_THREAD; on++) {
        EXPECT_EQ(defer_run_alone(defer_abc, on, WEFT_FAIL_FAST), 0);
        EXPECT_STR(defer_said, "cba");
        EXPECT_EQ(defer_run_alone(defer_abc_cancelled, on, WEFT_COLLECT), -WEFT_ECANCELED);
        EXPECT_STR(defer_said, "cba");
        EXPECT_EQ(defer_run_alone(defer_abc_panics, on, WEFT_FAIL_FAST), -WEFT_EPANIC);
        EXPECT_STR(defer_said, "cba");
    }
    return 5;
}

static int defer_run_contained(int (*fn)(void *), size_t workers)
{
    return weft_run_with(fn, NULL, &(weft_options){.workers = workers, .virtual_clock = true,
                                                   .panic = WEFT_PANIC_TASK});
}

/* Last deferred, first called; on a return, on -ECANCELED and on a contained panic. */
TEST(t51_deferred_calls_on_every_way_out)
{
    EXPECT_EQ(defer_run_contained(defer_abc_main, 1), 5);
    EXPECT_EQ(defer_run_contained(defer_abc_main, 4), 5);
}

/* In a scope: at its close, after its tasks; else at the end of the task. */
static int defer_by_place(void *arg)
{
    weft_scope outer, inner;
    (void)arg;
    defer_letter("t");
    weft_scope_open(&outer);
    defer_letter("o");
    weft_scope_open(&inner);
    defer_letter("i");
    defer_letter("I");
    EXPECT_EQ(weft_go(&inner, defer_abc, NULL), 0);
    EXPECT_EQ(weft_scope_close(&inner), 0);
    EXPECT_STR(defer_said, "cbaIi");
    defer_letter("p");
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_STR(defer_said, "cbaIipo");
    defer_letter("u");
    return 0;
}

TASK_TEST(defer_in_scope_or_task)
{
    EXPECT_EQ(defer_run_alone(defer_by_place, WEFT_TASK, WEFT_FAIL_FAST), 0);
    EXPECT_STR(defer_said, "cbaIipout");
    EXPECT_EQ(defer_run_alone(defer_by_place, WEFT_THREAD, WEFT_FAIL_FAST), 0);
    EXPECT_STR(defer_said, "cbaIipout");
}

static void defer_deeper(void *arg)
{
    defer_say(arg);
    defer_letter("x"); /* belongs to the shield around us: after all that were deferred before */
}

TASK_TEST(defer_from_a_deferred_call)
{
    weft_scope scope;
    defer_reset();
    weft_scope_open(&scope);
    defer_letter("a");
    EXPECT_EQ(weft_defer(defer_deeper, (void *)(uintptr_t)"d"), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_STR(defer_said, "dax");
}

static void defer_start_task(void *arg)
{
    weft_scope *scope = arg;
    EXPECT_EQ(weft_go(scope, probe_sleep, &(struct probe){WEFT_SECOND, -EIO, NULL, NULL}), 0);
}

/* A task that a deferred call starts in the closing scope is waited for. */
TASK_TEST(defer_starts_a_task)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    EXPECT_EQ(weft_defer(defer_start_task, &scope), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_TOOK(start, WEFT_SECOND);
}

/* ---- the shield ---- */

static int64_t defer_sleep_ns;
static int defer_sleep_rc;

static void defer_sleep(void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_scope_deadline_effective(), weft_now() + 5 * WEFT_SECOND);
    defer_sleep_rc = weft_sleep(defer_sleep_ns);
}

/* A deferred call can sleep though its scope is cancelled, for 5 s. */
TASK_TEST(defer_under_a_shield)
{
    weft_scope outer, scope;
    weft_scope_open(&outer);
    weft_scope_cancel(&outer);
    for (int i = 0; i < 2; i++) {
        int64_t start = weft_now();
        weft_scope_open(&scope);
        EXPECT_EQ(weft_defer(defer_sleep, NULL), 0);
        defer_sleep_ns = i ? 99 * WEFT_SECOND : 4 * WEFT_SECOND;
        EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(defer_sleep_rc, i ? -WEFT_ECANCELED : 0);
        EXPECT_TOOK(start, i ? 5 * WEFT_SECOND : 4 * WEFT_SECOND);
    }
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ECANCELED);
}

static int defer_sleep_at_end(void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_defer(defer_sleep, NULL), 0);
    return weft_sleep(99 * WEFT_SECOND);
}

TASK_TEST(defer_of_a_cancelled_task)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    defer_sleep_ns = WEFT_SECOND;
    EXPECT_EQ(weft_go(&scope, defer_sleep_at_end, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(defer_sleep_rc, 0);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
}

/* ---- refusals ---- */

TASK_TEST(defer_refused)
{
    weft_scope scope;
    defer_reset();
    EXPECT_EQ(weft_defer(NULL, NULL), -WEFT_EINVAL);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_defer(NULL, NULL), -WEFT_EINVAL);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    int rc = weft_defer(defer_say, (void *)(uintptr_t)"a");
    bool is_refused = test_was_refused(rc, -WEFT_ENOMEM);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_STR(defer_said, is_refused ? "" : "a");
}

TEST(defer_in_a_plain_thread)
{
    weft_scope scope;
    defer_reset();
    EXPECT_EQ(weft_defer(defer_say, (void *)(uintptr_t)"a"), -WEFT_EINVAL);
    weft_scope_open(&scope);
    defer_letter("a");
    defer_letter("b");
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_STR(defer_said, "ba");
    EXPECT_EQ(weft_defer(defer_say, (void *)(uintptr_t)"a"), -WEFT_EINVAL);
}

/* ---- panics ---- */

PANIC_TASK_TEST(panic_ends_the_process, "task 'main': nothing works: 42")
{
    weft_panic("nothing works: %d", 42);
}

PANIC_TEST(panic_in_a_plain_thread, "task 'thread': outside")
{
    weft_panic("outside");
}

static int panic_in_child(void *arg)
{
    (void)arg;
    weft_panic("in a nested scope");
}

PANIC_TASK_TEST(panic_in_a_child, "in a nested scope")
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, panic_in_child, NULL), 0);
    (void)weft_scope_close(&scope);
}

static int panic_rc[2];

static int panic_with_scopes_open(void *arg)
{
    weft_scope scopes[3];
    (void)arg;
    defer_letter("t");
    for (int i = 0; i < 3; i++) {
        weft_scope_open(&scopes[i]);
        defer_letter(&"012"[i]);
        EXPECT_EQ(weft_go(&scopes[i], probe_sleep,
                          &(struct probe){99 * WEFT_SECOND, 0, &panic_rc[i % 2], NULL}), 0);
    }
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_panic("with three scopes open");
}

static int panic_contained_main(void *arg)
{
    weft_scope scope;
    weft_error error;
    (void)arg;
    for (enum weft_on on = WEFT_TASK; on <= WEFT_THREAD; on++) {
        int64_t start = weft_now();
        defer_reset();
        panic_rc[0] = panic_rc[1] = 0;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go_with(&scope, panic_with_scopes_open, NULL, 0,
                               &(weft_task_options){.name = "panicky", .on = on}), 0);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
        EXPECT_EQ(weft_scope_errors(&scope, &error, 1), 1);
        EXPECT_EQ(error.code, -WEFT_EPANIC);
        EXPECT_STR(error.task_name, "panicky");
        EXPECT_STR(defer_said, "210t");
        EXPECT_EQ(panic_rc[0], -WEFT_ECANCELED);
        EXPECT_EQ(panic_rc[1], -WEFT_ECANCELED);
        EXPECT_TOOK(start, WEFT_SECOND);
    }
    return 0;
}

/* The scopes that it had open are cancelled and waited for, innermost first. */
TEST(panic_contained_with_scopes_open)
{
    EXPECT_EQ(defer_run_contained(panic_contained_main, 1), 0);
    EXPECT_EQ(defer_run_contained(panic_contained_main, 4), 0);
}

static void panic_deferred(void *arg)
{
    defer_say(arg);
    weft_panic("in a deferred call");
}

static int panic_at_close(void *arg)
{
    weft_scope scope;
    (void)arg;
    defer_letter("t");
    weft_scope_open(&scope);
    defer_letter("a");
    EXPECT_EQ(weft_defer(panic_deferred, (void *)(uintptr_t)"b"), 0);
    defer_letter("c");
    (void)weft_scope_close(&scope);
    EXPECT(false);
    return 0;
}

static int panic_at_end(void *arg)
{
    (void)arg;
    defer_letter("a");
    EXPECT_EQ(weft_defer(panic_deferred, (void *)(uintptr_t)"b"), 0);
    defer_letter("c");
    return 0;
}

static int panic_in_defer_main(void *arg)
{
    (void)arg;
    for (enum weft_on on = WEFT_TASK; on <= WEFT_THREAD; on++) {
        EXPECT_EQ(defer_run_alone(panic_at_close, on, WEFT_FAIL_FAST), -WEFT_EPANIC);
        EXPECT_STR(defer_said, "cbat");
        EXPECT_EQ(defer_run_alone(panic_at_end, on, WEFT_FAIL_FAST), -WEFT_EPANIC);
        EXPECT_STR(defer_said, "cba");
    }
    return 0;
}

/* A deferred call that panics: the others are made all the same, and nothing leaks. */
TEST(panic_contained_in_a_deferred_call)
{
    EXPECT_EQ(defer_run_contained(panic_in_defer_main, 1), 0);
    EXPECT_EQ(defer_run_contained(panic_in_defer_main, 4), 0);
}

static int panic_twice(void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_defer(panic_deferred, (void *)(uintptr_t)"b"), 0);
    weft_panic("once");
}

/* A panic while one is being contained ends the process. */
PANIC_TEST(panic_contained_then_another, "in a deferred call")
{
    (void)defer_run_contained(panic_twice, 1);
}

/* The first task: its code is the run's. */
TEST(panic_contained_in_main)
{
    defer_reset();
    EXPECT_EQ(defer_run_contained(defer_abc_panics, 1), -WEFT_EPANIC);
    EXPECT_STR(defer_said, "cba");
    EXPECT_EQ(defer_run_contained(panic_with_scopes_open, 4), -WEFT_EPANIC);
}

static int panic_checked(void *arg)
{
    (void)arg;
    WEFT_CHECK(weft_now() < 0);
    return 0;
}

/* A failed check of ours is never contained. */
PANIC_TEST(panic_of_the_library_is_fatal, "weft_now() < 0")
{
    (void)defer_run_contained(panic_checked, 1);
}

static int panic_before_started(void *arg)
{
    (void)arg;
    weft_panic("before it has started");
}

static int panic_start_main(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_start(&scope, panic_before_started, NULL, NULL), -WEFT_EPANIC);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    return 0;
}

TEST(panic_contained_before_started)
{
    EXPECT_EQ(defer_run_contained(panic_start_main, 1), 0);
    EXPECT_EQ(defer_run_contained(panic_start_main, 4), 0);
}
