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
 * Send and receive are mirror images and stand one under the other, line for line alike.  Each
 * begins with what it nearly always is: an open ring with room or values, and nobody waiting.  That
 * is inline, and one comparison covers open, first in first out and room (`limit`); all else
 * is in a function of its own, so that the usual path saves no registers for it.
 *
 * Values are copied under the lock, also those of a megabyte: who sends such often sends pointers.
 * The places of a ring are a power of two, so up to half of the memory is not used; values ever put
 * and taken are what marks its ends, and are the counts of weft_chan_stats at no cost.
 *
 * Rejected: a word of state instead of lock and queues for rendezvous (two atomic operations fewer,
 * but no place for a select); a ring without a lock (a send must know that no receiver waits, a
 * select that none of several can happen: both need the lock, which alone on one worker is a plain
 * store); head and tail on lines of their own (they change hands under one lock, whose line
 * comes anyway).  Not worth it: to wake no second receiver while one is on its way (four senders
 * and four receivers on two workers were seen to wait 6 to 11 times in a thousand values); to leave
 * a contended lock alone for 4 to 32 pauses, so that the other side may do several values meanwhile
 * (no difference within the noise of a busy machine; two exchanges of 8.8 ns are the larger part of
 * a value's 30); a path of its own for rendezvous from the first branch on (9 instructions of 513).
 *
 * SPDX-License-Identifier: MIT
 */
#include "chan/chan.h"

#include "base/alloc.h"
#include "weft/err.h"

#define CHAN_INLINE inline __attribute__((always_inline))

static const struct weft__wait_kind chan_send_kind = {.what = "channel send"};
static const struct weft__wait_kind chan_recv_kind = {.what = "channel receive"};

/* ---- invariants, under the lock ----
 *
 *   1  taken <= put <= taken + capacity
 *   2  a live receiver waits: nothing lies in it, and the channel is open
 *   3  a live sender waits: it is full and drops nothing, and the channel is open
 *   4  live ones wait on both sides: they are one task, which selects over both
 *   5  the heap of a priority channel is one
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
    struct weft__thread *self = weft__enter();
    lock_take_object(&ch->lock);
    WEFT_CHECK(weft__chan_len(ch) <= ch->capacity);
    WEFT_CHECK(weft__chan_len(ch) <= ch->len_max);
    WEFT_CHECK(ch->limit == 0 || !ch->is_closed);
    weft__order_check(ch);
    const struct weft__waiter *receiver = chan_first_live(&ch->receivers);
    const struct weft__waiter *sender = chan_first_live(&ch->senders);
    if (receiver) {
        WEFT_CHECK(weft__chan_len(ch) == 0);
        WEFT_CHECK(!ch->is_closed);
    }
    if (sender) {
        WEFT_CHECK(weft__chan_len(ch) == ch->capacity);
        WEFT_CHECK(!ch->is_closed);
        WEFT_CHECK(!ch->drops_oldest);
    }
    if (receiver && sender) {
        WEFT_CHECK(receiver->task == sender->task);
    }
    lock_drop(&ch->lock);
    weft__leave(self);
}

/* ---- where values lie ---- */

static void chan_put(weft_chan *ch, const void *value)
{
    if (ch->order == WEFT_CHAN_FIFO) {
        weft__chan_ring_put(ch, value);
    } else {
        weft__order_put(ch, value);
    }
}

static void chan_take(weft_chan *ch, void *ret_value)
{
    if (ch->order == WEFT_CHAN_FIFO) {
        weft__chan_ring_take(ch, ret_value);
    } else {
        weft__order_take(ch, ret_value);
    }
}

static void chan_drop_oldest(weft_chan *ch)
{
    ch->taken++;
    ch->dropped++;
    ch->lost++;
}

/* How many values were lost before the one that is received now. */
static int chan_tell_lost(weft_chan *ch)
{
    uint64_t lost = ch->lost;
    if (lost == 0) {
        return 0;
    }
    ch->lost = 0;
    return lost < INT32_MAX ? (int)lost : INT32_MAX;
}

/* ---- waiting ---- */

/* The first who waits, claimed and out of the queue, or NULL. */
static struct weft__waiter *chan_claim(struct weft__waitq *q)
{
    return weft__waitq_is_empty(q) ? NULL : weft__waitq_claim(q);
}

/* Sleeps.  The lock is held on entry and dropped on return. */
static CHAN_INLINE int chan_wait(weft_chan *ch, struct weft__waitq *q, void *value,
                                 const struct weft__wait_kind *kind, struct weft__thread **self,
                                 const void *site)
{
    struct weft__chan_node node;
    weft__waiter_init_locked(&node.waiter, *self);
    node.waiter.value = value;
    node.site = site;
    node.result = 0;
    weft__waitq_push(q, &node.waiter);
    int rc = weft__park(self, &(struct weft__parking){.kind = kind,
                                                      .object = ch,
                                                      .site = site,
                                                      .lock = &ch->lock,
                                                      .ticket = node.waiter.ticket});
    if (rc < 0) {
        lock_take_object(&ch->lock);
        weft__waitq_remove(q, &node.waiter);
        lock_drop(&ch->lock);
        return rc;
    }
    return node.result;
}

/* ---- new ---- */

static bool chan_options_are_valid(const weft_chan_options *o)
{
    if (o->element_size > WEFT_CHAN_ELEMENT_MAX ||
        (o->element_size > 0 && o->capacity > WEFT_CHAN_BYTES_MAX / o->element_size)) {
        return false;
    }
    if ((unsigned)o->order > WEFT_CHAN_PRIORITY ||
        (o->capacity == 0 && (o->order != WEFT_CHAN_FIFO || o->drops_oldest)) ||
        (o->drops_oldest && o->order != WEFT_CHAN_FIFO)) {
        return false;
    }
    return o->order != WEFT_CHAN_PRIORITY ||
           ((o->priority_size == 4 || o->priority_size == 8) &&
            o->priority_size <= o->element_size &&
            o->priority_offset <= o->element_size - o->priority_size);
}

/* Places of a ring: the least power of two that is enough. */
static size_t chan_places(size_t capacity)
{
    return capacity < 2 ? capacity : (size_t)1 << (64 - __builtin_clzll(capacity - 1));
}

static size_t chan_bytes(const weft_chan *ch)
{
    if (ch->element_size == 0 || ch->order != WEFT_CHAN_FIFO) {
        return weft__order_bytes(ch);
    }
    return chan_places(ch->capacity) * ch->element_size;
}

weft_chan *weft_chan_new_with(const weft_chan_options *options)
{
    WEFT_CHECK(options != NULL);
    if (!chan_options_are_valid(options)) {
        return NULL;
    }
    bool is_ring = options->order == WEFT_CHAN_FIFO, has_size = options->element_size > 0;
    bool is_plain = is_ring && !options->drops_oldest;
    const weft_chan model = {
        .limit = is_plain ? options->capacity : 0,
        .mask = is_ring && has_size && options->capacity > 0 ? chan_places(options->capacity) - 1
                                                             : 0,
        .magic = WEFT_CHAN_MAGIC,
        .element_size = (uint32_t)options->element_size,
        .capacity = options->capacity,
        .order = (uint8_t)options->order,
        .is_plain = is_plain,
        .drops_oldest = options->drops_oldest,
        .priority_size = (uint8_t)options->priority_size,
        .priority_offset = (uint32_t)options->priority_offset,
        .largest_first = options->largest_first,
        .refs = 1,
    };
    weft_chan *ch = weft__alloc_aligned(WEFT_CACHE_LINE, sizeof *ch + chan_bytes(&model));
    if (!ch) {
        return NULL;
    }
    *ch = model;
    lock_init(&ch->lock, WEFT_RANK_CHAN);
    list_init(&ch->in_source);
    weft__order_init(ch);
    return ch;
}

weft_chan *weft_chan_new(size_t element_size, size_t capacity)
{
    return weft_chan_new_with(
        &(weft_chan_options){.element_size = element_size, .capacity = capacity});
}

/* ---- send and receive ---- */

/* Inlined, like its mirror image, for the sake of rendezvous. */
static CHAN_INLINE int chan_send_here(weft_chan *ch, const void *value,
                                      struct weft__chan_after *ret_after)
{
    *ret_after = (struct weft__chan_after){NULL, NULL};
    if (ch->is_closed) {
        return -WEFT_EPIPE;
    }
    struct weft__waiter *receiver = chan_claim(&ch->receivers);
    if (receiver) {
        weft__chan_copy(ch, receiver->value, value);
        ch->handed++;
        ret_after->peer = receiver;
        return 0;
    }
    if (weft__chan_len(ch) == ch->capacity) {
        if (!ch->drops_oldest) {
            return -WEFT_EAGAIN;
        }
        chan_drop_oldest(ch);
    }
    chan_put(ch, value);
    return 0;
}

static CHAN_INLINE int chan_recv_here(weft_chan *ch, void *ret_value,
                                      struct weft__chan_after *ret_after)
{
    *ret_after = (struct weft__chan_after){NULL, NULL};
    size_t len = weft__chan_len(ch);
    if (len > 0) {
        chan_take(ch, ret_value);
    }
    if (len == ch->capacity) {
        ret_after->has_room = ch->source;
    }
    struct weft__waiter *sender = chan_claim(&ch->senders);
    ret_after->peer = sender;
    if (sender && len > 0) {
        chan_put(ch, sender->value); /* the newest of all goes behind the others */
    } else if (sender) {
        weft__chan_copy(ch, ret_value, sender->value);
        ch->handed++;
    }
    if (sender || len > 0) {
        return chan_tell_lost(ch);
    }
    return ch->is_closed ? -WEFT_EPIPE : -WEFT_EAGAIN;
}

int weft__chan_send_now(weft_chan *ch, const void *value, struct weft__chan_after *ret_after)
{
    return chan_send_here(ch, value, ret_after);
}

int weft__chan_recv_now(weft_chan *ch, void *ret_value, struct weft__chan_after *ret_after)
{
    return chan_recv_here(ch, ret_value, ret_after);
}

/* The usual send, done. */
static inline bool chan_send_plainly(weft_chan *ch, const void *value)
{
    if (weft__chan_len(ch) >= ch->limit || !weft__waitq_is_empty(&ch->receivers)) {
        return false;
    }
    weft__chan_ring_put(ch, value);
    return true;
}

static inline bool chan_recv_plainly(weft_chan *ch, void *ret_value)
{
    if (weft__chan_len(ch) == 0 || !ch->is_plain || !weft__waitq_is_empty(&ch->senders)) {
        return false;
    }
    weft__chan_ring_take(ch, ret_value);
    return true;
}

/* The lock is held on entry, and dropped; the caller is inside, and leaves. */
static WEFT_NOINLINE int chan_send_slowly(weft_chan *ch, const void *value,
                                          struct weft__thread *self, const void *site)
{
    struct weft__chan_after after;
    weft__chan_expect_send(ch, value);
    int rc = chan_send_here(ch, value, &after);
    if (rc == -WEFT_EAGAIN) {
        ch->send_waits++;
        rc = chan_wait(ch, &ch->senders, (void *)(uintptr_t)value, &chan_send_kind, &self, site);
    } else {
        lock_drop(&ch->lock);
        weft__chan_finish(&after);
    }
    weft__leave(self);
    return rc;
}

static WEFT_NOINLINE int chan_recv_slowly(weft_chan *ch, void *ret_value,
                                          struct weft__thread *self, const void *site)
{
    struct weft__chan_after after;
    int rc = chan_recv_here(ch, ret_value, &after);
    if (rc == -WEFT_EAGAIN) {
        ch->recv_waits++;
        rc = chan_wait(ch, &ch->receivers, ret_value, &chan_recv_kind, &self, site);
    } else {
        lock_drop(&ch->lock);
        weft__chan_finish(&after);
    }
    weft__leave(self);
    return rc;
}

int weft_chan_send(weft_chan *ch, const void *value)
{
    weft__chan_expect(ch, value);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_SEND, ch, __builtin_return_address(0));
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    lock_take_object(&ch->lock);
    if (!chan_send_plainly(ch, value)) {
        return chan_send_slowly(ch, value, self, __builtin_return_address(0));
    }
    lock_drop(&ch->lock);
    weft__leave(self);
    return 0;
}

