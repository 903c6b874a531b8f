/* pthread.c - many OS threads, all asleep on one condition: memory and creation of each, then the
 * wake.
 *
 * It runs far fewer threads than the others (see bench/run): the kernel's defaults end near 32,000;
 * the values are per thread.  For pthreads: what the kernel itself holds for a thread, its 16 KB
 * stack there to begin with, is not in the bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "common/bench.h"

enum { THREADS_MAX = 20000, STACK_SIZE = 16 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_asleep = PTHREAD_COND_INITIALIZER;
static pthread_cond_t waker = PTHREAD_COND_INITIALIZER;
static long awake;
static int wake;
static pthread_t threads[THREADS_MAX];

static void *sleeper(void *arg)
{
    pthread_mutex_lock(&lock);
    if (--awake == 0)
        pthread_cond_signal(&all_asleep);
    while (!wake) {
        pthread_cond_wait(&waker, &lock);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

static void sleepers_wake(long n)
{
    pthread_mutex_lock(&lock);
    wake = 1;
    pthread_cond_broadcast(&waker);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void sleepers_run(long n, int report)
{
    double before = bench_memory_now(), asleep;
    int64_t start = bench_now(), created, woken;
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    awake = n;
    wake = 0;
    for (long i = 0; i < n; i++) {
        bench_ok(pthread_create(&threads[i], &attr, sleeper, NULL), "pthread_create");
    }
    pthread_mutex_lock(&lock);
    while (awake > 0) {
        pthread_cond_wait(&all_asleep, &lock);
    }
    pthread_mutex_unlock(&lock);
    created = bench_now();
    asleep = bench_memory_now();
    woken = bench_now();
    sleepers_wake(n);
    if (report) {
        bench_report("bytes", (asleep - before) / (double)n, "bytes");
        bench_report("create", (double)(created - start) / (double)n, "ns");
        bench_report("wake", (double)(bench_now() - woken) / (double)n, "ns");
    }
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    bench_ok(args.n > THREADS_MAX, "too many threads");
    sleepers_run(100, 0);
    sleepers_run(args.n, 1);
    return 0;
}
