/* root_test.c - weft_run: its codes, its end, signals, deadlock, fork, and the calls around a run.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/sanitize.h"
#include "base/fault.h"
#include "base/sys.h"
#include "base/time.h"
#include "core/park.h"
#include "scope/scope.h"
#include "tests/probe.h"

#define ROOT_THREAD_STACK (256 * 1024)
#define ROOT_LONG_NS      (3600 * WEFT_SECOND) /* unlike WEFT_NEVER it is no deadlock */

static int root_return(void *arg)
{
    return *(int *)arg;
}

static pthread_t root_thread(void *(*fn)(void *), void *arg)
{
    pthread_t handle;
    EXPECT_EQ(weft__sys_thread_start(fn, arg, ROOT_THREAD_STACK, "test", &handle), 0);
    return handle;
}

/* ---- codes ---- */

TEST(root_returns_what_fn_returns)
{
    static const int codes[] = {0, 1, 130, INT32_MAX, -1, -WEFT_ECANCELED, -WEFT_EDEADLK};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(codes); i++) {
        int code = codes[i];
        EXPECT_EQ(weft_run(root_return, &code), code);
    }
}

TEST(root_bad_arguments)
{
    int code = 3;
    EXPECT_EQ(weft_run(NULL, &code), -WEFT_EINVAL);
    EXPECT_EQ(weft_run_with(NULL, NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_run_with(root_return, &code, NULL), 3);
    static const weft_options bad[] = {
        {.workers = 1000000}, {.stuck_after_ns = -1}, {.stack_size = 1}, {.stack_size = SIZE_MAX}};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(bad); i++) {
        EXPECT_EQ(weft_run_with(root_return, &code, &bad[i]), -WEFT_EINVAL);
    }
    EXPECT(weft_cpus() >= 1);
}

static void root_never(void *arg)
{
    (void)arg;
    EXPECT(false);
}

TEST(root_calls_without_a_runtime)
{
    weft_stats stats;
    int64_t start = weft__time_now();
    EXPECT_EQ(weft_stats_get(&stats), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_post(root_never, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_post(NULL, NULL), -WEFT_EINVAL);
    EXPECT(weft_now() >= start);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT(weft_now() - start >= WEFT_MS);
    EXPECT(!weft_cancelled());
    EXPECT_EQ(weft_scope_deadline_effective(), WEFT_NEVER);
    EXPECT_EQ(weft_fail(-7, "why"), -7);
}

/* ---- one at a time ---- */

static int root_run_again(void *arg)
{
    (void)arg;
    return weft_run(probe_nothing, NULL);
}

/* In a task of any kind: -EBUSY. */
TASK_TEST(root_run_in_a_task)
{
    weft_scope scope;
    EXPECT_EQ(root_run_again(NULL), -WEFT_EBUSY);
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    EXPECT_EQ(weft_go_with(&scope, root_run_again, NULL, 0,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EBUSY);
    EXPECT_EQ(weft_blocking(root_run_again, NULL), -WEFT_EBUSY);
}

static void *root_thread_runs(void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_run(probe_nothing, NULL), -WEFT_EBUSY);
    return NULL;
}

/* In a plain thread beside a run too; and that run still ends. */
TASK_TEST_REAL(root_run_beside_a_run)
{
    weft__sys_thread_join(root_thread(root_thread_runs, NULL));
}

static int root_stats(void *arg)
{
    weft_stats *stats = *(weft_stats **)arg;
    return weft_stats_get(stats);
}

/* By day two seconds are enough, if the machine has other things to do. */
static bool root_goes_on(int i, int rounds, int64_t since)
{
    return i < rounds && (test_is_night() || weft__time_now() - since < 2 * WEFT_SECOND);
}

static void root_start_and_stop(int rounds)
{
    weft_stats stats, *pointer = &stats;
    int64_t since = weft__time_now();
    for (int i = 0; root_goes_on(i, rounds, since); i++) {
        memset(&stats, 0, sizeof stats);
        EXPECT_EQ(weft_run_with(root_stats, &pointer,
                                &(weft_options){.workers = (size_t)(i % 4) + 1}), 0);
        EXPECT_EQ(stats.workers, i % 4 + 1);
        EXPECT_EQ(stats.tasks_started, 1);
    }
}

TEST(root_starts_and_stops)
{
    root_start_and_stop(300);
}

NIGHT_TEST(root_starts_and_stops_10000_times)
{
    root_start_and_stop(10000);
}

/* ---- a scope of the caller, opened before the run, is none of the run's ---- */

static int root_use_outer(void *arg)
{
    weft_scope *outer = *(weft_scope **)arg;
    EXPECT_EQ(weft_go(outer, probe_nothing, NULL), -WEFT_ESHUTDOWN);
    weft_scope_cancel(outer);
    EXPECT(!weft_cancelled());
    return weft_yield();
}

TEST(root_in_a_scope_of_a_plain_thread)
{
    weft_scope outer, *pointer = &outer;
    weft_scope_open(&outer);
    EXPECT_EQ(weft_run(root_use_outer, &pointer), 0);
    EXPECT(weft_scope_cancelled(&outer));
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ECANCELED);
}

