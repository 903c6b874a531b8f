/* deadline_too_late_fixed.c - a request that must be done, or given up, within 10 ms.
 *
 * The deadline is set before the first call that may sleep.
 *
 * expects: none
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
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(10 * WEFT_MS));
    int rc = weft_mutex_lock(&lock);
    if (rc == 0) {
        rc = weft_sleep(5 * WEFT_MS);
        weft_mutex_unlock(&lock);
    }
    int closed = weft_scope_close(&scope);
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
