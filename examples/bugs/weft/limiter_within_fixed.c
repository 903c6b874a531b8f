/* limiter_within_fixed.c - two folders are searched, at most two places at a time.
 *
 * Who searches a folder gives its unit back before it waits for who searches the folder within.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_limiter places = WEFT_LIMITER_INIT(2);
static weft_mutex lock;
static int searched;

static int look_around(void)
{
    int rc = weft_mutex_lock(&lock);

    if (rc == 0) {
        searched++;
        weft_mutex_unlock(&lock);
    }
    return rc;
}

static int search(void *arg)
{
    int depth = *(int *)arg;
    weft_scope scope;
    int rc = weft_limiter_take(&places);

    if (rc < 0)
        return rc;
    rc = look_around();
    weft_limiter_give(&places);
    if (rc == 0 && depth > 0) {
        weft_scope_open(&scope);
        weft_go(&scope, search, &(int){depth - 1});
        rc = weft_scope_close(&scope);
    }
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, search, &(int){1});
    weft_go(&scope, search, &(int){1});
    int rc = weft_scope_close(&scope);
    assert(rc < 0 || searched == 4);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
