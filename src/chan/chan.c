/* chan.c - values that change hands between tasks.
 *
 * A sender who meets a waiting receiver copies straight into the memory that the receiver named,
 * usually on its stack, and makes it ready: no detour through the ring, and on one worker no other
 * thread is woken.  A receiver who takes the oldest value out of a full ring moves the first
 * waiting sender's value into the place that became free, so that values stay in the order sent.
 *
 * Whoever must wait puts a node, that lies on its own stack, into a queue and parks; the channel's
 * lock is dropped for it when it is off its stack (core/park.h).  Who ends the wait, peer or
 * closer, claims it, copies, says the result in the node, drops the lock and only then makes the
 * sleeper ready.  A sleeper that a cancel woke takes the lock and its node out of the queue: until
 * then the node stands there claimed, and others skip it.
 *
 * Send and receive are mirror images and stand one under the other, line for line alike.
 *
 * Values are copied under the lock, also those of a megabyte: who sends such often sends pointers.
 * Rejected: a word of state instead of lock and queues for rendezvous (two atomic operations fewer,
 * but no place for a select); a ring without a lock for one sender and one receiver (a kind of its
 * own, later).
 *
 * SPDX-License-Identifier: MIT
 */
#include "chan/chan.h"

#include "base/alloc.h"
#include "base/panic.h"
#include "core/worker.h"
#include "weft/err.h"

static const struct weft__wait_kind chan_send_kind = {.what = "channel send"};
static const struct weft__wait_kind chan_recv_kind = {.what = "channel receive"};

/* ---- invariants, under the lock ----
 *
 *   1  len <= capacity, and head < capacity unless that is 0
 *   2  a live receiver waits: the ring is empty, and the channel is open
 *   3  a live sender waits: the ring is full, and the channel is open
 *   4  live ones wait on both sides: they are one task, which selects over both
 *
 * Live is who is parked and not claimed.  Those that a cancel, a timer or another arm has claimed
 * may stand in the queues beside them until they have taken themselves out. */

static bool chan_is_live(const struct weft__waiter *waiter)
{
    /* seen under the lock, with which it was parked; may be claimed a moment later */
    return a_load(&waiter->task->wait, acquire) == (waiter->ticket | WEFT__PARKED);
}

/* The first live one, all links looked at on the way. */
static const struct weft__waiter *chan_first_live(const struct weft__waitq *q)
{
    const struct weft__waiter *first = NULL, *before = NULL;
    for (const struct weft__waiter *at = q->head; at; before = at, at = at->next) {
        WEFT_CHECK(at->queued);
        WEFT_CHECK(at->prev == before);
        if (!first && chan_is_live(at)) {
            first = at;
        }
    }
    WEFT_CHECK(q->tail == before);
    return first;
}

void weft__chan_check(weft_chan *ch)
{
    weft__chan_expect(ch, ch);
    lock_take(&ch->lock);
    WEFT_CHECK(ch->len <= ch->capacity);
    WEFT_CHECK(ch->head < ch->capacity || ch->head == 0);
    const struct weft__waiter *receiver = chan_first_live(&ch->receivers);
    const struct weft__waiter *sender = chan_first_live(&ch->senders);
    if (receiver) {
        WEFT_CHECK(ch->len == 0);
        WEFT_CHECK(!ch->closed);
    }
    if (sender) {
        WEFT_CHECK(ch->len == ch->capacity);
        WEFT_CHECK(!ch->closed);
    }
    if (receiver && sender) {
        WEFT_CHECK(receiver->task == sender->task);
    }
    lock_drop(&ch->lock);
}

void weft__chan_expect(const weft_chan *ch, const void *place)
{
    WEFT_CHECK(ch != NULL);
    WEFT_CHECK(ch->magic == WEFT_CHAN_MAGIC);
    WEFT_CHECK(place != NULL || ch->element_size == 0);
}

/* ---- the ring ---- */

/* Where the i-th oldest value lies, or the next one will. */
static void *chan_slot(weft_chan *ch, size_t i)
{
    size_t index = ch->head + i;
    if (index >= ch->capacity) {
        index -= ch->capacity;
    }
    return ch->ring + index * ch->element_size;
}

static void chan_copy(const weft_chan *ch, void *to, const void *from)
{
    if (WEFT_LIKELY(ch->element_size == 8)) {
        memcpy(to, from, 8); /* a known size: one move instead of a call */
    } else if (ch->element_size > 0) {
        memcpy(to, from, ch->element_size);
    }
}