static int root_deadline_of_outer(void *arg)
{
    weft_scope_deadline(*(weft_scope **)arg, weft_after(WEFT_SECOND));
    return 0;
}

PANIC_TEST(root_deadline_of_a_scope_outside, "no runtime runs")
{
    weft_scope outer, *pointer = &outer;
    weft_scope_open(&outer);
    (void)weft_run(root_deadline_of_outer, &pointer);
}

/* ---- plain threads ---- */

TEST(root_plain_thread_scope)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open_with(&inner, &(weft_scope_options){.name = "inner", .policy = WEFT_COLLECT});
    EXPECT_EQ(weft_go(&inner, probe_nothing, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_go_with(&inner, NULL, NULL, 0, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_scope_errors(&inner, NULL, 0), 0);
    weft_scope_cancel(&outer);
    EXPECT(weft_cancelled());
    EXPECT_EQ(weft_sleep(WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    weft_scope_shield(&outer); /* there is nothing outside to hide */
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ECANCELED);
    EXPECT(!weft_cancelled());
    WEFT_SCOPE(scope) {
        EXPECT_EQ(weft_yield(), 0);
    }
}

PANIC_TEST(root_plain_thread_deadline, "no runtime runs")
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
}

struct root_visitor {
    ATOMIC(uint32_t) is_open;
    ATOMIC(weft_scope *) scope;
    ATOMIC(int) count;
    int sleep_rc, close_rc;
    int64_t deadline_ns;
};

/* A plain thread that opens a scope in the middle of a run, and works in it. */
static void *root_visit(void *arg)
{
    struct root_visitor *v = arg;
    weft_scope outer, inner;
    ATOMIC(int) *count = &v->count;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(weft_go(&inner, probe_count, &count), 0);
    }
    EXPECT_EQ(weft_go(&inner, probe_sleep, &(struct probe){WEFT_NEVER, 0, NULL, NULL}), 0);
    if (v->deadline_ns) {
        weft_scope_deadline(&inner, weft_after(v->deadline_ns));
    }
    a_store(&v->scope, &inner, release);
    a_store(&v->is_open, 1, release);
    v->sleep_rc = weft_sleep(ROOT_LONG_NS);
    v->close_rc = weft_scope_close(&inner);
    EXPECT_EQ(weft_sleep(0), weft_cancelled() ? -WEFT_ECANCELED : 0);
    (void)weft_scope_close(&outer);
    return NULL;
}

static void root_wait_open(struct root_visitor *v)
{
    while (a_load(&v->is_open, acquire) == 0) {
        (void)weft_yield();
    }
}

static void root_expect_visited(struct root_visitor *v, int close_rc)
{
    EXPECT_EQ(v->sleep_rc, -WEFT_ECANCELED);
    EXPECT_EQ(v->close_rc, close_rc);
    EXPECT_EQ(a_load(&v->count, relaxed), 100);
}

TASK_TEST_REAL(root_thread_scope_cancelled_by_a_task)
{
    struct root_visitor v = {.sleep_rc = 0};
    pthread_t handle = root_thread(root_visit, &v);
    root_wait_open(&v);
    weft_scope_cancel(a_load(&v.scope, acquire));
    weft__sys_thread_join(handle);
    root_expect_visited(&v, -WEFT_ECANCELED);
}

TASK_TEST_REAL(root_thread_scope_deadline)
{
    struct root_visitor v = {.deadline_ns = 5 * WEFT_MS};
    weft__sys_thread_join(root_thread(root_visit, &v));
    root_expect_visited(&v, -WEFT_ETIMEDOUT);
}

