/* workerpool.c - three workers share the jobs of a channel and send the results back by another.
 *
 *     words ──▶ jobs ──▶ worker, worker, worker ──▶ results ──▶ app
 *
 * A job is a word; its result says how many steps Collatz's rule (halve what is even, else thrice
 * and one more) takes from that number down to 1.  Of a bad word the result is an error code, and
 * the worker goes on.  Only a worker's own failure ends the pool: its code fails the scope.
 *
 * The channel of jobs is closed when there are no more; so the workers know.  The channel of
 * results is closed when all workers have ended; so app knows.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

static const char *const words[] = {"27", "97", "wool", "871", "0", "6171", "-4", "1", "77031"};
enum { WORKERS = 3, WORDS = sizeof words / sizeof words[0] };

struct pool {
    weft_chan *jobs;    /* int: which word */
    weft_chan *results; /* struct result */
};

struct result { int job, steps; }; /* steps, or a negative code */

static int steps_of(const char *word)
{
    char *end;
    long long n = strtoll(word, &end, 10);
    int steps = 0;

    if (end == word || *end != '\0' || n < 1)
        return -EINVAL;
    for (; n != 1; steps++)
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return steps;
}

static int worker(void *arg)
{
    struct pool *pool = arg;
    int job, rc = 0;

    while (rc == 0 && (rc = weft_chan_recv(pool->jobs, &job)) == 0) {
        struct result result = {job, steps_of(words[job])};
        rc = weft_chan_send(pool->results, &result);
    }
    return rc == -WEFT_EPIPE ? 0 : rc; /* closed: there are no more jobs */
}

/* Gives out all jobs and waits for the workers, while app takes the results. */
static int work(void *arg)
{
    struct pool *pool = arg;
    weft_scope workers;

    weft_scope_open(&workers);
    for (int i = 0; i < WORKERS; i++)
        weft_go(&workers, worker, pool);
    for (int job = 0, rc = 0; job < WORDS && rc == 0; job++)
        rc = weft_chan_send(pool->jobs, &job);
    weft_chan_close(pool->jobs);
    int rc = weft_scope_close(&workers);
    weft_chan_close(pool->results);
    return rc;
}

static int app(void *arg)
{
    struct pool *pool = arg;
    struct result result;
    int steps[WORDS];
    weft_scope scope;
    weft_scope_open(&scope);
    weft_go(&scope, work, pool);
    while (weft_chan_recv(pool->results, &result) == 0)
        steps[result.job] = result.steps; /* in any order */
    int rc = weft_scope_close(&scope);
    for (int i = 0; i < WORDS && rc == 0; i++) {
        if (steps[i] < 0)
            printf("%s: not a number above zero (%s)\n", words[i], weft_strerror(steps[i]));
        else
            printf("%s: %d steps\n", words[i], steps[i]);
    }
    return rc;
}

int main(void)
{
    struct pool pool = {weft_chan_new(sizeof(int), WORKERS),
                        weft_chan_new(sizeof(struct result), WORKERS)};
    int rc = pool.jobs != NULL && pool.results != NULL ? weft_run(app, &pool) : -WEFT_ENOMEM;
    weft_chan_free(pool.jobs);
    weft_chan_free(pool.results);
    return rc == 0 ? 0 : 1;
}
