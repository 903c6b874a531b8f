/* send_on_closed_fixed.c - two producers and a consumer that ends when the channel is closed.
 *
 * It is closed by the one who knows that all are done.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *values;
static int received;

static int producer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int rc = weft_chan_send(values, &i);

        if (rc < 0)
            return rc == -WEFT_EPIPE ? 0 : rc;
    }
    return 0;
}

static int consumer(void *arg)
{
    int value, rc;

    (void)arg;
    while ((rc = weft_chan_recv(values, &value)) == 0)
        received++;
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int app(void *arg)
{
    weft_scope all, producers;

    (void)arg;
    values = weft_chan_new(sizeof(int), 4);
    weft_scope_open(&all);
    weft_go(&all, consumer, NULL);
    weft_scope_open(&producers);
    weft_go(&producers, producer, NULL);
    weft_go(&producers, producer, NULL);
    int done = weft_scope_close(&producers);
    weft_chan_close(values);
    int rc = weft_scope_close(&all);
    assert(received == 4);
    weft_chan_free(values);
    return done < 0 ? done : rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
