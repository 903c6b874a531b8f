/* go_test.c - starting tasks, what outcomes do to the scope, and what tasks say of themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "arch/sanitize.h"
#include "base/alloc.h"
#include "base/fault.h"
#include "scope/scope.h"
#include "tests/probe.h"

/* ---- waiting and failing ---- */

/* A close waits for a task of 10 s. */
TASK_TEST(t23_close_waits)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){10 * WEFT_SECOND, 0, NULL, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_TOOK(start, 10 * WEFT_SECOND);
}

/* A task fails at 1 s: the others see a cancel; the close returns at 4 s, after 3 s of cleanup. */
TASK_TEST(t21_failure_cancels_the_siblings)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){10 * WEFT_SECOND, 3 * WEFT_SECOND, 0, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_SECOND, -EIO, NULL, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_TOOK(start, 4 * WEFT_SECOND);
}

/* A second failure during the cleanup is among the errors; the first one is the result. */
TASK_TEST(t22_second_failure_is_kept)
{
    weft_scope scope;
    weft_error errors[8];
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){10 * WEFT_SECOND, WEFT_SECOND, -EPIPE, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_SECOND, -EIO, NULL, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_EQ(weft_scope_errors(&scope, errors, WEFT_ARRAY_SIZE(errors)), 2);
    EXPECT_EQ(errors[0].code, -EIO);
    EXPECT_EQ(errors[1].code, -EPIPE);
}

/* WEFT_COLLECT: one of three fails, the others run to the end; the close returns that code. */
TASK_TEST(t30_collect_lets_the_others_run)
{
    weft_scope scope;
    int rc[2] = {-1, -1};
    int64_t start = weft_now();
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){2 * WEFT_SECOND, 0, &rc[0], NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_SECOND, -EIO, NULL, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){3 * WEFT_SECOND, 0, &rc[1], NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
    EXPECT_EQ(rc[0], 0);
    EXPECT_EQ(rc[1], 0);
    EXPECT(!weft_scope_cancelled(&scope));
}

/* WEFT_FIRST_OK: the losers are cancelled and have ended before the close returns 0. */
TASK_TEST(t31_first_success_wins)
{
    weft_scope scope;
    int64_t start = weft_now(), at = 0;
    int rc = 0;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_SECOND, -EIO, NULL, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){2 * WEFT_SECOND, 5, NULL, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){9 * WEFT_SECOND, 0, &rc, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){9 * WEFT_SECOND, WEFT_SECOND, -EPIPE, &at}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    EXPECT_EQ(at, weft_now());
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 2);
}

TASK_TEST(go_first_ok_when_all_fail)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){2 * WEFT_SECOND, -EIO, NULL, NULL}), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_SECOND, -ENOENT, NULL, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -ENOENT);
    EXPECT(!weft_scope_cancelled(&scope));
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    EXPECT_EQ(weft_scope_close(&scope), 0); /* nobody ran */
}

/* -ECANCELED from a task though nothing was cancelled: a failure. */
TASK_TEST(t32_unfounded_cancel_is_a_failure)
{
    weft_scope scope;
    weft_error error;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_return, &(int){-WEFT_ECANCELED}), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_errors(&scope, &error, 1), 1);
    EXPECT_EQ(error.code, -WEFT_ECANCELED);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_SECOND, 0, NULL, NULL}), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 0);
}

/* A failure comes before the deadline and the cancel. */
TASK_TEST(go_failure_before_deadline)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){9 * WEFT_SECOND, 1, -EIO, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT(weft_scope_cancelled(&scope));
}

/* What a task returns above zero is no failure. */
TASK_TEST(go_positive_is_success)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_return, &(int){INT32_MAX}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- the list of errors ---- */

static int errors_fail(void *arg)
{
    return weft_fail(*(int *)arg, "as ordered");
}

