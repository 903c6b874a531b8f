/* weft.c - starts 1000 tasks that do nothing, waits for all, again and again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { BATCH = 1000 };

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t spawn_run(long batches)
{
    int64_t start = bench_now();

    for (long i = 0; i < batches; i++) {
        weft_scope scope;

        weft_scope_open(&scope);
        for (int j = 0; j < BATCH; j++) {
            weft_go(&scope, nothing, NULL);
        }
        bench_ok(weft_scope_close(&scope), "a task failed");
    }
    return bench_now() - start;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    long batches = args->n / BATCH;

    spawn_run(batches / 10 + 1);
    bench_report("spawn", (double)spawn_run(batches) / (double)(batches * BATCH), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
