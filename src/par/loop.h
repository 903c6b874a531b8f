/* loop.h - how one goes through a range of indices and gives parts of it away.
 *
 * What for, reduce and scan share.  A strip is the part of the range that one task has; it goes
 * through it in chunks, and gives its upper half away when somebody wants work.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_LOOP_H
#define WEFT_PAR_LOOP_H

#include "base/atomic.h"
#include "base/base.h"

#define LOOP_ACC_HERE 64 /* an accumulator of so many bytes lies in the frame */

struct weft__loop {
    /* Runs the user's body for a chunk. */
    int (*chunk)(const struct weft__loop *loop, int64_t from, int64_t to, void *acc);
    const void *ops; /* the caller's, for chunk */
    void *arg;
    void (*combine)(void *acc, const void *other, void *arg); /* NULL: without accumulators */
    const void *identity;
    size_t size;     /* of an accumulator; 0: without */
    int64_t grain;   /* 0: found out; of a tree: its leaves, not 0 */
    bool is_whole;   /* the strip is for one task */
    ATOMIC(int) code; /* the first failure: nobody begins another chunk */
};

/* An accumulator of the loop's size: here if it is small. */
struct weft__loop_acc {
    void *at;
    _Alignas(16) unsigned char here[LOOP_ACC_HERE];
};

/* 0 or -WEFT_ENOMEM; begins with the identity.  Of a loop without accumulators `at` is NULL. */
WEFT_MUST_USE int weft__loop_acc_init(struct weft__loop_acc *acc, const struct weft__loop *loop);
void weft__loop_acc_fini(struct weft__loop_acc *acc);

/* Sleep.  Through the range as somebody wants work, or in a tree that depends on the range and the
 * grain alone.  Return loop->code: 0, or the first failure. */
int weft__loop_strip(struct weft__loop *loop, int64_t from, int64_t to, void *acc);
int weft__loop_tree(struct weft__loop *loop, int64_t from, int64_t to, void *acc);

/* Sleeps.  Runs the chunk unless the loop has failed or the task is cancelled.  False: that is the
 * end. */
bool weft__loop_chunk(struct weft__loop *loop, int64_t from, int64_t to, void *acc);

/* Never sleeps.  A failure, of which the first is kept; 0 or more is none. */
void weft__loop_fail(struct weft__loop *loop, int code);

/* Sleeps.  To be called between pieces of work that took about so many microseconds: lets others
 * have their turns when it is time.  0 or -WEFT_ECANCELED. */
int weft__par_pause(int32_t spent_us);

/* Sleeps.  The same after what was not timed and has ended, so that a cancel is no failure. */
void weft__loop_breathe(void);

/* Sleeps.  The same after a part of the loop that took so long; a cancel is the loop's failure. */
void weft__loop_pause(struct weft__loop *loop, int64_t took_ns);

/* Sleeps.  Calls each(index, arg) for 0 <= index < n, for certain: in a cancelled scope, too.  0,
 * or -WEFT_EPANIC when one of the calls has panicked. */
int weft__par_each(size_t n, void (*each)(size_t index, void *arg), void *arg);

/* Never sleeps.  How many can work at the same time. */
size_t weft__par_width(void);

static inline uint64_t weft__loop_len(int64_t from, int64_t to)
{
    return from < to ? (uint64_t)to - (uint64_t)from : 0;
}

/* The leaves of a tree, or blocks of a scan, whose number depends on nothing but the range. */
#define LOOP_LEAVES 256u

static inline int64_t weft__loop_leaf(int64_t from, int64_t to, int64_t grain)
{
    return grain > 0 ? grain : (int64_t)(weft__loop_len(from, to) / LOOP_LEAVES + 1);
}

#endif
