/* stack_test.c - classes, promises, the bound on idle ones, guards that are where they should be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/stack.h"

#include <sys/wait.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/chan.h"
#include "weft/run.h"
#include "weft/sync.h"

/* A runtime that has stacks and nothing else. */
static struct weft__runtime *stack_runtime(size_t default_size, size_t idle_max)
{
    static struct weft__runtime rt;
    memset(&rt, 0, sizeof rt);
    EXPECT_EQ(weft__stacks_init(&rt.stacks, default_size, idle_max), 0);
    return &rt;
}

TEST(stack_classes)
{
    EXPECT_EQ(weft__stack_class_for(0), -WEFT_EINVAL);
    EXPECT_EQ(weft__stack_class_for(WEFT_STACK_MIN - 1), -WEFT_EINVAL);
    EXPECT_EQ(weft__stack_class_for(WEFT_STACK_MIN), 0);
    EXPECT_EQ(weft__stack_class_for(WEFT_STACK_MIN + 1), 1);
    EXPECT_EQ(weft__stack_class_for(2 * WEFT_STACK_MIN), 1);
    EXPECT_EQ(weft__stack_class_for(WEFT_STACK_DEFAULT), 3);
    EXPECT_EQ(weft__stack_class_for(WEFT_STACK_MAX), WEFT_STACK_CLASSES - 2);
    EXPECT_EQ(weft__stack_class_for((size_t)WEFT_STACK_MAX + 1), -WEFT_EINVAL);
}

/* Promised, bound, written to from end to end, given back, and the same ones again. */
TEST(stack_goes_round)
{
    enum { STACKS = 200 };
    struct weft__runtime *rt = stack_runtime(WEFT_STACK_DEFAULT, 1024);
    struct weft__stack stacks[STACKS];
    size_t carved, idle;
    for (uint32_t class_index = 0; class_index < 2; class_index++) {
        size_t size = rt->stacks.classes[class_index].size;
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < STACKS; i++) {
                EXPECT_EQ(weft__stack_promise(rt, NULL, class_index), 0);
            }
            for (size_t i = 0; i < STACKS; i++) {
                stacks[i] = weft__stack_bind(rt, NULL, class_index);
                EXPECT_EQ(stacks[i].size, size);
                EXPECT(stacks[i].colour < WEFT_STACK_COLOURS);
                memset(stacks[i].lo, (int)i, 64);
                memset(stacks[i].lo + size - 64, (int)i, 64);
            }
            for (size_t i = 0; i < STACKS; i++) {
                EXPECT_EQ(stacks[i].lo[0], (unsigned char)i);
                EXPECT_EQ(stacks[i].lo[size - 1], (unsigned char)i);
                weft__stack_release(rt, NULL, stacks[i]);
            }
        }
    }
    weft__stacks_count(&rt->stacks, &carved, &idle);
    EXPECT(carved >= 2 * STACKS);
    EXPECT(carved < 2 * (STACKS + WEFT_STACK_CARVE)); /* some of them ahead */
    EXPECT_EQ(idle, carved);
    EXPECT_EQ(rt->stacks.classes[0].credits, rt->stacks.classes[0].carved);
    weft__stacks_fini(&rt->stacks);
}

TEST(stack_promise_taken_back)
{
    struct weft__runtime *rt = stack_runtime(WEFT_STACK_DEFAULT, 1024);
    EXPECT_EQ(weft__stack_promise(rt, NULL, 3), 0);
    weft__stack_unpromise(rt, NULL, 3);
    EXPECT_EQ(weft__stack_promise(rt, NULL, 3), 0);
    EXPECT_EQ(rt->stacks.classes[3].carved, 1);
    weft__stacks_fini(&rt->stacks);
}

/* As the watchdog would, if it were called when it wants to be. */
static void stack_trim_all(struct weft__runtime *rt)
{
    int64_t now = weft__time_now();
    while (now != WEFT_NEVER) {
        now = weft__stacks_trim(&rt->stacks, now);
    }
}

/* Beyond the bound idle ones keep their address and lose their memory. */
TEST(stack_idle_bound)
{
    enum { STACKS = 20, IDLE = 5 };
    struct weft__runtime *rt = stack_runtime(WEFT_STACK_MIN, IDLE);
    struct weft__stack stacks[STACKS];
    for (size_t i = 0; i < STACKS; i++) {
        EXPECT_EQ(weft__stack_promise(rt, NULL, 0), 0);
        stacks[i] = weft__stack_bind(rt, NULL, 0);
        stacks[i].lo[100] = 1;
    }
    for (size_t i = 0; i < STACKS; i++) {
        weft__stack_release(rt, NULL, stacks[i]);
    }
    stack_trim_all(rt);
    EXPECT_EQ(rt->stacks.classes[0].dirty_count, IDLE);
    EXPECT_EQ(rt->stacks.classes[0].clean_count, rt->stacks.classes[0].carved - IDLE);
    size_t holding = 0;
    for (size_t i = 0; i < STACKS; i++) {
        holding += stacks[i].lo[100];
    }
    EXPECT_EQ(holding, IDLE);
    weft__stacks_fini(&rt->stacks);
}

