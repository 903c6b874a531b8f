/* lockrank.h - every internal lock of Weft, in the order in which they may be taken.
 *
 * A thread that holds a lock may take only locks that stand further down this list.  Two locks of
 * one rank may be held together in two cases only:
 *
 *   WEFT_RANK_SCOPE   parent before child (the order of the tree)
 *   WEFT_RANK_CHAN    lower address before higher (weft_select locks all its channels at once)
 *
 * In debug builds (WEFT_DEBUG) lock_take checks this against what the calling OS thread holds, and
 * a violation panics, whether or not it would have deadlocked this time.  Which locks a thread
 * holds is written in a struct weft__lockrank_stack that belongs to the thread; where it lies is
 * told by weft__lockrank_held, which core/self.c fills, because only that file may own
 * thread-local state.  Until it does, or when it answers NULL, nothing is checked.
 *
 * A lock is dropped by the OS thread that took it, always; not necessarily by the same task: the
 * switch to another task may drop the lock that the first one took.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_LOCKRANK_H
#define WEFT_BASE_LOCKRANK_H

#include "base/atomic.h"

enum weft__lockrank {
    WEFT_RANK_NONE,    /* not checked; what a lock made of zeroes has */
    WEFT_RANK_FD,      /* one descriptor: its operations */
    WEFT_RANK_SIM,     /* the simulated network and disk */
    WEFT_RANK_RING,    /* one seat's part of the I/O driver */
    WEFT_RANK_BCAST,   /* one broadcast: its subscriptions */
    WEFT_RANK_CHAN,    /* one channel */
    WEFT_RANK_SYNC,    /* one mutex, semaphore, event, ... */
    WEFT_RANK_WAITQ,   /* one queue of waiters */
    WEFT_RANK_LIMITER, /* one limiter of blocking calls */
    WEFT_RANK_OFFLOAD, /* the offload pool's queue */
    WEFT_RANK_SCOPE,   /* one scope: its tasks, children, cancel state; a sleeper on its way, which
                        * holds the lock of what it waits for, enrols under it */
    WEFT_RANK_TIMER,   /* one worker's timers */
    WEFT_RANK_INJECT,  /* the shared run queue */
    WEFT_RANK_IDLE,    /* who sleeps, who searches */
    WEFT_RANK_CARVING, /* one class of stacks: who makes more of them */
    WEFT_RANK_STACKS,  /* the depot of free stacks */
    WEFT_RANK_RUNTIME, /* the list of workers and threads */
    WEFT_RANK_LOG,     /* the last: one may log under any lock */
    WEFT_RANK_COUNT
};

enum { WEFT_LOCKRANK_DEPTH = 72 }; /* a select of 64 arms, and a few around it */

struct weft__lock;

/* What one OS thread holds, in the order taken.  All zeroes is the empty stack. */
struct weft__lockrank_stack {
    uint32_t count;
    uint32_t lost; /* taken when the table was full; those are not checked */
    const struct weft__lock *held[WEFT_LOCKRANK_DEPTH];
};

typedef struct weft__lockrank_stack *weft__lockrank_held_fn(void);

/* Set once, before the first second thread.  NULL: nothing is checked. */
extern ATOMIC(weft__lockrank_held_fn *) weft__lockrank_held;

const char *weft__lockrank_name(uint32_t rank);

#endif
