/* relock.c - an account that complains when it is overdrawn.
 *
 * The complaint reads the balance through a function that takes the lock, and the caller holds it
 * already. It happens only when the withdrawal comes before the deposit.
 *
 * expects: misuse|crash|deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static int balance, lowest;

static int change(int by);

static int fee(void)
{
    return change(-1);
}

static int change(int by)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    balance += by;
    if (balance < lowest) {
        lowest = balance;
        rc = fee();
    }
    weft_mutex_unlock(&lock);
    return rc;
}

static int deposit(void *arg)
{
    (void)arg;
    return change(10);
}

static int withdraw(void *arg)
{
    (void)arg;
    return change(-10);
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, deposit, NULL);
    weft_go(&scope, withdraw, NULL);
    int rc = weft_scope_close(&scope);
    assert(balance == (lowest < 0 ? -1 : 0));
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
