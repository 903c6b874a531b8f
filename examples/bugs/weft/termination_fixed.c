/* termination_fixed.c - a job makes another job; when no job is left the channel of jobs is closed.
 *
 * Jobs that are not finished are counted, and the worker that finishes the last closes.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *jobs;
static weft_mutex lock;
static int finished;
static int unfinished = 1;

static int worker(void *arg)
{
    int children, child = 0, rc;

    (void)arg;
    while ((rc = weft_chan_recv(jobs, &children)) == 0) {
        rc = weft_mutex_lock(&lock);
        if (rc < 0)
            break;
        finished++;
        unfinished += children - 1;
        if (unfinished == 0)
            weft_chan_close(jobs);
        weft_mutex_unlock(&lock);
        if (children > 0 && (rc = weft_chan_send(jobs, &child)) < 0)
            break;
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int app(void *arg)
{
    weft_scope scope;
    int rc, one_child = 1;

    (void)arg;
    jobs = weft_chan_new(sizeof(int), 2);
    rc = weft_chan_send(jobs, &one_child);
    weft_scope_open(&scope);
    weft_go(&scope, worker, NULL);
    weft_go(&scope, worker, NULL);
    int closed = weft_scope_close(&scope);
    assert(finished == 2);
    weft_chan_free(jobs);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
