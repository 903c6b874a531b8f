/* task_test.c - tasks on threads of their own, task-locals, the stack census.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/task.h"

#include <stdlib.h>

#include "tests/test.h"

#include "core/core_probe.h"
#include "core/local.h"
#include "weft/run.h"

/* ---- .on = WEFT_THREAD ---- */

static const weft_task_options thread_task_options = {.name = "own", .on = WEFT_THREAD};

struct own {
    struct probe_gate there, back;
    ATOMIC(int32_t) tid;
    char bytes[300];
};

struct own_arg {
    struct own *own;
    char bytes[300];
};

static int own_code(void *arg)
{
    return *(int *)arg + 1;
}

static int own_task(void *arg)
{
    struct own_arg *a = arg;
    int code = 41;
    EXPECT_EQ((uintptr_t)arg % 16, 0);
    EXPECT_EQ(memcmp(a->bytes, a->own->bytes, sizeof a->bytes), 0);
    EXPECT_STR(weft_task_name(), "own");
    a_store(&a->own->tid, weft__sys_gettid(), release);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(probe_gate_wait(&a->own->there), 0);
        EXPECT_EQ(weft_yield(), 0);
        probe_gate_post(&a->own->back);
    }
    int64_t start = weft_now();
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT(weft_now() - start >= WEFT_MS);
    EXPECT_EQ(weft_blocking(own_code, &code), 42);
    EXPECT_EQ(weft__sys_gettid(), a_load(&a->own->tid, relaxed));
    return 0;
}

static void own_talk(void)
{
    struct own own = {.tid = 0};
    struct own_arg arg = {.own = &own};
    weft_scope scope;
    for (size_t i = 0; i < sizeof own.bytes; i++) {
        own.bytes[i] = arg.bytes[i] = (char)(i * 7);
    }
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, own_task, &arg, sizeof arg, &thread_task_options), 0);
    memset(&arg, 0, sizeof arg); /* it has a copy */
    for (int i = 0; i < 20; i++) {
        probe_gate_post(&own.there);
        EXPECT_EQ(probe_gate_wait(&own.back), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(a_load(&own.tid, acquire) != weft__sys_gettid());
}

TASK_TEST_FREE(task_on_a_thread_virtual)
{
    own_talk();
}

TASK_TEST_REAL(task_on_a_thread_real)
{
    own_talk();
}

static int own_fails(void *arg)
{
    (void)arg;
    return weft_fail(-WEFT_EINVAL, "on purpose");
}

static int own_waits(void *arg)
{
    return probe_gate_wait(*(struct probe_gate **)arg);
}

/* Its failure cancels the others, its own sleep is cancelled by theirs. */
TASK_TEST(task_on_a_thread_fails)
{
    struct probe_gate gate = {.permits = 0}, *arg = &gate;
    weft_error errors[1];
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft_go_with(&scope, own_waits, &arg, sizeof arg,
                               i ? &thread_task_options : NULL),
                  0);
    }
    EXPECT_EQ(weft_go_with(&scope, own_fails, NULL, 0, &thread_task_options), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EINVAL);
    EXPECT_EQ(weft_scope_errors(&scope, errors, 1), 1);
    EXPECT_STR(errors[0].why, "on purpose");
    EXPECT_STR(errors[0].task_name, "own");
    EXPECT(weft__waitq_is_empty(&gate.waiters));
}

