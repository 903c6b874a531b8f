/* weft.c - 1000 tasks that do nothing but yield: what one switch costs.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { TASKS = 1000 };

static int yielder(void *arg)
{
    const long *rounds = arg;

    for (long i = 0; i < *rounds; i++) {
        bench_ok(weft_yield(), "weft_yield");
    }
    return 0;
}

static int64_t switch_run(long rounds)
{
    weft_scope scope;
    int64_t start = bench_now();

    weft_scope_open(&scope);
    for (int i = 0; i < TASKS; i++) {
        weft_go(&scope, yielder, &rounds);
    }
    bench_ok(weft_scope_close(&scope), "a task failed");
    return bench_now() - start;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    long rounds = args->n / TASKS;

    switch_run(rounds / 10 + 1);
    bench_report("switch", (double)switch_run(rounds) / (double)(rounds * TASKS), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
