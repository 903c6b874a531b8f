/* weft.c - one consumer selects over 8 rendezvous channels, each fed by a producer of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { CHANNELS = 8 };

struct producer_args {
    weft_chan *out;
    long n;
};

static int producer(void *arg)
{
    const struct producer_args *p = arg;

    for (long i = 0; i < p->n; i++) {
        bench_ok(weft_chan_send(p->out, &i), "send");
    }
    return 0;
}

static int64_t select_run(long each)
{
    weft_chan *channels[CHANNELS];
    weft_arm arms[CHANNELS];
    weft_scope scope;
    long value;
    int64_t start = bench_now(), end;

    weft_scope_open(&scope);
    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = weft_chan_new(sizeof(long), 0);
        arms[i] = (weft_arm)WEFT_RECV(channels[i], &value);
        weft_go(&scope, producer, (&(struct producer_args){channels[i], each}));
    }
    for (long i = 0; i < each * CHANNELS; i++) {
        int which = weft_select(arms, CHANNELS, -1);

        bench_ok(which < 0 || arms[which].result != 0, "weft_select");
    }
    bench_ok(weft_scope_close(&scope), "a producer failed");
    end = bench_now();
    for (int i = 0; i < CHANNELS; i++) {
        weft_chan_free(channels[i]);
    }
    return end - start;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    long each = args->n / CHANNELS;

    select_run(each / 10 + 1);
    bench_report("select8", (double)select_run(each) / (double)(each * CHANNELS), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
