/* answer_set_twice_fixed.c - two mirrors are asked for one future, and the first answer counts.
 *
 * The set itself says whether it was the first.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_future *answer;
static int won[2];

static int mirror(void *arg)
{
    int me = *(int *)arg;

    if (weft_future_set(answer, &me) == 0)
        won[me] = 1;
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;
    int first;

    (void)arg;
    answer = weft_future_new(sizeof(int));
    weft_scope_open(&scope);
    weft_go(&scope, mirror, &(int){0});
    weft_go(&scope, mirror, &(int){1});
    int rc = weft_future_get(answer, &first);
    int closed = weft_scope_close(&scope);
    assert(won[0] + won[1] == 1);
    weft_future_setter_unref(answer);
    weft_future_unref(answer);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
