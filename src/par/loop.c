/* loop.c - goes through a range of indices and gives parts of it away.
 *
 * A strip is the range that one task has before it.  It is run in parts of some microseconds; how
 * many indices that is, is found out by the clock, which is read once for each.  While more is left
 * than the next part, its upper half is offered to whoever wants work, and taken back when the
 * lower one is done, unless somebody has taken it.  So almost all of the strip can be had by
 * others, the largest piece first, even while the kernel runs something else on this CPU; at the
 * price of two swaps for each part.
 *
 * As long as the pace is not known only one half is on offer: the loop may be a short one.
 *
 * With a grain given, the body is called for so many indices and no more; a part is some of those.
 *
 * Nothing here may depend on the clock while a run is steered, or a schedule could not be repeated:
 * then a strip has a few parts of the same length.
 *
 * Rejected: to divide the range into as many parts as there are workers, or a multiple; the loop
 * does not know how many of them have time, nor whether its indices are alike.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop.h"

#include "base/alloc.h"
#include "base/time.h"
#include "core/forks.h"
#include "core/park.h"
#include "core/worker.h"
#include "par/fork.h"
#include "weft/err.h"
#include "weft/par.h"
#include "weft/task.h"
#include "weft/time.h"

#define LOOP_CHUNK_NS    32000 /* what a part should take at most: one takes a third of it on
                                * average, which is some seventy times what it costs */
#define LOOP_GROWTH_MAX  8
#define LOOP_UNTIMED     2    /* so many indices cost no look at the clock */
#define LOOP_UNTIMED_COST 4   /* and count as so many operations */
#define LOOP_DEPTH       12   /* so often a strip is halved though something is on offer: each time
                               * is a frame on its stack */
#define LOOP_STEERED     3    /* parts of a steered strip */

/* ---- to give way ---- */

/* Counts so many operations; when they are enough, others have their turns. */
static struct weft__thread *par_spend(struct weft__thread *self, int32_t count)
{
    struct weft__task *task = self->task;
    if (!weft__control) {
        task->budget -= weft__min(count, WEFT_BUDGET);
    }
    if (task->budget <= 0) {
        struct weft__worker *w = weft__seat(self);
        if (w) {
            w->turns_left = 1; /* timers and I/O, too: a chunk is longer than most turns */
        }
        self = weft__op_spent(self, WEFT__DEED_YIELD, NULL, NULL, __builtin_return_address(0));
    }
    return self;
}

int weft__par_pause(int32_t spent_us)
{
    struct weft__thread *self = par_spend(weft__enter(), spent_us + 1);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    return 0;
}

void weft__loop_breathe(void)
{
    if (!weft__control) {
        weft__leave(par_spend(weft__enter(), LOOP_UNTIMED_COST));
    }
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
    int64_t from, to;
    uint64_t pace;
    struct weft__loop_acc acc;
};

static int64_t loop_middle(int64_t from, int64_t to)
{
    uint64_t len = weft__loop_len(from, to); /* which may be the largest number */
    return (int64_t)((uint64_t)from + (len - len / 2));
}

/* Somebody else has run the half: what he has adds up to *acc. */
static void loop_end_half(struct loop_half *half, int code, void *acc)
{
    struct weft__loop *loop = half->loop;
    weft__loop_fail(loop, code); /* it may have been cancelled unbegun */
    if (loop->combine && a_load(&loop->code, relaxed) == 0) {
        loop->combine(acc, half->acc.at, loop->arg);
    }
}

/* ---- a strip ---- */

/* How fast a task goes through its strip. */
struct loop_pace {
    uint64_t n;    /* chunks of the grain, or indices, between two looks at the clock; */
    bool is_found; /* they take about LOOP_CHUNK_NS, as far as is known */
    uint32_t depth; /* halves that wait in this task */
    uint64_t done; /* since the last one, */
    int64_t since; /* at that time; 0: there was none */
};

static void loop_strip_paced(struct weft__loop *loop, int64_t from, int64_t to,
                             struct loop_pace *pace, void *acc);

static int loop_strip_half(void *arg)
{
    struct loop_half *half = arg;
    struct loop_pace pace = {.n = half->pace};
    loop_strip_paced(half->loop, half->from, half->to, &pace, half->acc.at);
    return a_load(&half->loop->code, relaxed);
}

/* Chunks in so many indices; those of the most common grain are the indices. */
static uint64_t loop_chunks(const struct weft__loop *loop, uint64_t indices)
{
    return loop->grain <= 1 ? indices : indices / (uint64_t)loop->grain;
}

/* So many indices are run next. */
static uint64_t loop_part(const struct weft__loop *loop, const struct loop_pace *pace,
                          uint64_t left)
{
    bool is_last = pace->n >= loop_chunks(loop, left);
    return is_last ? left : pace->n * (uint64_t)weft__max(loop->grain, 1);
}

static void loop_look(struct weft__loop *loop, struct loop_pace *pace)
{
    int64_t now = weft__time_now(), took = now - pace->since;
    bool is_first = pace->since == 0;
    pace->since = now;
    pace->done = 0;
    if (is_first) {
        return;
    }
    if (took > 4 * LOOP_CHUNK_NS) {
        pace->n = weft__max(pace->n / 2, UINT64_C(1));
    } else if (took <= LOOP_CHUNK_NS / 2 && pace->n < INT64_MAX / LOOP_GROWTH_MAX) {
        pace->n *= took > LOOP_CHUNK_NS / LOOP_GROWTH_MAX ? 2 : LOOP_GROWTH_MAX;
    }
    pace->is_found = took > LOOP_CHUNK_NS / LOOP_GROWTH_MAX;
    weft__loop_pause(loop, took);
}

