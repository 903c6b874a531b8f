/* missed_signal.c - a task waits until another has loaded the map.
 *
 * It looks whether the map is loaded, lets the lock go, takes it again and waits. A signal that is
 * given in between wakes nobody.
 *
 * expects: lost-wakeup|deadlock
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
    bool wait = !is_loaded;
    weft_mutex_unlock(&lock);
    if (!wait)
        return 0;
    rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
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
