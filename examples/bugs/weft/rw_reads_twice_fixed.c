/* rw_reads_twice_fixed.c - a report that calls another one, and one of them reads under the lock.
 *
 * What is called by who has the lock does not take it.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rwlock lock;
static int paid = 3, owed = 4;

/* The caller has the lock. */
static int balance(void)
{
    return paid - owed;
}

static int report(void *arg)
{
    int rc = weft_rwlock_read_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    int difference = balance();
    assert(difference == paid - owed);
    weft_rwlock_read_unlock(&lock);
    return 0;
}

static int pay(void *arg)
{
    int rc = weft_rwlock_write_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    paid++;
    weft_rwlock_write_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, report, NULL);
    weft_go(&scope, pay, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
