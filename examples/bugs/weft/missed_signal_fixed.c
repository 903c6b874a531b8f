/* missed_signal_fixed.c - a task waits until another has loaded the map.
 *
 * It keeps the lock from the look to the wait.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static weft_cond loaded;
static bool is_loaded;

static int traveller(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    while (rc == 0 && !is_loaded)
        rc = weft_cond_wait(&loaded, &lock);
    assert(rc < 0 || is_loaded);
    weft_mutex_unlock(&lock);
    return rc;
}

static int loader(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    is_loaded = true;
    weft_cond_signal(&loaded);
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, traveller, NULL);
    weft_go(&scope, loader, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
