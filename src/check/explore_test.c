/* explore_test.c - small programs with one bug each, found in this process, and played again.
 *
 * What a failing schedule has allocated is lost (weft/check.h), so the programs keep all they need
 * on their stacks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>
#include <weft/check.h>

#include "base/atomic.h"
#include "base/time.h"
#include "check/report.h"
#include "tests/test.h"

/* ---- what is common ---- */

static int explore_go(weft_scope *scope, int (*fn)(void *), void *arg)
{
    return weft_go_with(scope, fn, &arg, sizeof arg, NULL);
}

static void *explore_arg(void *arg)
{
    return *(void **)arg;
}

/* Two tasks with the same argument. */
static int explore_two(int (*one)(void *), int (*other)(void *), void *arg)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(explore_go(&scope, one, arg), 0);
    EXPECT_EQ(explore_go(&scope, other, arg), 0);
    return weft_scope_close(&scope);
}

static struct weft_check_report *explore_with(int (*fn)(void *), const weft_check_options *options,
                                              int expected)
{
    weft_check_report *report = NULL;
    EXPECT_EQ(weft_explore_report(fn, NULL, options, &report), expected);
    EXPECT(report != NULL);
    return report;
}

/* Finds the bug within 1,000 schedules from each of some seeds; each replay must be the same. */
static void explore_finds(int (*fn)(void *), const char *class_name)
{
    weft_check_result result;
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer wants every context ended, and a failing schedule just stops");
    }
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct weft_check_report *report =
            explore_with(fn, &(weft_check_options){.seed = seed, .schedules = 1000}, 1);
        weft_check_result_of(report, &result);
        EXPECT_STR(result.class_name, class_name);
        EXPECT(result.found);
        EXPECT(result.deterministic);
        EXPECT(report->replays > 0);
        EXPECT_EQ(report->replays_same, report->replays);
        struct weft_check_report *again =
            explore_with(fn, &(weft_check_options){.replay = result.replay}, 1);
        EXPECT_EQ(again->failing->outcome.trace_hash, report->failing->outcome.trace_hash);
        weft_check_result_of(again, &result);
        EXPECT_STR(result.class_name, class_name);
        weft_check_report_free(again);
        weft_check_report_free(report);
    }
}

static void explore_finds_nothing(int (*fn)(void *), uint64_t schedules)
{
    weft_check_result result;
    struct weft_check_report *report =
        explore_with(fn, &(weft_check_options){.schedules = schedules}, 0);
    weft_check_result_of(report, &result);
    EXPECT(!result.found);
    EXPECT(result.deterministic);
    EXPECT_EQ(result.schedules, schedules);
    weft_check_report_free(report);
}

/* ---- bugs, and their twins ---- */

static int explore_add_yielding(void *arg)
{
    int *x = explore_arg(arg), seen = *x;
    EXPECT_EQ(weft_yield(), 0);
    *x = seen + 1;
    return 0;
}

static int explore_lost_update(void *arg)
{
    int x = 0;
    (void)arg;
    EXPECT_EQ(explore_two(explore_add_yielding, explore_add_yielding, &x), 0);
    return x == 2 ? 0 : -WEFT_EINVAL;
}

TEST(explore_lost_update_is_found)
{
    explore_finds(explore_lost_update, "assertion");
}

struct explore_pair {
    weft_mutex a, b;
    int x;
};

static int explore_lock_both(weft_mutex *first, weft_mutex *second, int *x)
{
    if (weft_mutex_lock(first) < 0) {
        return -WEFT_ECANCELED;
    }
    if (weft_mutex_lock(second) == 0) {
        *x += 1;
        weft_mutex_unlock(second);
    }
    weft_mutex_unlock(first);
    return 0;
}

static int explore_lock_ab(void *arg)
{
    struct explore_pair *p = explore_arg(arg);
    return explore_lock_both(&p->a, &p->b, &p->x);
}

static int explore_lock_ba(void *arg)
{
    struct explore_pair *p = explore_arg(arg);
    return explore_lock_both(&p->b, &p->a, &p->x);
}

