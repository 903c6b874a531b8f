/* test_task.c - runs a TASK_TEST's body as the root task of a runtime.
 *
 * Apart from test_main.c so that the tests of the rooms below core link without a runtime.
 * A first, empty run comes before the census: what a runtime keeps on purpose for the next one
 * (glibc's and our own caches) is then there already and is not taken for a leak.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft/run.h>

#include "tests/test.h"

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

static int task_start(int (*fn)(void *), const struct test_record *test, size_t workers)
{
    return weft_run_with(fn, &test, &(weft_options){
        .workers = workers,
        .virtual_clock = !test->real_clock,
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