/* Bounded, oldest first, always of one shape, and all are counted. */
TASK_TEST(go_errors_list)
{
    enum { FAILING = 9 };
    weft_scope scope;
    weft_error errors[FAILING], untouched = {.code = 77};
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    EXPECT_EQ(weft_scope_errors(&scope, errors, FAILING), 0);
    for (int i = 0; i < FAILING; i++) {
        EXPECT_EQ(weft_go_with(&scope, i % 2 ? errors_fail : probe_return, &(int){-(i + 1)},
                               sizeof(int), &(weft_task_options){.name = i % 2 ? "odd" : NULL}),
                  0);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), i + 1);
    }
    EXPECT_EQ(weft_scope_close(&scope), -1);
    for (int i = 0; i < FAILING; i++) {
        errors[i] = untouched;
    }
    EXPECT_EQ(weft_scope_errors(&scope, errors, 2), FAILING);
    EXPECT_EQ(errors[1].code, -2);
    EXPECT_EQ(errors[2].code, 77);
    EXPECT_EQ(weft_scope_errors(&scope, errors, FAILING), FAILING);
    EXPECT_EQ(errors[WEFT_SCOPE_ERRORS_MAX].code, 77);
    for (int i = 0; i < WEFT_SCOPE_ERRORS_MAX; i++) {
        EXPECT_EQ(errors[i].code, -(i + 1));
        EXPECT(errors[i].site != NULL);
        EXPECT(errors[i].fn == (const void *)(uintptr_t)(i % 2 ? errors_fail : probe_return));
        if (i % 2) {
            EXPECT_STR(errors[i].why, "as ordered");
            EXPECT_STR(errors[i].task_name, "odd");
        } else {
            EXPECT(errors[i].why == NULL);
            EXPECT(errors[i].task_name == NULL);
        }
    }
}

/* ---- starting ---- */

