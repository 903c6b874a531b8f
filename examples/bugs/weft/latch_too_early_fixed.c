/* latch_too_early_fixed.c - two tasks compute, and a latch says when both results are there.
 *
 * It counts down when its result is there.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_latch ready = WEFT_LATCH_INIT(2);
static weft_mutex lock;
static int sum;

static int compute(void *arg)
{
    int n = *(int *)arg;

    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    sum += n * n;
    weft_mutex_unlock(&lock);
    weft_latch_down(&ready, 1);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, compute, &(int){3});
    weft_go(&scope, compute, &(int){4});
    int rc = weft_latch_wait(&ready);
    if (rc == 0)
        rc = weft_mutex_lock(&lock);
    if (rc == 0) {
        assert(sum == 25);
        weft_mutex_unlock(&lock);
    }
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
