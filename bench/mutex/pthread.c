/* pthread.c - lock, count, unlock: one OS thread alone, and four on one mutex.
 *
 * The one that is alone is still a second thread, so that glibc does not take its shortcut for
 * processes of one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "common/bench.h"

enum { TASKS_MAX = 4 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long counter;

static void *locker(void *arg)
{
    const long *n = arg;

    for (long i = 0; i < *n; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static int64_t mutex_run(int tasks, long each)
{
    pthread_t threads[TASKS_MAX];
    int64_t start = bench_now(), end;

    counter = 0;
    for (int i = 0; i < tasks; i++) {
        bench_ok(pthread_create(&threads[i], NULL, locker, &each), "pthread_create");
    }
    for (int i = 0; i < tasks; i++) {
        pthread_join(threads[i], NULL);
    }
    end = bench_now();
    bench_ok(counter != each * tasks, "the mutex does not exclude");
    return end - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    int tasks = bench_is(&args, "mutex4") ? 4 : 1;
    long each = args.n / tasks;

    mutex_run(tasks, each / 10 + 1);
    bench_report(args.name, (double)mutex_run(tasks, each) / (double)(each * tasks), "ns");
    return 0;
}
