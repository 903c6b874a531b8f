/* feedback_full.c - four jobs go to a worker, and two results of each come back.
 *
 * Between jobs at most one result is taken out. When the results' channel is full the worker waits
 * for room in it, and the sender waits for the worker.
 *
 * expects: deadlock|lost-wakeup
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define JOBS 4

static weft_chan *jobs, *results;

static int worker(void *arg)
{
    int job, rc;

    (void)arg;
    while ((rc = weft_chan_recv(jobs, &job)) == 0)
        for (int half = 0; half < 2; half++)
            if ((rc = weft_chan_send(results, &job)) < 0)
                return rc;
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int app(void *arg)
{
    weft_scope scope;
    int rc = 0, result, taken = 0;

    (void)arg;
    jobs = weft_chan_new(sizeof(int), 1);
    results = weft_chan_new(sizeof(int), 2);
    weft_scope_open(&scope);
    weft_go(&scope, worker, NULL);
    for (int i = 0; i < JOBS && rc == 0; i++) {
        rc = weft_chan_send(jobs, &i);
        if (weft_chan_try_recv(results, &result) == 0)
            taken++;
    }
    weft_chan_close(jobs);
    for (; taken < 2 * JOBS && rc == 0; taken++)
        rc = weft_chan_recv(results, &result);
    int closed = weft_scope_close(&scope);
    assert(rc < 0 || taken == 2 * JOBS);
    weft_chan_free(jobs);
    weft_chan_free(results);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
