/* flag_not_once_fixed.c - a table that is made at its first use.
 *
 * Whoever comes while it is made waits until it is.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_once once;
static int squares[4];

static int make(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        squares[i] = i * i;
    return 0;
}

static int use(void *arg)
{
    int rc = weft_once_call(&once, make, arg);

    assert(rc < 0 || squares[3] == 9);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, use, NULL);
    weft_go(&scope, use, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
