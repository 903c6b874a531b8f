/* ab_ba_fixed.c - two tasks join two lists, each its own way round.
 *
 * Both lock `left` first.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct list {
    weft_mutex lock;
    int length;
};

static struct list left = {WEFT_MUTEX_INIT, 4}, right = {WEFT_MUTEX_INIT, 6};

static int with_both(struct list *first, struct list *second, int change)
{
    int rc = weft_mutex_lock(&first->lock);

    if (rc < 0)
        return rc;
    rc = weft_mutex_lock(&second->lock);
    if (rc == 0) {
        left.length += change;
        right.length -= change;
        weft_mutex_unlock(&second->lock);
    }
    weft_mutex_unlock(&first->lock);
    return rc;
}

static int to_left(void *arg)
{
    (void)arg;
    return with_both(&left, &right, 1);
}

static int to_right(void *arg)
{
    (void)arg;
    return with_both(&left, &right, -1);
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, to_left, NULL);
    weft_go(&scope, to_right, NULL);
    int rc = weft_scope_close(&scope);
    assert(rc < 0 || left.length == 4);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
