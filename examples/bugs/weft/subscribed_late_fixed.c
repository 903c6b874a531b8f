/* subscribed_late_fixed.c - a reader asks a writer to begin, and listens to what it broadcasts.
 *
 * It subscribes first and asks then.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_bcast *news;
static weft_event asked;

static int writer(void *arg)
{
    int word = 7, rc = weft_event_wait(&asked);

    (void)arg;
    if (rc == 0)
        rc = weft_bcast_send(news, &word);
    return rc < 0 ? rc : 0;
}

static int reader(void *arg)
{
    int word = 0;

    (void)arg;
    weft_chan *in = weft_bcast_subscribe(news);
    weft_event_set(&asked);
    int rc = weft_chan_recv(in, &word);
    weft_chan_free(in);
    assert(rc < 0 || word == 7);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    news = weft_bcast_new(sizeof(int), 1);
    weft_scope_open(&scope);
    weft_go(&scope, writer, NULL);
    weft_go(&scope, reader, NULL);
    int rc = weft_scope_close(&scope);
    weft_bcast_free(news);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
