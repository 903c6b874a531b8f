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
struct range { int from, to, primes; };

static int count_primes(void *arg) /* never waits */
{
    struct range *r = *(struct range **)arg;
    int primes = 0; /* counted here, and written to memory that others read once, at the end */

    for (int n = r->from; n < r->to; n++) {
        int d = 2;
        while (d * d <= n && n % d != 0)
            d++;
        primes += n > 1 && d * d > n;
    }
    r->primes = primes;
    return 0;
}
/* [/range] */

/* [pieces] */
#define PIECES 64 /* more than CPUs, so that a slow piece holds up nobody for long */

static int in_pieces(int below, int *ret_primes)
{
    struct range ranges[PIECES];
    weft_scope scope;
    int primes = 0;

    weft_scope_open(&scope);
    for (int i = 0; i < PIECES; i++) {
        struct range *range = &ranges[i];
        *range = (struct range){below / PIECES * i, below / PIECES * (i + 1), 0};
        weft_go(&scope, count_primes, &range);
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
    int below = 64000, primes = 0, rc = in_pieces(below, &primes);
    struct range whole = {0, below, 0}, *where = &whole;

    if (rc == 0)
        rc = count_primes(&where);
    printf("%d primes, counted in pieces; %d by a plain loop\n", primes, whole.primes);
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
