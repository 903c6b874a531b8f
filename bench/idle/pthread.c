/* pthread.c - what doing nothing costs: N OS threads that sleep, or one trivial one in each
 * millisecond.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "common/bench.h"

enum { THREADS_MAX = 20000, SECONDS = 2, STACK_SIZE = 16 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t waker = PTHREAD_COND_INITIALIZER;
static int wake;
static pthread_t threads[THREADS_MAX];

static void *sleeper(void *arg)
{
    pthread_mutex_lock(&lock);
    while (!wake) {
        pthread_cond_wait(&waker, &lock);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *nothing(void *arg)
{
    return arg;
}

static void sleep_until(int64_t when)
{
    struct timespec t = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static double parked(long n, const pthread_attr_t *attr)
{
    double used;

    for (long i = 0; i < n; i++) {
        bench_ok(pthread_create(&threads[i], attr, sleeper, NULL), "pthread_create");
    }
    sleep_until(bench_now() + 500000000);
    used = bench_cpu_now();
    sleep_until(bench_now() + SECONDS * INT64_C(1000000000));
    used = bench_cpu_now() - used;
    pthread_mutex_lock(&lock);
    wake = 1;
    pthread_cond_broadcast(&waker);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    return used;
}

static double each_ms(long n, const pthread_attr_t *attr)
{
    int64_t when = bench_now();
    double used = bench_cpu_now();

    for (long i = 0; i < n; i++) {
        when += SECONDS * INT64_C(1000000000) / n;
        sleep_until(when);
        bench_ok(pthread_create(&threads[0], attr, nothing, NULL), "pthread_create");
        pthread_join(threads[0], NULL);
    }
    return bench_cpu_now() - used;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    pthread_attr_t attr;
    double used;

    bench_ok(args.n > THREADS_MAX, "too many threads");
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    used = bench_is(&args, "parked") ? parked(args.n, &attr) : each_ms(args.n, &attr);
    bench_report(args.name, used / SECONDS * 100, "%");
    return 0;
}
