/* broadcast.c - one value to all who have subscribed.
 *
 * A subscription is a channel with a ring of its own, of the kind that drops the oldest value and
 * tells how many were lost; a send goes through the list of subscriptions and puts the value into
 * each.  So a slow subscriber costs nobody else anything, receiving touches only one's own lock,
 * and receive, select, close, cancel and counts are those of every channel.
 *
 * A broadcast that `waits` has subscriptions which drop nothing.  Its send looks at all of them
 * first: nobody else puts anything into them, so under our lock room can only grow, and the send
 * goes to all or to none.  Where one is full the sender queues here, under our lock.  Whoever takes
 * a value out of a full subscription, closes or frees it, has dropped that channel's lock when it
 * takes ours to wake the first sender: so either the sender saw the room, or the receiver sees the
 * sender.  A woken one that has sent wakes the next, as the room may be for more than one.
 *
 * A subscription keeps its source in memory (refs), not open.
 *
 * Locks: ours, then each channel's, one at a time.
 *
 * Rejected: one ring for all with a place of each reader in it (tokio's; one copy instead of one a
 * subscriber, but all receivers share a lock, and a select would need a second kind of arm, or a
 * channel beside each reader just to notify it); calling weft_chan_send for each (a cancel in the
 * middle, and some have the value and some not).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "chan/chan.h"
#include "weft/err.h"

#define BCAST_MAGIC UINT32_C(0x74736362)

struct weft_bcast {
    struct weft__lock lock; /* guards all that changes below */
    uint32_t magic;
    uint32_t refs;          /* the owner's, and one a subscription */
    bool is_closed;
    bool waits;
    size_t element_size, capacity;
    struct weft__list subscriptions; /* weft_chan.in_source */
    struct weft__waitq senders;      /* who wait for the slowest */
    uint64_t sends, send_waits, deliveries, subscribers, subscribers_max;
};

static const struct weft__wait_kind bcast_send_kind = {.what = "broadcast send"};

static void bcast_expect(const weft_bcast *b)
{
    WEFT_CHECK(b != NULL);
    WEFT_CHECK(b->magic == BCAST_MAGIC);
}

static weft_chan *bcast_subscription(struct weft__list *link)
{
    return container_of(link, struct weft_chan, in_source);
}

/* Puts a chain of claimed waiters at another's end. */
static void bcast_append(struct weft__waiter ***end, struct weft__waiter *chain)
{
    **end = chain;
    while (**end) {
        *end = &(**end)->next;
    }
}

static void bcast_append_one(struct weft__waiter ***end, struct weft__waiter *waiter)
{
    if (waiter) {
        waiter->next = NULL;
        bcast_append(end, waiter);
    }
}

/* The lock is held on entry, and dropped; the caller is inside. */
static void bcast_unref(weft_bcast *b)
{
    WEFT_CHECK(b->refs > 0);
    bool is_last = --b->refs == 0;
    if (is_last) {
        WEFT_CHECK(list_empty(&b->subscriptions));
        b->magic = 0;
    }
    lock_drop(&b->lock); /* if not the last, it may be gone from here on */
    if (is_last) {
        weft__free(b);
    }
}

/* ---- new, subscribe ---- */

weft_bcast *weft_bcast_new_with(const weft_bcast_options *options)
{
    WEFT_CHECK(options != NULL);
    if (options->element_size > WEFT_CHAN_ELEMENT_MAX || options->capacity == 0 ||
        (options->element_size > 0 &&
         options->capacity > WEFT_CHAN_BYTES_MAX / options->element_size)) {
        return NULL;
    }
    weft_bcast *b = weft__alloc_zero(sizeof *b);
    if (!b) {
        return NULL;
    }
    lock_init(&b->lock, WEFT_RANK_BCAST);
    list_init(&b->subscriptions);
    b->magic = BCAST_MAGIC;
    b->refs = 1;
    b->waits = options->waits;
    b->element_size = options->element_size;
    b->capacity = options->capacity;
    return b;
}