static void chan_ring_put(weft_chan *ch, const void *value)
{
    chan_copy(ch, chan_slot(ch, ch->len), value);
    ch->len++;
}

static void chan_ring_take(weft_chan *ch, void *ret_value)
{
    chan_copy(ch, ret_value, chan_slot(ch, 0));
    ch->len--;
    ch->head = ch->head + 1 == ch->capacity ? 0 : ch->head + 1;
}

/* ---- waiting ---- */

/* The first who waits, claimed and out of the queue, or NULL. */
static struct weft__waiter *chan_claim(struct weft__waitq *q)
{
    return weft__waitq_is_empty(q) ? NULL : weft__waitq_claim(q);
}

/* Sleeps.  The lock is held on entry and dropped on return. */
static int chan_wait(weft_chan *ch, struct weft__waitq *q, void *value,
                     const struct weft__wait_kind *kind, struct weft__thread **self,
                     const void *site)
{
    struct weft__chan_node node;
    weft__waiter_init(&node.waiter, *self);
    node.waiter.value = value;
    node.site = site;
    node.result = 0;
    weft__waitq_push(q, &node.waiter);
    int rc = weft__park(self, &(struct weft__parking){
                                  .kind = kind, .object = ch, .site = site, .lock = &ch->lock});
    if (rc < 0) {
        lock_take(&ch->lock);
        weft__waitq_remove(q, &node.waiter);
        lock_drop(&ch->lock);
        return rc;
    }
    return node.result;
}

/* After the lock is dropped: from now on the peer's node is gone, and perhaps the channel. */
static void chan_ready(struct weft__task *peer)
{
    if (peer) {
        weft__ready(peer);
    }
}

/* ---- new ---- */

weft_chan *weft_chan_new(size_t element_size, size_t capacity)
{
    if (element_size > WEFT_CHAN_ELEMENT_MAX ||
        (element_size > 0 && capacity > WEFT_CHAN_BYTES_MAX / element_size)) {
        return NULL;
    }
    weft_chan *ch = weft__alloc_aligned(WEFT_CACHE_LINE, sizeof *ch + element_size * capacity);
    if (!ch) {
        return NULL;
    }
    memset(ch, 0, sizeof *ch);
    lock_init(&ch->lock, WEFT_RANK_CHAN);
    ch->element_size = (uint32_t)element_size;
    ch->capacity = capacity;
    ch->magic = WEFT_CHAN_MAGIC;
    return ch;
}

/* ---- send and receive ---- */

int weft__chan_send_now(weft_chan *ch, const void *value, struct weft__task **ret_peer)
{
    *ret_peer = NULL;
    if (ch->closed) {
        return -WEFT_EPIPE;
    }
    struct weft__waiter *receiver = chan_claim(&ch->receivers);
    if (receiver) {
        chan_copy(ch, receiver->value, value);
        *ret_peer = receiver->task;
        return 0;
    }
    if (ch->len == ch->capacity) {
        return -WEFT_EAGAIN;
    }
    chan_ring_put(ch, value);
    return 0;
}

int weft__chan_recv_now(weft_chan *ch, void *ret_value, struct weft__task **ret_peer)
{
    *ret_peer = NULL;
    bool from_ring = ch->len > 0;
    if (from_ring) {
        chan_ring_take(ch, ret_value);
    }
    struct weft__waiter *sender = chan_claim(&ch->senders);
    if (sender && from_ring) {
        chan_ring_put(ch, sender->value); /* the newest of all goes behind the others */
    } else if (sender) {
        chan_copy(ch, ret_value, sender->value);
    }
    if (sender) {
        *ret_peer = sender->task;
    }
    if (from_ring || sender) {
        return 0;
    }
    return ch->closed ? -WEFT_EPIPE : -WEFT_EAGAIN;
}

int weft_chan_send(weft_chan *ch, const void *value)
{
    weft__chan_expect(ch, value);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_SEND, ch, __builtin_return_address(0));
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    struct weft__task *receiver;
    lock_take(&ch->lock);
    int rc = weft__chan_send_now(ch, value, &receiver);
    if (rc == -WEFT_EAGAIN) {
        rc = chan_wait(ch, &ch->senders, (void *)(uintptr_t)value, &chan_send_kind, &self,
                       __builtin_return_address(0));
    } else {
        lock_drop(&ch->lock);
        chan_ready(receiver);
    }
    weft__leave(self);
    return rc;
}

