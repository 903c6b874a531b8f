/* deadline_too_late.c - a request that must be done, or given up, within 10 ms.
 *
 * The deadline is set when the lock has been got. The time spent waiting for the lock does not
 * count, and the caller waits longer than promised.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;

static int neighbour(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = weft_sleep(8 * WEFT_MS);
    weft_mutex_unlock(&lock);
    return rc;
}

static int request(void *arg)
{
    int64_t asked = weft_now();
    weft_scope scope;

    (void)arg;
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(10 * WEFT_MS));
    rc = weft_sleep(5 * WEFT_MS);
    int closed = weft_scope_close(&scope);
    weft_mutex_unlock(&lock);
    assert(weft_now() - asked < 11 * WEFT_MS);
    return closed == -WEFT_ETIMEDOUT ? 0 : rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, request, NULL);
    weft_go(&scope, neighbour, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
