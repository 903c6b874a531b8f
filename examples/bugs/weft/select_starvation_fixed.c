/* select_starvation_fixed.c - a task handles data until it is asked to stop.
 *
 * The stop is looked at first; at most one more value is handled after it.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *data, *stop;
static weft_event asked; /* set: the stop lies in its channel */

static int worker(void *arg)
{
    int value, late = 0, rc = 0;

    (void)arg;
    while (rc == 0) {
        if (weft_chan_try_recv(stop, &value) == 0) {
            break;
        } else if (weft_chan_try_recv(data, &value) == 0) {
            late += weft_event_is_set(&asked);
            assert(late <= 1);
        } else {
            rc = weft_yield();
        }
    }
    return rc;
}

static int boss(void *arg)
{
    int rc = weft_chan_send(stop, &(int){1});

    (void)arg;
    weft_event_set(&asked);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;
    int rc = 0;

    (void)arg;
    data = weft_chan_new(sizeof(int), 4);
    stop = weft_chan_new(sizeof(int), 1);
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = weft_chan_send(data, &i);
    weft_scope_open(&scope);
    weft_go(&scope, worker, NULL);
    weft_go(&scope, boss, NULL);
    int closed = weft_scope_close(&scope);
    weft_chan_free(data);
    weft_chan_free(stop);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
