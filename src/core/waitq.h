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

void weft__waitq_push(struct weft__waitq *q, struct weft__waiter *waiter);

/* No effect when it is not queued any more. */
void weft__waitq_remove(struct weft__waitq *q, struct weft__waiter *waiter);

/* Takes out the first waiter whose sleep could be claimed, NULL when there is none; waiters that
 * somebody else has claimed are taken out on the way.  The caller holds the lock, may copy to and
 * from waiter->value, and must call weft__ready(task) soon, after dropping the lock: until then
 * the node stays valid. */
struct weft__waiter *weft__waitq_claim(struct weft__waitq *q);

/* Claims all, and links their tasks through waiter->next.  Returns the first or NULL. */
struct weft__waiter *weft__waitq_claim_all(struct weft__waitq *q);

/* Makes ready a chain that claim_all gave. */
void weft__waitq_ready_chain(struct weft__waiter *first);

static inline bool weft__waitq_is_empty(const struct weft__waitq *q)
{
    return q->head == NULL;
}

#endif
