/* weft.c - values through channels: ping-pong by rendezvous, and streams through a channel of 128.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { CAPACITY = 128 };

struct side {
    weft_chan *in, *out;
    long n;
};

/* ---- rendezvous: n round trips, two values each ---- */

static int ponger(void *arg)
{
    const struct side *s = arg;
    long value;

    for (long i = 0; i < s->n; i++) {
        bench_ok(weft_chan_recv(s->in, &value), "recv");
        bench_ok(weft_chan_send(s->out, &value), "send");
    }
    return 0;
}

static int pinger(void *arg)
{
    const struct side *s = arg;
    long value;

    for (long i = 0; i < s->n; i++) {
        bench_ok(weft_chan_send(s->out, &i), "send");
        bench_ok(weft_chan_recv(s->in, &value), "recv");
    }
    return 0;
}

static int64_t rendezvous(long n)
{
    weft_chan *there = weft_chan_new(sizeof(long), 0), *back = weft_chan_new(sizeof(long), 0);
    weft_scope scope;
    int64_t start = bench_now(), end;

    weft_scope_open(&scope);
    weft_go(&scope, ponger, (&(struct side){there, back, n}));
    weft_go(&scope, pinger, (&(struct side){back, there, n}));
    bench_ok(weft_scope_close(&scope), "a task failed");
    end = bench_now();
    weft_chan_free(there);
    weft_chan_free(back);
    return end - start;
}

/* ---- bounded: n values from `pairs` producers to as many consumers ---- */

static int producer(void *arg)
{
    const struct side *s = arg;

    for (long i = 0; i < s->n; i++) {
        bench_ok(weft_chan_send(s->out, &i), "send");
    }
    return 0;
}

static int consumer(void *arg)
{
    const struct side *s = arg;
    long value;

    while (weft_chan_recv(s->in, &value) == 0) {
    }
    return 0;
}

static int64_t bounded(long n, int pairs)
{
    weft_chan *ch = weft_chan_new(sizeof(long), CAPACITY);
    weft_scope producers, consumers;
    int64_t start = bench_now(), end;

    weft_scope_open(&consumers);
    weft_scope_open(&producers);
    for (int i = 0; i < pairs; i++) {
        weft_go(&consumers, consumer, (&(struct side){.in = ch}));
        weft_go(&producers, producer, (&(struct side){.out = ch, .n = n / pairs}));
    }
    bench_ok(weft_scope_close(&producers), "a producer failed");
    weft_chan_close(ch);
    bench_ok(weft_scope_close(&consumers), "a consumer failed");
    end = bench_now();
    weft_chan_free(ch);
    return end - start;
}

static int64_t chan_run(const struct bench_args *args, long n)
{
    if (bench_is(args, "rendezvous"))
        return rendezvous(n);
    return bounded(n, bench_is(args, "chan128_4p4c") ? 4 : 1);
}

static int app(void *arg)
{
    const struct bench_args *args = arg;

    chan_run(args, args->n / 10 + 4);
    bench_report(args->name, (double)chan_run(args, args->n) / (double)args->n, "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