/* On the virtual clock such a thread's sleep is one that time may jump over. */
TASK_TEST_FREE(root_thread_scope_virtual_deadline)
{
    if (WEFT__SAN_THREAD) {
        SKIP("ThreadSanitizer has threads of its own, so time may not jump beside plain threads");
    }
    struct root_visitor v = {.deadline_ns = ROOT_LONG_NS / 2};
    pthread_t handle = root_thread(root_visit, &v);
    root_wait_open(&v);
    EXPECT_EQ(weft_sleep(ROOT_LONG_NS), 0);
    weft__sys_thread_join(handle);
    root_expect_visited(&v, -WEFT_ETIMEDOUT);
}

struct root_open_end {
    struct root_visitor visitor;
    pthread_t handle;
    bool interrupt;
};

static int root_leave_early(void *arg)
{
    struct root_open_end *end = arg;
    end->handle = root_thread(root_visit, &end->visitor);
    root_wait_open(&end->visitor);
    if (end->interrupt) {
        kill(getpid(), SIGINT);
        return weft_sleep(ROOT_LONG_NS);
    }
    return 5;
}

/* A thread's open scope holds the run open, and the root's cancel reaches it. */
TEST(root_waits_for_the_scopes_of_threads)
{
    int64_t since = weft__time_now();
    for (int i = 0; root_goes_on(i, 50, since); i++) {
        struct root_open_end end = {.interrupt = i % 2 && !WEFT__SAN_THREAD};
        end.visitor.deadline_ns = end.interrupt ? 0 : WEFT_MS;
        EXPECT_EQ(weft_run_with(root_leave_early, &end, &(weft_options){.workers = 2}),
                  end.interrupt ? 130 : 5);
        weft__sys_thread_join(end.handle);
        root_expect_visited(&end.visitor, end.interrupt ? -WEFT_ECANCELED : -WEFT_ETIMEDOUT);
    }
}

/* ---- blocking calls ---- */

struct root_blocking {
    ATOMIC(uint32_t) runs, is_cancelled;
    weft_scope *scope;
    int64_t cancelled_at, ended_at;
};

static int root_block(void *arg)
{
    struct root_blocking *b = arg;
    a_store(&b->runs, 1, release);
    while (a_load(&b->is_cancelled, acquire) == 0) {
        weft__sys_yield();
    }
    weft__time_sleep_until(weft__time_now() + 200 * WEFT_MS);
    b->ended_at = weft__time_now();
    return 42;
}

static void root_cancel_scope(void *scope)
{
    weft_scope_cancel(scope);
}

