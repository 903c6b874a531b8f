/* strategy.c - the code of the chapter "Which strategy, and when?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

#define REQUESTS 100

/* [request] */
static int request(void *arg) /* the answer takes 20 ms to come; we only wait for it */
{
    (void)arg;
    return weft_sleep(20 * WEFT_MS);
}
/* [/request] */

/* [sequence] */
static int one_after_the_other(void)
{
    int rc = 0;

    for (int i = 0; i < REQUESTS && rc == 0; i++)
        rc = request(NULL);
    return rc;
}
/* [/sequence] */

/* [together] */
static int all_together(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < REQUESTS; i++)
        weft_go(&scope, request, NULL);
    return weft_scope_close(&scope);
}
/* [/together] */

/* [limited] */
static weft_limiter connections = WEFT_LIMITER_INIT(10); /* what the other side can bear */

static int polite_request(void *arg)
{
    int rc = weft_limiter_take(&connections);

    if (rc < 0)
        return rc;
    rc = request(arg);
    weft_limiter_give(&connections);
    return rc;
}

static int ten_at_a_time(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < REQUESTS; i++)
        weft_go(&scope, polite_request, NULL);
    return weft_scope_close(&scope);
}
/* [/limited] */

static int clocked(const char *how, int (*run)(void))
{
    int64_t started = weft_now();
    int rc = run();

    printf("%-20s %4d ms\n", how, (int)((weft_now() - started) / WEFT_MS));
    return rc;
}

static int waiting(void)
{
    int rc = clocked("one after the other", one_after_the_other);

    if (rc == 0)
        rc = clocked("all together", all_together);
    return rc == 0 ? clocked("ten at a time", ten_at_a_time) : rc;
}

/* [range] */
static int count_primes(int64_t from, int64_t to, void *acc, void *arg) /* never waits */
{
    int primes = 0;

    (void)arg;
    for (int64_t n = from; n < to; n++) {
        int64_t d = 2;
        while (d * d <= n && n % d != 0)
            d++;
        primes += n > 1 && d * d > n;
    }
    *(int *)acc += primes; /* an accumulator is of this task alone */
    return 0;
}
/* [/range] */

static void add(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(int *)acc += *(const int *)other;
}

/* [reduced] */
static const int none = 0;
static const weft_reduce_ops primes_of = {
    .size = sizeof none, .identity = &none, .body = count_primes, .combine = add};

static int by_reduction(int below, int *ret_primes)
{
    return weft_reduce(0, below, &primes_of, ret_primes, NULL);
}
/* [/reduced] */

/* [pieces] */
#define PIECES 64 /* more than CPUs, so that a slow piece holds up nobody for long */

struct range { int from, to, primes; };

static int count_range(void *arg)
{
    struct range *r = *(struct range **)arg;

    return count_primes(r->from, r->to, &r->primes, NULL);
}

static int by_tasks(int below, int *ret_primes)
{
    struct range ranges[PIECES];
    weft_scope scope;
    int primes = 0;

    weft_scope_open(&scope);
    for (int i = 0; i < PIECES; i++) {
        struct range *range = &ranges[i];
        *range = (struct range){below / PIECES * i, below / PIECES * (i + 1), 0};
        weft_go(&scope, count_range, &range);
    }
    int rc = weft_scope_close(&scope);
    for (int i = 0; i < PIECES; i++)
        primes += ranges[i].primes;
    if (rc == 0)
        *ret_primes = primes;
    return rc;
}
/* [/pieces] */

static int computing(void)
{
    int below = 64000, reduced = 0, in_tasks = 0, plain = 0;
    int rc = by_reduction(below, &reduced);

    if (rc == 0)
        rc = by_tasks(below, &in_tasks);
    if (rc == 0)
        rc = count_primes(0, below, &plain, NULL);
    printf("%d primes by a reduction, %d by tasks, %d by a plain loop\n", reduced, in_tasks,
           plain);
    return rc;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"waiting", waiting}, {"computing", computing}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
