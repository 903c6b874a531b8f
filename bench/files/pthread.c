/* pthread.c - files read by a pool of four threads, each of which takes the next one.
 *
 * The threads are there before the first file; a pass begins and ends with a barrier.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "common/files.h"

#define THREADS 4

struct pool {
    pthread_barrier_t begin, end;
    long next, n;
    int is_over;
};

static void *pool_run(void *arg)
{
    struct pool *pool = arg;
    long i;

    for (;;) {
        pthread_barrier_wait(&pool->begin);
        if (pool->is_over)
            return NULL;
        while ((i = __atomic_fetch_add(&pool->next, 1, __ATOMIC_RELAXED)) < pool->n)
            files_read_plainly(i);
        pthread_barrier_wait(&pool->end);
    }
}

static void read_all(long n, void *arg)
{
    struct pool *pool = arg;

    pool->next = 0;
    pool->n = n;
    pthread_barrier_wait(&pool->begin);
    pthread_barrier_wait(&pool->end);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    static struct pool pool;
    pthread_t threads[THREADS];

    pthread_barrier_init(&pool.begin, NULL, THREADS + 1);
    pthread_barrier_init(&pool.end, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        bench_ok(pthread_create(&threads[i], NULL, pool_run, &pool), "pthread_create");
    files_measure(&args, read_all, &pool);
    pool.is_over = 1;
    pthread_barrier_wait(&pool.begin);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
