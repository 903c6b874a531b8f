/* weft.c - N operations of one kind and nothing else, to be counted by callgrind.
 *
 * bench/run runs it with N and with 2 N operations and divides the difference of the instructions
 * by N.  What starting and stopping cost falls out, and so does nearly all noise: a count tells of
 * a change of a few instructions on a machine where times tell of nothing below a third.  One
 * worker, and no watchdog that finds valgrind's pace suspicious.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

enum { TASKS = 1000, CAPACITY = 128, CHANNELS = 8 };

struct side {
    weft_chan *in, *out;
    long n;
};

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int yielder(void *arg)
{
    const long *n = arg;

    for (long i = 0; i < *n; i++) {
        bench_ok(weft_yield(), "weft_yield");
    }
    return 0;
}

static int sender(void *arg)
{
    const struct side *s = arg;

    for (long i = 0; i < s->n; i++) {
        bench_ok(weft_chan_send(s->out, &i), "send");
    }
    return 0;
}

static int receiver(void *arg)
{
    const struct side *s = arg;
    long value;

    for (long i = 0; i < s->n; i++) {
        bench_ok(weft_chan_recv(s->in, &value), "recv");
    }
    return 0;
}

/* One operation: a yield that goes to another task. */
static void count_switch(long n)
{
    long each = n / TASKS;
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < TASKS; i++) {
        weft_go(&scope, yielder, &each);
    }
    bench_ok(weft_scope_close(&scope), "a task failed");
}

/* One operation: a task started, run and joined. */
static void count_spawn(long n)
{
    for (long i = 0; i < n / TASKS; i++) {
        weft_scope scope;

        weft_scope_open(&scope);
        for (int j = 0; j < TASKS; j++) {
            weft_go(&scope, nothing, NULL);
        }
        bench_ok(weft_scope_close(&scope), "a task failed");
    }
}

/* One operation: a value that passes from a task to another. */
static void count_chan(long n, size_t capacity)
{
    weft_chan *ch = weft_chan_new(sizeof(long), capacity);
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, receiver, (&(struct side){.in = ch, .n = n}));
    weft_go(&scope, sender, (&(struct side){.out = ch, .n = n}));
    bench_ok(weft_scope_close(&scope), "a task failed");
    weft_chan_free(ch);
}

/* One operation: a value received by a select over 8 channels with a sender each. */
static void count_select(long n)
{
    weft_chan *channels[CHANNELS];
    weft_arm arms[CHANNELS];
    weft_scope scope;
    long value;

    weft_scope_open(&scope);
    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = weft_chan_new(sizeof(long), 0);
        arms[i] = (weft_arm)WEFT_RECV(channels[i], &value);
        weft_go(&scope, sender, (&(struct side){.out = channels[i], .n = n / CHANNELS}));
    }
    for (long i = 0; i < n / CHANNELS * CHANNELS; i++) {
        bench_ok(weft_select(arms, CHANNELS, -1) < 0, "weft_select");
    }
    bench_ok(weft_scope_close(&scope), "a task failed");
    for (int i = 0; i < CHANNELS; i++) {
        weft_chan_free(channels[i]);
    }
}

/* One operation: a deadline set and taken back. */
static void count_timer(long n)
{
    weft_scope scope;

    weft_scope_open(&scope);
    for (long i = 0; i < n; i++) {
        weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
        weft_scope_deadline(&scope, WEFT_NEVER);
    }
    bench_ok(weft_scope_close(&scope), "the deadline was not taken back");
}

/* One operation: a unit given and taken. */
static void count_sem(long n)
{
    static weft_sem sem = WEFT_SEM_INIT(0);

    for (long i = 0; i < n; i++) {
        weft_sem_post(&sem);
        bench_ok(weft_sem_wait(&sem), "weft_sem_wait");
    }
}

/* One operation: lock and unlock. */
static void count_mutex(long n)
{
    static weft_mutex mutex = WEFT_MUTEX_INIT;

    for (long i = 0; i < n; i++) {
        bench_ok(weft_mutex_lock(&mutex), "lock");
        weft_mutex_unlock(&mutex);
    }
}

/* One operation: a piece forked and joined. */
static void count_fork(long n)
{
    for (long i = 0; i < n; i++) {
        weft_piece piece;

        weft_fork(&piece, nothing, NULL);
        bench_ok(weft_join(&piece), "weft_join");
    }
}

WEFT_PIECE(long, same, long, i)
{
    __asm__ volatile("" : "+r"(i));
    return i;
}

/* The same, inlined. */
WEFT_PIECE(long, forks, long, n)
{
    long sum = 0;

    for (long i = 0; i < n; i++) {
        WEFT_FORK(piece, same, i);
        sum += WEFT_JOIN(piece);
    }
    return sum;
}

static int nothing_range(int64_t from, int64_t to, void *arg)
{
    (void)from, (void)to, (void)arg;
    return 0;
}

/* One operation: a loop of two indices. */
static void count_for(long n)
{
    for (long i = 0; i < n; i++) {
        bench_ok(weft_for(0, 2, nothing_range, NULL), "weft_for");
    }
}

static int app(void *arg)
{
    const struct bench_args *args = arg;

    if (bench_is(args, "switch"))
        count_switch(args->n);
    else if (bench_is(args, "spawn"))
        count_spawn(args->n);
    else if (bench_is(args, "rendezvous"))
        count_chan(args->n, 0);
    else if (bench_is(args, "chan128"))
        count_chan(args->n, CAPACITY);
    else if (bench_is(args, "select8"))
        count_select(args->n);
    else if (bench_is(args, "mutex"))
        count_mutex(args->n);
    else if (bench_is(args, "timer"))
        count_timer(args->n);
    else if (bench_is(args, "sem"))
        count_sem(args->n);
    else if (bench_is(args, "fork"))
        count_fork(args->n);
    else if (bench_is(args, "piece"))
        bench_ok(forks(args->n) < 0, "a wrong answer");
    else if (bench_is(args, "for"))
        count_for(args->n);
    else
        bench_die("no such case");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    const weft_options options = {
        .workers = (size_t)args.workers,
        .stuck_after_ns = 3600 * WEFT_SECOND,
        .quiet = true,
    };

    return weft_run_with(app, &args, &options);
}