/* Into a cancelled scope: -ECANCELED, fn does not run, the argument is still ours. */
TASK_TEST(t25_go_into_a_cancelled_scope)
{
    weft_scope outer, scope;
    ATOMIC(int) count = 0, *pointer = &count;
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_go(&scope, probe_count, &pointer), -WEFT_ECANCELED);
    EXPECT_EQ(weft_go(&outer, probe_count, &pointer), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_scope_cancel(&outer);
    EXPECT_EQ(weft_go(&outer, probe_count, &pointer), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_EQ(a_load(&count, relaxed), 1);
    EXPECT_EQ(weft_go(&outer, probe_count, &pointer), -WEFT_ESHUTDOWN);
}

static int go_own_argument(void *arg)
{
    void *block = *(void **)arg;
    int rc = weft_sleep(1);
    weft__free(block);
    return rc;
}

/* weft_go said 0, then came the cancel: fn runs, is refused its first call, and frees its own. */
TASK_TEST(t26_a_started_task_does_run)
{
    weft_scope scope;
    void *block = weft__alloc(100);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, go_own_argument, &block), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* A task started from within a narrower scope is not affected by that scope. */
TASK_TEST(t27_a_task_obeys_its_own_scope)
{
    weft_scope outer, inner;
    int rc = -1;
    int64_t start = weft_now();
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_deadline(&inner, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_go(&outer, probe_sleep, &(struct probe){3 * WEFT_SECOND, 0, &rc, NULL}), 0);
    EXPECT_EQ(weft_sleep(9 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_EQ(rc, 0);
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
}

struct go_tree {
    weft_scope *scope;
    int depth;
    ATOMIC(int) *count;
};

static int go_grow(void *arg)
{
    const struct go_tree *t = arg;
    a_add(t->count, 1, relaxed);
    for (int i = 0; i < 3 && t->depth > 0; i++) {
        EXPECT_EQ(weft_go(t->scope, go_grow,
                          &(struct go_tree){t->scope, t->depth - 1, t->count}), 0);
    }
    return 0;
}

/* Tasks of the scope may start others in it, while the owner waits in close. */
TASK_TEST_FREE(go_tasks_start_tasks) /* too many for schedules */
{
    weft_scope scope;
    ATOMIC(int) count = 0;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, go_grow, &(struct go_tree){&scope, 6, &count}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&count, relaxed), 1 + 3 + 9 + 27 + 81 + 243 + 729);
}

/* ---- arguments ---- */

struct go_big {
    unsigned char bytes[64 * 1024];
};

static int go_check_big(void *arg)
{
    const struct go_big *big = arg;
    EXPECT_EQ((uintptr_t)arg % 16, 0);
    for (size_t i = 0; i < sizeof big->bytes; i++) {
        EXPECT_EQ(big->bytes[i], i % 251);
    }
    return 0;
}

static int go_check_null(void *arg)
{
    EXPECT(arg == NULL);
    return 0;
}

static int go_check_byte(void *arg)
{
    EXPECT_EQ((uintptr_t)arg % 16, 0);
    return *(unsigned char *)arg == 42 ? 0 : -1;
}

TASK_TEST(go_argument_is_copied)
{
    static struct go_big big;
    weft_scope scope;
    unsigned char byte = 42;
    weft_scope_open(&scope);
    for (enum weft_on on = WEFT_TASK; on <= WEFT_THREAD; on++) {
        weft_task_options options = {.on = on};
        for (size_t i = 0; i < sizeof big.bytes; i++) {
            big.bytes[i] = (unsigned char)(i % 251);
        }
        EXPECT_EQ(weft_go_with(&scope, go_check_big, &big, sizeof big, &options), 0);
        EXPECT_EQ(weft_go_with(&scope, go_check_byte, &byte, 1, &options), 0);
        EXPECT_EQ(weft_go_with(&scope, go_check_null, NULL, 77, &options), 0);
        memset(&big, 0, sizeof big);
        byte = 0;
        EXPECT_EQ(weft_yield(), 0);
        byte = 42;
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

static void go_expect_refused(int code, int (*fn)(void *), size_t arg_size,
                              const weft_task_options *options)
{
    static char big[64 * 1024 + 1];
    weft_scope scope;
    weft_error error;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, fn, big, arg_size, options), code);
    EXPECT(weft_scope_cancelled(&scope)); /* so that it is noticed even if nobody looks */
    EXPECT_EQ(weft_scope_close(&scope), code);
    EXPECT_EQ(weft_scope_errors(&scope, &error, 1), 1);
    EXPECT_EQ(error.code, code);
    EXPECT_STR(error.why, "it could not be started");
}

TASK_TEST(go_bad_requests)
{
    int (*fn)(void *) = probe_nothing;
    go_expect_refused(-WEFT_EINVAL, NULL, 0, NULL);
    go_expect_refused(-WEFT_EINVAL, fn, 64 * 1024 + 1, NULL);
    go_expect_refused(-WEFT_EINVAL, fn, 0, &(weft_task_options){.stack_size = 1});
    go_expect_refused(-WEFT_EINVAL, fn, 0, &(weft_task_options){.stack_size = SIZE_MAX});
    go_expect_refused(-WEFT_ENOTSUP, fn, 0, &(weft_task_options){.on = WEFT_PROCESS});
    go_expect_refused(-WEFT_ENOTSUP, fn, 0, &(weft_task_options){.on = (enum weft_on)9});
}

TASK_TEST(go_stack_sizes)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (size_t size = 16 * 1024; size <= 16 * 1024 * 1024; size *= 2) {
        EXPECT_EQ(weft_go_with(&scope, probe_nothing, NULL, 0,
                               &(weft_task_options){.stack_size = size}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

TASK_TEST_FREE(go_without_memory)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    bool no_memory = test_was_refused(weft_go(&scope, probe_nothing, NULL), -WEFT_ENOMEM);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_THREAD), 1);
    int rc = weft_go_with(&scope, probe_nothing, NULL, 0, &(weft_task_options){.on = WEFT_THREAD});
    bool no_thread = test_was_refused(rc, -WEFT_EAGAIN);
    EXPECT_EQ(weft_go(&scope, probe_nothing, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), no_memory ? -WEFT_ENOMEM : no_thread ? -WEFT_EAGAIN : 0);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), no_memory + no_thread);
}

/* ---- names and locals ---- */

static int go_name(void *arg)
{
    EXPECT_STR(weft_task_name(), *(const char **)arg);
    return 0;
}

