/* forgotten_close_fixed.c - a reader sends lines until there are no more, or it is told to stop.
 *
 * Both ways lead over the close.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define LINES 3

static weft_chan *lines;
static weft_event stop;

static int reader(void *arg)
{
    int rc = 0;

    (void)arg;
    for (int i = 0; i < LINES && rc == 0; i++) {
        if (weft_event_is_set(&stop))
            break;
        rc = weft_chan_send(lines, &i);
    }
    weft_chan_close(lines);
    return rc;
}

static int printer(void *arg)
{
    int line, rc, printed = 0;

    (void)arg;
    while ((rc = weft_chan_recv(lines, &line)) == 0) {
        assert(line == printed);
        printed++;
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int impatient(void *arg)
{
    (void)arg;
    weft_event_set(&stop);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    lines = weft_chan_new(sizeof(int), 1);
    weft_scope_open(&scope);
    weft_go(&scope, reader, NULL);
    weft_go(&scope, printer, NULL);
    weft_go(&scope, impatient, NULL);
    int rc = weft_scope_close(&scope);
    weft_chan_free(lines);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
