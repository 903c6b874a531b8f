/* if_not_while_fixed.c - two tasks wait for seats that become free one at a time.
 *
 * Whoever wakes tests again.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static weft_cond changed;
static int seats;

static int guest(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    while (rc == 0 && seats == 0)
        rc = weft_cond_wait(&changed, &lock);
    if (rc == 0) {
        assert(seats > 0);
        seats--;
    }
    weft_mutex_unlock(&lock);
    return rc;
}

static int host(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int rc = weft_mutex_lock(&lock);

        if (rc < 0)
            return rc;
        seats++;
        weft_cond_broadcast(&changed);
        weft_mutex_unlock(&lock);
    }
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, guest, NULL);
    weft_go(&scope, guest, NULL);
    weft_go(&scope, host, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
