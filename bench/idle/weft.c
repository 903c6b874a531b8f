/* weft.c - what doing nothing costs: N tasks that sleep, or one trivial task in each millisecond.
 *
 * The value is CPU time of the whole process over two seconds, in percent of one core.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { SECONDS = 2 };

static int sleeper(void *arg)
{
    weft_event *const *wake = arg;

    return weft_event_wait(*wake);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static double parked(long n)
{
    weft_event event = WEFT_EVENT_INIT, *wake = &event;
    weft_scope scope;
    double used;

    weft_scope_open(&scope);
    for (long i = 0; i < n; i++) {
        bench_ok(weft_go(&scope, sleeper, &wake), "weft_go");
    }
    bench_ok(weft_sleep(500 * WEFT_MS), "weft_sleep");
    used = bench_cpu_now();
    bench_ok(weft_sleep(SECONDS * WEFT_SECOND), "weft_sleep");
    used = bench_cpu_now() - used;
    weft_event_set(wake);
    bench_ok(weft_scope_close(&scope), "a task failed");
    weft_event_fini(wake);
    return used;
}

static double each_ms(long n)
{
    int64_t when = weft_now();
    double used = bench_cpu_now();

    for (long i = 0; i < n; i++) {
        weft_scope scope;

        when += SECONDS * WEFT_SECOND / n;
        bench_ok(weft_sleep_until(when), "weft_sleep_until");
        weft_scope_open(&scope);
        weft_go(&scope, nothing, NULL);
        bench_ok(weft_scope_close(&scope), "the task failed");
    }
    return bench_cpu_now() - used;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    double used = bench_is(args, "parked") ? parked(args->n) : each_ms(args->n);

    bench_report(args->name, used / SECONDS * 100, "%");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
