/* rw_upgrade.c - a cache whose readers fill in what is missing.
 *
 * Who finds nothing wants to write, and has the lock for reading. It waits until all readers have
 * left, itself included.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rwlock lock;
static int cached, fills;

static int look_up(void *arg)
{
    int rc = weft_rwlock_read_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    if (cached == 0) {
        rc = weft_rwlock_write_lock(&lock);
        if (rc == 0) {
            cached = 42;
            fills++;
            weft_rwlock_write_unlock(&lock);
        }
    }
    weft_rwlock_read_unlock(&lock);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, look_up, NULL);
    weft_go(&scope, look_up, NULL);
    int rc = weft_scope_close(&scope);
    assert(rc < 0 || fills == 1);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
