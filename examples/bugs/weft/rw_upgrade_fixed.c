/* rw_upgrade_fixed.c - a cache whose readers fill in what is missing.
 *
 * Who finds nothing leaves, comes back to write, and looks again: another one may have been faster.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rwlock lock;
static int cached, fills;

static int fill(void)
{
    int rc = weft_rwlock_write_lock(&lock);

    if (rc < 0)
        return rc;
    if (cached == 0) {
        cached = 42;
        fills++;
    }
    weft_rwlock_write_unlock(&lock);
    return 0;
}

static int look_up(void *arg)
{
    int rc = weft_rwlock_read_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    int found = cached;
    weft_rwlock_read_unlock(&lock);
    return found == 0 ? fill() : 0;
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