static int explore_inverted(void *arg)
{
    struct explore_pair p = {WEFT_MUTEX_INIT, WEFT_MUTEX_INIT, 0};
    (void)arg;
    return explore_two(explore_lock_ab, explore_lock_ba, &p);
}

static int explore_ordered(void *arg)
{
    struct explore_pair p = {WEFT_MUTEX_INIT, WEFT_MUTEX_INIT, 0};
    (void)arg;
    EXPECT_EQ(explore_two(explore_lock_ab, explore_lock_ab, &p), 0);
    return p.x == 2 ? 0 : -WEFT_EINVAL;
}

TEST(explore_deadlock_is_found)
{
    explore_finds(explore_inverted, "deadlock");
    explore_finds_nothing(explore_ordered, 1000);
}

/* ---- a piece that was stolen, and its forker that waits for it ---- */

static int explore_lock_piece(void *arg)
{
    weft_rmutex *lock = arg;
    int rc = weft_rmutex_lock(lock);
    if (rc == 0) {
        weft_rmutex_unlock(lock);
    }
    return rc;
}

static int explore_join_under_lock(void *arg)
{
    weft_rmutex lock;
    weft_piece piece;
    (void)arg;
    weft_rmutex_init(&lock);
    EXPECT_EQ(weft_rmutex_lock(&lock), 0);
    weft_fork(&piece, explore_lock_piece, &lock);
    int rc = weft_join(&piece);
    weft_rmutex_unlock(&lock);
    return rc;
}

static bool explore_says(const weft_check_report *report, enum weft_check_format format,
                         const char *words)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    EXPECT(file != NULL);
    EXPECT_EQ(weft_check_print(report, format, file, 200, false), 0);
    fclose(file);
    bool says = strstr(text, words) != NULL;
    free(text);
    return says;
}

TEST(explore_pieces_are_named)
{
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer wants every context ended, and a failing schedule just stops");
    }
    struct weft_check_report *report =
        explore_with(explore_join_under_lock, &(weft_check_options){.schedules = 100}, 1);
    EXPECT(explore_says(report, WEFT_CHECK_TEXT, "T1 waits to join a piece (explore_test.c:"));
    EXPECT(explore_says(report, WEFT_CHECK_TEXT, "T2 runs the piece, and has not ended"));
    EXPECT(explore_says(report, WEFT_CHECK_TEXT, "T2 piece explore_lock_piece"));
    EXPECT(explore_says(report, WEFT_CHECK_TEXT, "#0 explore_lock_piece (explore_test.c:"));
    EXPECT(explore_says(report, WEFT_CHECK_TEXT, "forks a piece that T2 takes"));
    EXPECT(explore_says(report, WEFT_CHECK_TEXT, "join of a piece while a mutex is held"));
    EXPECT(explore_says(report, WEFT_CHECK_JSON, "\"operation\":\"join of a piece\""));
    EXPECT(explore_says(report, WEFT_CHECK_JSON, "\"name\":\"piece explore_lock_piece\""));
    EXPECT(explore_says(report, WEFT_CHECK_SARIF, "join a piece"));
    EXPECT(explore_says(report, WEFT_CHECK_HTML, "forks a piece that T2 takes"));
    weft_check_report_free(report);
}

struct explore_box {
    weft_mutex mutex;
    weft_cond cond;
    bool is_full;
};

static int explore_fill(void *arg)
{
    struct explore_box *box = explore_arg(arg);
    if (weft_mutex_lock(&box->mutex) < 0) {
        return -WEFT_ECANCELED;
    }
    box->is_full = true;
    weft_cond_signal(&box->cond);
    weft_mutex_unlock(&box->mutex);
    return 0;
}

static int explore_await_carelessly(void *arg)
{
    struct explore_box *box = explore_arg(arg);
    if (box->is_full) { /* without the mutex */
        return 0;
    }
    if (weft_mutex_lock(&box->mutex) < 0) {
        return -WEFT_ECANCELED;
    }
    int rc = weft_cond_wait(&box->cond, &box->mutex);
    weft_mutex_unlock(&box->mutex);
    return rc;
}