static int root_cancel_blocking(void *arg)
{
    struct root_blocking *b = *(struct root_blocking **)arg;
    while (a_load(&b->runs, acquire) == 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    weft_scope_cancel(b->scope);
    b->cancelled_at = weft__time_now();
    a_store(&b->is_cancelled, 1, release);
    return 0;
}

/* A cancel during a blocking call that goes on for 200 ms: its result after 200 ms, the next call
 * -ECANCELED. */
TASK_TEST_REAL(t49_blocking_call_is_waited_for)
{
    weft_scope outer, scope;
    struct root_blocking b = {.scope = &scope}, *pointer = &b;
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&outer, root_cancel_blocking, &pointer), 0);
    EXPECT_EQ(weft_blocking(root_block, &b), 42);
    EXPECT(b.ended_at - b.cancelled_at >= 200 * WEFT_MS);
    EXPECT(weft_cancelled());
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    EXPECT_EQ(weft_blocking(root_block, &b), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

struct root_abandoned {
    ATOMIC(uint32_t) may_end, runs, released;
};

static int root_block_until_told(void *arg)
{
    struct root_abandoned *a = arg;
    a_store(&a->runs, 1, release);
    while (a_load(&a->may_end, acquire) == 0) {
        weft__sys_yield();
    }
    return 0;
}

static void root_release(void *arg)
{
    struct root_abandoned *a = arg;
    a_add(&a->released, 1, acq_rel);
}

static int root_cancel_when_it_runs(void *arg)
{
    struct root_abandoned *a = ((void **)arg)[0];
    while (a_load(&a->runs, acquire) == 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    weft_scope_cancel(((void **)arg)[1]);
    return 0;
}

/* With `abandon` a cancel returns at once; the limiter's place comes back, and the argument is
 * released, once, only after fn has ended. */
TASK_TEST_REAL(t50_abandoned_call)
{
    struct root_abandoned a = {.may_end = 0};
    weft_limiter limiter = WEFT_LIMITER_INIT(1);
    weft_scope outer, scope;
    void *arg[2] = {&a, &scope};
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&outer, root_cancel_when_it_runs, &arg), 0);
    EXPECT_EQ(weft_blocking_with(root_block_until_told, &a,
                                 &(weft_blocking_options){&limiter, true, root_release}),
              -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_limiter_used(&limiter), 1);
    EXPECT_EQ(a_load(&a.released, acquire), 0);
    a_store(&a.may_end, 1, release);
    while (weft_limiter_used(&limiter) > 0 || a_load(&a.released, acquire) == 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    EXPECT_EQ(a_load(&a.released, acquire), 1);
    weft_limiter_fini(&limiter);
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

/* ---- cancels from elsewhere ---- */

static int root_cancel_at(void *arg)
{
    struct root_visitor *v = *(struct root_visitor **)arg;
    root_wait_open(v);
    weft_scope_cancel(a_load(&v->scope, acquire));
    return 0;
}

/* The owner computes while somebody cancels its scope: its next call says so. */
TASK_TEST_REAL(t53_cancel_while_the_owner_computes)
{
    weft_scope outer, scope;
    struct root_visitor v = {.sleep_rc = 0}, *pointer = &v;
    weft_scope_open(&outer);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&outer, root_cancel_at, &pointer, sizeof pointer,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    a_store(&v.scope, &scope, release);
    a_store(&v.is_open, 1, release);
    while (!weft_cancelled()) {
        a_relax();
    }
    EXPECT_EQ(weft_sleep(ROOT_LONG_NS), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

static ATOMIC(weft_scope *) root_signal_scope;

static void root_handle_signal(int signo)
{
    (void)signo;
    int rc = weft_post(root_cancel_scope, a_load(&root_signal_scope, acquire));
    if (rc < 0) {
        _exit(1);
    }
}

/* From a signal handler, by weft_post. */
TASK_TEST_REAL(t54_cancel_from_a_signal_handler)
{
    if (WEFT__SAN_THREAD) {
        SKIP("ThreadSanitizer delays signals until the first thread does something else");
    }
    struct sigaction old, action = {.sa_handler = root_handle_signal};
    weft_scope scope;
    EXPECT_EQ(sigaction(SIGUSR1, &action, &old), 0);
    for (int i = 0; i < 20; i++) {
        weft_scope_open(&scope);
        a_store(&root_signal_scope, &scope, release);
        EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){WEFT_NEVER, 0, NULL, NULL}), 0);
        EXPECT_EQ(kill(getpid(), SIGUSR1), 0); /* workers take no signals; the first thread does */
        EXPECT_EQ(weft_sleep(ROOT_LONG_NS), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    }
    EXPECT_EQ(sigaction(SIGUSR1, &old, NULL), 0);
}

/* ---- the budget ---- */

static int root_count_turns(void *arg)
{
    ATOMIC(int) *turns = *(ATOMIC(int) **)arg;
    do {
        a_add(turns, 1, relaxed);
    } while (weft_yield() == 0);
    return 0;
}

static int root_spend(void *arg)
{
    enum { OPERATIONS = 1000000 };
    weft_scope scope;
    ATOMIC(int) turns = 0, *pointer = &turns;
    int seen = 0, since = 0;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, root_count_turns, &pointer), 0);
    for (int i = 0; i < OPERATIONS; i++) {
        weft__leave(weft__op_begin(WEFT__DEED_YIELD, NULL, NULL));
        int now = a_load(&turns, relaxed);
        since = now == seen ? since + 1 : 0;
        seen = now;
        EXPECT(since <= WEFT_BUDGET);
    }
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    return 0;
}

/* A million calls that succeed at once: another task has its turn at least every 128. */
TEST(t56_budget_of_calls_that_succeed)
{
    /* with no thread to take over its seat, which would make two run at once */
    weft_options options = {.workers = 1, .stuck_after_ns = WEFT_NEVER};
    EXPECT_EQ(weft_run_with(root_spend, NULL, &options), 0);
}

/* ---- signals ---- */

static int root_out[2];

static void root_tell(void *arg)
{
    EXPECT_EQ(write(root_out[1], arg, 1), 1);
}

static void (*root_stop_handler)(int signo); /* Weft's */
static int64_t root_stopped_at;

