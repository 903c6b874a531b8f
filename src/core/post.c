/* post.c - weft_post: a bounded ring of calls, filled from anywhere.
 *
 * The cells live as long as the process, so that a signal handler which comes while the runtime
 * stops finds them still there.  Two rings of pointers pass the cells to and fro; both are safe
 * in a handler (lockfree/ring.h says why).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/post.h"

#include "base/sys.h"
#include "core/control.h"
#include "core/runtime.h"
#include "core/solo.h"
#include "core/watch.h"
#include "lockfree/ring.h"
#include "weft/err.h"

struct post_cell {
    void (*fn)(void *);
    void *arg;
};

static struct post_cell post_cells[WEFT_POSTS_MAX];
static struct weft__ring_slot post_free_slots[2 * WEFT_POSTS_MAX], post_full_slots[WEFT_POSTS_MAX];
static struct weft__ring post_free, post_full;
static pthread_once_t post_once = PTHREAD_ONCE_INIT;

static void post_init_once(void)
{
    ring_init(&post_free, post_free_slots, WEFT_ARRAY_SIZE(post_free_slots));
    ring_init(&post_full, post_full_slots, WEFT_POSTS_MAX);
    for (size_t i = 0; i < WEFT_POSTS_MAX; i++) {
        bool pushed = ring_push(&post_free, &post_cells[i]);
        WEFT_CHECK(pushed);
    }
}

void weft__post_init(void)
{
    pthread_once(&post_once, post_init_once);
}

int weft_post(void (*fn)(void *arg), void *arg)
{
    void *cell;
    int rc = -WEFT_EAGAIN;
    if (!fn) {
        return -WEFT_EINVAL;
    }
    struct weft__runtime *rt = a_load(&weft__forked, relaxed) ? NULL : weft__runtime_pin();
    if (!rt) {
        return -WEFT_ESHUTDOWN;
    }
    if (ring_pop(&post_free, &cell)) {
        *(struct post_cell *)cell = (struct post_cell){fn, arg};
        a_add(&rt->external, 1, seq_cst);
        bool pushed = ring_push(&post_full, cell);
        WEFT_CHECK(pushed); /* no more cells than slots, and one thread alone takes out */
        weft__watch_call(rt);
        if (WEFT_UNLIKELY(weft__control != NULL)) {
            weft__control_posted();
        }
        rc = 0;
    }
    weft__runtime_unpin();
    return rc;
}

static bool post_take(struct post_cell *ret_post)
{
    void *cell;
    if (!ring_pop(&post_full, &cell)) {
        return false;
    }
    *ret_post = *(struct post_cell *)cell;
    /* Full, although it has two slots for each cell: somebody who took a cell a lap ago has been
     * interrupted in the middle. */
    while (!ring_push(&post_free, cell)) {
        weft__sys_yield();
    }
    return true;
}

void weft__post_run(struct weft__runtime *rt)
{
    struct post_cell post;
    while (post_take(&post)) {
        weft__solo_end(); /* fn may do what it likes */
        post.fn(post.arg);
        weft__runtime_external_end(rt);
    }
}

void weft__post_drop(struct weft__runtime *rt)
{
    struct post_cell post;
    while (post_take(&post)) {
        weft__runtime_external_end(rt);
    }
}
