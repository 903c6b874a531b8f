/* guard_pointer_kept_fixed.c - a stock behind a guard, and two tasks that sell from it.
 *
 * The pointer stays in the block.
 *
 * expects: none
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
    (void)arg;
    if (weft_yield() < 0) /* the customer pays */
        return -WEFT_ECANCELED;
    WEFT_GUARD(s, &stock) {
        s->left--;
    } else {
        return -WEFT_ECANCELED;
    }
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