/* Around Weft's: it comes back from a second signal only when that is 3 s after the first, as when
 * the machine has stood still meanwhile. */
static void root_handle_stop(int signo)
{
    int64_t now = weft__time_now();
    root_stop_handler(signo);
    if (root_stopped_at != 0 && weft__time_now() - root_stopped_at < 3 * WEFT_SECOND) {
        _exit(1);
    }
    root_stopped_at = now;
    root_tell("s");
}

static void root_handle_stops(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = root_handle_stop, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction old;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(signals); i++) {
        EXPECT_EQ(sigaction(signals[i], NULL, &old), 0);
        root_stop_handler = old.sa_handler;
        EXPECT_EQ(sigaction(signals[i], &action, NULL), 0);
    }
}

static int root_wait_interrupted(void *arg)
{
    int stubborn = *(int *)arg;
    weft_scope shield;
    EXPECT_EQ(weft_defer(root_tell, "d"), 0);
    root_tell("r");
    if (stubborn) {
        weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    }
    int rc = weft_sleep(ROOT_LONG_NS);
    if (stubborn) {
        (void)weft_scope_close(&shield);
    }
    return rc;
}

static int root_wait_with_children(void *arg)
{
    weft_scope scope;
    int stubborn = *(int *)arg, willing = 0;
    if (stubborn) {
        root_handle_stops();
    }
    EXPECT_EQ(weft_defer(root_tell, "m"), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, root_wait_interrupted, &stubborn), 0);
    EXPECT_EQ(weft_go(&scope, root_wait_interrupted, &willing), 0);
    return weft_scope_close(&scope);
}

static char root_hear(void)
{
    char said = '-';
    EXPECT(read(root_out[0], &said, 1) >= 0);
    return said;
}

/* A child that runs with two tasks, told by 'r' each; they say 'd' and the main one 'm' at their
 * ends.  If one is stubborn, an 's' tells of each signal that has not ended it.  Returns its pid
 * when both run. */
static pid_t root_fork_run(int stubborn)
{
    if (WEFT__SAN_THREAD) {
        SKIP("ThreadSanitizer delays signals until the first thread does something else");
    }
    EXPECT_EQ(pipe(root_out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(root_out[0]);
        _exit(weft_run_with(root_wait_with_children, &stubborn, &(weft_options){.workers = 2}));
    }
    EXPECT(pid > 0);
    close(root_out[1]);
    EXPECT_EQ(root_hear(), 'r');
    EXPECT_EQ(root_hear(), 'r');
    return pid;
}

static void root_expect_exit(pid_t pid, int code)
{
    int status;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), code);
    close(root_out[0]);
}

static void root_interrupt_once(int signo)
{
    pid_t pid = root_fork_run(0);
    EXPECT_EQ(kill(pid, signo), 0);
    EXPECT_EQ(root_hear(), 'd');
    EXPECT_EQ(root_hear(), 'd');
    EXPECT_EQ(root_hear(), 'm');
    EXPECT_EQ(root_hear(), '-');
    root_expect_exit(pid, 128 + signo);
}

/* SIGINT: every task unwinds, what was deferred is done, the code is 130. */
TEST(t57_interrupt_unwinds)
{
    root_interrupt_once(SIGINT);
}

TEST(t57_terminate_unwinds)
{
    root_interrupt_once(SIGTERM);
}

/* A second one soon after ends the process at once, although a task has not unwound. */
static void root_interrupt_twice(int first, int second)
{
    pid_t pid = root_fork_run(1);
    EXPECT_EQ(kill(pid, first), 0);
    EXPECT_EQ(root_hear() + root_hear(), 's' + 'd'); /* heard, and the willing one has unwound */
    char said;
    do { /* one that comes too late to be a second one is a first one */
        EXPECT_EQ(kill(pid, second), 0);
        said = root_hear();
    } while (said == 's');
    EXPECT_EQ(said, '-');
    root_expect_exit(pid, 128 + second);
}

TEST(t57_second_interrupt_ends_it)
{
    root_interrupt_twice(SIGINT, SIGINT);
}

TEST(t57_second_terminate_ends_it)
{
    root_interrupt_twice(SIGTERM, SIGTERM);
    root_interrupt_twice(SIGINT, SIGTERM);
}

static ATOMIC(uint32_t) root_own_signals;