int weft_chan_recv(weft_chan *ch, void *ret_value)
{
    weft__chan_expect(ch, ret_value);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_RECV, ch, __builtin_return_address(0));
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    lock_take_object(&ch->lock);
    if (!chan_recv_plainly(ch, ret_value)) {
        return chan_recv_slowly(ch, ret_value, self, __builtin_return_address(0));
    }
    lock_drop(&ch->lock);
    weft__leave(self);
    return 0;
}

int weft_chan_try_send(weft_chan *ch, const void *value)
{
    weft__chan_expect_send(ch, value);
    weft__control_point(WEFT__DEED_TRY_SEND, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    struct weft__chan_after after;
    lock_take_object(&ch->lock);
    int rc = weft__chan_send_now(ch, value, &after);
    lock_drop(&ch->lock);
    weft__chan_finish(&after);
    weft__leave(self);
    return weft__control_result(rc);
}

int weft_chan_try_recv(weft_chan *ch, void *ret_value)
{
    weft__chan_expect(ch, ret_value);
    weft__control_point(WEFT__DEED_TRY_RECV, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    struct weft__chan_after after;
    lock_take_object(&ch->lock);
    int rc = weft__chan_recv_now(ch, ret_value, &after);
    lock_drop(&ch->lock);
    weft__chan_finish(&after);
    weft__leave(self);
    return weft__control_result(rc);
}

/* ---- close ---- */

/* Claims all who wait in q, in front of those in the chain; they will find that the channel is
 * closed. */
static struct weft__waiter *chan_refuse_all(struct weft__waitq *q, struct weft__waiter *chain)
{
    struct weft__waiter *first = weft__waitq_claim_all(q), *last = NULL;
    for (struct weft__waiter *at = first; at; last = at, at = at->next) {
        container_of(at, struct weft__chan_node, waiter)->result = -WEFT_EPIPE;
    }
    if (last) {
        last->next = chain;
    }
    return first ? first : chain;
}

struct weft__waiter *weft__chan_shut(weft_chan *ch)
{
    ch->is_closed = true;
    ch->limit = 0;
    struct weft__waiter *receivers = chan_refuse_all(&ch->receivers, NULL);
    return chan_refuse_all(&ch->senders, receivers);
}

void weft_chan_close(weft_chan *ch)
{
    if (!ch) {
        return;
    }
    weft__chan_expect(ch, ch);
    weft__control_point(WEFT__DEED_CLOSE, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    struct weft_bcast *source = ch->source;
    lock_take_object(&ch->lock);
    struct weft__waiter *chain = weft__chan_shut(ch);
    lock_drop(&ch->lock);
    weft__waitq_ready_chain(chain);
    if (source) {
        weft__bcast_has_room(source); /* the slowest may be out of the way */
    }
    weft__leave(self);
}

/* ---- references ---- */

weft_chan *weft_chan_ref(weft_chan *ch)
{
    weft__chan_expect(ch, ch);
    struct weft__thread *self = weft__enter();
    lock_take_object(&ch->lock);
    WEFT_CHECK(ch->refs > 0 && ch->refs < UINT32_MAX);
    ch->refs++;
    lock_drop(&ch->lock);
    weft__leave(self);
    return ch;
}

/* Who waits must have a reference too. */
static void chan_expect_used(const weft_chan *ch, const void *site)
{
    WEFT_CHECK(ch->refs > 0);
    struct weft__waiter *waiter = ch->senders.head ? ch->senders.head : ch->receivers.head;
    if (ch->refs == 1 && waiter) {
        weft__panic_sites("channel freed while a task waits on it", "freed at", site, "waits at",
                          container_of(waiter, struct weft__chan_node, waiter)->site);
    }
}

/* The lock is held on entry and dropped.  The caller is inside. */
static void chan_unref(weft_chan *ch, const void *site)
{
    chan_expect_used(ch, site);
    bool is_last = --ch->refs == 0;
    if (is_last) {
        ch->magic = 0;
    }
    lock_drop(&ch->lock); /* if not the last, it may be gone from here on */
    if (!is_last) {
        return;
    }
    if (ch->source) {
        weft__bcast_leave(ch->source, ch);
    }
    weft__free(ch);
}

void weft_chan_free(weft_chan *ch)
{
    if (!ch) {
        return;
    }
    weft__chan_expect(ch, ch);
    if (ch->source) { /* those who wait for the slowest notice */
        weft__control_point(WEFT__DEED_CLOSE, ch, __builtin_return_address(0));
    }
    struct weft__thread *self = weft__enter();
    lock_take_object(&ch->lock);
    chan_unref(ch, __builtin_return_address(0));
    weft__leave(self);
}

weft_chan *weft_chan_sender(weft_chan *ch)
{
    weft__chan_expect_send(ch, ch);
    weft__control_point(WEFT__DEED_SENDER, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&ch->lock);
    WEFT_CHECK(ch->refs > 0 && ch->refs < UINT32_MAX);
    ch->refs++;
    ch->sharers++;
    lock_drop(&ch->lock);
    weft__leave(self);
    return ch;
}

void weft_chan_sender_done(weft_chan *ch)
{
    weft__chan_expect(ch, ch);
    weft__control_point(WEFT__DEED_SENDER_DONE, ch, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&ch->lock);
    if (ch->sharers == 0) {
        weft__panic_sites("more senders of a channel are done than were counted", "done at",
                          __builtin_return_address(0), NULL, NULL);
    }
    chan_expect_used(ch, __builtin_return_address(0));
    struct weft__waiter *chain = --ch->sharers == 0 ? weft__chan_shut(ch) : NULL;
    chan_unref(ch, __builtin_return_address(0));
    weft__waitq_ready_chain(chain);
    weft__leave(self);
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
    lock_take_object(&looked->lock);
    size_t len = weft__chan_len(looked);
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
    lock_take_object(&looked->lock);
    bool is_closed = looked->is_closed;
    lock_drop(&looked->lock);
    weft__leave(self);
    return weft__control_seen(is_closed);
}

void weft_chan_stats(const weft_chan *ch, weft_chan_counts *ret_counts)
{
    weft_chan *looked = chan_look(ch);
    WEFT_CHECK(ret_counts != NULL);
    struct weft__thread *self = weft__enter();
    lock_take_object(&looked->lock);
    *ret_counts = (weft_chan_counts){.sends = looked->put + looked->handed,
                                     .receives = looked->taken + looked->handed - looked->dropped,
                                     .send_waits = looked->send_waits,
                                     .recv_waits = looked->recv_waits,
                                     .len_max = looked->len_max,
                                     .lost = looked->dropped};
    lock_drop(&looked->lock);
    weft__leave(self);
}
