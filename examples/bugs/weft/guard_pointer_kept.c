/* guard_pointer_kept.c - a stock behind a guard, and two tasks that sell from it.
 *
 * Each takes the pointer out of the guard's block and goes on to use it, without the lock. What one
 * has read is old by the time it writes.
 *
 * expects: assertion|data-race
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct stock {
    int left;
};

WEFT_GUARD_TYPE(guarded_stock, struct stock);

static guarded_stock stock = WEFT_GUARD_INIT({10});

static int sell(void *arg)
{
    struct stock *kept = NULL;

    (void)arg;
    WEFT_GUARD(s, &stock) {
        kept = s;
    } else {
        return -WEFT_ECANCELED;
    }
    int left = kept->left;
    if (weft_yield() < 0) /* the customer pays */
        return -WEFT_ECANCELED;
    kept->left = left - 1;
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
    assert(weft_guard_fini(&stock)->left == 8);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