/* ---- guards ---- */

/* Does writing to that byte end the process by SIGSEGV? */
static bool stack_is_forbidden(volatile unsigned char *at)
{
    int status;
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        *at = 1;
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void stack_expect_guards(struct weft__runtime *rt)
{
    struct weft__stack stacks[3];
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft__stack_promise(rt, NULL, 0), 0);
        stacks[i] = weft__stack_bind(rt, NULL, 0);
        unsigned char *lo = stacks[i].lo;
        EXPECT(!stack_is_forbidden(lo));
        EXPECT(!stack_is_forbidden(lo + stacks[i].size - 1));
        EXPECT(stack_is_forbidden(lo - 1));
        EXPECT(stack_is_forbidden(lo - WEFT_STACK_GUARD / 2));
        EXPECT(stack_is_forbidden(lo - WEFT_STACK_GUARD));
        EXPECT(weft__stack_guard_hit(&stacks[i], lo - 1));
        EXPECT(weft__stack_guard_hit(&stacks[i], lo - WEFT_STACK_GUARD));
        EXPECT(!weft__stack_guard_hit(&stacks[i], lo));
        EXPECT(!weft__stack_guard_hit(&stacks[i], lo - WEFT_STACK_GUARD - 1));
    }
    for (int i = 0; i < 3; i++) {
        weft__stack_release(rt, NULL, stacks[i]);
    }
    stack_trim_all(rt); /* giving back the memory leaves the guards up */
    EXPECT(stack_is_forbidden(stacks[0].lo - 1));
    EXPECT(stack_is_forbidden(stacks[2].lo - WEFT_STACK_GUARD));
}

TEST(stack_guards)
{
    struct weft__runtime *rt = stack_runtime(WEFT_STACK_MIN, 0);
    stack_expect_guards(rt);
    weft__stacks_fini(&rt->stacks);
}

TEST(stack_guards_by_mprotect)
{
    struct weft__runtime *rt = stack_runtime(WEFT_STACK_MIN, 0);
    a_store(&rt->stacks.guards_by_mprotect, 1, relaxed);
    EXPECT(a_load(&rt->stacks.guards_left, relaxed) > 1000); /* a third of what Linux grants */
    stack_expect_guards(rt);
    weft__stacks_fini(&rt->stacks);
}

/* Where they run out a task is refused; there is never a stack without a guard. */
TEST(stack_guards_run_out)
{
    struct weft__runtime *rt = stack_runtime(WEFT_STACK_DEFAULT, 8);
    a_store(&rt->stacks.guards_by_mprotect, 1, relaxed);
    a_store(&rt->stacks.guards_left, 3, relaxed);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft__stack_promise(rt, NULL, 1), 0);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft__stack_promise(rt, NULL, 1), -WEFT_ENOMEM);
        EXPECT_EQ(weft__stack_promise(rt, NULL, 2), -WEFT_ENOMEM);
    }
    struct weft__stack stack = weft__stack_bind(rt, NULL, 1);
    weft__stack_release(rt, NULL, stack);
    EXPECT_EQ(weft__stack_promise(rt, NULL, 1), 0); /* that one again */
    EXPECT_EQ(weft__stack_promise(rt, NULL, 1), -WEFT_ENOMEM);
    weft__stacks_fini(&rt->stacks);
}

TEST(stack_promise_survives_each_fault)
{
    uint64_t count, n = 0;
    do {
        struct weft__runtime *rt = stack_runtime(WEFT_STACK_DEFAULT, 8);
        int failed = 0;
        n++;
        weft__fault_arm(WEFT_FAULT_ALL, n);
        for (int i = 0; i < 70; i++) {
            int rc = weft__stack_promise(rt, NULL, 0);
            EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
            failed += rc != 0;
        }
        count = weft__fault_disarm();
        EXPECT(failed <= 1);
        struct weft__stack_class *c = &rt->stacks.classes[0];
        EXPECT_EQ((int64_t)c->carved - c->credits, 70 - failed);
        weft__stacks_fini(&rt->stacks);
    } while (n <= count);
    EXPECT(n > 12);
}

/* ---- overflow ---- */

WEFT_NOINLINE static int stack_dig(int depth, volatile char *above)
{
    volatile char frame[512];
    frame[0] = above ? above[0] : 1;
    int below = depth > 0 ? stack_dig(depth - 1, frame) : 0;
    return below + frame[0];
}

