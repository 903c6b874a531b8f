/* weft.c - run the program `true` and take what it says, which is nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/proc.h>

#include "common/bench.h"

static int run_some(void *arg)
{
    const long n = *(const long *)arg;

    for (long i = 0; i < n; i++) {
        const char *const argv[] = {"true", NULL};
        weft_proc_result result;

        bench_ok(weft_proc_run(argv, NULL, &result), "weft_proc_run");
        bench_ok(result.end.exit_code, "true has failed");
        weft_proc_result_free(&result);
    }
    return 0;
}

static int64_t run_all(long n, int at_once)
{
    const long each = n / at_once + 1;
    int64_t start = bench_now();
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < at_once; i++)
        weft_go(&scope, run_some, &each);
    bench_ok(weft_scope_close(&scope), "a task failed");
    return (bench_now() - start) / (each * at_once);
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    const int at_once = atoi(args->name);

    run_all(args->n / 10, at_once);
    bench_report("proc", (double)run_all(args->n, at_once) / 1e3, "us");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