/* Offers the upper half and runs the lower one.  Returns where to go on. */
static WEFT_NOINLINE int64_t loop_halve(struct weft__loop *loop, int64_t from, int64_t to,
                                        struct loop_pace *pace, void *acc)
{
    struct loop_half half = {.loop = loop, .from = loop_middle(from, to), .to = to};
    int code;
    if (weft__loop_acc_init(&half.acc, loop) != 0) {
        return from;
    }
    /* Indices there may be dearer than here: who takes them begins more carefully. */
    half.pace = weft__control ? pace->n : weft__max(pace->n / LOOP_GROWTH_MAX, UINT64_C(1));
    weft__par_offer(&half.piece, loop_strip_half, &half);
    pace->depth++;
    loop_strip_paced(loop, from, half.from, pace, acc);
    pace->depth--;
    if (weft__par_take_back(&half.piece, &code)) {
        to = half.from;
    } else {
        loop_end_half(&half, code, acc);
    }
    weft__loop_acc_fini(&half.acc);
    return to;
}

/* Runs a part in chunks.  False: that is the end. */
static bool loop_run_part(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    uint64_t chunk = loop->grain > 0 ? (uint64_t)loop->grain : UINT64_MAX;
    bool goes_on = true;
    while (from < to && goes_on) {
        int64_t end = (int64_t)((uint64_t)from + weft__min(chunk, weft__loop_len(from, to)));
        goes_on = weft__loop_chunk(loop, from, end, acc);
        from = end;
    }
    return goes_on;
}

static void loop_strip_paced(struct weft__loop *loop, int64_t from, int64_t to,
                             struct loop_pace *pace, void *acc)
{
    bool goes_on = true;
    while (from < to && goes_on) {
        uint64_t left = weft__loop_len(from, to), part = loop_part(loop, pace, left);
        int64_t end = (int64_t)((uint64_t)from + part);
        bool even_more = pace->is_found && pace->depth < LOOP_DEPTH;
        if (end < to && !loop->is_whole && weft__forks_may_offer(even_more)) {
            int64_t rest = loop_halve(loop, from, to, pace, acc);
            if (rest != from) {
                from = rest;
                continue;
            }
        }
        if (pace->done >= (pace->since ? pace->n : LOOP_UNTIMED) && !weft__control) {
            loop_look(loop, pace);
        }
        goes_on = loop_run_part(loop, from, end, acc);
        from = end;
        pace->done += loop_chunks(loop, part);
    }
}

int weft__loop_strip(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    struct loop_pace pace = {.n = 1};
    if (weft__control) {
        pace.n = weft__loop_len(from, to) / LOOP_STEERED + 1;
    }
    loop_strip_paced(loop, from, to, &pace, acc);
    if (pace.since == 0) {
        weft__loop_breathe();
    }
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

static int loop_tree_half(void *arg)
{
    struct loop_half *half = arg;
    return weft__loop_tree(half->loop, half->from, half->to, half->acc.at);
}

static void loop_tree_split(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    struct loop_half half = {.loop = loop, .from = loop_middle(from, to), .to = to};
    int rc = weft__loop_acc_init(&half.acc, loop);
    if (rc != 0) {
        weft__loop_fail(loop, rc);
        return;
    }
    weft__par_offer(&half.piece, loop_tree_half, &half);
    weft__loop_tree(loop, from, half.from, acc);
    if (weft__par_take_back(&half.piece, &rc)) {
        rc = loop_tree_half(&half);
    }
    loop_end_half(&half, rc, acc);
    weft__loop_acc_fini(&half.acc);
}

int weft__loop_tree(struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    WEFT_CHECK(loop->grain > 0);
    if (weft__loop_len(from, to) <= (uint64_t)loop->grain) {
        loop_leaf(loop, from, to, acc);
    } else if (a_load(&loop->code, relaxed) == 0) {
        loop_tree_split(loop, from, to, acc);
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

static int loop_each_range(const struct loop_each *range);

static int loop_each_half(void *arg)
{
    struct loop_each *half = arg;
    half->has_begun = true;
    return loop_each_range(half);
}

static int loop_each_range(const struct loop_each *range)
{
    struct loop_each lower = *range, upper = *range;
    if (range->to - range->from == 1) {
        range->each(range->from, range->arg);
        return 0;
    }
    lower.to = upper.from = range->from + (range->to - range->from) / 2;
    upper.has_begun = false;
    weft__par_offer(&upper.piece, loop_each_half, &upper);
    int rc_lower = loop_each_range(&lower), rc_upper = 0;
    (void)weft__par_take_back(&upper.piece, &rc_upper);
    if (!upper.has_begun) {
        rc_upper = loop_each_range(&upper); /* ours, or cancelled and yet to be done */
    }
    return rc_lower < 0 ? rc_lower : rc_upper;
}

int weft__par_each(size_t n, void (*each)(size_t index, void *arg), void *arg)
{
    struct loop_each all = {.each = each, .arg = arg, .from = 0, .to = n};
    return n > 0 ? loop_each_range(&all) : 0;
}
