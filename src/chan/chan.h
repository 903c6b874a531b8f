/* chan.h - what the files of this room share of a channel; the contract is weft/chan.h.
 *
 * A channel is one allocation: this header and the places for values behind it.  Who waits on it
 * stands in its two queues with a node that lies on his own stack.
 *
 * The first cache line holds all that an operation changes, the lock with it, so that between two
 * workers one line travels; the second what never changes (but for `limit`), which both may keep;
 * the third what only the rare paths touch.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHAN_CHAN_H
#define WEFT_CHAN_CHAN_H

#include "base/panic.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "weft/chan.h"

#define WEFT_CHAN_MAGIC UINT32_C(0x6e616863)

struct weft_bcast;

struct weft_chan {
    struct weft__lock lock;  /* guards all that changes below, and the nodes in the queues */
    uint64_t put, taken;     /* values laid into it and taken out, ever: what lies there between */
    struct weft__waitq senders, receivers;
    uint32_t len_max;        /* for the counts */
    bool is_closed;

    WEFT_ALIGNED(WEFT_CACHE_LINE) uint32_t magic;
    uint32_t element_size;
    size_t limit;            /* up to this length a send needs no thought; 0 when closed */
    size_t mask;             /* of a ring: places - 1, a power of two less one */
    size_t capacity;
    uint8_t order;           /* enum weft_chan_order */
    bool is_plain;           /* a receive from the ring needs no thought */
    bool drops_oldest;
    uint8_t priority_size;
    uint32_t priority_offset;
    bool largest_first;

    WEFT_ALIGNED(WEFT_CACHE_LINE) uint64_t handed; /* from hand to hand */
    uint64_t send_waits, recv_waits;
    uint64_t dropped;        /* ever */
    uint64_t lost;           /* and of those, not told yet */
    uint32_t refs;
    uint32_t sharers;        /* senders that are counted: weft_chan_sender */
    struct weft_bcast *source; /* whose subscription it is; NULL: a channel of its own */
    struct weft__list in_source;
    _Alignas(16) unsigned char places[];
};

/* A place in one of the queues: of a send, of a receive, or of one arm of a select. */
struct weft__chan_node {
    struct weft__waiter waiter; /* first.  value: where the value lies, or is to be put */
    const void *site;           /* where the public call was made */
    int result;                 /* whoever ends the wait says it here: 0 or -WEFT_EPIPE */
};

/* What an operation leaves to do for after the lock is dropped. */
struct weft__chan_after {
    struct weft__waiter *peer;      /* claimed, to be made ready; or NULL */
    struct weft_bcast *has_room;    /* whose senders wait for the slowest; or NULL */
};

/* Under the lock, never sleep: do it if it can be done now.  As the public calls, or -WEFT_EAGAIN
 * where one has to wait. */
int weft__chan_send_now(weft_chan *ch, const void *value, struct weft__chan_after *ret_after);
int weft__chan_recv_now(weft_chan *ch, void *ret_value, struct weft__chan_after *ret_after);

/* Never sleeps.  Under the lock: closes it, and claims all who wait: a chain of both sides, to be
 * made ready after dropping it. */
struct weft__waiter *weft__chan_shut(weft_chan *ch);

/* Never sleep.  Where the values of a channel lie that is no plain ring: order.c.  Under the lock;
 * there is room, or a value. */
size_t weft__order_bytes(const weft_chan *ch);
void weft__order_init(weft_chan *ch);
void weft__order_put(weft_chan *ch, const void *value);
void weft__order_take(weft_chan *ch, void *ret_value);
void weft__order_check(const weft_chan *ch);

/* Never sleep.  broadcast.c: a subscription that was full is so no longer, or is closed; one that
 * is to be freed leaves.  The caller is inside, and holds no lock. */
void weft__bcast_has_room(struct weft_bcast *source);
void weft__bcast_leave(struct weft_bcast *source, weft_chan *subscription);

/* Asserts what must hold, see chan.c; tests.  Takes the lock. */
void weft__chan_check(weft_chan *ch);

/* Is this a channel, and a place for one of its values?  Panics. */
static inline void weft__chan_expect(const weft_chan *ch, const void *place)
{
    WEFT_CHECK(ch != NULL);
    WEFT_CHECK(ch->magic == WEFT_CHAN_MAGIC);
    WEFT_CHECK(place != NULL || ch->element_size == 0);
}

/* The same, for a value to be sent. */
static inline void weft__chan_expect_send(const weft_chan *ch, const void *value)
{
    weft__chan_expect(ch, value);
    if (WEFT_UNLIKELY(ch->source != NULL)) {
        weft__panic("send to a subscription: weft_bcast_send sends to all of them");
    }
}

static inline void weft__chan_finish(const struct weft__chan_after *after)
{
    if (after->peer) { /* from now on its node is gone, and perhaps the channel */
        weft__ready(after->peer->task);
    }
    if (after->has_room) {
        weft__bcast_has_room(after->has_room);
    }
}

static inline size_t weft__chan_len(const weft_chan *ch)
{
    return (size_t)(ch->put - ch->taken);
}

/* The usual sizes are known to the compiler: a move or two instead of a call. */
static inline void weft__chan_copy(const weft_chan *ch, void *to, const void *from)
{
    size_t size = ch->element_size;
    if (WEFT_LIKELY(size == 8)) {
        memcpy(to, from, 8);
    } else if (size == 16) {
        memcpy(to, from, 16);
    } else if (size == 4) {
        memcpy(to, from, 4);
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

/* In a ring: where the value lies that was the nth ever to be put there. */
static inline void *weft__chan_place(weft_chan *ch, uint64_t nth)
{
    return ch->places + (nth & ch->mask) * ch->element_size;
}

static inline void weft__chan_ring_put(weft_chan *ch, const void *value)
{
    weft__chan_copy(ch, weft__chan_place(ch, ch->put), value);
    size_t len = (size_t)(++ch->put - ch->taken);
    if (WEFT_UNLIKELY(len > ch->len_max)) {
        ch->len_max = (uint32_t)weft__min(len, (size_t)UINT32_MAX);
    }
}

static inline void weft__chan_ring_take(weft_chan *ch, void *ret_value)
{
    weft__chan_copy(ch, ret_value, weft__chan_place(ch, ch->taken));
    ch->taken++;
}

#endif
