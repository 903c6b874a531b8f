/* weft.c - tasks that wake each millisecond, beside tasks that compute without ever letting go.
 *
 * The value is the worst delay of the former.  A hog computes for 50 ms at a time and then lets
 * others run, once: so each run sees twenty times in a second what a scheduler does about a task
 * that does not come back.  The case "one" has one hog, "all" has one for each worker.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { OTHERS = 20, BURST_MS = 50, MS = 1000000 };

static int64_t ends;
static int64_t worst;

static void worst_note(int64_t late)
{
    int64_t seen = __atomic_load_n(&worst, __ATOMIC_RELAXED);

    while (late > seen && !__atomic_compare_exchange_n(&worst, &seen, late, true, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED)) {
    }
}

static int hog(void *arg)
{
    (void)arg;
    while (bench_now() < ends) {
        for (int64_t until = bench_now() + BURST_MS * MS; bench_now() < until;) {
        }
        bench_ok(weft_yield(), "weft_yield");
    }
    return 0;
}

static int other(void *arg)
{
    (void)arg;
    while (bench_now() < ends) {
        int64_t when = bench_now() + MS;

        bench_ok(weft_sleep(WEFT_MS), "weft_sleep");
        worst_note(bench_now() - when);
    }
    return 0;
}

static void hog_run(int hogs, long ms)
{
    weft_scope scope;

    worst = 0;
    ends = bench_now() + ms * MS;
    weft_scope_open(&scope);
    for (int i = 0; i < OTHERS; i++) {
        weft_go(&scope, other, NULL);
    }
    for (int i = 0; i < hogs; i++) {
        weft_go(&scope, hog, NULL);
    }
    bench_ok(weft_scope_close(&scope), "a task failed");
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    int hogs = bench_is(args, "all") ? args->workers : 1;

    hog_run(hogs, args->n / 10 + 1);
    hog_run(hogs, args->n);
    bench_report(args->name, (double)worst / MS, "ms");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    const weft_options options = {.workers = (size_t)args.workers, .quiet = true};

    return weft_run_with(app, &args, &options);
}