weft_bcast *weft_bcast_new(size_t element_size, size_t capacity)
{
    return weft_bcast_new_with(
        &(weft_bcast_options){.element_size = element_size, .capacity = capacity});
}

weft_chan *weft_bcast_subscribe(weft_bcast *b)
{
    bcast_expect(b);
    weft__control_point(WEFT__DEED_SUBSCRIBE, b, __builtin_return_address(0));
    weft_chan *ch = weft_chan_new_with(&(weft_chan_options){.element_size = b->element_size,
                                                            .capacity = b->capacity,
                                                            .drops_oldest = !b->waits});
    if (!ch) {
        return NULL;
    }
    ch->source = b;
    ch->limit = 0;
    ch->is_plain = false; /* a receive may have to tell the source */
    struct weft__thread *self = weft__enter();
    lock_take_object(&b->lock);
    ch->is_closed = b->is_closed;
    list_push_back(&b->subscriptions, &ch->in_source);
    b->refs++;
    b->subscribers++;
    b->subscribers_max = weft__max(b->subscribers_max, b->subscribers);
    lock_drop(&b->lock);
    weft__leave(self);
    return ch;
}

/* ---- for the subscriptions ---- */

void weft__bcast_has_room(weft_bcast *b)
{
    bcast_expect(b);
    if (!b->waits) {
        return;
    }
    lock_take_object(&b->lock);
    struct weft__waiter *sender = weft__waitq_claim(&b->senders);
    lock_drop(&b->lock);
    if (sender) {
        weft__ready(sender->task);
    }
}

void weft__bcast_leave(weft_bcast *b, weft_chan *ch)
{
    bcast_expect(b);
    lock_take_object(&b->lock);
    WEFT_CHECK(b->subscribers > 0);
    list_remove(&ch->in_source);
    b->subscribers--;
    struct weft__waiter *sender = weft__waitq_claim(&b->senders);
    bcast_unref(b);
    if (sender) {
        weft__ready(sender->task);
    }
}

/* ---- send ---- */

/* Room in all that are open? */
static bool bcast_all_have_room(weft_bcast *b)
{
    bool has_room = true;
    LIST_FOR_EACH(&b->subscriptions, link) {
        weft_chan *ch = bcast_subscription(link);
        lock_take_object(&ch->lock);
        has_room = has_room && (ch->is_closed || weft__chan_len(ch) < ch->capacity);
        lock_drop(&ch->lock);
    }
    return has_room;
}

/* Under the lock.  To all or, -WEFT_EAGAIN or -WEFT_EPIPE, to none.  *end: where a chain of those
 * begins whom the caller must make ready. */
static int bcast_send_now(weft_bcast *b, const void *value, struct weft__waiter **end)
{
    int count = 0;
    *end = NULL;
    if (b->is_closed) {
        return -WEFT_EPIPE;
    }
    if (b->waits && !bcast_all_have_room(b)) {
        return -WEFT_EAGAIN;
    }
    LIST_FOR_EACH(&b->subscriptions, link) {
        weft_chan *ch = bcast_subscription(link);
        struct weft__chan_after after;
        weft__control_order(ch);
        lock_take_object(&ch->lock);
        int rc = weft__chan_send_now(ch, value, &after);
        lock_drop(&ch->lock);
        WEFT_CHECK(rc == 0 || rc == -WEFT_EPIPE);
        count += rc == 0;
        bcast_append_one(&end, after.peer);
    }
    b->sends++;
    b->deliveries += (uint64_t)count;
    bcast_append_one(&end, weft__waitq_claim(&b->senders));
    return count;
}