static void root_own_handler(int signo)
{
    (void)signo;
    a_add(&root_own_signals, 1, relaxed);
}

static int root_raise(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    kill(getpid(), SIGTERM);
    while (a_load(&root_own_signals, relaxed) < 2) {
        EXPECT_EQ(weft_yield(), 0);
    }
    return weft_yield();
}

static int root_swallow(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    EXPECT_EQ(weft_sleep(ROOT_LONG_NS), -WEFT_ECANCELED);
    return 9;
}

/* leave_signals leaves them; else the former handlers are there again after the run. */
TEST(root_signal_handlers)
{
    struct sigaction action = {.sa_handler = root_own_handler};
    EXPECT_EQ(sigaction(SIGINT, &action, NULL), 0);
    EXPECT_EQ(sigaction(SIGTERM, &action, NULL), 0);
    EXPECT_EQ(weft_run_with(root_raise, NULL, &(weft_options){.leave_signals = true}), 0);
    EXPECT_EQ(a_load(&root_own_signals, relaxed), 2);
    EXPECT_EQ(weft_run(root_swallow, NULL), 9); /* what fn returns, if it is not -ECANCELED */
    EXPECT_EQ(a_load(&root_own_signals, relaxed), 2);
    raise(SIGINT);
    raise(SIGTERM);
    EXPECT_EQ(a_load(&root_own_signals, relaxed), 4);
}

/* ---- fork ---- */

static int root_sleep_in_child(void *arg)
{
    (void)arg;
    return weft_sleep(1);
}

static int root_yield_in_child(void *arg)
{
    (void)arg;
    return weft_yield();
}

/* What the child of a fork says on stderr when a task of it does what it cannot. */
static void root_expect_child_panic(int out, pid_t pid)
{
    char said[1024] = "", rest[256];
    size_t len = 0;
    ssize_t n;
    int status;
    while (len < sizeof said - 1 && (n = read(out, said + len, sizeof said - 1 - len)) > 0) {
        len += (size_t)n;
    }
    while (read(out, rest, sizeof rest) > 0) {
    }
    close(out);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    EXPECT(strstr(said, "forked") != NULL);
}

/* Forks; in the child stderr is the pipe of which *ret_out is the parent's end. */
static pid_t root_fork_heard(int *ret_out)
{
    int out[2];
    EXPECT_EQ(pipe(out), 0);
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        dup2(out[1], STDERR_FILENO);
        close(out[0]);
    }
    close(out[1]);
    *ret_out = out[0];
    return pid;
}

static void root_expect_fork_panics(int (*what)(void *))
{
    int out;
    pid_t pid = root_fork_heard(&out);
    if (pid == 0) {
        _exit(what(NULL) < 0);
    }
    root_expect_child_panic(out, pid);
}

static int root_count_forever(void *arg)
{
    ATOMIC(int) *count = *(ATOMIC(int) **)arg;
    while (weft_sleep(WEFT_MS / 10) == 0) {
        a_add(count, 1, relaxed);
    }
    return 0;
}