static int stack_deep(void *arg)
{
    return stack_dig(*(int *)arg, NULL);
}

static int stack_dig_main(void *arg)
{
    const weft_task_options *options = arg;
    int depth = 1000 * 1000;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, stack_deep, &depth, sizeof depth, options), 0);
    return weft_scope_close(&scope);
}

/* What a process says before it dies of it. */
static void stack_overflow_text(const weft_task_options *options, char *text, size_t size)
{
    int status;
    struct probe_capture capture = probe_capture_begin();
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        (void)weft_run_with(stack_dig_main, (void *)(uintptr_t)options,
                            &(weft_options){.workers = 2});
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    probe_capture_end(&capture, text, size);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
}

TEST(stack_overflow_is_named)
{
    char text[8192];
    weft_task_options options = {.name = "digger", .stack_size = 64 * 1024};
    stack_overflow_text(&options, text, sizeof text);
    EXPECT_SAYS(text, "stack overflow in task 'digger', started at stack_dig_main (stack_test.c:");
    EXPECT_SAYS(text, "its stack has 65536 bytes");
}

/* Without a name it has that of its function. */
TEST(stack_overflow_is_named_after_the_function)
{
    char text[8192];
    weft_task_options options = {.stack_size = 16 * 1024};
    stack_overflow_text(&options, text, sizeof text);
    EXPECT_SAYS(text, "stack overflow in task 'stack_deep'");
}

/* On a thread of its own, too. */
TEST(stack_overflow_of_a_thread_task)
{
    char text[8192];
    weft_task_options options = {
        .name = "miner", .stack_size = 256 * 1024, .on = WEFT_THREAD};
    stack_overflow_text(&options, text, sizeof text);
    EXPECT_SAYS(text, "stack overflow in task 'miner', started at stack_dig_main (stack_test.c:");
}

/* A fault elsewhere is told as what it is. */
static int stack_fault_main(void *arg)
{
    *(volatile int *)arg = 1;
    return 0;
}

TEST(stack_other_faults_are_not_ours)
{
    int status;
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        (void)weft_run_with(stack_fault_main, (void *)16, &(weft_options){.workers = 1});
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

/* ---- dense ones ---- */

static const weft_task_options stack_dense = {.name = "small", .stack_size = WEFT_STACK_DENSE};

struct dense_plan {
    weft_event open;
    weft_latch asleep;
    weft_chan *chan;
    weft_mutex mutex;
    uint64_t sum;
};

/* One of each sleep; a copy of the pointer is all that its own frame holds. */
static int dense_task(void *arg)
{
    struct dense_plan *plan = *(struct dense_plan **)arg;
    uint64_t value = 0;
    weft_latch_down(&plan->asleep, 1);
    int rc = weft_event_wait(&plan->open);
    if (rc == 0 && (rc = weft_sleep(WEFT_US)) == 0 && (rc = weft_yield()) == 0 &&
        (rc = weft_chan_recv(plan->chan, &value)) == 0 &&
        (rc = weft_mutex_lock(&plan->mutex)) == 0) {
        plan->sum += value;
        weft_mutex_unlock(&plan->mutex);
    }
    return rc;
}

TASK_TEST(dense_tasks_do_all_that_others_do)
{
    enum { TASKS = WEFT_TSAN || WEFT_ASAN ? 300 : 3000 };
    bool is_small = weft__control != NULL; /* each schedule of the checker is one run */
    uint64_t tasks = is_small ? 3 : TASKS;
    struct dense_plan plan = {.open = WEFT_EVENT_INIT, .mutex = WEFT_MUTEX_INIT}, *p = &plan;
    plan.asleep = (weft_latch)WEFT_LATCH_INIT(tasks);
    plan.chan = weft_chan_new(sizeof(uint64_t), 4);
    weft_scope scope;
    weft_scope_open(&scope);
    for (uint64_t i = 0; i < tasks; i++) {
        EXPECT_EQ(weft_go_with(&scope, dense_task, &p, sizeof p, &stack_dense), 0);
    }
    EXPECT_EQ(weft_latch_wait(&plan.asleep), 0);
    weft_event_set(&plan.open);
    for (uint64_t i = 0; i < tasks; i++) {
        EXPECT_EQ(weft_chan_send(plan.chan, &i), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(plan.sum, tasks * (tasks - 1) / 2);
    weft_chan_free(plan.chan);
    weft_event_fini(&plan.open);
    weft_latch_fini(&plan.asleep);
    weft_mutex_fini(&plan.mutex);
}

static int dense_nothing(void *arg)
{
    (void)arg;
    return 0;
}

TASK_TEST(dense_arguments_are_small)
{
    static char big[WEFT_STACK_DENSE];
    size_t most = WEFT_ASAN || WEFT_TSAN ? sizeof big : WEFT_STACK_DENSE / WEFT_TASK_ARG_SHARE;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, dense_nothing, big, most, &stack_dense), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    if (most < sizeof big) {
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go_with(&scope, dense_nothing, big, most + 1, &stack_dense),
                  -WEFT_EINVAL);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_EINVAL);
    }
}

