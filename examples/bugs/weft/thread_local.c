/* thread_local.c - a server notes which request it is working on.
 *
 * The note is a thread-local variable, but tasks share threads and change them: after a call that
 * may sleep it may be another request's note.
 *
 * expects: assertion|data-race
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static _Thread_local int request;

static int finish(int expected)
{
    assert(request == expected);
    return 0;
}

static int serve(void *arg)
{
    int number = *(int *)arg, rc;

    request = number;
    rc = weft_yield(); /* reads from the network */
    return rc < 0 ? rc : finish(number);
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 1; i <= 2; i++)
        weft_go(&scope, serve, &i);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
