/* barrier_one_too_many.c - two halves of a grid, and who started them.
 *
 * The barrier counts the starter as a party, but it waits for its tasks by closing the scope, and
 * never comes.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define HALVES 2

static weft_barrier barrier = WEFT_BARRIER_INIT(HALVES + 1);
static int cells[HALVES], sums[HALVES];

static int half(void *arg)
{
    int me = *(int *)arg;

    cells[me] = me + 1;
    int rc = weft_barrier_wait(&barrier);
    if (rc < 0)
        return rc;
    for (int i = 0; i < HALVES; i++)
        sums[me] += cells[i];
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < HALVES; i++)
        weft_go(&scope, half, &i);
    int rc = weft_scope_close(&scope);
    assert(rc < 0 || (sums[0] == 3 && sums[1] == 3));
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
