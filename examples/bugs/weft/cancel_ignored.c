/* cancel_ignored.c - a task that receives until the channel is closed.
 *
 * It takes every other code for "nothing yet" and tries again. Cancelled, each call says so at
 * once and for ever, and the task never ends.
 *
 * expects: livelock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *numbers;
static weft_scope scope;

static int adder(void *arg)
{
    int number, rc, sum = 0;

    (void)arg;
    do {
        rc = weft_chan_recv(numbers, &number);
        if (rc == 0)
            sum += number;
    } while (rc != -WEFT_EPIPE);
    assert(sum == 3);
    return 0;
}

static int source(void *arg)
{
    (void)arg;
    for (int i = 1; i <= 2; i++) {
        int rc = weft_chan_send(numbers, &i);

        if (rc < 0)
            return rc;
    }
    weft_chan_close(numbers);
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
    (void)arg;
    numbers = weft_chan_new(sizeof(int), 1);
    weft_scope_open(&scope);
    weft_go(&scope, adder, NULL);
    weft_go(&scope, source, NULL);
    weft_go(&scope, canceller, NULL);
    int rc = weft_scope_close(&scope);
    weft_chan_free(numbers);
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
