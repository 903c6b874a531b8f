/* chan.h - channels, by which values change hands between tasks, select, and broadcast.
 *
 * A channel carries values of one size, copied in and out.  With capacity 0 a send and a receive
 * meet (rendezvous): the value goes straight from one side's memory to the other's.  With
 * capacity n, n values may lie in it; a send to a full one waits: that is the backpressure.
 *
 * Values sent by one task are received in the order sent.  Among waiting tasks: first come, first
 * served.  Any number of senders and receivers, tasks and plain OS threads mixed.
 *
 * From Hoare's CSP (1978) by way of Plan 9 and Go.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include "weft/api.h"

typedef struct weft_chan weft_chan;

#define WEFT_CHAN_ELEMENT_MAX (1u << 20)  /* bytes of one value */
#define WEFT_CHAN_BYTES_MAX   (1ull << 32) /* element size times capacity */

WEFT_BEGIN_DECLS

/* ---- making one ---- */

/* Which of the values that lie in a channel is received next. */
enum weft_chan_order {
    WEFT_CHAN_FIFO,    /* the oldest */
    WEFT_CHAN_LIFO,    /* the newest: a stack */
    WEFT_CHAN_PRIORITY /* that with the smallest priority, of equal ones the oldest */
};

/* All zeroes but the sizes is the usual channel. */
typedef struct weft_chan_options {
    size_t element_size;    /* 0 is allowed: only the passing counts */
    size_t capacity;
    enum weft_chan_order order;
    /* WEFT_CHAN_PRIORITY: the priority is a signed integer within each value; WEFT_CHAN_BY. */
    size_t priority_offset;
    size_t priority_size;   /* 4 or 8 bytes */
    bool largest_first;     /* the largest priority instead of the smallest */
    /* A send to a full one does not wait but drops the oldest value; the next receive tells how
     * many were lost.  For WEFT_CHAN_FIFO. */
    bool drops_oldest;
} weft_chan_options;

/* The fields that say by which member of `type` to order:
 * {.element_size = sizeof(struct job), .capacity = 64, WEFT_CHAN_BY(struct job, due)} */
#define WEFT_CHAN_BY(type, member)                                                                 \
    .order = WEFT_CHAN_PRIORITY, .priority_offset = offsetof(type, member),                        \
    .priority_size = sizeof(((type *)0)->member)

/* Never sleeps.  A channel of `capacity` values of element_size bytes each, first in, first out.
 * NULL when there is no memory, or a size is over its limit.  Freed by weft_chan_free. */
WEFT_API weft_chan *weft_chan_new(size_t element_size, size_t capacity);

/* Never sleeps.  The same, of another kind.  Send, receive, select, close and cancel are as for any
 * channel: a full one makes senders wait, and a value that waits outside has no place in the order
 * yet.  NULL also for options that no channel can have: a priority that is no int32_t or int64_t
 * within the value; an order, or dropping, without capacity.  Binary heap: O(log n) each way. */
WEFT_API weft_chan *weft_chan_new_with(const weft_chan_options *options);

/* ---- using it ---- */

/* Sleeps.  Puts *value into the channel, waiting for room or for a receiver.
 *
 * 0                 the value is in, or in the receiver's hands
 * -WEFT_EPIPE       the channel is closed; the value is still yours
 * -WEFT_ECANCELED   the scope was cancelled while waiting; the value is still yours
 */
WEFT_API WEFT_MUST_USE int weft_chan_send(weft_chan *ch, const void *value);

/* Sleeps.  Takes the next value out, waiting for one.
 *
 * 0                 *ret_value holds it
 * n > 0             the same, and n values before it were lost (at most INT_MAX is said): only from
 *                   a channel that drops the oldest, or a subscription
 * -WEFT_EPIPE       the channel is closed and empty
 * -WEFT_ECANCELED   the scope was cancelled while waiting; nothing was taken
 */
WEFT_API WEFT_MUST_USE int weft_chan_recv(weft_chan *ch, void *ret_value);

/* Never sleep.  As send and receive, or -WEFT_EAGAIN where those would have to wait. */
WEFT_API WEFT_MUST_USE int weft_chan_try_send(weft_chan *ch, const void *value);
WEFT_API WEFT_MUST_USE int weft_chan_try_recv(weft_chan *ch, void *ret_value);

/* Never sleeps.  No more sends: those waiting and to come return -WEFT_EPIPE; receivers get what is
 * in it and then -WEFT_EPIPE.  A second close does nothing. */
WEFT_API void weft_chan_close(weft_chan *ch);

/* ---- sharing it ---- */

/* Never sleeps.  One more reference, for another task to give back by weft_chan_free.  Returns ch.
 * Only who has a reference may use the channel. */
WEFT_API weft_chan *weft_chan_ref(weft_chan *ch);

/* Never sleeps.  Gives the caller's reference back; the last frees the channel, and the values left
 * in it.  Panics when it is the last and a task waits on it.  NULL: none. */
WEFT_API void weft_chan_free(weft_chan *ch);

/* Never sleep.  For channels that close when the last sender has gone.
 *
 * weft_chan_sender counts one more, and takes a reference for it; it returns ch.  A sender that
 * will send no more calls weft_chan_sender_done: this gives the reference back, and the last one
 * closes the channel.  Panics when more are done than were counted.
 *
 * Count all senders before the first of them starts, or count yourself until you have started all:
 * else those that are counted may all be gone before the next is. */