TEST(dense_is_no_default)
{
    EXPECT_EQ(weft_run_with(dense_nothing, NULL, &(weft_options){.stack_size = WEFT_STACK_DENSE}),
              -WEFT_EINVAL);
}

/* Down to below the canary, and no further; without a guard nothing stops it there. */
WEFT_NOINLINE static void dense_dig(const unsigned char *lo, volatile char *above)
{
    volatile char frame[64];
    for (size_t i = 0; i < sizeof frame; i++) {
        frame[i] = above ? above[0] : 1;
    }
    if ((const unsigned char *)&frame[0] > lo + sizeof(uint64_t)) {
        dense_dig(lo, frame);
    }
    frame[1] = frame[0];
}

struct dense_overrun {
    weft_latch begun;
    weft_event end, dig;
    bool sleeps;
};

static int dense_neighbour(void *arg)
{
    struct dense_overrun *o = *(struct dense_overrun **)arg;
    weft_latch_down(&o->begun, 1);
    return weft_event_wait(&o->end);
}

static int dense_overruns(void *arg)
{
    struct dense_overrun *o = *(struct dense_overrun **)arg;
    weft_latch_down(&o->begun, 1);
    int rc = weft_event_wait(&o->dig);
    dense_dig(weft__self_task()->stack.lo, NULL);
    return rc == 0 && o->sleeps ? weft_sleep(WEFT_US) : rc;
}

/* What it writes over is the stack of a neighbour that is there no more. */
static int dense_overrun_main(void *arg)
{
    struct dense_overrun overrun = {.begun = WEFT_LATCH_INIT(2),
                                    .end = WEFT_EVENT_INIT,
                                    .dig = WEFT_EVENT_INIT,
                                    .sleeps = *(bool *)arg},
                         *o = &overrun;
    weft_scope below, scope;
    weft_scope_open(&scope);
    weft_scope_open(&below);
    EXPECT_EQ(weft_go_with(&below, dense_neighbour, &o, sizeof o, &stack_dense), 0);
    EXPECT_EQ(weft_yield(), 0); /* its stack is bound before the other one is carved */
    EXPECT_EQ(weft_go_with(&scope, dense_overruns, &o, sizeof o, &stack_dense), 0);
    EXPECT_EQ(weft_latch_wait(&o->begun), 0);
    weft_event_set(&o->end);
    EXPECT_EQ(weft_scope_close(&below), 0);
    weft_event_set(&o->dig);
    return weft_scope_close(&scope);
}

static void dense_expect_panic(bool sleeps)
{
    char text[8192];
    int status;
    if (WEFT_ASAN || WEFT_TSAN) {
        SKIP("dense stacks are larger here, and no stack is dense");
    }
    struct probe_capture capture = probe_capture_begin();
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        (void)weft_run_with(dense_overrun_main, &sleeps, &(weft_options){.workers = 1});
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    probe_capture_end(&capture, text, sizeof text);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    EXPECT_SAYS(text, "a task has used more than its dense stack");
    EXPECT_SAYS(text, "small");
    EXPECT_SAYS(text, "dense_overrun_main (stack_test.c:");
}

TEST(dense_overrun_is_seen_when_it_sleeps)
{
    dense_expect_panic(true);
}

TEST(dense_overrun_is_seen_when_it_ends)
{
    dense_expect_panic(false);
}

static int dense_sleeper(void *arg)
{
    (void)arg;
    return weft_sleep(WEFT_MS);
}

static int dense_census_main(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(weft_go_with(&scope, dense_sleeper, NULL, 0, &stack_dense), 0);
    }
    return weft_scope_close(&scope);
}

/* The census tells what was used. */
TEST(dense_census)
{
    char text[8192];
    if (WEFT_ASAN || WEFT_TSAN) {
        SKIP("dense stacks are larger here");
    }
    struct probe_capture capture = probe_capture_begin();
    setenv("WEFT_STACK_CENSUS", "1", 1);
    EXPECT_EQ(weft_run_with(dense_census_main, NULL, &(weft_options){.workers = 2}), 0);
    unsetenv("WEFT_STACK_CENSUS");
    probe_capture_end(&capture, text, sizeof text);
    EXPECT_SAYS(text, "of 2048 bytes used at most by 100 tasks of dense_sleeper");
}