static void root_in_forked_child(weft_scope *scope)
{
    weft_scope own;
    EXPECT_EQ(weft_go(scope, probe_nothing, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_start(scope, probe_nothing, NULL, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_run(probe_nothing, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_post(root_never, NULL), -WEFT_ESHUTDOWN);
    weft_scope_open(&own);
    EXPECT_EQ(weft_scope_close(&own), 0);
    _exit(7);
}

/* fork inside a task: the child has no runtime, and says so; the parent goes on. */
TASK_TEST_REAL(t58_fork_inside_a_task)
{
    weft_scope scope;
    int status;
    ATOMIC(int) count = 0, *pointer = &count;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, root_count_forever, &pointer), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    pid_t pid = fork();
    if (pid == 0) {
        root_in_forked_child(&scope);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
    root_expect_fork_panics(root_sleep_in_child);
    int before = a_load(&count, relaxed);
    while (a_load(&count, relaxed) < before + 10) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

static int root_fork_and_return(void *arg)
{
    int out;
    (void)arg;
    pid_t pid = root_fork_heard(&out);
    if (pid > 0) {
        root_expect_child_panic(out, pid);
    }
    return 0;
}

/* The child does not go on with the parent's other tasks either: not in a yield, not at the end. */
TASK_TEST_REAL(t58_forked_child_runs_no_other_task)
{
    weft_scope scope;
    ATOMIC(int) count = 0, *pointer = &count;
    weft_scope_open(&scope);
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(weft_go(&scope, probe_count, &pointer), 0);
    }
    root_expect_fork_panics(root_yield_in_child);
    EXPECT_EQ(weft_go(&scope, root_fork_and_return, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&count, relaxed), 100);
}

/* ---- deadlock ---- */

static int root_deadlock_child(void *arg)
{
    int rc = weft_sleep(WEFT_NEVER);
    *(*(int **)arg) = rc;
    return rc;
}

static int root_deadlock_rc[2];

static int root_deadlock_main(void *arg)
{
    weft_scope scope;
    int *pointers[2] = {&root_deadlock_rc[0], &root_deadlock_rc[1]};
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, root_deadlock_child, &pointers[0], sizeof(int *),
                           &(weft_task_options){.name = "sleeper"}), 0);
    EXPECT_EQ(weft_go(&scope, root_deadlock_child, &pointers[1]), 0);
    return weft_scope_close(&scope);
}

static void root_expect_deadlock(const weft_options *options)
{
    char said[4096] = "";
    int out[2], saved = dup(STDERR_FILENO);
    memset(root_deadlock_rc, 0, sizeof root_deadlock_rc);
    EXPECT_EQ(pipe(out), 0);
    dup2(out[1], STDERR_FILENO);
    int rc = weft_run_with(root_deadlock_main, NULL, options);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(out[1]);
    EXPECT(read(out[0], said, sizeof said - 1) > 0);
    close(out[0]);
    EXPECT_EQ(rc, -WEFT_EDEADLK);
    EXPECT_EQ(root_deadlock_rc[0], -WEFT_ECANCELED);
    EXPECT_EQ(root_deadlock_rc[1], -WEFT_ECANCELED);
    EXPECT(strstr(said, "weft: deadlock: every task is blocked") != NULL);
    EXPECT(strstr(said, "(3 blocked)") != NULL);
    EXPECT(strstr(said, "main waits for the tasks of a scope") != NULL);
    EXPECT(strstr(said, "sleeper waits for a sleep to end") != NULL);
    EXPECT(strstr(said, "root_deadlock_child waits for a sleep to end") != NULL);
    EXPECT(strstr(said, "started at root_deadlock_main") != NULL);
}

/* Tasks that wait for each other only: -EDEADLK, and the graph on stderr. */
TEST(root_deadlock_of_scopes)
{
    if (WEFT__SAN_THREAD) {
        SKIP("ThreadSanitizer has threads of its own, which might wake a task");
    }
    root_expect_deadlock(&(weft_options){.workers = 1});
    root_expect_deadlock(&(weft_options){.workers = 4});
    root_expect_deadlock(&(weft_options){.workers = 4, .virtual_clock = true});
}

/* ---- every call that can fail fails once ---- */

static int root_small_program(void *arg)
{
    static const weft_local key = {"key"};
    weft_scope scope;
    ATOMIC(int) count = 0, *pointer = &count;
    (void)arg;
    weft_scope_open(&scope);
    int rc = weft_defer(root_cancel_scope, &scope);
    EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
    rc = weft_local_set(&key, &scope);
    EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
    for (int i = 0; i < 3; i++) {
        (void)weft_go(&scope, probe_count, &pointer);
    }
    (void)weft_go_with(&scope, probe_count, &pointer, sizeof pointer,
                       &(weft_task_options){.on = WEFT_THREAD});
    (void)weft_start(&scope, probe_nothing, NULL, NULL);
    if (weft_blocking(probe_nothing, NULL) < 0) {
        weft_scope_cancel(&scope);
    }
    (void)weft_sleep(WEFT_MS);
    return weft_scope_close(&scope);
}

/* A code, no leak (the runner looks), no hang, no abort, however early it strikes. */
TEST(root_fault_loop)
{
    uint64_t reached = 1, n = 0;
    while (reached >= n && n < 200) {
        weft_options options = {.workers = ++n % 2 ? 1 : 3, .virtual_clock = true};
        weft__fault_arm(WEFT_FAULT_ALL, n);
        int rc = weft_run_with(root_small_program, NULL, &options);
        reached = weft__fault_disarm();
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM || rc == -WEFT_EAGAIN || rc == -WEFT_ECANCELED);
    }
    EXPECT(n > 10 && n < 200);
    EXPECT_EQ(weft_run(root_small_program, NULL), 0);
}
