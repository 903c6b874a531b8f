/* unlock_not_held_fixed.c - a statistic that is skipped when somebody else is at it.
 *
 * Only who got the lock gives it back.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static int counted;

static int worker(void *arg)
{
    (void)arg;
    if (weft_mutex_try_lock(&lock) == 0) {
        counted++;
        weft_mutex_unlock(&lock);
    }
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, worker, NULL);
    weft_go(&scope, worker, NULL);
    int rc = weft_scope_close(&scope);
    assert(counted >= 1);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
