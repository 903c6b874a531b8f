/* mpsc.h - many push, one pops: an intrusive queue without a bound of its own.
 *
 * Called by whoever collects news from other threads: the inject queue, mailboxes, remote cancels.
 * The node is part of the item, so pushing allocates nothing and cannot fail; the bound is that of
 * the items.  Vyukov's queue: a singly linked list with a stub node that keeps it from ever being
 * without a node.
 *
 *   struct item { struct weft__mpsc_node node; ... };
 *   mpsc_init(&q);
 *   any thread:    if (mpsc_push(&q, &item->node))   wake the consumer
 *   the consumer:  while ((node = mpsc_pop(&q)) != NULL)   container_of(node, struct item, node)
 *
 *      head                                  tail
 *       v                                     v
 *      [a] -> [b] -> [c]     [d] -> ... -> [e]        c was the tail when d came: its producer has
 *                        ^^^                          exchanged the tail and not yet linked c -> d
 *
 * A push is wait-free: one exchange makes the node the tail, one store links it to the node before.
 * Between the two the list has a gap.  The consumer stops at a gap: mpsc_pop returns NULL, yet
 * mpsc_is_empty says false, and the consumer may choose to look again (the producer is two
 * instructions from closing the gap, unless its thread lost the CPU) or to do something else first.
 * A producer that stops in its gap delays what comes behind it, and never another producer.
 *
 * M1  head is the consumer's; tail is the last node that any push exchanged in.
 * M2  when the queue is empty, tail is the stub.  So a push that finds the stub says "was empty",
 *     and one that finds the queue empty never fails to say so.
 * M3  a node belongs to the queue from the push until mpsc_pop returns it; after that nobody here
 *     touches it: its next was read non-NULL, so the push that wrote it is over.
 *
 * Orders, each shown necessary by mpsc_model.c:
 *   tail   acq_rel in push    release: whoever comes next links into our node, and must do it after
 *                             we set its next to NULL; acquire: we are the one who comes next
 *   next   release in push, acquire in pop    the consumer sees what the item holds
 *
 * The consumer may change its thread, if old and new one synchronise outside.
 *
 * Rejected: a stack turned round by the consumer (one compare-and-swap loop a push, and the order
 * between producers is lost at each turn); a lock (a producer that loses the CPU stops all).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_LOCKFREE_MPSC_H
#define WEFT_LOCKFREE_MPSC_H

#include "base/atomic.h"
#include "base/base.h"

struct weft__mpsc_node {
    ATOMIC(struct weft__mpsc_node *) next;
};

struct weft__mpsc {
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(struct weft__mpsc_node *) tail; /* producers */
    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__mpsc_node *head;          /* the consumer */
    struct weft__mpsc_node stub;
};

/* Nobody else may know q yet. */
static inline void mpsc_init(struct weft__mpsc *q)
{
    a_store(&q->stub.next, NULL, relaxed);
    a_store(&q->tail, &q->stub, relaxed);
    q->head = &q->stub;
}

/* Makes b follow a in a chain for mpsc_push_chain.  The nodes are still the caller's. */
static inline void mpsc_link(struct weft__mpsc_node *a, struct weft__mpsc_node *b)
{
    a_store(&a->next, b, relaxed);
}

/* Any thread.  Pushes the nodes first .. last, linked by mpsc_link, as one: nothing comes between
 * them.  Returns true if the queue was empty, or all but emptied: the consumer, if it sleeps, must
 * be woken.  False means that another push has not been consumed yet, and that it said true. */
static inline bool mpsc_push_chain(struct weft__mpsc *q, struct weft__mpsc_node *first,
                                   struct weft__mpsc_node *last)
{
    struct weft__mpsc_node *prev;

    a_store(&last->next, NULL, relaxed);
    /* acq_rel pairs with itself in the push before and the push behind: the NULL of prev->next is
     * older than the link that the next line stores over it */
    prev = a_xchg(&q->tail, last, acq_rel);
    WEFT_CHECK(prev != last);
    /* release pairs with the acquire loads of next in mpsc_pop */
    a_store(&prev->next, first, release);
    return prev == &q->stub;
}

/* Any thread, signal handlers too.  As mpsc_push_chain, with one node. */
static inline bool mpsc_push(struct weft__mpsc *q, struct weft__mpsc_node *node)
{
    return mpsc_push_chain(q, node, node);
}

/* Consumer only.  True if all that was pushed has been popped; false if something is there or is
 * just coming, also when mpsc_pop cannot reach it yet. */
static inline bool mpsc_is_empty(struct weft__mpsc *q)
{
    return q->head == &q->stub && a_load(&q->tail, relaxed) == &q->stub;
}

/* Consumer only.  The oldest node, or NULL: empty, or a producer has not closed its gap (then
 * mpsc_is_empty says false). */
static inline struct weft__mpsc_node *mpsc_pop(struct weft__mpsc *q)
{
    struct weft__mpsc_node *head = q->head;
    /* acquire pairs with the release in mpsc_push_chain, here and at the stub */
    struct weft__mpsc_node *next = a_load(&head->next, acquire);

    if (head == &q->stub) { /* step over the stub */
        if (next == NULL)
            return NULL;
        q->head = head = next;
        next = a_load(&head->next, acquire);
    }
    if (next == NULL) {
        /* The last node, or the last before a gap.  The last one may only leave with another node
         * behind it, so the stub comes back.  A stale tail does no harm: if it is not head we say
         * NULL, as a moment ago; if it is head we push the stub behind a producer, and find its
         * gap below. */
        if (a_load(&q->tail, relaxed) != head)
            return NULL;
        mpsc_push(q, &q->stub);
        /* relaxed: the exchange of this push has acquired from all pushes before it */
        next = a_load(&head->next, relaxed);
        if (next == NULL) /* a producer came before the stub and is in its gap */
            return NULL;
    }
    q->head = next;
    WEFT_CHECK(head != &q->stub);
    return head;
}

#endif
