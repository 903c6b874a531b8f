/* check_then_receive_fixed.c - two tasks want what lies in a channel, if anything does.
 *
 * Looking and taking are one call, which never sleeps.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *lost_property;
static weft_latch done = WEFT_LATCH_INIT(2);

static int visitor(void *arg)
{
    int umbrella;

    (void)arg;
    int rc = weft_chan_try_recv(lost_property, &umbrella);

    if (rc == 0)
        assert(umbrella == 1);
    weft_latch_down(&done, 1);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;
    int umbrella = 1, rc;

    (void)arg;
    lost_property = weft_chan_new(sizeof(umbrella), 1);
    rc = weft_chan_send(lost_property, &umbrella);
    if (rc < 0)
        return rc;
    weft_scope_open(&scope);
    weft_go(&scope, visitor, NULL);
    weft_go(&scope, visitor, NULL);
    rc = weft_latch_wait(&done);
    int closed = weft_scope_close(&scope);
    weft_chan_free(lost_property);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
