/* for.c - the parallel loop and its three schedules.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/time.h"
#include "par/loop.h"
#include "weft/err.h"
#include "weft/loop.h"

#define FOR_LOOK 4u /* chunks of the dynamic schedule between two looks at the clock */

struct for_ops {
    int (*body)(int64_t from, int64_t to, void *arg);
};

static int for_chunk(const struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    const struct for_ops *ops = loop->ops;
    (void)acc;
    return ops->body(from, to, loop->arg);
}

/* ---- parts: one for each who could work ---- */

struct for_parts {
    struct weft__loop *loop;
    int64_t from, to;
    uint64_t n; /* parts, or chunks of the dynamic one */
    ATOMIC(uint64_t) next;
};

/* The k-th of n parts: the first ones are longer by one, if need be. */
static int64_t for_part_from(const struct for_parts *parts, uint64_t k)
{
    uint64_t len = weft__loop_len(parts->from, parts->to), longer = len % parts->n;
    return (int64_t)((uint64_t)parts->from + len / parts->n * k + weft__min(k, longer));
}

static void for_static_part(size_t k, void *arg)
{
    struct for_parts *parts = arg;
    int64_t from = for_part_from(parts, k), to = for_part_from(parts, k + 1);
    if (parts->loop->grain > 0) {
        weft__loop_strip(parts->loop, from, to, NULL);
    } else {
        weft__loop_chunk(parts->loop, from, to, NULL);
        weft__loop_breathe();
    }
}

static void for_dynamic_part(size_t k, void *arg)
{
    struct for_parts *parts = arg;
    struct weft__loop *loop = parts->loop;
    uint64_t grain = (uint64_t)loop->grain, i;
    int64_t since = weft__time_now();
    (void)k;
    while ((i = a_add(&parts->next, 1, relaxed)) < parts->n) {
        uint64_t from = (uint64_t)parts->from + i * grain;
        uint64_t to = from + weft__min(grain, (uint64_t)parts->to - from);
        if (!weft__loop_chunk(loop, (int64_t)from, (int64_t)to, NULL)) {
            return;
        }
        if (i % FOR_LOOK == FOR_LOOK - 1) {
            int64_t now = weft__time_now();
            weft__loop_pause(loop, now - since);
            since = now;
        }
    }
}

static int for_static(struct weft__loop *loop, int64_t from, int64_t to)
{
    uint64_t len = weft__loop_len(from, to);
    struct for_parts parts = {.loop = loop, .from = from, .to = to,
                              .n = weft__min(weft__par_width(), len)};
    loop->is_whole = true;
    weft__loop_fail(loop, weft__par_each(parts.n, for_static_part, &parts));
    return a_load(&loop->code, relaxed);
}

static int for_dynamic(struct weft__loop *loop, int64_t from, int64_t to)
{
    uint64_t len = weft__loop_len(from, to);
    loop->grain = weft__max(loop->grain, 1);
    struct for_parts parts = {.loop = loop, .from = from, .to = to,
                              .n = (len - 1) / (uint64_t)loop->grain + 1};
    uint64_t workers = weft__min(weft__par_width(), parts.n);
    weft__loop_fail(loop, weft__par_each(workers, for_dynamic_part, &parts));
    return a_load(&loop->code, relaxed);
}

int weft_for_with(int64_t from, int64_t to, int (*body)(int64_t from, int64_t to, void *arg),
                  void *arg, const weft_for_options *options)
{
    static const weft_for_options defaults;
    const weft_for_options *o = options ? options : &defaults;
    if (o->grain < 0 || (unsigned)o->schedule > WEFT_FOR_DYNAMIC) {
        return -WEFT_EINVAL;
    }
    struct for_ops ops = {.body = body};
    struct weft__loop loop = {.chunk = for_chunk, .ops = &ops, .arg = arg, .grain = o->grain};
    if (from >= to) {
        return 0;
    }
    if (o->schedule == WEFT_FOR_STATIC) {
        return for_static(&loop, from, to);
    }
    if (o->schedule == WEFT_FOR_DYNAMIC) {
        return for_dynamic(&loop, from, to);
    }
    return weft__loop_strip(&loop, from, to, NULL);
}

int weft_for(int64_t from, int64_t to, int (*body)(int64_t from, int64_t to, void *arg), void *arg)
{
    return weft_for_with(from, to, body, arg, NULL);
}
