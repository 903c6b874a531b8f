/* chan.h - channels, by which values change hands between tasks, and select.
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

/* Never sleeps.  A channel of `capacity` values of element_size bytes each (0 is allowed: only the
 * passing counts).  NULL when there is no memory, or a size is over its limit.  Freed by
 * weft_chan_free. */
WEFT_API weft_chan *weft_chan_new(size_t element_size, size_t capacity);

/* Sleeps.  Puts *value into the channel, waiting for room or for a receiver.
 *
 * 0                 the value is in, or in the receiver's hands
 * -WEFT_EPIPE       the channel is closed; the value is still yours
 * -WEFT_ECANCELED   the scope was cancelled while waiting; the value is still yours
 */
WEFT_API WEFT_MUST_USE int weft_chan_send(weft_chan *ch, const void *value);

/* Sleeps.  Takes the oldest value out, waiting for one.
 *
 * 0                 *ret_value holds it
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

/* Never sleeps.  Frees it, and the values left in it.  Panics when a task waits on it.  NULL:
 * none. */
WEFT_API void weft_chan_free(weft_chan *ch);

/* Never sleep.  Values lying in it now; how many it can hold; is it closed? */
WEFT_API size_t weft_chan_len(const weft_chan *ch);
WEFT_API size_t weft_chan_capacity(const weft_chan *ch);
WEFT_API bool weft_chan_is_closed(const weft_chan *ch);

/* One of the things that a select can do.  Made by WEFT_SEND and WEFT_RECV. */
typedef struct weft_arm {
    weft_chan *ch;         /* NULL: this arm never happens */
    void *ret_value;       /* where a receive puts its value */
    const void *value;     /* what a send sends */
    int result;            /* of the arm that happened: 0 or -WEFT_EPIPE */
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

WEFT_END_DECLS

#endif