static int explore_await(void *arg)
{
    struct explore_box *box = explore_arg(arg);
    int rc = weft_mutex_lock(&box->mutex);
    while (rc == 0 && !box->is_full) {
        rc = weft_cond_wait(&box->cond, &box->mutex);
    }
    weft_mutex_unlock(&box->mutex);
    return rc;
}

static int explore_missed_signal(void *arg)
{
    struct explore_box box = {WEFT_MUTEX_INIT, WEFT_COND_INIT, false};
    (void)arg;
    return explore_two(explore_await_carelessly, explore_fill, &box);
}

static int explore_awaited_signal(void *arg)
{
    struct explore_box box = {WEFT_MUTEX_INIT, WEFT_COND_INIT, false};
    (void)arg;
    return explore_two(explore_await, explore_fill, &box);
}

TEST(explore_lost_wake_up_is_found)
{
    explore_finds(explore_missed_signal, "lost-wakeup");
    explore_finds_nothing(explore_awaited_signal, 1000);
}

static int explore_unlock_anyway(void *arg)
{
    weft_mutex *mutex = explore_arg(arg);
    (void)!weft_mutex_try_lock(mutex);
    weft_mutex_unlock(mutex);
    return 0;
}

static int explore_misused(void *arg)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    (void)arg;
    return explore_two(explore_unlock_anyway, explore_unlock_anyway, &mutex);
}

TEST(explore_panic_is_found)
{
    explore_finds(explore_misused, "misuse");
}

static int explore_lock_and_leave(void *arg)
{
    EXPECT_EQ(weft_mutex_lock(explore_arg(arg)), 0);
    return 0;
}

static int explore_left_locked(void *arg)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(explore_go(&scope, explore_lock_and_leave, &mutex), 0);
    return weft_scope_close(&scope);
}

TEST(explore_leaked_lock_is_found)
{
    explore_finds(explore_left_locked, "misuse");
}

/* ---- choices that are none of who runs ---- */

static int explore_set_after(void *arg)
{
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    a_store((ATOMIC(int) *)explore_arg(arg), 1, relaxed);
    return 0;
}

/* 20 ms are surely more than 10: unless the machine stalls. */
static int explore_timing(void *arg)
{
    weft_scope scope;
    ATOMIC(int) x = 0;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(explore_go(&scope, explore_set_after, &x), 0);
    EXPECT_EQ(weft_sleep(20 * WEFT_MS), 0);
    int seen = a_load(&x, relaxed);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    return seen ? 0 : -WEFT_EINVAL;
}

TEST(explore_time_stands_while_tasks_can_run)
{
    explore_finds_nothing(explore_timing, 500);
}

TEST(explore_early_timer_is_found)
{
    weft_check_result result;
    if (WEFT_TSAN) {
        SKIP("as above");
    }
    struct weft_check_report *report = explore_with(
        explore_timing, &(weft_check_options){.schedules = 1000, .early_timers = true}, 1);
    weft_check_result_of(report, &result);
    EXPECT_STR(result.class_name, "assertion");
    EXPECT_EQ(report->replays_same, report->replays);
    weft_check_report_free(report);
}

/* Which arm of two that are ready. */
static int explore_arms(void *arg)
{
    weft_chan *a = weft_chan_new(sizeof(int), 1), *b = weft_chan_new(sizeof(int), 1);
    int value = 1;
    unsigned *seen = arg;
    EXPECT_EQ(weft_chan_send(a, &value), 0);
    EXPECT_EQ(weft_chan_send(b, &value), 0);
    weft_arm arms[] = {WEFT_RECV(a, &value), WEFT_RECV(b, &value)};
    int arm = weft_select(arms, 2, -1);
    EXPECT(arm == 0 || arm == 1);
    *seen |= 1u << arm;
    weft_chan_free(a);
    weft_chan_free(b);
    return 0;
}

