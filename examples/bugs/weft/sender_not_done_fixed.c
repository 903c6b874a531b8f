/* sender_not_done_fixed.c - two scouts report to a clerk, who writes until both are done.
 *
 * Every way out of a scout leads over weft_chan_sender_done.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct scout {
    weft_chan *reports;
    int found;
};

static int scout(void *arg)
{
    struct scout *s = arg;
    int rc = 0;

    if (s->found > 0)
        rc = weft_chan_send(s->reports, &s->found);
    weft_chan_sender_done(s->reports);
    return rc;
}

static int clerk(void *arg)
{
    weft_chan *reports = *(weft_chan **)arg;
    int found, rc, total = 0;

    while ((rc = weft_chan_recv(reports, &found)) == 0)
        total += found;
    weft_chan_free(reports);
    assert(rc < 0 && total <= 3);
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int app(void *arg)
{
    weft_chan *reports = weft_chan_new(sizeof(int), 0);
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_chan_sender(reports); /* while we start them: the first may be done before the second is */
    for (int i = 0; i < 2; i++)
        weft_go(&scope, scout, (&(struct scout){weft_chan_sender(reports), 3 * i}));
    weft_go(&scope, clerk, &reports);
    weft_chan_sender_done(reports);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
