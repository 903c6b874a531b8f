/* lost_update.c - two tasks sell from one stock.
 *
 * Each touch of the stock is under the lock, but reading it and writing back one less are two
 * touches: when both read 10, both write 9.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static int stock = 10;

static int stock_read(int *ret_now)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    *ret_now = stock;
    weft_mutex_unlock(&lock);
    return 0;
}

static int stock_write(int now)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    stock = now;
    weft_mutex_unlock(&lock);
    return 0;
}

static int sell(void *arg)
{
    int now, rc = stock_read(&now);

    (void)arg;
    return rc < 0 ? rc : stock_write(now - 1);
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
