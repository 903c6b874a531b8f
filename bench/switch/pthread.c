/* pthread.c - 1000 OS threads that do nothing but sched_yield, on one CPU.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>

#include "common/bench.h"

enum { TASKS = 1000 };

static void *yielder(void *arg)
{
    const long *rounds = arg;

    for (long i = 0; i < *rounds; i++) {
        sched_yield();
    }
    return NULL;
}

static int64_t switch_run(long rounds)
{
    pthread_t all[TASKS];
    int64_t start = bench_now();

    for (int i = 0; i < TASKS; i++) {
        bench_ok(pthread_create(&all[i], NULL, yielder, &rounds), "pthread_create");
    }
    for (int i = 0; i < TASKS; i++) {
        pthread_join(all[i], NULL);
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    long rounds = args.n / TASKS;

    switch_run(rounds / 10 + 1);
    bench_report("switch", (double)switch_run(rounds) / (double)(rounds * TASKS), "ns");
    return 0;
}
