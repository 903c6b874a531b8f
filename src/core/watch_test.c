/* watch_test.c - no worker's trouble is everybody's: promises S1, S6, S7.
 *
 * The stuck tasks spin, or block in a system call, until the test lets them go; a plain thread
 * stands outside and measures.  Times are the best of several tries, since the machine that runs
 * the tests may be busy; what must always hold is that all gets done.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/watch.h"

#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/run.h"

/* ThreadSanitizer has numbers for 8,000 tasks. */
enum { STUCK_MAX = 8, READY_MANY = WEFT_TSAN ? 5000 : 10000 };

struct stuck_plan {
    size_t workers, stuck, ready;
    bool blocks; /* in read(), instead of spinning */
    bool tells;
    int pipe[2];
    weft_scope *scope;
    const struct probe_capture *capture;
    ATOMIC(uint32_t) running, release, done, came_back;
    ATOMIC(int64_t) first_at;
    int64_t first_ns, all_ns; /* measured */
};

/* So that a name is found for the frame. */
WEFT_NOINLINE static void stuck_spin(struct stuck_plan *plan)
{
    while (a_load(&plan->release, relaxed) == 0) {
        a_compiler_fence();
    }
}

WEFT_NOINLINE static void stuck_read(struct stuck_plan *plan)
{
    char byte;
    ssize_t n;
    do {
        n = read(plan->pipe[0], &byte, 1);
    } while (n < 0);
    EXPECT_EQ(n, 1);
    a_compiler_fence(); /* no tail call */
}

static int stuck_task(void *arg)
{
    struct stuck_plan *plan = *(struct stuck_plan **)arg;
    a_add(&plan->running, 1, release);
    if (plan->blocks) {
        stuck_read(plan);
    } else {
        stuck_spin(plan);
    }
    /* Back, on whatever thread: it must be a task like any other. */
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_sleep(WEFT_US), 0);
    a_add(&plan->came_back, 1, release);
    return 0;
}

static int stuck_neighbour(void *arg)
{
    struct stuck_plan *plan = *(struct stuck_plan **)arg;
    int64_t none = 0;
    a_cas(&plan->first_at, &none, weft__time_now(), acq_rel, relaxed);
    a_add(&plan->done, 1, release);
    return 0;
}

/* A plain thread: waits until all are stuck, starts tasks, measures, lets the stuck ones go. */
static void *stuck_measure(void *arg)
{
    struct stuck_plan *plan = arg;
    char bytes[STUCK_MAX] = {0};
    probe_await(&plan->running, (uint32_t)plan->stuck);
    int64_t start = weft__time_now();
    for (size_t i = 0; i < plan->ready; i++) {
        EXPECT_EQ(weft_go(plan->scope, stuck_neighbour, &plan), 0);
    }
    probe_await(&plan->done, (uint32_t)plan->ready);
    plan->all_ns = weft__time_now() - start;
    plan->first_ns = a_load(&plan->first_at, acquire) - start;
    a_store(&plan->release, 1, release);
    EXPECT_EQ(write(plan->pipe[1], bytes, plan->stuck), (ssize_t)plan->stuck);
    return NULL;
}

