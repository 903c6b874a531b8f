/* chan_probe.h - what the tests of kinds, sharing and broadcast have in common.
 *
 * A probe is a task that sends or receives some values, and says what came of it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHAN_CHAN_PROBE_H
#define WEFT_CHAN_CHAN_PROBE_H

#include <weft.h>

#include "chan/chan.h"
#include "tests/test.h"

/* Until all others wait; virtual clock only. */
static inline void probe_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

struct probe {
    weft_chan *ch;
    weft_bcast *bcast;  /* instead: where to send */
    int64_t count;      /* how many values at the most */
    int64_t first;      /* the first to send; each is one greater */
    ATOMIC(int64_t) done; /* that came through; this and the next are looked at meanwhile */
    ATOMIC(int64_t) last;
    int64_t sum, lost;
    int rc;             /* of the last call */
};

static inline int probe_send(void *arg)
{
    struct probe *p = *(struct probe **)arg;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t value = p->first + i;
        p->rc = p->bcast ? weft_bcast_send(p->bcast, &value) : weft_chan_send(p->ch, &value);
        if (p->rc < 0) {
            break;
        }
        p->last = value;
        p->sum += value;
        p->done++;
    }
    return 0;
}

static inline int probe_recv(void *arg)
{
    struct probe *p = *(struct probe **)arg;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t value = -1;
        p->rc = weft_chan_recv(p->ch, &value);
        if (p->rc < 0) {
            break;
        }
        p->last = value;
        p->sum += value;
        p->lost += p->rc;
        p->done++;
    }
    return 0;
}

static inline void *probe_send_thread(void *arg)
{
    probe_send(arg);
    return NULL;
}

static inline void *probe_recv_thread(void *arg)
{
    probe_recv(arg);
    return NULL;
}

static inline void probe_go(weft_scope *scope, int (*fn)(void *), struct probe *p)
{
    EXPECT_EQ(weft_go(scope, fn, &p), 0);
}

static inline int64_t probe_take(weft_chan *ch)
{
    int64_t value = -1;
    EXPECT_EQ(weft_chan_try_recv(ch, &value), 0);
    return value;
}

static inline void probe_put(weft_chan *ch, int64_t value)
{
    EXPECT_EQ(weft_chan_try_send(ch, &value), 0);
}

#endif
