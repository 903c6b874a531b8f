/* publish_before_init.c - a parcel is packed and sent.
 *
 * Its address is sent before it is filled; who is quick finds it empty.
 *
 * expects: assertion|data-race
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct parcel {
    int weight;
};

static weft_chan *post;
static struct parcel parcel;

static int sender(void *arg)
{
    struct parcel *address = &parcel;

    (void)arg;
    int rc = weft_chan_send(post, &address);
    if (rc == 0)
        rc = weft_yield(); /* looks for the scales */
    parcel.weight = 5;
    return rc;
}

static int receiver(void *arg)
{
    struct parcel *got;
    int rc = weft_chan_recv(post, &got);

    (void)arg;
    if (rc < 0)
        return rc;
    assert(got->weight == 5);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    post = weft_chan_new(sizeof(struct parcel *), 1);
    weft_scope_open(&scope);
    weft_go(&scope, sender, NULL);
    weft_go(&scope, receiver, NULL);
    int rc = weft_scope_close(&scope);
    weft_chan_free(post);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
