/* count_in_child_fixed.c - a home-made wait group: wait until no task is at work.
 *
 * Tasks are counted by whoever starts them, before they are started.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static weft_cond changed;
static int at_work, finished;

static int count(int change, int done)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    at_work += change;
    finished += done;
    weft_cond_broadcast(&changed);
    weft_mutex_unlock(&lock);
    return 0;
}

static int work(void *arg)
{
    (void)arg;
    return count(-1, 1);
}

static int app(void *arg)
{
    weft_scope scope;
    int rc;

    (void)arg;
    weft_scope_open(&scope);
    rc = count(2, 0);
    for (int i = 0; i < 2; i++)
        weft_go(&scope, work, NULL);
    if (rc == 0)
        rc = weft_mutex_lock(&lock);
    if (rc == 0) {
        while (rc == 0 && at_work > 0)
            rc = weft_cond_wait(&changed, &lock);
        assert(rc < 0 || finished == 2);
        weft_mutex_unlock(&lock);
    }
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