static int stuck_main(void *arg)
{
    struct stuck_plan *plan = arg;
    pthread_t outside;
    weft_scope scope;
    weft_scope_open(&scope);
    plan->scope = &scope;
    for (size_t i = 0; i < plan->stuck; i++) {
        EXPECT_EQ(weft_go_with(&scope, stuck_task, &plan, sizeof plan,
                               &(weft_task_options){.name = "hog"}),
                  0);
    }
    EXPECT_EQ(pthread_create(&outside, NULL, stuck_measure, plan), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    pthread_join(outside, NULL);
    EXPECT_EQ(a_load(&plan->came_back, acquire), plan->stuck);
    return 0;
}

static void stuck_run(struct stuck_plan *plan)
{
    EXPECT_EQ(pipe2(plan->pipe, O_CLOEXEC), 0);
    EXPECT_EQ(weft_run_with(stuck_main, plan,
                            &(weft_options){.workers = plan->workers, .quiet = !plan->tells}),
              0);
    close(plan->pipe[0]);
    close(plan->pipe[1]);
}

/* The best first answer of several tries is in time. */
static void stuck_expect(struct stuck_plan what)
{
    int64_t best = WEFT_NEVER;
    for (int i = 0; i < PROBE_TRIES && best >= 20 * WEFT_MS * probe_patience(); i++) {
        struct stuck_plan plan = what;
        stuck_run(&plan);
        best = weft__min(best, plan.first_ns);
    }
    EXPECT(best < 20 * WEFT_MS * probe_patience());
}

TEST(s1_one_worker_spins)
{
    stuck_expect((struct stuck_plan){.workers = 1, .stuck = 1, .ready = 100});
}

TEST(s1_one_worker_blocks)
{
    stuck_expect((struct stuck_plan){.workers = 1, .stuck = 1, .ready = 100, .blocks = true});
}

TEST(s1_all_but_one_spin)
{
    stuck_expect((struct stuck_plan){.workers = 4, .stuck = 3, .ready = READY_MANY});
}

TEST(s1_all_spin)
{
    stuck_expect((struct stuck_plan){.workers = 4, .stuck = 4, .ready = READY_MANY});
}

TEST(s1_all_block)
{
    stuck_expect((struct stuck_plan){.workers = 4, .stuck = 4, .ready = 100, .blocks = true});
}

TEST(s1_more_than_workers_block)
{
    stuck_expect((struct stuck_plan){.workers = 2, .stuck = 6, .ready = 100, .blocks = true});
}

static bool stuck_report_is(const char *text, const char *how, const char *frame)
{
    return strstr(text, "weft: task 'hog', started at stuck_main (watch_test.c:") &&
           strstr(text, "has held its worker for ") && strstr(text, how) &&
           (strstr(text, frame) || WEFT_ASAN || WEFT_TSAN); /* whose own frames hide ours */
}

/* A thread that is not given a CPU is not in its system call yet, or cannot say where it is; so
 * there are several tries.  Not at once: of more than five reports a second some are left out. */
static void stuck_expect_report(bool blocks, const char *how, const char *frame)
{
    char text[16 * 1024];
    for (int i = 0; i < PROBE_TRIES; i++) {
        struct probe_capture capture = probe_capture_begin();
        struct stuck_plan plan = {
            .workers = 1, .stuck = 1, .ready = 1, .blocks = blocks, .tells = true};
        stuck_run(&plan);
        probe_capture_end(&capture, text, sizeof text);
        if (stuck_report_is(text, how, frame)) {
            return;
        }
        weft__time_sleep_until(weft__time_now() + WEFT_SECOND / 4);
    }
    test_fail(__FILE__, __LINE__, "expected \"%s\" and \"%s\" in: %s", how, frame, text);
}

/* The frame of the one that spins; it is a leaf without a frame of its own, which hides its
 * caller. */
TEST(s1_report_of_one_that_spins)
{
    stuck_expect_report(false, "running", "stuck_spin (watch_test.c:");
}

TEST(s1_report_of_one_that_blocks)
{
    stuck_expect_report(true, "blocked in read", "stuck_task (watch_test.c:");
}

enum { SLEEPERS = 4 };

struct sleepers {
    ATOMIC(uint32_t) other_ran;
    bool is_cut_short[SLEEPERS]; /* each by its task */
};

struct sleeper {
    struct sleepers *all;
    size_t index;
};

static const char *const stuck_sleepers[SLEEPERS] = {"ann", "ben", "cal", "dee"};

/* A signal would cut short what is not restarted; ours leave system calls alone. */
static int stuck_sleep(void *arg)
{
    struct timespec left = {.tv_nsec = 0};
    struct timespec span = {.tv_nsec = 40 * 1000 * 1000};
    struct sleeper *me = arg;
    int64_t start = weft__time_now();
    me->all->is_cut_short[me->index] = nanosleep(&span, &left) != 0;
    EXPECT(me->all->is_cut_short[me->index] || weft__time_now() - start >= 40 * WEFT_MS);
    probe_await(&me->all->other_ran, 1);
    return 0;
}

static int stuck_other(void *arg)
{
    struct sleepers *sleepers = *(struct sleepers **)arg;
    a_store(&sleepers->other_ran, 1, release);
    return 0;
}

static int stuck_sleep_main(void *arg)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (size_t i = 0; i < SLEEPERS; i++) {
        EXPECT_EQ(weft_go_with(&scope, stuck_sleep, &(struct sleeper){arg, i},
                               sizeof(struct sleeper),
                               &(weft_task_options){.name = stuck_sleepers[i]}),
                  0);
    }
    EXPECT_EQ(weft_go_with(&scope, stuck_other, &arg, sizeof arg, NULL), 0);
    return weft_scope_close(&scope);
}

