/* chan.h - what chan.c and select.c share of a channel; the contract is weft/chan.h.
 *
 * A channel is one allocation: this header and the ring behind it.  Who waits on it stands in its
 * two queues with a node that lies on his own stack.
 *
 * The fields that every operation touches fill the first cache line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHAN_CHAN_H
#define WEFT_CHAN_CHAN_H

#include "core/waitq.h"
#include "weft/chan.h"

#define WEFT_CHAN_MAGIC UINT32_C(0x6e616863)

struct weft_chan {
    struct weft__lock lock; /* guards all that changes below, and the nodes in the queues */
    size_t len;             /* values in the ring */
    size_t head;            /* where the oldest lies */
    struct weft__waitq senders, receivers;
    uint32_t element_size;
    uint32_t magic;
    size_t capacity;
    bool closed;
    _Alignas(16) unsigned char ring[];
};

/* A place in one of the queues: of a send, of a receive, or of one arm of a select. */
struct weft__chan_node {
    struct weft__waiter waiter; /* first.  value: where the value lies, or is to be put */
    const void *site;           /* where the public call was made */
    int result;                 /* whoever ends the wait says it here: 0 or -WEFT_EPIPE */
};

/* Under the lock, never sleep: do it if it can be done now.  0, -WEFT_EPIPE, or -WEFT_EAGAIN where
 * one has to wait.  *ret_peer is whom the caller must make ready after dropping the lock, or
 * NULL. */
int weft__chan_send_now(weft_chan *ch, const void *value, struct weft__task **ret_peer);
int weft__chan_recv_now(weft_chan *ch, void *ret_value, struct weft__task **ret_peer);

/* Is this a channel, and a place for one of its values?  Panics. */
void weft__chan_expect(const weft_chan *ch, const void *place);

/* Asserts what must hold, see chan.c; tests.  Takes the lock. */
void weft__chan_check(weft_chan *ch);

#endif
