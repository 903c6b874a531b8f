/* receiver_closes_fixed.c - a customer takes two loaves from a baker and leaves.
 *
 * The customer cancels the baker's scope: what is under way ends in order.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *loaves;

static int baker(void *arg)
{
    int rc = 0;

    (void)arg;
    for (int i = 0; rc == 0; i++)
        rc = weft_chan_send(loaves, &i);
    assert(rc == -WEFT_ECANCELED); /* nobody else closes */
    return rc;
}

static int app(void *arg)
{
    weft_scope bakery;
    int loaf, rc = 0;

    (void)arg;
    loaves = weft_chan_new(sizeof(int), 1);
    weft_scope_open(&bakery);
    weft_go(&bakery, baker, NULL);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = weft_chan_recv(loaves, &loaf);
    weft_scope_cancel(&bakery);
    int closed = weft_scope_close(&bakery);
    weft_chan_free(loaves);
    return rc < 0 ? rc : closed == -WEFT_ECANCELED ? 0 : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