/* One that is seen running is asked by a signal where it is, and may be in its call when that
 * comes; one that is seen in its call is not asked. */
static void stuck_expect_undisturbed(size_t workers)
{
    char text[32 * 1024], task[32];
    struct sleepers sleepers = {.other_ran = 0};
    struct probe_capture capture = probe_capture_begin();
    EXPECT_EQ(weft_run_with(stuck_sleep_main, &sleepers, &(weft_options){.workers = workers}), 0);
    probe_capture_end(&capture, text, sizeof text);
    for (size_t i = 0; i < SLEEPERS; i++) {
        snprintf(task, sizeof task, "weft: task '%s'", stuck_sleepers[i]);
        const char *report = strstr(text, task);
        if (report && sleepers.is_cut_short[i]) {
            const char *running = strstr(report, " ms, running;");
            EXPECT(running && running < strchr(report, '\n'));
        }
    }
}

TEST(s1_system_calls_are_not_disturbed_on_one_worker)
{
    stuck_expect_undisturbed(1);
}

TEST(s1_system_calls_are_not_disturbed_on_four_workers)
{
    stuck_expect_undisturbed(4);
}

/* ---- S6: timers are never early, and not late ---- */

struct late_plan {
    struct stuck_plan stuck;
    int64_t late_ns;
};

static int late_sleeper(void *arg)
{
    struct late_plan *plan = *(struct late_plan **)arg;
    int64_t at = weft_after(15 * WEFT_MS);
    EXPECT_EQ(weft_sleep_until(at), 0);
    plan->late_ns = weft_now() - at;
    EXPECT(plan->late_ns >= 0);
    a_store(&plan->stuck.release, 1, release);
    return 0;
}

