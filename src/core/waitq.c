/* waitq.c - queues of sleepers; see waitq.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/waitq.h"

#include "core/worker.h"

void weft__waiter_init(struct weft__waiter *waiter, struct weft__thread *self)
{
    waiter->next = waiter->prev = NULL;
    waiter->task = self->task;
    waiter->index = 0;
    waiter->queued = false;
    waiter->value = NULL;
    waiter->ticket = weft__park_arm(self->task);
}

void weft__waitq_remove(struct weft__waitq *q, struct weft__waiter *waiter)
{
    if (!waiter->queued) {
        return;
    }
    if (waiter->prev) {
        waiter->prev->next = waiter->next;
    } else {
        WEFT_CHECK(q->head == waiter);
        q->head = waiter->next;
    }
    if (waiter->next) {
        waiter->next->prev = waiter->prev;
    } else {
        WEFT_CHECK(q->tail == waiter);
        q->tail = waiter->prev;
    }
    waiter->next = waiter->prev = NULL;
    waiter->queued = false;
}

struct weft__waiter *weft__waitq_claim_other(struct weft__waitq *q, struct weft__waiter *first)
{
    for (;;) {
        enum weft__claim claim = weft__claim(first->task, first->ticket, first->index);
        if (claim == WEFT__CLAIM_MUST_READY) {
            return first;
        }
        WEFT_CHECK(claim == WEFT__CLAIM_LOST); /* under the lock nobody is merely armed */
        if ((first = q->head) == NULL) {
            return NULL;
        }
        weft__waitq_remove(q, first);
    }
}

struct weft__waiter *weft__waitq_claim_all(struct weft__waitq *q)
{
    struct weft__waiter *first = NULL, *last = NULL, *waiter;
    while ((waiter = weft__waitq_claim(q)) != NULL) {
        if (last) {
            last->next = waiter;
        } else {
            first = waiter;
        }
        last = waiter;
    }
    return first;
}

void weft__waitq_ready_chain(struct weft__waiter *first)
{
    while (first) {
        struct weft__waiter *next = first->next; /* once ready, its frame may be gone */
        weft__ready(first->task);
        first = next;
    }
}
