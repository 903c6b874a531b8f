/* pthread.c - a value from an OS thread to another and back, by a mutex and a condition each way.
 *
 * What two threads write where there are no channels; the other side is a thread here, too.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdbool.h>

#include "common/bench.h"

struct place {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool full;
    long value;
};

static struct place there = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
static struct place back = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

static void put(struct place *place, long value)
{
    pthread_mutex_lock(&place->lock);
    while (place->full) {
        pthread_cond_wait(&place->changed, &place->lock);
    }
    place->full = true;
    place->value = value;
    pthread_cond_signal(&place->changed);
    pthread_mutex_unlock(&place->lock);
}

static long take(struct place *place)
{
    long value;

    pthread_mutex_lock(&place->lock);
    while (!place->full) {
        pthread_cond_wait(&place->changed, &place->lock);
    }
    place->full = false;
    value = place->value;
    pthread_cond_signal(&place->changed);
    pthread_mutex_unlock(&place->lock);
    return value;
}

static void *answer(void *arg)
{
    const long *n = arg;

    for (long i = 0; i < *n; i++) {
        put(&back, take(&there));
    }
    return NULL;
}

static int64_t thread_run(long n)
{
    pthread_t thread;
    int64_t start = bench_now();

    bench_ok(pthread_create(&thread, NULL, answer, &n), "pthread_create");
    for (long i = 0; i < n; i++) {
        put(&there, i);
        bench_ok(take(&back) != i, "another value came back");
    }
    pthread_join(thread, NULL);
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    thread_run(args.n / 10 + 1);
    bench_report("thread", (double)thread_run(args.n) / (double)args.n, "ns");
    return 0;
}
