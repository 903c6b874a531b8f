/* receiver_closes.c - a customer takes two loaves from a baker and leaves.
 *
 * The customer closes the channel when it has enough. The baker, who has one more loaf in its
 * hands, takes the refusal for a fire.
 *
 * expects: assertion
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
    weft_chan_close(loaves);
    int closed = weft_scope_close(&bakery);
    weft_chan_free(loaves);
    return rc < 0 ? rc : closed == -WEFT_ECANCELED ? 0 : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
