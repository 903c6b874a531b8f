/* weft.c - lock, count, unlock: one task alone, and four tasks on one mutex.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

static weft_mutex mutex = WEFT_MUTEX_INIT;
static volatile long counter;

static int locker(void *arg)
{
    const long *n = arg;

    for (long i = 0; i < *n; i++) {
        bench_ok(weft_mutex_lock(&mutex), "lock");
        counter++;
        weft_mutex_unlock(&mutex);
    }
    return 0;
}

static int64_t mutex_run(int tasks, long each)
{
    weft_scope scope;
    int64_t start = bench_now(), end;

    counter = 0;
    weft_scope_open(&scope);
    for (int i = 0; i < tasks; i++) {
        weft_go(&scope, locker, &each);
    }
    bench_ok(weft_scope_close(&scope), "a task failed");
    end = bench_now();
    bench_ok(counter != each * tasks, "the mutex does not exclude");
    return end - start;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    int tasks = bench_is(args, "mutex4") ? 4 : 1;
    long each = args->n / tasks;

    mutex_run(tasks, each / 10 + 1);
    bench_report(args->name, (double)mutex_run(tasks, each) / (double)(each * tasks), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
