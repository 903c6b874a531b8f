/* pipeline.c - three stages joined by bounded channels; the slowest one sets the pace of all.
 *
 *     producer ──▶ square ──▶ consumer
 *
 * The producer needs 1 ms for a number, the consumer 10 ms.  A full channel makes its sender wait,
 * so the producer is held back: it never runs further ahead than the channels have room for.  That
 * is backpressure, and the reason why no queue here can grow without limit.
 *
 * The clock is virtual: it jumps when all tasks wait, so the second this takes is over at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdatomic.h>
#include <stdio.h>

#include <weft.h>

#define NUMBERS 100
#define ROOM    4              /* of each channel */
#define AHEAD   (2 * ROOM + 3) /* both channels full, and one number in each stage's hands */

struct pipeline {
    weft_chan *numbers, *squares;
    atomic_int consumed;
    int ahead_most;      /* how far the producer ever was ahead of the consumer */
    int64_t producer_ms; /* how long it took */
};

static int producer(void *arg)
{
    struct pipeline *p = *(struct pipeline **)arg;
    int64_t started = weft_now();
    int rc = 0;

    for (int i = 1; i <= NUMBERS && rc == 0; i++) {
        rc = weft_sleep(1 * WEFT_MS); /* the work of making it */
        int ahead = i - atomic_load(&p->consumed);
        p->ahead_most = ahead > p->ahead_most ? ahead : p->ahead_most;
        if (rc == 0)
            rc = weft_chan_send(p->numbers, &i);
    }
    weft_chan_close(p->numbers); /* tells the next stage that this was all */
    p->producer_ms = (weft_now() - started) / WEFT_MS;
    return rc;
}

static int square(void *arg)
{
    struct pipeline *p = *(struct pipeline **)arg;
    int n, rc = 0;

    while (rc == 0 && (rc = weft_chan_recv(p->numbers, &n)) == 0) {
        n *= n;
        rc = weft_chan_send(p->squares, &n);
    }
    weft_chan_close(p->squares);
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int consume(struct pipeline *p)
{
    int n, sum = 0;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, producer, &p);
    weft_go(&scope, square, &p);
    while (weft_chan_recv(p->squares, &n) == 0 && weft_sleep(10 * WEFT_MS) == 0) {
        sum += n;
        atomic_fetch_add(&p->consumed, 1);
    }
    int rc = weft_scope_close(&scope);
    printf("%d squares, their sum is %d\n", atomic_load(&p->consumed), sum);
    return rc;
}

static int app(void *arg)
{
    struct pipeline p = {.numbers = weft_chan_new(sizeof(int), ROOM),
                         .squares = weft_chan_new(sizeof(int), ROOM)};
    int rc = p.numbers != NULL && p.squares != NULL ? consume(&p) : -WEFT_ENOMEM;

    (void)arg;
    printf("the producer could have made them in %d ms, but was held back for longer: %s\n",
           NUMBERS, p.producer_ms > 8 * NUMBERS ? "yes" : "no");
    printf("it was never more than %d numbers ahead: %s\n", AHEAD,
           p.ahead_most <= AHEAD ? "yes" : "no");
    weft_chan_free(p.numbers);
    weft_chan_free(p.squares);
    return rc;
}

int main(void)
{
    int rc = weft_run_with(app, NULL, &(weft_options){.virtual_clock = true});

    if (rc < 0)
        fprintf(stderr, "pipeline: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
