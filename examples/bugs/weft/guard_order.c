/* guard_order.c - two clerks move money between two guarded accounts.
 *
 * Each locks the account that pays and then the other one. When they go opposite ways, each may
 * have one account and wait for the other's.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

WEFT_GUARD_TYPE(guarded_cents, long);

static guarded_cents accounts[2] = {WEFT_GUARD_INIT(100), WEFT_GUARD_INIT(100)};

static int transfer(guarded_cents *from, guarded_cents *to, long cents)
{
    WEFT_GUARD(payer, from) {
        WEFT_GUARD(payee, to) {
            *payer -= cents;
            *payee += cents;
            return 0;
        }
    }
    return -WEFT_ECANCELED;
}

static int clerk(void *arg)
{
    int from = *(int *)arg;

    return transfer(&accounts[from], &accounts[1 - from], 10);
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, clerk, &(int){0});
    weft_go(&scope, clerk, &(int){1});
    int rc = weft_scope_close(&scope);
    assert(rc < 0 || *weft_guard_fini(&accounts[0]) == 100);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
