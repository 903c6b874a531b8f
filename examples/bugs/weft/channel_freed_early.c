/* channel_freed_early.c - one value is sent, and the channel is freed when it has come.
 *
 * The receiver frees the channel as soon as it has the value; the sender has yet to close it.
 *
 * expects: use-after-free|misuse|crash
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
    weft_chan_free(ch);
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
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
