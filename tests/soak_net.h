/* soak_net.h - numbered bytes and the flow of them, for soak_net.c and soak_files.c.
 *
 * The value of a byte follows from its number, so that one that is lost, doubled or out of order
 * shows itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_SOAK_NET_H
#define WEFT_TESTS_SOAK_NET_H

#include <errno.h>

#include "soak.h"

enum { NET_PIECE = 6000 };

static inline uint8_t net_byte(uint64_t seed, uint64_t at)
{
    return (uint8_t)((seed + at) * 0x9e3779b97f4a7c15u >> 56);
}

static inline void net_fill(uint64_t seed, uint64_t at, uint8_t *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buffer[i] = net_byte(seed, at + i);
    }
}

static inline void net_check(uint64_t seed, uint64_t at, const uint8_t *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (buffer[i] != net_byte(seed, at + i)) {
            soak_fail(__FILE__, __LINE__, "byte %llu is %d, not %d", (unsigned long long)(at + i),
                      buffer[i], net_byte(seed, at + i));
        }
    }
}

/* One writer, one reader. */
struct net_flow {
    uint64_t seed, limit;
    int in, out;        /* where it is read, where written */
    bool is_socket;
    bool may_break;     /* the other side may go away, */
    weft_scope *other;  /* or does when this is cancelled */
    ATOMIC(bool) broken; /* and has done so */
    uint64_t sent, got;
};

struct net_flow_side {
    struct net_flow *flow;
    uint64_t seed;
};

/* A pipe, or two sockets; ret_fds[0] is to be read.  False: cut short. */
bool soak_net_pair(struct weft__rng *rng, int ret_fds[2], bool *ret_is_socket);

/* A task's: reads until the limit, or until it is cut.  arg: a struct net_flow_side. */
int soak_flow_read_run(void *arg);

/* After `out` was closed: takes all that was sent and not received, and it is nothing else. */
void soak_flow_drain(struct net_flow *flow);

#endif
