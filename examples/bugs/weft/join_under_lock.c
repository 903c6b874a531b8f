/* join_under_lock.c - the parts of a mobile are weighed, and added to a total under a lock.
 *
 * Who weighs a part keeps the lock until the parts that hang from it are weighed. The lock is
 * recursive, so that goes well in one task, and with pieces as long as nobody takes one. A piece
 * that was taken is another task: it waits for the lock, and the holder waits for the piece.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct part { int weight; struct part *left, *right; };

static weft_rmutex lock;
static int total;

static int weigh(void *arg)
{
    const struct part *p = arg;
    weft_piece left;

    if (!p)
        return 0;
    int rc = weft_rmutex_lock(&lock);
    if (rc < 0)
        return rc;
    total += p->weight;
    weft_fork(&left, weigh, p->left);
    int rc_right = weigh(p->right);
    int rc_left = weft_join(&left);
    weft_rmutex_unlock(&lock);
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
