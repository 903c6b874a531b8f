/* signal_not_broadcast_fixed.c - two tasks wait for the configuration.
 *
 * What concerns all is told to all: broadcast.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static weft_cond there;
static int port;

static int server(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    while (rc == 0 && port == 0)
        rc = weft_cond_wait(&there, &lock);
    assert(rc < 0 || port == 8080);
    weft_mutex_unlock(&lock);
    return rc;
}

static int configure(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    port = 8080;
    weft_cond_broadcast(&there);
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, configure, NULL);
    weft_go(&scope, server, NULL);
    weft_go(&scope, server, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
