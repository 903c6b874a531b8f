/* once_needs_itself_fixed.c - settings that are read at their first use, and a log that needs them.
 *
 * What is said while they are read is said afterwards, by who has read them.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_once once;
static weft_mutex lock;
static int level, is_log_on;

static int read_settings(void *arg)
{
    (void)arg;
    level = 3;
    return 0;
}

static int settings(void)
{
    return weft_once_call(&once, read_settings, NULL);
}

static int say(void)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    int is_on = is_log_on;
    weft_mutex_unlock(&lock);
    return is_on ? settings() : 0;
}

static int use(void *arg)
{
    int rc = settings();

    (void)arg;
    assert(rc < 0 || level == 3);
    return rc < 0 ? rc : say();
}

static int switch_on(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    is_log_on = 1;
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, use, NULL);
    weft_go(&scope, switch_on, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
