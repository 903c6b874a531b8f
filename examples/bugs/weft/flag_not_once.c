/* flag_not_once.c - a table that is made at its first use.
 *
 * A flag says that it is made. It is set before it is true, so that nobody makes it twice: whoever
 * comes in between uses a table that is not there yet.
 *
 * expects: assertion|data-race
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdatomic.h>

#include <weft.h>

static atomic_int is_made;
static int squares[4];

static void make(void)
{
    for (int i = 0; i < 4; i++)
        squares[i] = i * i;
}

static int use(void *arg)
{
    (void)arg;
    if (!atomic_exchange(&is_made, 1))
        make();
    assert(squares[3] == 9);
    return 0;
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
