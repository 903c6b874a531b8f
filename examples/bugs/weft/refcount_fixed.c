/* refcount_fixed.c - a page with two users; the last one gives it back.
 *
 * One stay under the lock.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static int users = 2, given_back;

static int drop(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    users--;
    if (users == 0)
        given_back++;
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, drop, NULL);
    weft_go(&scope, drop, NULL);
    int rc = weft_scope_close(&scope);
    assert(given_back == 1);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
