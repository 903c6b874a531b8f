/* loop.c - goes through a range of indices and gives parts of it away.
 *
 * A strip is the range that one task has before it.  It is run in chunks.  Before each chunk the
 * task asks whether somebody wants work, and if so forks the upper half of what is left; the frame
 * of that fork waits for it, so there are at most as many as the range can be halved.  A loop in a
 * program that is busy everywhere forks nothing.
 *
 * How many indices make a chunk is found out by the clock, which is read once for each: a chunk
 * that was too short is followed by a longer one.  With a grain given, chunks are never longer, and
 * the clock is read after as many of them as make up that time.
 *
 * Nothing here may depend on the clock while a run is steered, or a schedule could not be repeated:
 * then a strip has a few chunks of the same length.
 *
 * Rejected: to divide the range into as many parts as there are workers, or a multiple; the loop
 * does not know how many of them have time, nor whether its indices are alike.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop.h"

#include "base/alloc.h"
#include "base/time.h"
#include "core/park.h"
#include "core/worker.h"
#include "par/fork.h"
#include "weft/err.h"
#include "weft/par.h"
#include "weft/task.h"
#include "weft/time.h"

#define LOOP_CHUNK_NS    8000 /* what a chunk should take: a thousand times what it costs */
#define LOOP_GROWTH_MAX  8
#define LOOP_STEERED     3    /* chunks of a steered strip */

/* ---- to give way ---- */

int weft__par_pause(int32_t spent_us)
{
    struct weft__thread *self = weft__enter();
    struct weft__task *task = self->task;
    if (!weft__control) {
        task->budget -= weft__min(spent_us, WEFT_BUDGET);
    }
    if (--task->budget <= 0) {
        struct weft__worker *w = weft__seat(self);
        if (w) {
            w->turns_left = 1; /* timers and I/O, too: a chunk is longer than most turns */
        }
        self = weft__op_spent(self, WEFT__DEED_YIELD, NULL, NULL, __builtin_return_address(0));
    }
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    return 0;
}

size_t weft__par_width(void)
{
    struct weft__runtime *rt = weft__self_task()->runtime;
    return rt ? rt->worker_count : 1;
}

void weft__loop_fail(struct weft__loop *loop, int code)
{
    int none = 0;
    if (code < 0) {
        (void)a_cas(&loop->code, &none, code, relaxed, relaxed);
    }
}

void weft__loop_pause(struct weft__loop *loop, int64_t took_ns)
{
    int64_t us = weft__min(took_ns / WEFT_US, (int64_t)WEFT_BUDGET); /* more is not counted */
    weft__loop_fail(loop, weft__par_pause((int32_t)us));
}

bool weft__loop_chunk(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    if (WEFT_UNLIKELY(a_load(&loop->code, relaxed) != 0)) {
        return false;
    }
    int code = 0;
    if (WEFT_UNLIKELY(weft__control != NULL || weft_cancelled())) {
        code = weft__par_pause(0);
    }
    if (code == 0) {
        code = loop->chunk(loop, from, to, acc);
    }
    weft__loop_fail(loop, code);
    return code >= 0;
}

/* ---- accumulators ---- */

int weft__loop_acc_init(struct weft__loop_acc *acc, const struct weft__loop *loop)
{
    acc->at = loop->size <= LOOP_ACC_HERE ? acc->here : weft__alloc_aligned(64, loop->size);
    if (!acc->at) {
        return -WEFT_ENOMEM;
    }
    if (loop->size > 0) {
        memcpy(acc->at, loop->identity, loop->size);
    }
    return 0;
}

void weft__loop_acc_fini(struct weft__loop_acc *acc)
{
    if (acc->at != acc->here) {
        weft__free(acc->at);
    }
}

/* ---- halves ---- */

/* The upper half of a range, given away. */
struct loop_half {
    weft_piece piece;
    struct weft__loop *loop;
    int64_t from, to, pace;
    struct weft__loop_acc acc;
};

static void loop_strip_paced(struct weft__loop *loop, int64_t from, int64_t to, int64_t pace,
                             void *acc);

static int loop_strip_half(void *arg)
{
    struct loop_half *half = arg;
    loop_strip_paced(half->loop, half->from, half->to, half->pace, half->acc.at);
    return a_load(&half->loop->code, relaxed);
}

static int loop_tree_half(void *arg)
{
    struct loop_half *half = arg;
    return weft__loop_tree(half->loop, half->from, half->to, half->acc.at);
}

/* Ends the half: what it has adds up to *acc. */
static void loop_join(struct loop_half *half, void *acc)
{
    struct weft__loop *loop = half->loop;
    weft__loop_fail(loop, weft_join(&half->piece)); /* it may have been cancelled unbegun */
    if (loop->combine && a_load(&loop->code, relaxed) == 0) {
        loop->combine(acc, half->acc.at, loop->arg);
    }
    weft__loop_acc_fini(&half->acc);
}