TEST(explore_select_takes_every_arm)
{
    unsigned seen = 0;
    EXPECT_EQ(weft_explore(explore_arms, &seen, &(weft_check_options){.schedules = 50}), 0);
    EXPECT_EQ(seen, 3);
}

/* ---- everything that a task may do, under schedules ---- */

struct explore_all {
    weft_mutex mutex;
    weft_cond cond;
    weft_sem sem;
    weft_event event;
    weft_latch latch;
    weft_chan *chan, *full;
    int posted, sum;
    bool go;
};

static void explore_post(void *arg)
{
    struct explore_all *all = arg;
    all->posted++;
    weft_event_set(&all->event);
}

static int explore_call(void *arg)
{
    *(int *)arg += 1;
    return 7;
}

static int explore_giver(void *arg)
{
    struct explore_all *all = explore_arg(arg);
    for (int i = 1; i <= 3; i++) {
        EXPECT_EQ(weft_chan_send(all->chan, &i), 0);
        weft_sem_post(&all->sem);
        (void)!weft_chan_try_send(all->full, &i);
    }
    EXPECT_EQ(weft_mutex_lock(&all->mutex), 0);
    all->go = true;
    weft_cond_broadcast(&all->cond);
    weft_mutex_unlock(&all->mutex);
    weft_chan_close(all->chan);
    EXPECT_EQ(weft_post(explore_post, all), 0);
    weft_latch_down(&all->latch, 1);
    return 0;
}

static int explore_taker(void *arg)
{
    struct explore_all *all = explore_arg(arg);
    int value, count = 0, calls = 0;
    while (weft_chan_recv(all->chan, &value) == 0) {
        all->sum += value;
        EXPECT_EQ(weft_sem_wait(&all->sem), 0);
    }
    EXPECT_EQ(weft_mutex_lock(&all->mutex), 0);
    while (!all->go) {
        EXPECT_EQ(weft_cond_wait(&all->cond, &all->mutex), 0);
    }
    weft_mutex_unlock(&all->mutex);
    while (weft_chan_try_recv(all->full, &value) == 0) {
        count++;
    }
    EXPECT(count <= 2);
    EXPECT_EQ(weft_blocking(explore_call, &calls), 7);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(weft_event_wait(&all->event), 0);
    weft_latch_down(&all->latch, 1);
    return 0;
}

static int explore_sleeper(void *arg)
{
    (void)arg;
    int rc = weft_sleep(WEFT_SECOND);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    return rc;
}

static int explore_starting(void *arg)
{
    weft_started(arg);
    return weft_yield();
}

static int explore_everything(void *arg)
{
    struct explore_all all = {.chan = weft_chan_new(sizeof(int), 0),
                              .full = weft_chan_new(sizeof(int), 2)};
    weft_scope scope, inner;
    int64_t start = weft_now();
    void *value = NULL;
    (void)arg;
    weft_latch_init(&all.latch, 2);
    weft_scope_open(&scope);
    EXPECT_EQ(explore_go(&scope, explore_giver, &all), 0);
    struct explore_all *pointer = &all;
    EXPECT_EQ(weft_go_with(&scope, explore_taker, &pointer, sizeof pointer,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_start_with(&scope, explore_starting, NULL, 0, NULL, &value), 0);
    weft_scope_open(&inner);
    weft_scope_deadline(&inner, weft_after(100 * WEFT_MS));
    int rc = weft_go(&inner, explore_sleeper, NULL); /* refused, if the deadline came early */
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), rc == 0 ? -WEFT_ETIMEDOUT : 0);
    EXPECT_EQ(weft_latch_wait(&all.latch), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(weft_now() - start >= 100 * WEFT_MS);
    EXPECT_EQ(all.sum, 6);
    EXPECT_EQ(all.posted, 1);
    weft_chan_free(all.chan);
    weft_chan_free(all.full);
    return 0;
}

