/* cancel_ignored_fixed.c - a task that receives until the channel is closed.
 *
 * Every code ends it.
 *
 * expects: none
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
    } while (rc == 0);
    assert(rc != -WEFT_EPIPE || sum == 3);
    return rc == -WEFT_EPIPE ? 0 : rc;
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
