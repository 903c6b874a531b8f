/* join_under_lock_fixed.c - the parts of a mobile are weighed, and added to a total under a lock.
 *
 * The lock is held for the addition alone, and by nobody who waits for a piece.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct part { int weight; struct part *left, *right; };

static weft_mutex lock;
static int total;

static int weigh(void *arg)
{
    const struct part *p = arg;
    weft_piece left;

    if (!p)
        return 0;
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    total += p->weight;
    weft_mutex_unlock(&lock);
    weft_fork(&left, weigh, p->left);
    int rc_right = weigh(p->right);
    int rc_left = weft_join(&left);
    return rc_left < 0 ? rc_left : rc_right;
}

static int app(void *arg)
{
    struct part fish = {2, NULL, NULL}, moon = {3, NULL, NULL}, bar = {1, &fish, &moon};
    int rc = weigh(&bar);

    (void)arg;
    assert(rc < 0 || total == 6);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
