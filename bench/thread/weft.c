/* weft.c - a value from a plain OS thread into a task and back, through two channels of one place.
 *
 * The thread is one that Weft did not make: it blocks in the kernel where a task would let its
 * worker go on.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "common/bench.h"

struct sides {
    weft_chan *to_task, *to_thread;
    long n;
    int64_t ns;
};

static int answer(void *arg)
{
    struct sides *const *s = arg;
    long value;

    for (long i = 0; i < (*s)->n; i++) {
        bench_ok(weft_chan_recv((*s)->to_task, &value), "recv");
        bench_ok(weft_chan_send((*s)->to_thread, &value), "send");
    }
    return 0;
}

static void *ask(void *arg)
{
    struct sides *s = arg;
    int64_t start = bench_now();

    for (long i = 0; i < s->n; i++) {
        long value;

        bench_ok(weft_chan_send(s->to_task, &i), "send");
        bench_ok(weft_chan_recv(s->to_thread, &value) || value != i, "recv");
    }
    s->ns = bench_now() - start;
    return NULL;
}

static int64_t thread_run(long n)
{
    struct sides sides = {weft_chan_new(sizeof(long), 1), weft_chan_new(sizeof(long), 1), n, 0};
    struct sides *s = &sides;
    pthread_t thread;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, answer, &s);
    bench_ok(pthread_create(&thread, NULL, ask, s), "pthread_create");
    bench_ok(weft_scope_close(&scope), "the task failed");
    pthread_join(thread, NULL);
    weft_chan_free(s->to_task);
    weft_chan_free(s->to_thread);
    return s->ns;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;

    thread_run(args->n / 10 + 1);
    bench_report("thread", (double)thread_run(args->n) / (double)args->n, "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
