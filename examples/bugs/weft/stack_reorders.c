/* stack_reorders.c - a thermometer sends readings, and a display shows the last one.
 *
 * Their channel is a stack, so that the newest is shown first. When two lie in it, the older one is
 * shown after the newer, and stays.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define READINGS 3

static weft_chan *readings;

static int thermometer(void *arg)
{
    int rc = 0;

    (void)arg;
    for (int i = 1; i <= READINGS && rc == 0; i++)
        rc = weft_chan_send(readings, &i);
    weft_chan_close(readings);
    return rc;
}

static int display(void *arg)
{
    int reading, rc, shown = 0;

    (void)arg;
    while ((rc = weft_chan_recv(readings, &reading)) >= 0)
        shown = reading;
    if (rc != -WEFT_EPIPE)
        return rc;
    assert(shown == READINGS);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    readings = weft_chan_new_with(&(weft_chan_options){
        .element_size = sizeof(int), .capacity = READINGS, .order = WEFT_CHAN_LIFO});
    weft_scope_open(&scope);
    weft_go(&scope, display, NULL);
    weft_go(&scope, thermometer, NULL);
    int rc = weft_scope_close(&scope);
    weft_chan_free(readings);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