WEFT_API weft_chan *weft_chan_sender(weft_chan *ch);
WEFT_API void weft_chan_sender_done(weft_chan *ch);

/* ---- looking at it ---- */

/* Never sleep.  Values lying in it now; how many it can hold; is it closed? */
WEFT_API size_t weft_chan_len(const weft_chan *ch);
WEFT_API size_t weft_chan_capacity(const weft_chan *ch);
WEFT_API bool weft_chan_is_closed(const weft_chan *ch);

/* What has happened so far. */
typedef struct weft_chan_counts {
    uint64_t sends, receives;       /* that succeeded */
    uint64_t send_waits, recv_waits; /* sends, receives, arms of selects that had to wait */
    uint64_t len_max;               /* values that lay in it at once */
    uint64_t lost;                  /* values dropped for newer ones */
} weft_chan_counts;

/* Never sleeps.  The counts of one moment. */
WEFT_API void weft_chan_stats(const weft_chan *ch, weft_chan_counts *ret_counts);

/* ---- select ---- */

/* One of the things that a select can do.  Made by WEFT_SEND and WEFT_RECV. */
typedef struct weft_arm {
    weft_chan *ch;         /* NULL: this arm never happens */
    void *ret_value;       /* where a receive puts its value */
    const void *value;     /* what a send sends */
    int result;            /* of the arm that happened: what its call would have returned */
    int op;                /* 1: send, 2: receive */
    uint64_t opaque[10];
} weft_arm;

#define WEFT_SEND(ch, value)     {(ch), NULL, (value), 0, 1, {0}}
#define WEFT_RECV(ch, ret_value) {(ch), (ret_value), NULL, 0, 2, {0}}

#define WEFT_SELECT_ARMS_MAX 1024

/* Sleeps.  Waits until one of the n arms can happen, and does that one alone; where several can,
 * one of them by chance, all with the same chance.  On a closed channel an arm can happen: its
 * result is -WEFT_EPIPE.
 *
 * timeout_ns: -1 waits for ever; 0 never sleeps; else how long to wait at the most.
 *
 * i >= 0            arm i happened, or is closed: see arms[i].result
 * -WEFT_EAGAIN      timeout_ns is 0 and no arm can happen
 * -WEFT_ETIMEDOUT   none happened in timeout_ns
 * -WEFT_ECANCELED   the scope was cancelled while waiting; none happened
 * -WEFT_EINVAL      n over WEFT_SELECT_ARMS_MAX, or timeout_ns < -1
 */
WEFT_API WEFT_MUST_USE int weft_select(weft_arm *arms, size_t n, int64_t timeout_ns);

/* ---- broadcast ---- */

/* Every subscriber receives every value that is sent after it subscribed, all in the same order.
 *
 * A subscription is a channel like any other, from which one receives, selects, and which one
 * frees; only sending to it is a mistake, and panics.  A subscriber that falls `capacity` values
 * behind loses the oldest, and its next receive returns how many; or else, if the broadcast
 * `waits`, the senders wait for the slowest. */
typedef struct weft_bcast weft_bcast;

typedef struct weft_bcast_options {
    size_t element_size;
    size_t capacity; /* of each subscription, 1 at least */
    bool waits;      /* for the slowest subscriber, instead of dropping its oldest value */
} weft_bcast_options;

/* Never sleep.  NULL when there is no memory, or a size is 0 that may not be, or over its limit.
 * Freed by weft_bcast_free. */
WEFT_API weft_bcast *weft_bcast_new(size_t element_size, size_t capacity);
WEFT_API weft_bcast *weft_bcast_new_with(const weft_bcast_options *options);

/* Never sleeps.  A new subscription; of a broadcast that is closed, one that is closed.  NULL when
 * there is no memory.  weft_chan_free ends it, weft_chan_close also: it gets no more. */
WEFT_API weft_chan *weft_bcast_subscribe(weft_bcast *bcast);

/* Sleeps.  Sends *value to all subscribers, or, if it returns a failure, to none.
 *
 * n >= 0            so many have it
 * -WEFT_EPIPE       the broadcast is closed
 * -WEFT_ECANCELED   the scope is cancelled
 */
WEFT_API WEFT_MUST_USE int weft_bcast_send(weft_bcast *bcast, const void *value);

/* Never sleeps.  The same, or -WEFT_EAGAIN where that would have to wait for the slowest. */
WEFT_API WEFT_MUST_USE int weft_bcast_try_send(weft_bcast *bcast, const void *value);

/* Never sleeps.  No more sends; subscribers receive what they have, and then -WEFT_EPIPE.  A second
 * close does nothing. */
WEFT_API void weft_bcast_close(weft_bcast *bcast);

/* Never sleeps.  Closes it and gives it back.  Subscriptions live on, closed, until they are freed;
 * nobody may be sending.  NULL: none. */
WEFT_API void weft_bcast_free(weft_bcast *bcast);

/* What has happened so far. */
typedef struct weft_bcast_counts {
    uint64_t sends;       /* that succeeded, to however many */
    uint64_t send_waits;  /* for the slowest */
    uint64_t deliveries;  /* values put into subscriptions */
    uint64_t subscribers; /* now */
    uint64_t subscribers_max;
} weft_bcast_counts;

/* Never sleeps.  The counts of one moment; what each subscriber lost, weft_chan_stats says. */
WEFT_API void weft_bcast_stats(const weft_bcast *bcast, weft_bcast_counts *ret_counts);

WEFT_END_DECLS

#endif