static int late_main(void *arg)
{
    struct late_plan *plan = arg;
    struct stuck_plan *stuck = &plan->stuck;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, late_sleeper, &plan), 0);
    EXPECT_EQ(weft_yield(), 0);
    for (size_t i = 0; i < stuck->stuck; i++) {
        EXPECT_EQ(weft_go(&scope, stuck_task, &stuck), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    return 0;
}

static void late_expect(size_t workers, size_t stuck, int64_t limit_ns)
{
    int64_t best = WEFT_NEVER;
    for (int i = 0; i < PROBE_TRIES && best >= limit_ns * probe_patience(); i++) {
        struct late_plan plan = {.stuck = {.workers = workers, .stuck = stuck}};
        EXPECT_EQ(weft_run_with(late_main, &plan,
                                &(weft_options){.workers = workers, .quiet = true}),
                  0);
        best = weft__min(best, plan.late_ns);
    }
    EXPECT(best < limit_ns * probe_patience());
}

TEST(s6_timer_with_a_free_worker)
{
    late_expect(1, 0, 1 * WEFT_MS);
    late_expect(4, 0, 1 * WEFT_MS);
    late_expect(4, 2, 1 * WEFT_MS);
}

TEST(s6_timer_with_all_stuck)
{
    late_expect(1, 1, 20 * WEFT_MS);
    late_expect(4, 4, 20 * WEFT_MS);
}

/* ---- S7: spare threads are bounded, reaching the bound is told, and they go away ---- */

enum { SPARES_MAX = 2 };

static int spares_main(void *arg)
{
    struct stuck_plan *plan = arg;
    weft_stats stats;
    weft_scope scope;
    weft_scope_open(&scope);
    for (size_t i = 0; i < plan->stuck; i++) {
        EXPECT_EQ(weft_go(&scope, stuck_task, &plan), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stats_get(&stats), 0);
    EXPECT_EQ(stats.spare_threads_peak, SPARES_MAX);
    EXPECT(stats.handovers >= SPARES_MAX);
    /* All but one: the caller of weft_run may be the one that is left over, and it cannot go. */
    while (stats.spare_threads > 1) {
        EXPECT_EQ(weft_sleep(50 * WEFT_MS), 0);
        EXPECT_EQ(weft_stats_get(&stats), 0);
    }
    return 0;
}

/* Lets them go when no more of them can run. */
static void *spares_release(void *arg)
{
    struct stuck_plan *plan = arg;
    probe_await(&plan->running, SPARES_MAX + 1);
    probe_capture_await(plan->capture, "all 2 spare threads are stuck");
    EXPECT_EQ(a_load(&plan->running, acquire), SPARES_MAX + 1);
    a_store(&plan->release, 1, release);
    return NULL;
}

TEST(s7_spares_are_bounded_and_go_away)
{
    char text[4096];
    pthread_t outside;
    struct probe_capture capture = probe_capture_begin();
    struct stuck_plan plan = {.stuck = SPARES_MAX + 3, .capture = &capture};
    EXPECT_EQ(pthread_create(&outside, NULL, spares_release, &plan), 0);
    EXPECT_EQ(weft_run_with(spares_main, &plan,
                            &(weft_options){.workers = 1,
                                            .quiet = true,
                                            .spare_threads_max = SPARES_MAX}),
              0);
    pthread_join(outside, NULL);
    probe_capture_end(&capture, text, sizeof text);
    EXPECT_SAYS(text, "all 2 spare threads are stuck");
}

static int coming_other(void *arg)
{
    a_store(*(ATOMIC(uint32_t) **)arg, 1, release);
    return 0;
}

/* It is stuck itself, and counts the looks of the watchdog. */
static int coming_main(void *arg)
{
    struct weft__runtime *rt = weft__runtime();
    ATOMIC(uint32_t) other_ran = 0, *at = &other_ran;
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    a_store(&rt->spares_coming, 1, relaxed);
    EXPECT_EQ(weft_go(&scope, coming_other, &at), 0);
    int64_t look = a_load(&rt->coarse_now, relaxed);
    for (int looks = 0; looks < 40;) {
        int64_t now = a_load(&rt->coarse_now, relaxed);
        looks += now != look;
        look = now;
    }
    EXPECT_EQ(a_load(&rt->spare_count, relaxed), 0);
    EXPECT_EQ(a_load(&other_ran, relaxed), 0);
    a_store(&rt->spares_coming, 0, relaxed);
    probe_await(&other_ran, 1);
    EXPECT(a_load(&rt->spare_count, relaxed) >= 1);
    return weft_scope_close(&scope);
}

/* Where threads get no turn, those on their way do not become more with each look. */
TEST(s7_no_more_spares_on_their_way_than_seats)
{
    weft_options options = {.workers = 1, .quiet = true};
    EXPECT_EQ(weft_run_with(coming_main, NULL, &options), 0);
}

/* ---- many seats taken, while their sitters do a lot with them ---- */

static int churn_task(void *arg)
{
    struct probe_gate *gate = *(struct probe_gate **)arg;
    for (int i = 0; i < 60; i++) {
        int64_t until = weft__time_now() + (i % 7 == 0 ? 3 * WEFT_MS : 20 * WEFT_US);
        while (weft__time_now() < until) {
        }
        probe_gate_post(gate);
        EXPECT_EQ(probe_gate_wait(gate), 0);
        EXPECT_EQ(weft_sleep(i % 5 * 100 * WEFT_US), 0);
    }
    return 0;
}

static int churn_main(void *arg)
{
    struct probe_gate gate = {.permits = 0}, *gate_arg = &gate;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 24; i++) {
        EXPECT_EQ(weft_go(&scope, churn_task, &gate_arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(gate.permits, 0);
    (void)arg;
    return 0;
}

TEST(watch_takes_seats_all_the_time)
{
    for (int i = 0; i < TEST_ROUNDS(2, 200); i++) {
        EXPECT_EQ(weft_run_with(churn_main, NULL,
                                &(weft_options){.workers = 3,
                                                .quiet = i % 2 == 0,
                                                .stuck_after_ns = WEFT_MS}),
                  0);
    }
}
