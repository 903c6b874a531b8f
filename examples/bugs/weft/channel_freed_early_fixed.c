/* channel_freed_early_fixed.c - one value is sent, and the channel is freed when it has come.
 *
 * It is freed when the scope of both is closed.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static int sender(void *arg)
{
    weft_chan *ch = *(weft_chan **)arg;
    int value = 9, rc = weft_chan_send(ch, &value);

    weft_chan_close(ch);
    return rc;
}

static int receiver(void *arg)
{
    weft_chan *ch = *(weft_chan **)arg;
    int value = 0, rc = weft_chan_recv(ch, &value);

    assert(rc < 0 || value == 9);
    return rc;
}

static int app(void *arg)
{
    weft_chan *ch = weft_chan_new(sizeof(int), 1);
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, sender, &ch);
    weft_go(&scope, receiver, &ch);
    int rc = weft_scope_close(&scope);
    weft_chan_free(ch);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
