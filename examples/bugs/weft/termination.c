/* termination.c - a job makes another job; when no job is left the channel of jobs is closed.
 *
 * An empty channel is taken for "no job left". A worker may have one in its hands whose child is
 * still to be sent; it comes to a closed channel.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *jobs;
static weft_mutex lock;
static int finished;

static int worker(void *arg)
{
    int children, child = 0, rc;

    (void)arg;
    while ((rc = weft_chan_recv(jobs, &children)) == 0) {
        rc = weft_mutex_lock(&lock);
        if (rc < 0)
            break;
        finished++;
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
    while (rc == 0 && weft_chan_len(jobs) > 0)
        rc = weft_yield();
    weft_chan_close(jobs);
    int closed = weft_scope_close(&scope);
    assert(finished == 2);
    weft_chan_free(jobs);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
