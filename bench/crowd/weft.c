/* weft.c - loops by more workers than CPUs, or beside a process that wants a CPU for itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/loop.h"

struct loops {
    long n;
    const struct loop *loop;
    int64_t passed;
};

static int body(int64_t from, int64_t to, void *arg)
{
    for (int64_t i = from; i < to; i++) {
        loop_item(arg, i);
    }
    return 0;
}

static int app(void *arg)
{
    struct loops *loops = arg;
    int64_t start = bench_now();

    for (long k = 0; k < loops->n; k++) {
        bench_ok(weft_for(0, loops->loop->items, body, (void *)loops->loop), "weft_for");
    }
    loops->passed = bench_now() - start;
    return 0;
}

static double loops_ns(int workers, long n, const struct loop *loop)
{
    struct loops loops = {n, loop, 0};
    weft_options options = {.workers = (size_t)workers};

    bench_ok(weft_run_with(app, &loops, &options), "weft_run_with");
    return (double)loops.passed / (double)n;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    unsetenv("WEFT_WORKERS"); /* or all runs would have as many */
    loop_crowd_run(&args, loops_ns);
    return 0;
}
