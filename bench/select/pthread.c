/* pthread.c - one consumer takes from 8 slots, each filled by a thread of its own, under one mutex.
 *
 * What one writes by hand where there is no select: one lock and one condition for all slots, and a
 * condition for each producer, which waits until its value is taken.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdbool.h>

#include "common/bench.h"

enum { CHANNELS = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t any_full = PTHREAD_COND_INITIALIZER;

static struct slot {
    pthread_cond_t taken;
    bool full;
    long value, n;
} slots[CHANNELS];

static void *producer(void *arg)
{
    struct slot *s = arg;

    for (long i = 0; i < s->n; i++) {
        pthread_mutex_lock(&lock);
        s->value = i;
        s->full = true;
        pthread_cond_signal(&any_full);
        while (s->full) {
            pthread_cond_wait(&s->taken, &lock);
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* The first full slot after the one that was taken last, so that none starves. */
static struct slot *slot_find(int *last)
{
    for (int i = 1; i <= CHANNELS; i++) {
        int at = (*last + i) % CHANNELS;

        if (slots[at].full) {
            *last = at;
            return &slots[at];
        }
    }
    return NULL;
}

static void consumer_take(int *last)
{
    struct slot *s;

    pthread_mutex_lock(&lock);
    while ((s = slot_find(last)) == NULL) {
        pthread_cond_wait(&any_full, &lock);
    }
    s->full = false;
    pthread_cond_signal(&s->taken);
    pthread_mutex_unlock(&lock);
}

static int64_t select_run(long each)
{
    pthread_t threads[CHANNELS];
    int last = 0;
    int64_t start = bench_now();

    for (int i = 0; i < CHANNELS; i++) {
        pthread_cond_init(&slots[i].taken, NULL);
        slots[i].n = each;
        bench_ok(pthread_create(&threads[i], NULL, producer, &slots[i]), "pthread_create");
    }
    for (long i = 0; i < each * CHANNELS; i++) {
        consumer_take(&last);
    }
    for (int i = 0; i < CHANNELS; i++) {
        pthread_join(threads[i], NULL);
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    long each = args.n / CHANNELS;

    select_run(each / 10 + 1);
    bench_report("select8", (double)select_run(each) / (double)(each * CHANNELS), "ns");
    return 0;
}
