/* cancel_loses_value_fixed.c - a task that moves parcels and may be cancelled.
 *
 * What was not passed on is put back.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define PARCELS 2

static weft_chan *in, *out;
static weft_scope scope;

static int mover(void *arg)
{
    int parcel, rc;

    (void)arg;
    while ((rc = weft_chan_try_recv(in, &parcel)) == 0) {
        rc = weft_chan_send(out, &parcel);
        if (rc < 0) {
            int back = weft_chan_try_send(in, &parcel); /* its place is still free */

            assert(back == 0);
            return rc;
        }
    }
    return 0;
}

static int canceller(void *arg)
{
    (void)arg;
    weft_scope_cancel(&scope);
    return 0;
}

static int app(void *arg)
{
    int rc = 0;

    (void)arg;
    in = weft_chan_new(sizeof(int), PARCELS);
    out = weft_chan_new(sizeof(int), PARCELS);
    for (int i = 0; i < PARCELS && rc == 0; i++)
        rc = weft_chan_send(in, &i);
    weft_scope_open(&scope);
    weft_go(&scope, mover, NULL);
    weft_go(&scope, canceller, NULL);
    int closed = weft_scope_close(&scope);
    assert(weft_chan_len(in) + weft_chan_len(out) == PARCELS);
    weft_chan_free(in);
    weft_chan_free(out);
    return closed == -WEFT_ECANCELED ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
