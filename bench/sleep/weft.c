/* weft.c - one task that sleeps for a millisecond, again and again: how much too long, on average.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

static int64_t sleep_run(long n)
{
    int64_t late = 0;

    for (long i = 0; i < n; i++) {
        int64_t when = bench_now() + WEFT_MS;

        bench_ok(weft_sleep(WEFT_MS), "weft_sleep");
        late += bench_now() - when;
    }
    return late;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;

    sleep_run(args->n / 10 + 1);
    bench_report("sleep_1ms", (double)sleep_run(args->n) / (double)args->n / 1000, "us");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