TEST(explore_all_that_tasks_do)
{
    static const char *const strategies[] = {NULL, "random", "pos", "pct", "surw", "rf"};
    for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        EXPECT_EQ(weft_explore(explore_everything, NULL,
                               &(weft_check_options){.schedules = 200, .strategy = strategies[i]}),
                  0);
        EXPECT_EQ(weft_explore(explore_everything, NULL,
                               &(weft_check_options){.schedules = 200, .strategy = strategies[i],
                                                     .early_timers = true}), 0);
    }
}

/* ---- the contract ---- */

static int explore_nested(void *arg)
{
    weft_check_options one = {.schedules = 1};
    (void)arg;
    EXPECT_EQ(weft_explore(explore_timing, NULL, &one), -WEFT_EBUSY);
    return 0;
}

TEST(explore_refuses)
{
    weft_check_options one = {.schedules = 1};
    EXPECT_EQ(weft_explore(NULL, NULL, &one), -WEFT_EINVAL);
    one.replay = "w1-nonsense";
    EXPECT_EQ(weft_explore(explore_ordered, NULL, &one), -WEFT_EINVAL);
    one.replay = NULL;
    one.strategy = "hope";
    EXPECT_EQ(weft_explore(explore_ordered, NULL, &one), -WEFT_EINVAL);
    EXPECT_EQ(weft_explore(explore_nested, NULL, NULL), 0);
    EXPECT_EQ(weft_run(explore_nested, NULL), 0);
    EXPECT_EQ(weft_run(explore_ordered, NULL), 0); /* steered no longer */
}

static int explore_crashing(void *arg)
{
    int *x = explore_arg(arg);
    *x += 1;
    EXPECT_EQ(weft_yield(), 0);
    if (*x == 2) {
        raise(SIGFPE);
    }
    *x -= 1;
    return 0;
}

static int explore_crash(void *arg)
{
    int x = 0;
    (void)arg;
    return explore_two(explore_crashing, explore_crashing, &x);
}

/* The process dies by the signal, having said how to come there again. */
TEST(explore_crash_says_how)
{
    static char text[4096];
    int ends[2], status = 0;
    size_t length = 0;
    ssize_t n;
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer ends the process first: there is a race as well");
    }
    EXPECT_EQ(pipe(ends), 0);
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        (void)!weft_explore(explore_crash, NULL, NULL);
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + length, sizeof text - 1 - length)) > 0) {
        length += (size_t)n;
    }
    close(ends[0]);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(status != 0); /* by the signal, or by a sanitizer that had the signal */
    EXPECT(strstr(text, ".replay = \"w1-") != NULL);
}

/* A plain thread may take part; what it does is not in control, and said to be. */
static void *explore_outsider(void *arg)
{
    weft_event_set(arg);
    return NULL;
}

static void explore_await_outsider(void *(*outsider)(void *event))
{
    weft_event event = WEFT_EVENT_INIT;
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, outsider, &event), 0);
    EXPECT_EQ(weft_event_wait(&event), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static int explore_with_outsider(void *arg)
{
    (void)arg;
    explore_await_outsider(explore_outsider);
    return 0;
}

TEST(explore_plain_thread_takes_part)
{
    weft_check_result result;
    struct weft_check_report *report =
        explore_with(explore_with_outsider, &(weft_check_options){.schedules = 20}, 0);
    weft_check_result_of(report, &result);
    EXPECT(!result.found);
    weft_check_report_free(report);
}

/* One that computes is waited for longer than those that sleep. */
static void *explore_slow_outsider(void *arg)
{
    int64_t until = weft__time_now() + 1000 * WEFT_MS;
    while (weft__time_now() < until) {
        a_relax();
    }
    return explore_outsider(arg);
}

static int explore_with_slow_outsider(void *arg)
{
    (void)arg;
    explore_await_outsider(explore_slow_outsider);
    return 0;
}

TEST(explore_plain_thread_at_work_is_waited_for)
{
    weft_check_report_free(
        explore_with(explore_with_slow_outsider, &(weft_check_options){.schedules = 1}, 0));
}
