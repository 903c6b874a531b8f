/* sender_counts_itself_fixed.c - two producers share a channel that closes when the last is done.
 *
 * Both are counted before they are started.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *values;

static int producer(void *arg)
{
    int value = *(int *)arg;

    int rc = weft_chan_send(values, &value);
    assert(rc == 0);
    weft_chan_sender_done(values);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;
    int value, sum = 0;

    (void)arg;
    values = weft_chan_new(sizeof(int), 2);
    weft_chan_sender(values);
    weft_chan_sender(values);
    weft_scope_open(&scope);
    weft_go(&scope, producer, (&(int){1}));
    weft_go(&scope, producer, (&(int){2}));
    int rc = weft_scope_close(&scope);
    while (weft_chan_recv(values, &value) == 0)
        sum += value;
    assert(rc < 0 || sum == 3);
    weft_chan_free(values);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
