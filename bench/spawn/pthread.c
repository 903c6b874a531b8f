/* pthread.c - starts 1000 OS threads that do nothing, waits for all, again and again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "common/bench.h"

enum { BATCH = 1000, STACK_SIZE = 64 * 1024 };

static void *nothing(void *arg)
{
    return arg;
}

static int64_t spawn_run(long batches, const pthread_attr_t *attr)
{
    pthread_t all[BATCH];
    int64_t start = bench_now();

    for (long i = 0; i < batches; i++) {
        for (int j = 0; j < BATCH; j++) {
            bench_ok(pthread_create(&all[j], attr, nothing, NULL), "pthread_create");
        }
        for (int j = 0; j < BATCH; j++) {
            pthread_join(all[j], NULL);
        }
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    long batches = args.n / BATCH;
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    spawn_run(batches / 10 + 1, &attr);
    bench_report("spawn", (double)spawn_run(batches, &attr) / (double)(batches * BATCH), "ns");
    return 0;
}