TASK_TEST(go_names)
{
    weft_scope scope;
    const char *named = "fetcher", *nameless = "task";
    EXPECT_STR(weft_task_name(), "main");
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, go_name, &nameless), 0);
    for (enum weft_on on = WEFT_TASK; on <= WEFT_THREAD; on++) {
        EXPECT_EQ(weft_go_with(&scope, go_name, &named, sizeof named,
                               &(weft_task_options){.name = "fetcher", .on = on}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

TEST(go_name_of_a_thread)
{
    EXPECT_STR(weft_task_name(), "thread");
}

static const weft_local go_key = {"key"}, go_other_key = {"other"};

static int go_local_child(void *arg)
{
    char *expected = *(char **)arg;
    EXPECT(weft_local_get(&go_key) == expected);
    EXPECT(weft_local_get(&go_other_key) == NULL);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT(weft_local_get(&go_key) == expected); /* whatever the parent has set since */
    EXPECT_EQ(weft_local_set(&go_other_key, "mine"), 0);
    EXPECT_EQ(weft_local_set(&go_key, NULL), 0);
    EXPECT(weft_local_get(&go_key) == NULL);
    EXPECT_STR(weft_local_get(&go_other_key), "mine");
    return 0;
}

/* Inherited as they were at the start; what a child sets is its own. */
TASK_TEST(go_locals_are_inherited)
{
    weft_scope scope;
    char first[] = "first", second[] = "second", *pointer = first;
    EXPECT(weft_local_get(&go_key) == NULL);
    EXPECT(weft_local_get(NULL) == NULL);
    EXPECT_EQ(weft_local_set(NULL, first), -WEFT_EINVAL);
    EXPECT_EQ(weft_local_set(&go_key, first), 0);
    weft_scope_open(&scope);
    for (enum weft_on on = WEFT_TASK; on <= WEFT_THREAD; on++) {
        weft_task_options options = {.on = on};
        EXPECT_EQ(weft_go_with(&scope, go_local_child, &pointer, sizeof pointer, &options), 0);
    }
    EXPECT_EQ(weft_local_set(&go_key, second), 0);
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), 0);
    EXPECT(weft_local_get(&go_other_key) == NULL);
    pointer = second;
    EXPECT_EQ(weft_go(&scope, go_local_child, &pointer), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT_EQ(weft_local_set(&go_key, first), -WEFT_ENOMEM);
    weft__fault_disarm();
    EXPECT(weft_local_get(&go_key) == second);
}

/* ---- tasks on a thread of their own ---- */

static void go_on_thread(weft_scope *scope, int (*fn)(void *), const void *arg, size_t size)
{
    EXPECT_EQ(weft_go_with(scope, fn, arg, size,
                           &(weft_task_options){.name = "threaded", .on = WEFT_THREAD}), 0);
}

/* They obey their scope like any other. */
TASK_TEST(go_thread_is_cancelled)
{
    weft_scope scope;
    int rc[2] = {0, 0};
    int64_t start = weft_now();
    weft_scope_open(&scope);
    struct probe p = {100 * WEFT_SECOND, 0, &rc[0], NULL};
    go_on_thread(&scope, probe_sleep, &p, sizeof p);
    p.ret_rc = &rc[1];
    EXPECT_EQ(weft_go(&scope, probe_sleep, &p), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(rc[0], -WEFT_ECANCELED);
    EXPECT_EQ(rc[1], -WEFT_ECANCELED);
    EXPECT_TOOK(start, WEFT_SECOND);
}

static int go_thread_with_deadline(void *arg)
{
    weft_scope scope, shield;
    int64_t start = weft_now();
    (void)arg;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){9 * WEFT_SECOND, 0, NULL, NULL}), 0);
    EXPECT_EQ(weft_sleep(9 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_TOOK(start, WEFT_SECOND);
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
    return 0;
}

TASK_TEST(go_thread_has_scopes)
{
    weft_scope scope;
    weft_scope_open(&scope);
    go_on_thread(&scope, go_thread_with_deadline, NULL, 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* A failure on a thread cancels the tasks, and the other way round. */
TASK_TEST(go_thread_fails)
{
    weft_scope scope;
    weft_error error;
    int64_t start = weft_now();
    struct probe fails = {WEFT_SECOND, -EIO, NULL, NULL}, waits = {99 * WEFT_SECOND, 0, NULL, NULL};
    weft_scope_open(&scope);
    go_on_thread(&scope, probe_sleep, &fails, sizeof fails);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &waits), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_EQ(weft_scope_errors(&scope, &error, 1), 1);
    EXPECT_STR(error.task_name, "threaded");
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &fails), 0);
    go_on_thread(&scope, probe_sleep, &waits, sizeof waits);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
}

/* ---- many, and for long ---- */

/* Every task runs once, whatever the number. */
TASK_TEST(go_many)
{
    weft_scope scope;
    ATOMIC(int) count = 0, *pointer = &count;
    int many = weft__min(TEST_FEWER(TEST_ROUNDS(20000, 1000000)), WEFT__SAN_CONTEXTS_MAX / 2);
    weft_scope_open(&scope);
    for (int i = 0; i < many; i++) {
        EXPECT_EQ(weft_go(&scope, probe_count, &pointer), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&count, relaxed), many);
}
