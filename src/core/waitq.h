/* waitq.h - a queue of sleepers, first come first served, under the owner's lock.
 *
 * All-zero is an empty one.  Nodes lie on the sleepers' stacks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_WAITQ_H
#define WEFT_CORE_WAITQ_H

#include "core/park.h"

struct weft__waitq {
    struct weft__waiter *head, *tail;
};

/* Arms the calling task and makes a node for it. */
void weft__waiter_init(struct weft__waiter *waiter, struct weft__thread *self);

/* Makes a node without arming; the parking gets the node's ticket.  See weft__park_ticket. */
static inline void weft__waiter_init_locked(struct weft__waiter *waiter,
                                            const struct weft__thread *self)
{
    waiter->task = self->task;
    waiter->ticket = weft__park_ticket(self->task);
    waiter->index = 0;
    waiter->queued = false;
    waiter->value = NULL;
}

static inline void weft__waitq_push(struct weft__waitq *q, struct weft__waiter *waiter)
{
    WEFT_CHECK(!waiter->queued);
    waiter->queued = true;
    waiter->next = NULL;
    waiter->prev = q->tail;
    if (q->tail) {
        q->tail->next = waiter;
    } else {
        q->head = waiter;
    }
    q->tail = waiter;
}

/* No effect when it is not queued any more. */
void weft__waitq_remove(struct weft__waitq *q, struct weft__waiter *waiter);

/* For the inline below: `first` is out of the queue, and could not be claimed at once. */
struct weft__waiter *weft__waitq_claim_other(struct weft__waitq *q, struct weft__waiter *first);

/* Takes out the first waiter whose sleep could be claimed, NULL when there is none; waiters that
 * somebody else has claimed are taken out on the way.  The caller holds the lock, may copy to and
 * from waiter->value, and must call weft__ready(task) soon, after dropping the lock: until then
 * the node stays valid. */
static inline struct weft__waiter *weft__waitq_claim(struct weft__waitq *q)
{
    struct weft__waiter *first = q->head;
    if (!first) {
        return NULL;
    }
    struct weft__waiter *next = first->next;
    q->head = next;
    if (next) {
        next->prev = NULL;
    } else {
        q->tail = NULL;
    }
    first->next = NULL;
    first->queued = false;
    /* under the lock nobody is merely armed: it is parked, or claimed by somebody else */
    return WEFT_LIKELY(weft__claim_parked(first)) ? first : weft__waitq_claim_other(q, first);
}

/* Claims all, and links their tasks through waiter->next.  Returns the first or NULL. */
struct weft__waiter *weft__waitq_claim_all(struct weft__waitq *q);

/* Makes ready a chain that claim_all gave. */
void weft__waitq_ready_chain(struct weft__waiter *first);

static inline bool weft__waitq_is_empty(const struct weft__waitq *q)
{
    return q->head == NULL;
}

#endif
