/* cancel_keeps_lock_fixed.c - a wait that may be cancelled, and tidying up afterwards.
 *
 * The lock is given back on both ways out.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static weft_cond changed;
static weft_scope scope;
static bool there;

static int waiter(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    while (!there && rc == 0)
        rc = weft_cond_wait(&changed, &lock);
    weft_mutex_unlock(&lock);
    return rc;
}

static int setter(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    there = true;
    weft_cond_signal(&changed);
    weft_mutex_unlock(&lock);
    return 0;
}

static int canceller(void *arg)
{
    (void)arg;
    weft_scope_cancel(&scope);
    return 0;
}

static int app(void *arg)
{
    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, waiter, NULL);
    weft_go(&scope, setter, NULL);
    weft_go(&scope, canceller, NULL);
    int closed = weft_scope_close(&scope);
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    assert(there || closed < 0);
    weft_mutex_unlock(&lock);
    return closed == -WEFT_ECANCELED ? 0 : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
