/* rw_reads_twice.c - a report that calls another one, and both read under the lock.
 *
 * A writer that comes between the two reads waits for the first, and the second waits behind the
 * writer.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rwlock lock;
static int paid = 3, owed = 4;

static int balance(int *ret)
{
    int rc = weft_rwlock_read_lock(&lock);

    if (rc < 0)
        return rc;
    *ret = paid - owed;
    weft_rwlock_read_unlock(&lock);
    return 0;
}

static int report(void *arg)
{
    int difference, rc = weft_rwlock_read_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = balance(&difference);
    assert(rc < 0 || difference == paid - owed);
    weft_rwlock_read_unlock(&lock);
    return rc;
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