int weft_chan_recv(weft_chan *ch, void *ret_value)
{
    weft__chan_expect(ch, ret_value);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_RECV, ch, __builtin_return_address(0));
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    struct weft__task *sender;
    lock_take(&ch->lock);
    int rc = weft__chan_recv_now(ch, ret_value, &sender);
    if (rc == -WEFT_EAGAIN) {
        rc = chan_wait(ch, &ch->receivers, ret_value, &chan_recv_kind, &self,
                       __builtin_return_address(0));
    } else {
        lock_drop(&ch->lock);
        chan_ready(sender);
    }
    weft__leave(self);
    return rc;
}

int weft_chan_try_send(weft_chan *ch, const void *value)
{
    weft__chan_expect(ch, value);
    weft__control_point(WEFT__DEED_TRY_SEND, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    struct weft__task *receiver;
    lock_take(&ch->lock);
    int rc = weft__chan_send_now(ch, value, &receiver);
    lock_drop(&ch->lock);
    chan_ready(receiver);
    weft__leave(self);
    return weft__control_result(rc);
}

int weft_chan_try_recv(weft_chan *ch, void *ret_value)
{
    weft__chan_expect(ch, ret_value);
    weft__control_point(WEFT__DEED_TRY_RECV, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    struct weft__task *sender;
    lock_take(&ch->lock);
    int rc = weft__chan_recv_now(ch, ret_value, &sender);
    lock_drop(&ch->lock);
    chan_ready(sender);
    weft__leave(self);
    return weft__control_result(rc);
}

/* ---- close and free ---- */

/* Claims all who wait in q; they will find that the channel is closed. */
static struct weft__waiter *chan_refuse_all(struct weft__waitq *q)
{
    struct weft__waiter *first = weft__waitq_claim_all(q);
    for (struct weft__waiter *at = first; at; at = at->next) {
        container_of(at, struct weft__chan_node, waiter)->result = -WEFT_EPIPE;
    }
    return first;
}

void weft_chan_close(weft_chan *ch)
{
    if (!ch) {
        return;
    }
    weft__chan_expect(ch, ch);
    weft__control_point(WEFT__DEED_CLOSE, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take(&ch->lock);
    ch->closed = true;
    struct weft__waiter *senders = chan_refuse_all(&ch->senders);
    struct weft__waiter *receivers = chan_refuse_all(&ch->receivers);
    lock_drop(&ch->lock);
    weft__waitq_ready_chain(senders);
    weft__waitq_ready_chain(receivers);
    weft__leave(self);
}

void weft_chan_free(weft_chan *ch)
{
    if (!ch) {
        return;
    }
    weft__chan_expect(ch, ch);
    struct weft__thread *self = weft__enter();
    lock_take(&ch->lock);
    struct weft__waiter *waiter = ch->senders.head ? ch->senders.head : ch->receivers.head;
    if (waiter) {
        weft__panic_sites("channel freed while a task waits on it", "freed at",
                          __builtin_return_address(0), "waits at",
                          container_of(waiter, struct weft__chan_node, waiter)->site);
    }
    ch->magic = 0;
    lock_drop(&ch->lock);
    weft__leave(self);
    weft__free(ch);
}

/* ---- looking ---- */

/* The lock is all that a look changes. */
static weft_chan *chan_look(const weft_chan *ch)
{
    weft__chan_expect(ch, ch);
    return (weft_chan *)(uintptr_t)ch;
}

size_t weft_chan_len(const weft_chan *ch)
{
    weft_chan *looked = chan_look(ch);
    weft__control_point(WEFT__DEED_CHAN_LOOK, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take(&looked->lock);
    size_t len = looked->len;
    lock_drop(&looked->lock);
    weft__leave(self);
    return len;
}

size_t weft_chan_capacity(const weft_chan *ch)
{
    return chan_look(ch)->capacity;
}

bool weft_chan_is_closed(const weft_chan *ch)
{
    weft_chan *looked = chan_look(ch);
    weft__control_point(WEFT__DEED_CHAN_LOOK, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take(&looked->lock);
    bool closed = looked->closed;
    lock_drop(&looked->lock);
    weft__leave(self);
    return weft__control_seen(closed);
}