TASK_TEST_REAL(task_on_many_threads)
{
    struct probe_gate gate = {.permits = 0}, *arg = &gate;
    for (int round = 0; round < 5; round++) {
        weft_scope scope;
        weft_scope_open(&scope);
        for (int i = 0; i < 20; i++) {
            EXPECT_EQ(weft_go_with(&scope, own_waits, &arg, sizeof arg, &thread_task_options), 0);
        }
        for (int i = 0; i < 20; i++) {
            probe_gate_post(&gate);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* They end at once, while who started them has hardly returned from starting them. */
static int own_nothing(void *arg)
{
    (void)arg;
    return 0;
}

TASK_TEST_REAL(task_on_short_threads)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < TEST_ROUNDS(300, 20000); i++) {
        int rc;
        while ((rc = weft_go_with(&scope, own_nothing, NULL, 0, &thread_task_options)) != 0) {
            test_fail(__FILE__, __LINE__, "thread %d: %d", i, rc);
        }
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- what a spawn refuses ---- */

TASK_TEST(task_options_refused)
{
    static char big[WEFT_TASK_ARG_MAX + 1];
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    weft_task_options process = {.on = WEFT_PROCESS};
    weft_task_options tiny = {.stack_size = 100}, huge = {.stack_size = 2ul << 30};
    EXPECT_EQ(weft_go_with(&scope, NULL, NULL, 0, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_go_with(&scope, own_nothing, big, sizeof big, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_go_with(&scope, own_nothing, NULL, 0, &process), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_go_with(&scope, own_nothing, NULL, 0, &tiny), -WEFT_EINVAL);
    EXPECT_EQ(weft_go_with(&scope, own_nothing, NULL, 0, &huge), -WEFT_EINVAL);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 5);
    EXPECT(weft_scope_close(&scope) < 0);
}

/* ---- task-locals ---- */

static weft_local local_a = {"a"}, local_b = {"b"};

static int local_child(void *arg)
{
    int mine;
    (void)arg;
    EXPECT(weft_local_get(&local_a) == &local_a); /* as it was when this task was started */
    EXPECT(weft_local_get(&local_b) == NULL);
    EXPECT_EQ(weft_local_set(&local_a, &mine), 0);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT(weft_local_get(&local_a) == &mine);
    return 0;
}

TASK_TEST(local_values_are_inherited)
{
    weft_scope scope;
    EXPECT(weft_local_get(&local_a) == NULL);
    EXPECT_EQ(weft_local_set(NULL, &scope), -WEFT_EINVAL);
    EXPECT_EQ(weft_local_set(&local_a, &local_a), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(weft_go_with(&scope, local_child, NULL, 0, i % 3 ? NULL : &thread_task_options),
                  0);
    }
    EXPECT_EQ(weft_local_set(&local_b, &local_b), 0);
    EXPECT_EQ(weft_local_set(&local_a, &local_b), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(weft_local_get(&local_a) == &local_b);
    EXPECT(weft_local_get(&local_b) == &local_b);
}

static int local_in_pool(void *arg)
{
    EXPECT(weft_local_get(&local_a) == NULL); /* nor what the last call on this thread set */
    EXPECT_EQ(weft_local_set(&local_a, arg), 0);
    return 0;
}

TASK_TEST_FREE(local_values_do_not_stay_on_pool_threads)
{
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(weft_blocking(local_in_pool, &i), 0);
    }
}

static void *local_thread(void *arg)
{
    EXPECT_EQ(weft_local_set(&local_a, arg), 0);
    EXPECT_EQ(weft_local_set(&local_b, arg), 0);
    EXPECT(weft_local_get(&local_a) == arg);
    return NULL;
}

/* What a plain thread sets is freed when it ends: the census of this test would tell. */
TEST(local_values_of_plain_threads)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, local_thread, threads), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* ---- the census of stacks ---- */

WEFT_NOINLINE static int census_eater(void *arg)
{
    volatile char eaten[20000];
    for (size_t i = 0; i < sizeof eaten; i++) {
        eaten[i] = 1;
    }
    (void)arg;
    EXPECT_EQ(weft_yield(), 0);
    return eaten[7] - 1;
}

static int census_main(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 30; i++) {
        EXPECT_EQ(weft_go_with(&scope, census_eater, NULL, 0,
                               &(weft_task_options){.stack_size = 64 * 1024}),
                  0);
    }
    return weft_scope_close(&scope);
}

static const weft_options census_options = {.workers = 2, .quiet = true};

TEST(census_names_what_each_site_used)
{
    char text[4096];
    size_t used = 0, of = 0, tasks = 0;
    setenv("WEFT_STACK_CENSUS", "1", 1);
    struct probe_capture capture = probe_capture_begin();
    EXPECT_EQ(weft_run_with(census_main, NULL, &census_options), 0);
    probe_capture_end(&capture, text, sizeof text);
    EXPECT_SAYS(text, "weft: stack census: 2 spawn sites");
    EXPECT_SAYS(text, "of census_eater (task_test.c:");
    EXPECT_SAYS(text, "started at census_main (task_test.c:");
    const char *line = strstr(text, "of census_eater");
    while (line > text && line[-1] != '\n') {
        line--;
    }
    EXPECT_EQ(sscanf(line, "weft:   %zu of %zu bytes used at most by %zu tasks", &used, &of,
                     &tasks),
              3);
    EXPECT_EQ(of, 64 * 1024);
    EXPECT_EQ(tasks, 30);
    EXPECT(used >= 20000);
    EXPECT(used < 64 * 1024);
    unsetenv("WEFT_STACK_CENSUS");
    capture = probe_capture_begin();
    EXPECT_EQ(weft_run_with(census_main, NULL, &census_options), 0);
    probe_capture_end(&capture, text, sizeof text);
    EXPECT_STR(text, "");
}
