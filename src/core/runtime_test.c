/* runtime_test.c - starting and stopping: promises S3, S8, S9, S10, counters, and each call that
 * may fail failing in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/runtime.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "tests/test.h"

#include "core/core_probe.h"

/* ---- S3: a parked system uses no CPU ---- */

struct usage {
    int64_t cpu_ns, switches;
    weft_stats stats;
};

static struct usage usage_now(void)
{
    struct rusage r;
    struct usage usage;
    EXPECT_EQ(getrusage(RUSAGE_SELF, &r), 0);
    EXPECT_EQ(weft_stats_get(&usage.stats), 0);
    usage.cpu_ns = (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * WEFT_SECOND +
                   (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * WEFT_US;
    usage.switches = r.ru_nvcsw;
    return usage;
}

static int parked_forever(void *arg)
{
    (void)arg;
    return weft_sleep(WEFT_NEVER);
}

/* Half a second with one timer in the middle: nobody else gets up, the watchdog neither. */
static int parked_main(void *arg)
{
    int64_t *best_cpu_ns = ((int64_t **)arg)[0], *best_switches = ((int64_t **)arg)[1];
    int64_t *best_wakes = ((int64_t **)arg)[2];
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(weft_go_with(&scope, parked_forever, NULL, 0, NULL), 0);
    }
    EXPECT_EQ(weft_sleep(50 * WEFT_MS), 0); /* all are parked, the watchdog has seen it */
    struct usage before = usage_now();
    EXPECT_EQ(weft_sleep(250 * WEFT_MS), 0);
    EXPECT_EQ(weft_sleep(250 * WEFT_MS), 0);
    struct usage after = usage_now();
    *best_wakes = weft__min(*best_wakes, (int64_t)(after.stats.wakes - before.stats.wakes));
    *best_cpu_ns = weft__min(*best_cpu_ns, after.cpu_ns - before.cpu_ns);
    *best_switches = weft__min(*best_switches, after.switches - before.switches);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    return 0;
}

static void parked_run(size_t workers)
{
    int64_t cpu_ns = WEFT_NEVER, switches = WEFT_NEVER, wakes = WEFT_NEVER;
    int64_t *args[] = {&cpu_ns, &switches, &wakes};
    for (int i = 0; i < 5 && (cpu_ns > 5 * WEFT_MS || switches > 20 || wakes > 5); i++) {
        EXPECT_EQ(weft_run_with(parked_main, args, &(weft_options){.workers = workers}), 0);
    }
    EXPECT(wakes <= 5);
    EXPECT(cpu_ns <= 5 * WEFT_MS * probe_patience());
    if (!WEFT_TSAN) { /* it has a thread of its own that gets up often */
        EXPECT(switches <= 20);
    }
}

TEST(s3_parked_uses_no_cpu)
{
    parked_run(1);
    parked_run(4);
}

/* ---- S8 ---- */

static int count_threads(void *arg)
{
    *(int *)arg = weft__sys_thread_count();
    return 0;
}

TEST(s8_one_worker_is_one_thread)
{
    int before = weft__sys_thread_count(), during = 0;
    EXPECT_EQ(weft_run_with(count_threads, &during, &(weft_options){.workers = 1}), 0);
    EXPECT_EQ(during, before + 1); /* the watchdog */
}

/* ---- S9 ---- */

static int count_workers(void *arg)
{
    weft_stats stats;
    EXPECT_EQ(weft_stats_get(&stats), 0);
    *(size_t *)arg = stats.workers;
    return 0;
}

static void workers_expect(const char *text, size_t expected, bool is_ignored)
{
    char said[1024];
    size_t workers = 0;
    setenv("WEFT_WORKERS", text, 1);
    struct probe_capture capture = probe_capture_begin();
    EXPECT_EQ(weft_run_with(count_workers, &workers, &(weft_options){.workers = 2}), 0);
    probe_capture_end(&capture, said, sizeof said);
    unsetenv("WEFT_WORKERS");
    EXPECT_EQ(workers, expected);
    if (is_ignored) {
        EXPECT_SAYS(said, "it is ignored");
        EXPECT_SAYS(said, text);
    } else {
        EXPECT_STR(said, "");
    }
}

TEST(s9_workers_by_the_environment)
{
    size_t workers = 0;
    workers_expect("1", 1, false);
    workers_expect("5", 5, false);
    workers_expect("", 2, false);
    workers_expect("0", 2, true);
    workers_expect("-1", 2, true);
    workers_expect("257", 2, true);
    workers_expect("4x", 2, true);
    workers_expect("many", 2, true);
    workers_expect("99999999999999999999999", 2, true);
    EXPECT_EQ(weft_run_with(count_workers, &workers, NULL), 0);
    EXPECT_EQ(workers, weft_cpus());
    EXPECT(weft_cpus() >= 1);
}

TEST(runtime_options_out_of_range)
{
    size_t workers = 0;
    EXPECT_EQ(weft_run_with(count_workers, &workers, &(weft_options){.workers = 257}),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_run_with(count_workers, &workers, &(weft_options){.stuck_after_ns = -1}),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_run_with(count_workers, &workers, &(weft_options){.stack_size = 100}),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_run_with(count_workers, &workers, &(weft_options){.stack_size = 2ul << 30}),
              -WEFT_EINVAL);
    EXPECT_EQ(workers, 0);
}

/* ---- S10 ---- */

static int short_task(void *arg)
{
    (void)arg;
    return weft_yield();
}

static int short_main(void *arg)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(weft_go_with(&scope, short_task, NULL, 0, NULL), 0);
    }
    EXPECT_EQ(weft_sleep(1), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    return *(int *)arg;
}

