/* queue_probe.h - for the models of this room: sleeps that have one winner, and queues of sleepers.
 *
 * In small, what core/park.c and core/waitq.c do.  A queue is one number, the oldest waiter in its
 * lowest digit; all zeroes is an empty one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_QUEUE_PROBE_H
#define WEFT_SYNC_QUEUE_PROBE_H

#include "tests/model.h"

enum { AWAKE, PARKED, WOKEN, CANCELED };
enum { TASKS = 4, DIGIT = 4, POISON = 0x5a };

/* For the list of a model: that a sleep is not lost to a cancel is for park_model.c to prove. */
#define QUEUE_PROBE_SPARED                                                                         \
    {"settle", "&wait[i]", "seq_cst -> release", "park_model.c has it"},                           \
        {"settle", "&cancelled[i]", "seq_cst -> acquire", "park_model.c has it"},                  \
        {"claim", "&wait[i]", "seq_cst -> acq_rel", "park_model.c has it"},                        \
        {"cancel", "&cancelled[i]", "seq_cst -> release", "park_model.c has it"}

static ATOMIC(uint32_t) queue_lock;
static ATOMIC(uint32_t) wait[TASKS], ready[TASKS], cancelled[TASKS];

static inline void sleeps_reset(void)
{
    a_store(&queue_lock, 0, relaxed);
    for (int i = 0; i < TASKS; i++) {
        a_store(&wait[i], AWAKE, relaxed);
        a_store(&ready[i], 0, relaxed);
        a_store(&cancelled[i], 0, relaxed);
    }
}

static inline void take(ATOMIC(uint32_t) *lock)
{
    while (a_xchg(lock, 1, acquire) != 0) {
        model_block_while(lock, 1);
    }
}

static inline void drop(ATOMIC(uint32_t) *lock)
{
    a_store(lock, 0, release);
}

/* ---- sleeping, as core/park.c has it ---- */

static inline bool claim(int i, uint32_t outcome)
{
    uint32_t parked = PARKED;
    return a_cas(&wait[i], &parked, outcome, seq_cst, relaxed);
}

static inline void make_ready(int i)
{
    a_store(&ready[i], 1, release);
}

/* The queue's lock is held, and dropped. */
static inline void settle(int i)
{
    a_store(&ready[i], 0, relaxed);
    a_store(&wait[i], PARKED, seq_cst);
    bool must_ready = a_load(&cancelled[i], seq_cst) && claim(i, CANCELED);
    drop(&queue_lock);
    if (must_ready) {
        make_ready(i);
    }
}

/* False: cancelled. */
static inline bool asleep(int i)
{
    model_block_while(&ready[i], 0);
    return a_load(&wait[i], relaxed) == WOKEN;
}

static inline void cancel(int i)
{
    a_store(&cancelled[i], 1, seq_cst);
    if (claim(i, CANCELED)) {
        make_ready(i);
    }
}

/* ---- the queue, under its lock ---- */

static inline void queue_push(ATOMIC(uint32_t) *queue, int i)
{
    uint32_t q = a_load(queue, relaxed), at = 0;
    while (q >> at) {
        at += DIGIT;
    }
    a_store(queue, q | (uint32_t)(i + 1) << at, relaxed);
}

static inline void queue_push_front(ATOMIC(uint32_t) *queue, int i)
{
    a_store(queue, a_load(queue, relaxed) << DIGIT | (uint32_t)(i + 1), relaxed);
}

/* True when that made it empty. */
static inline bool queue_remove(ATOMIC(uint32_t) *queue, int i)
{
    uint32_t q = a_load(queue, relaxed);
    for (uint32_t at = 0; q >> at; at += DIGIT) {
        uint32_t below = q & ((1u << at) - 1);
        if ((q >> at & 15) == (uint32_t)(i + 1)) {
            a_store(queue, below | q >> (at + DIGIT) << at, relaxed);
            return below == 0 && q >> (at + DIGIT) == 0;
        }
    }
    return false;
}

/* The first whose sleep could be claimed, or -1. */
static inline int queue_claim(ATOMIC(uint32_t) *queue)
{
    uint32_t q = a_load(queue, relaxed);
    int found = -1;
    while (q && found < 0) {
        int i = (int)(q & 15) - 1;
        q >>= DIGIT;
        found = claim(i, WOKEN) ? i : -1;
    }
    a_store(queue, q, relaxed);
    return found;
}

#endif