static int64_t loop_middle(int64_t from, int64_t to)
{
    return (int64_t)((uint64_t)from + (weft__loop_len(from, to) + 1) / 2);
}

/* ---- a strip ---- */

/* How many indices are to be run between two looks at the clock, when so many have taken so
 * long. */
static int64_t loop_pace(int64_t pace, int64_t took)
{
    if (took > 4 * LOOP_CHUNK_NS) {
        return weft__max(pace / 2, 1);
    }
    if (took > LOOP_CHUNK_NS / 2 || pace > INT64_MAX / LOOP_GROWTH_MAX) {
        return pace;
    }
    return pace * (took > LOOP_CHUNK_NS / LOOP_GROWTH_MAX ? 2 : LOOP_GROWTH_MAX);
}

/* Gives the upper half away and runs the lower one.  False: there was no memory for it. */
static WEFT_NOINLINE bool loop_halve(struct weft__loop *loop, int64_t from, int64_t to,
                                     int64_t pace, void *acc)
{
    struct loop_half half;
    int64_t middle = loop_middle(from, to);
    if (weft__loop_acc_init(&half.acc, loop) != 0) {
        return false;
    }
    half.loop = loop;
    half.from = middle;
    half.to = to;
    half.pace = pace;
    weft_fork(&half.piece, loop_strip_half, &half);
    loop_strip_paced(loop, from, middle, pace, acc);
    loop_join(&half, acc);
    return true;
}

static void loop_strip_paced(struct weft__loop *loop, int64_t from, int64_t to, int64_t pace,
                             void *acc)
{
    bool is_timed = weft__control == NULL;
    int64_t since = is_timed ? weft__time_now() : 0;
    uint64_t done = 0;
    while (from < to) {
        uint64_t left = weft__loop_len(from, to);
        uint64_t chunk = (uint64_t)(loop->grain > 0 ? loop->grain : pace);
        if (left > chunk && !loop->is_whole && weft__par_is_wanted() &&
            loop_halve(loop, from, to, pace, acc)) {
            return;
        }
        chunk = weft__min(chunk, left);
        if (!weft__loop_chunk(loop, from, (int64_t)((uint64_t)from + chunk), acc)) {
            return;
        }
        from = (int64_t)((uint64_t)from + chunk);
        done += chunk;
        if (is_timed && done >= (uint64_t)pace && from < to) {
            int64_t now = weft__time_now(), took = now - since;
            pace = loop_pace(pace, took);
            since = now;
            done = 0;
            weft__loop_pause(loop, took);
        }
    }
}

int weft__loop_strip(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    int64_t pace = 1;
    if (weft__control) {
        pace = (int64_t)(weft__loop_len(from, to) / LOOP_STEERED + 1);
    }
    loop_strip_paced(loop, from, to, pace, acc);
    return a_load(&loop->code, relaxed);
}

/* ---- a tree ---- */

static void loop_leaf(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    int64_t since = weft__time_now();
    if (weft__loop_chunk(loop, from, to, acc) && !weft__control) {
        weft__loop_pause(loop, weft__time_now() - since);
    }
}

int weft__loop_tree(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    WEFT_CHECK(loop->grain > 0);
    if (weft__loop_len(from, to) <= (uint64_t)loop->grain) {
        loop_leaf(loop, from, to, acc);
    } else if (a_load(&loop->code, relaxed) == 0) {
        struct loop_half half;
        int rc = weft__loop_acc_init(&half.acc, loop);
        weft__loop_fail(loop, rc);
        if (rc == 0) {
            half.loop = loop;
            half.from = loop_middle(from, to);
            half.to = to;
            weft_fork(&half.piece, loop_tree_half, &half);
            weft__loop_tree(loop, from, half.from, acc);
            loop_join(&half, acc);
        }
    }
    return a_load(&loop->code, relaxed);
}

/* ---- each ---- */

struct loop_each {
    weft_piece piece;
    void (*each)(size_t index, void *arg);
    void *arg;
    size_t from, to;
    bool has_begun;
};

static void loop_each_range(const struct loop_each *range);

static int loop_each_half(void *arg)
{
    struct loop_each *half = arg;
    half->has_begun = true;
    loop_each_range(half);
    return 0;
}

static void loop_each_range(const struct loop_each *range)
{
    if (range->to - range->from == 1) {
        range->each(range->from, range->arg);
        return;
    }
    struct loop_each lower = *range, upper = *range;
    lower.to = upper.from = range->from + (range->to - range->from) / 2;
    upper.has_begun = false;
    weft_fork(&upper.piece, loop_each_half, &upper);
    loop_each_range(&lower);
    (void)weft_join(&upper.piece);
    if (!upper.has_begun) {
        loop_each_range(&upper); /* cancelled, and yet to be done */
    }
}

void weft__par_each(size_t n, void (*each)(size_t index, void *arg), void *arg)
{
    struct loop_each all = {.each = each, .arg = arg, .from = 0, .to = n};
    if (n > 0) {
        loop_each_range(&all);
    }
}
