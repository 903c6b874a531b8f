/* test_task.c - runs a TASK_TEST's body as the root task of a runtime, or of many schedules.
 *
 * Apart from test_main.c so that the tests of the rooms below core link without a runtime.
 * A first, empty run comes before the census: what a runtime keeps on purpose for the next one
 * (glibc's and our own caches) is then there already and is not taken for a leak.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <weft/check.h>
#include <weft/run.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "check/explore.h"
#include "core/self.h"
#include "io/driver.h"
#include "tests/test.h"
#include "weft/err.h"

/* ThreadSanitizer sees one thread in them all: a few will do. */
#if defined(__SANITIZE_THREAD__)
enum { TASK_SCHEDULES = 4, TASK_SCHEDULES_NIGHT = 100 };
#else
enum { TASK_SCHEDULES = 20, TASK_SCHEDULES_NIGHT = 1000 };
#endif

bool test_is_steered;

static int task_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int task_body(void *arg)
{
    const struct test_record *test = *(const struct test_record *const *)arg;
    test->body();
    return 0;
}

static uint64_t task_schedules(void)
{
    const char *text = getenv("WEFT_CHECK_SCHEDULES");
    uint64_t n = text != NULL ? strtoull(text, NULL, 10) : 0;
    return n > 0 ? n : TEST_ROUNDS(TASK_SCHEDULES, TASK_SCHEDULES_NIGHT);
}

/* WEFT_CHECK_SEED, _STRATEGY and _REPLAY: another seed, another strategy, one schedule again. */
static int task_explore(int (*fn)(void *), const struct test_record *test, uint64_t schedules)
{
    const char *seed = getenv("WEFT_CHECK_SEED"), *strategy = getenv("WEFT_CHECK_STRATEGY");
    return weft_explore(fn, &test, &(weft_check_options){
        .schedules = schedules,
        .seed = seed != NULL ? strtoull(seed, NULL, 10) : 0,
        .strategy = strategy != NULL ? strategy : "random",
        .replay = getenv("WEFT_CHECK_REPLAY"),
    });
}

static int task_start(int (*fn)(void *), const struct test_record *test, size_t workers)
{
    if (workers == TEST_STEERED) {
        test_say_more = weft__explore_say_where;
        test_is_steered = true;
        return task_explore(fn, test, fn == task_body ? task_schedules() : 2);
    }
    return weft_run_with(fn, &test, &(weft_options){
        .workers = TEST_WORKERS(workers),
        .virtual_clock = !test->real_clock,
        .io = (enum weft_io)TEST_BACK_END(workers),
    });
}

static void task_prepare(const struct test_record *test, size_t workers)
{
    int code = task_start(task_nothing, test, workers);
    if (code != 0) {
        test_fail(test->file, test->line, "an empty run ended with %d", code);
    }
}

static void task_run(const struct test_record *test, size_t workers)
{
    int code = task_start(task_body, test, workers);
    if (code != 0) {
        test_fail(test->file, test->line, "the run ended with %d", code);
    }
}

const struct test_style test_task_style = {
    .has_workers = true, .prepare = task_prepare, .run = task_run,
};

/* ---- on each back end ---- */

/* 0, or why the run's back end is not to be had. */
static int task_begin_io(void *arg)
{
    int code = 0;
    (void)arg;
    return weft__io_of(weft__self()->task->runtime, &code) ? 0 : code;
}

static void io_prepare(const struct test_record *test, size_t workers)
{
    unsetenv("WEFT_IO"); /* it would override what the test asks for */
    int code = task_start(task_begin_io, test, workers);
    if (code == -WEFT_ENOTSUP) {
        test_skip(test->file, test->line, "this back end is not to be had here");
    }
    if (code != 0) {
        test_fail(test->file, test->line, "a run with I/O ended with %d", code);
    }
}

const struct test_style test_io_style = {
    .has_workers = true, .has_back_ends = true, .prepare = io_prepare, .run = task_run,
};

void test_watch_allocations(void)
{
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_MAP), 0);
}

bool test_has_spares(void)
{
    weft_stats now;
    EXPECT_EQ(weft_stats_get(&now), 0);
    return now.spare_threads_peak > 0; /* one may have gone, or gone and come again */
}

void test_expect_no_allocations(void)
{
    uint64_t made = weft__fault_disarm();
    if (!test_has_spares()) {
        EXPECT_EQ(made, 0);
    }
}

void test_expect_live(size_t live)
{
    size_t now = weft__alloc_live();
    if (!test_has_spares()) {
        EXPECT_EQ(now, live);
    }
}

bool test_was_refused(int rc, int code)
{
    uint64_t made = weft__fault_disarm();
    EXPECT(rc == code || (rc == 0 && made > 1));
    EXPECT((rc == code && made == 1) || test_has_spares());
    return rc == code;
}