TEST(s10_start_and_stop_many_times)
{
    for (int i = 0; i < TEST_ROUNDS(300, 10000); i++) {
        EXPECT_EQ(weft_run_with(short_main, &i, &(weft_options){.workers = (size_t)i % 5 + 1}), i);
    }
}

/* ---- a plain thread that knows nothing of when the runtime is there ---- */

struct bystander {
    ATOMIC(uint32_t) over;
    ATOMIC(uint32_t) accepted, called;
    ATOMIC(uint32_t) seen;
};

static struct bystander *bystander_now;

static void bystander_post(void *arg)
{
    a_add(&((struct bystander *)arg)->called, 1, relaxed);
}

static void *bystander_thread(void *arg)
{
    struct bystander *b = arg;
    while (!a_load(&b->over, acquire)) {
        weft_stats stats;
        int rc = weft_post(bystander_post, b);
        a_add(&b->accepted, rc == 0, relaxed);
        EXPECT(rc == 0 || rc == -WEFT_ESHUTDOWN || rc == -WEFT_EAGAIN);
        rc = weft_stats_get(&stats);
        EXPECT(rc == 0 || rc == -WEFT_ESHUTDOWN);
        a_add(&b->seen, rc == 0, relaxed);
        EXPECT(weft_now() > 0);
    }
    return NULL;
}

TEST(runtime_comes_and_goes_under_bystanders)
{
    struct bystander b = {.over = 0};
    pthread_t threads[2];
    int rounds = TEST_ROUNDS(150, 5000);
    bystander_now = &b;
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, bystander_thread, &b), 0);
    }
    for (int i = 0; i < rounds || a_load(&b.seen, relaxed) == 0; i++) {
        weft_options options = {.workers = (size_t)i % 3 + 1, .virtual_clock = i % 2};
        EXPECT_EQ(weft_run_with(short_main, &i, &options), i);
    }
    a_store(&b.over, 1, release);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    EXPECT_EQ(a_load(&b.accepted, relaxed), a_load(&b.called, relaxed));
}

/* ---- counters ---- */

