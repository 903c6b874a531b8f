/* pulse.c - a task waits for an event that another sets.
 *
 * The event is set and cleared at once, as if it were a bell. A task that begins to wait after
 * that has missed it.
 *
 * expects: lost-wakeup|deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_event go;
static weft_latch gone = WEFT_LATCH_INIT(2);

static int runner(void *arg)
{
    int rc = weft_event_wait(&go);

    (void)arg;
    if (rc == 0)
        weft_latch_down(&gone, 1);
    return rc;
}

static int starter(void *arg)
{
    (void)arg;
    weft_event_set(&go);
    weft_event_clear(&go);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, runner, NULL);
    weft_go(&scope, runner, NULL);
    weft_go(&scope, starter, NULL);
    int rc = weft_latch_wait(&gone);
    int closed = weft_scope_close(&scope);
    assert(rc < 0 || weft_latch_left(&gone) == 0);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
