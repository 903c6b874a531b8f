/* weft.c - a storm of sleeps spread over one second; and a deadline that is set and taken back.
 *
 * storm: each task reads the clock, sleeps for its share of 0 to 1 s, and looks how late it is.
 * The CPU time includes starting the tasks.  arm_cancel: the deadline of an open scope is moved one
 * second ahead, as a request would do that starts, and then away again, as it would when it is
 * done.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

static int64_t worst_late;

static void worst_note(int64_t late)
{
    int64_t seen = __atomic_load_n(&worst_late, __ATOMIC_RELAXED);

    while (late > seen && !__atomic_compare_exchange_n(&worst_late, &seen, late, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static int sleeper(void *arg)
{
    const int64_t *ns = arg;
    int64_t when = bench_now() + *ns;
    int rc = weft_sleep(*ns);

    worst_note(bench_now() - when);
    return rc;
}

static double storm_run(long n)
{
    weft_scope scope;
    double before = bench_cpu_now();

    worst_late = 0;
    weft_scope_open(&scope);
    for (long i = 0; i < n; i++) {
        int64_t ns = bench_spread(i);

        bench_ok(weft_go(&scope, sleeper, &ns), "weft_go");
    }
    bench_ok(weft_scope_close(&scope), "a task failed");
    return bench_cpu_now() - before;
}

static int64_t arm_run(long n)
{
    weft_scope scope;
    int64_t start, end;

    weft_scope_open(&scope);
    start = bench_now();
    for (long i = 0; i < n; i++) {
        weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
        weft_scope_deadline(&scope, WEFT_NEVER);
    }
    end = bench_now();
    bench_ok(weft_scope_close(&scope), "the deadline was not taken back");
    return end - start;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;

    if (bench_is(args, "storm")) {
        storm_run(1000);
        bench_report("cpu", storm_run(args->n), "s");
        bench_report("late", (double)worst_late / 1e6, "ms");
        return 0;
    }
    arm_run(args->n / 10 + 1);
    bench_report("arm_cancel", (double)arm_run(args->n) / (double)args->n, "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
