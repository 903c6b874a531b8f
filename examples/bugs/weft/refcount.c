/* refcount.c - a page with two users; the last one gives it back.
 *
 * Counting down and looking whether that was the last are two stays under the lock. Both may count
 * down before either looks, and both give the page back.
 *
 * expects: assertion
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
    weft_mutex_unlock(&lock);
    rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
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
