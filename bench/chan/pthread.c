/* pthread.c - values through a queue made of a mutex, two conditions and a ring, between OS
 * threads.
 *
 * What one writes by hand where there are no channels.  Ping-pong uses two queues of one place,
 * which is a little less than a rendezvous: a sender does not wait for its receiver.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdbool.h>

#include "common/bench.h"

enum { CAPACITY = 128, PAIRS_MAX = 4 };

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    long ring[CAPACITY];
    unsigned capacity, head, len;
    bool closed;
};

struct side {
    struct queue *in, *out;
    long n;
};

static void queue_init(struct queue *q, unsigned capacity)
{
    memset(q, 0, sizeof *q);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->not_empty, NULL);
    pthread_cond_init(&q->not_full, NULL);
    q->capacity = capacity;
}

static void queue_send(struct queue *q, long value)
{
    pthread_mutex_lock(&q->lock);
    while (q->len == q->capacity) {
        pthread_cond_wait(&q->not_full, &q->lock);
    }
    q->ring[(q->head + q->len++) % CAPACITY] = value;
    pthread_cond_signal(&q->not_empty);
    pthread_mutex_unlock(&q->lock);
}

static bool queue_recv(struct queue *q, long *ret_value)
{
    bool some;

    pthread_mutex_lock(&q->lock);
    while (q->len == 0 && !q->closed) {
        pthread_cond_wait(&q->not_empty, &q->lock);
    }
    some = q->len > 0;
    if (some) {
        *ret_value = q->ring[q->head++ % CAPACITY];
        q->len--;
        pthread_cond_signal(&q->not_full);
    }
    pthread_mutex_unlock(&q->lock);
    return some;
}

static void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_mutex_unlock(&q->lock);
}

static void *ponger(void *arg)
{
    const struct side *s = arg;
    long value;

    for (long i = 0; i < s->n && queue_recv(s->in, &value); i++) {
        queue_send(s->out, value);
    }
    return NULL;
}

static void ping_pong(long n)
{
    struct queue there, back;
    struct side side = {&there, &back, n};
    pthread_t thread;
    long value;

    queue_init(&there, 1);
    queue_init(&back, 1);
    bench_ok(pthread_create(&thread, NULL, ponger, &side), "pthread_create");
    for (long i = 0; i < n; i++) {
        queue_send(&there, i);
        queue_recv(&back, &value);
    }
    pthread_join(thread, NULL);
}

static void *producer(void *arg)
{
    const struct side *s = arg;

    for (long i = 0; i < s->n; i++) {
        queue_send(s->out, i);
    }
    return NULL;
}

static void *consumer(void *arg)
{
    const struct side *s = arg;
    long value;

    while (queue_recv(s->in, &value)) {
    }
    return NULL;
}

static void bounded(long n, int pairs)
{
    struct queue q;
    struct side side = {&q, &q, n / pairs};
    pthread_t producers[PAIRS_MAX], consumers[PAIRS_MAX];

    queue_init(&q, CAPACITY);
    for (int i = 0; i < pairs; i++) {
        bench_ok(pthread_create(&consumers[i], NULL, consumer, &side), "pthread_create");
        bench_ok(pthread_create(&producers[i], NULL, producer, &side), "pthread_create");
    }
    for (int i = 0; i < pairs; i++) {
        pthread_join(producers[i], NULL);
    }
    queue_close(&q);
    for (int i = 0; i < pairs; i++) {
        pthread_join(consumers[i], NULL);
    }
}

static int64_t chan_run(const struct bench_args *args, long n)
{
    int64_t start = bench_now();

    if (bench_is(args, "rendezvous"))
        ping_pong(n);
    else
        bounded(n, bench_is(args, "chan128_4p4c") ? 4 : 1);
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    chan_run(&args, args.n / 10 + 4);
    bench_report(args.name, (double)chan_run(&args, args.n) / (double)args.n, "ns");
    return 0;
}