/* Sleeps.  The lock is held on entry and dropped on return. */
static int bcast_wait(weft_bcast *b, struct weft__thread **self, const void *site)
{
    struct weft__chan_node node;
    weft__waiter_init_locked(&node.waiter, *self);
    node.site = site;
    weft__waitq_push(&b->senders, &node.waiter);
    b->send_waits++;
    int rc = weft__park(self, &(struct weft__parking){.kind = &bcast_send_kind,
                                                      .object = b,
                                                      .site = site,
                                                      .lock = &b->lock,
                                                      .ticket = node.waiter.ticket});
    if (rc < 0) {
        lock_take_object(&b->lock);
        weft__waitq_remove(&b->senders, &node.waiter);
        lock_drop(&b->lock);
    }
    return rc;
}

static void bcast_expect_value(const weft_bcast *b, const void *value)
{
    bcast_expect(b);
    WEFT_CHECK(value != NULL || b->element_size == 0);
}

int weft_bcast_send(weft_bcast *b, const void *value)
{
    bcast_expect_value(b, value);
    const void *site = __builtin_return_address(0);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_SEND, b, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    struct weft__waiter *chain;
    int rc, waited = 0;
    do {
        lock_take_object(&b->lock);
        rc = bcast_send_now(b, value, &chain);
        if (rc == -WEFT_EAGAIN) {
            waited = bcast_wait(b, &self, site);
        } else {
            lock_drop(&b->lock);
        }
    } while (rc == -WEFT_EAGAIN && waited == 0);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
    return waited < 0 ? waited : rc;
}

int weft_bcast_try_send(weft_bcast *b, const void *value)
{
    bcast_expect_value(b, value);
    weft__control_point(WEFT__DEED_TRY_SEND, b, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    struct weft__waiter *chain;
    lock_take_object(&b->lock);
    int rc = bcast_send_now(b, value, &chain);
    lock_drop(&b->lock);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
    return weft__control_result(rc);
}

/* ---- close and free ---- */

/* Under the lock.  Whom the caller must make ready. */
static struct weft__waiter *bcast_shut(weft_bcast *b)
{
    struct weft__waiter *chain = NULL, **end = &chain;
    b->is_closed = true;
    LIST_FOR_EACH(&b->subscriptions, link) {
        weft_chan *ch = bcast_subscription(link);
        weft__control_order(ch);
        lock_take_object(&ch->lock);
        struct weft__waiter *receivers = weft__chan_shut(ch);
        lock_drop(&ch->lock);
        bcast_append(&end, receivers);
    }
    bcast_append(&end, weft__waitq_claim_all(&b->senders)); /* they look again */
    return chain;
}

void weft_bcast_close(weft_bcast *b)
{
    if (!b) {
        return;
    }
    bcast_expect(b);
    weft__control_point(WEFT__DEED_CLOSE, b, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&b->lock);
    struct weft__waiter *chain = bcast_shut(b);
    lock_drop(&b->lock);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

void weft_bcast_free(weft_bcast *b)
{
    if (!b) {
        return;
    }
    bcast_expect(b);
    weft__control_point(WEFT__DEED_CLOSE, b, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&b->lock);
    if (b->senders.head) {
        weft__panic_sites("broadcast freed while a task waits to send", "freed at",
                          __builtin_return_address(0), "waits at",
                          container_of(b->senders.head, struct weft__chan_node, waiter)->site);
    }
    struct weft__waiter *chain = bcast_shut(b);
    bcast_unref(b);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

/* ---- looking ---- */

void weft_bcast_stats(const weft_bcast *bcast, weft_bcast_counts *ret_counts)
{
    bcast_expect(bcast);
    WEFT_CHECK(ret_counts != NULL);
    weft_bcast *b = (weft_bcast *)(uintptr_t)bcast;
    struct weft__thread *self = weft__enter();
    lock_take_object(&b->lock);
    *ret_counts = (weft_bcast_counts){.sends = b->sends,
                                      .send_waits = b->send_waits,
                                      .deliveries = b->deliveries,
                                      .subscribers = b->subscribers,
                                      .subscribers_max = b->subscribers_max};
    lock_drop(&b->lock);
    weft__leave(self);
}