TASK_TEST_REAL(stats_are_plausible)
{
    weft_stats before, after;
    weft_scope scope;
    EXPECT_EQ(weft_stats_get(&before), 0);
    EXPECT_EQ(before.tasks_started, 1);
    EXPECT_EQ(before.tasks_ended, 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 500; i++) {
        weft_task_options options = {.on = i % 100 == 0 ? WEFT_THREAD : WEFT_TASK};
        EXPECT_EQ(weft_go_with(&scope, short_task, NULL, 0, &options), 0);
    }
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    do { /* the last ones may be on their way out, and who fires a timer counts it afterwards */
        EXPECT_EQ(weft_yield(), 0);
        EXPECT_EQ(weft_stats_get(&after), 0);
        EXPECT(after.tasks_started <= 501);
        EXPECT(after.tasks_ended <= 500);
    } while (after.tasks_ended < 500 || after.timers_fired == before.timers_fired);
    EXPECT_EQ(after.tasks_started, 501);
    EXPECT(after.switches - before.switches >= 2 * 495);
    EXPECT(after.stacks_mapped >= 1);
    EXPECT(after.stacks_idle <= after.stacks_mapped);
    EXPECT_EQ(after.blocking_threads, 0);
    if (after.workers == 1) {
        EXPECT_EQ(after.steals, 0);
    }
}

TEST(stats_without_a_runtime)
{
    weft_stats stats = {.workers = 77};
    EXPECT_EQ(weft_stats_get(&stats), -WEFT_ESHUTDOWN);
    EXPECT_EQ(stats.workers, 77);
}

/* ---- each allocation, mapping and thread failing in turn ---- */

static weft_local fault_local = {"fault"};

static int fault_block(void *arg)
{
    *(int *)arg = 7;
    return 7;
}

static int fault_child(void *arg)
{
    (void)arg;
    int rc = weft_sleep(10 * WEFT_US);
    int set = weft_local_set(&fault_local, &fault_local);
    EXPECT(set == 0 || set == -WEFT_ENOMEM);
    weft_started(NULL);
    return rc;
}

static bool fault_is_code(int rc)
{
    return rc >= 0 || rc == -WEFT_ENOMEM || rc == -WEFT_EAGAIN || rc == -WEFT_ECANCELED;
}

static void fault_nothing(void *arg)
{
    (void)arg;
}

/* Something of everything; whatever is refused is told by a code. */
static int fault_main(void *arg)
{
    static const weft_task_options options[] = {
        {.on = WEFT_TASK}, {.on = WEFT_THREAD}, {.stack_size = 32 * 1024}};
    weft_scope scope;
    int result = 0;
    (void)arg;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    weft_scope_deadline(&scope, weft_after(60 * WEFT_SECOND));
    for (int i = 0; i < 9; i++) {
        int rc = weft_go_with(&scope, fault_child, &i, sizeof i, &options[i % 3]);
        EXPECT(fault_is_code(rc));
    }
    EXPECT(fault_is_code(weft_start(&scope, fault_child, NULL, &result)));
    EXPECT(fault_is_code(weft_defer(fault_nothing, NULL)));
    EXPECT(fault_is_code(weft_local_set(&fault_local, &scope)));
    int rc = weft_blocking(fault_block, &result);
    EXPECT(rc == 7 ? result == 7 : rc == -WEFT_EAGAIN || rc == -WEFT_ENOMEM);
    result = 0;
    weft_blocking_options abandon = {.abandon = true};
    rc = weft_blocking_with(fault_block, &result, &abandon);
    EXPECT(rc == 7 ? result == 7 : rc == -WEFT_EAGAIN || rc == -WEFT_ENOMEM);
    EXPECT_EQ(weft_sleep(20 * WEFT_US), 0);
    return weft_scope_close(&scope);
}

static void fault_each(bool virtual_clock, size_t workers)
{
    uint64_t count, n = 0;
    int ok = 0;
    do {
        size_t live = weft__alloc_live();
        n++;
        weft__fault_arm(WEFT_FAULT_ALL, n);
        int rc = weft_run_with(fault_main, NULL,
                               &(weft_options){.workers = workers, .virtual_clock = virtual_clock});
        count = weft__fault_disarm();
        EXPECT(fault_is_code(rc));
        EXPECT_EQ(weft__alloc_live(), live);
        ok += rc == 0;
    } while (n <= count);
    EXPECT(n > 20);
    EXPECT(ok > 0);
}

TEST(runtime_survives_each_fault_on_one_worker)
{
    fault_each(false, 1);
}

TEST(runtime_survives_each_fault_on_four_workers)
{
    fault_each(false, 4);
}

TEST(runtime_survives_each_fault_on_a_virtual_clock)
{
    fault_each(true, 2);
}
