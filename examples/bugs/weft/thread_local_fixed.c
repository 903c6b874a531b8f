/* thread_local_fixed.c - a server notes which request it is working on.
 *
 * The note is a task-local value.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static const weft_local request = {"request"};

static int finish(int expected)
{
    const int *noted = weft_local_get(&request);

    assert(*noted == expected);
    return 0;
}

static int serve(void *arg)
{
    int number = *(int *)arg, rc;

    rc = weft_local_set(&request, &number);
    if (rc == 0)
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
