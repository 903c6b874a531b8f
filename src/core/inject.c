/* inject.c - the shared run queue; see inject.h.
 *
 * Producers push without waiting (lockfree/mpsc.h).  The consumer's side is guarded by a lock
 * that is only tried: a worker that finds it taken knows that somebody else is looking.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/inject.h"

#include "core/idle.h"
#include "core/runtime.h"
#include "core/worker.h"

#define INJECT_BATCH_MAX 128

void weft__inject_init(struct weft__inject *inject)
{
    mpsc_init(&inject->queue);
    lock_init(&inject->consumer, WEFT_RANK_INJECT);
}

void weft__inject_push(struct weft__runtime *rt, struct weft__runnable *item)
{
    mpsc_push(&rt->inject.queue, &item->node);
}

void weft__inject_from(struct weft__thread *self, struct weft__runtime *rt,
                       struct weft__runnable *item)
{
    bool is_pinned = !self->runtime && weft__runtime_pin() != NULL;
    weft__inject_push(rt, item);
    weft__idle_wake(rt);
    if (is_pinned) {
        weft__runtime_unpin();
    }
}

static struct weft__runnable *inject_pop(struct weft__inject *inject)
{
    struct weft__mpsc_node *node = mpsc_pop(&inject->queue);
    return node ? container_of(node, struct weft__runnable, node) : NULL;
}

struct weft__runnable *weft__inject_take(struct weft__worker *w)
{
    struct weft__inject *inject = &w->runtime->inject;
    struct weft__runnable *items[INJECT_BATCH_MAX];
    size_t share = DEQUE_CAPACITY / 2 / w->runtime->worker_count + 1;
    size_t max = weft__min((size_t)INJECT_BATCH_MAX, share);
    size_t n = 0;
    if (!lock_try(&inject->consumer)) {
        return NULL;
    }
    while (n < max && (items[n] = inject_pop(inject)) != NULL) {
        n++;
    }
    lock_drop(&inject->consumer);
    for (size_t i = 1; i < n; i++) {
        weft__worker_push(w, items[i]);
    }
    return n ? items[0] : NULL;
}

bool weft__inject_is_empty(struct weft__runtime *rt)
{
    lock_take(&rt->inject.consumer);
    bool is_empty = mpsc_is_empty(&rt->inject.queue);
    lock_drop(&rt->inject.consumer);
    return is_empty;
}
