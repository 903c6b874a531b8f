/* lost_update_fixed.c - two tasks sell from one stock.
 *
 * Reading and writing back are one stay under the lock.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static int stock = 10;

static int sell(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    stock--;
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, sell, NULL);
    weft_go(&scope, sell, NULL);
    int rc = weft_scope_close(&scope);
    assert(stock == 8);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
