/* kinds_probe.h - every kind of loop and sort over the same small problem, for tests of what is
 * true of them all.
 *
 * Each kind calls a hook now and then, in the place of a user's body; what comes out is looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_KINDS_PROBE_H
#define WEFT_PAR_KINDS_PROBE_H

#include "par/kinds_base_probe.h"

/* ---- arrays ---- */

static inline int kinds_map_fn(const void *in, void *out, void *arg)
{
    int64_t i = *(const int64_t *)in;
    *(int64_t *)out = 3 * i;
    return kinds_touch(arg, i);
}

static inline int kinds_map(struct kinds *k)
{
    int rc = weft_map(k->in, sizeof k->in[0], k->out, sizeof k->out[0], (size_t)k->n, kinds_map_fn,
                      k);
    if (rc == 0) {
        kinds_expect_hits(k, 1);
        for (int64_t i = 0; i < k->n; i++) {
            EXPECT_EQ(k->out[i], 3 * i);
        }
    }
    return rc;
}

static inline int kinds_keep(const void *element, void *arg)
{
    int64_t i = *(const int64_t *)element;
    int rc = i % KINDS_FILTERED == 0 ? kinds_touch(arg, i / KINDS_FILTERED) : 0;
    return rc < 0 ? rc : i % 3 == 0;
}

static inline int kinds_filter(struct kinds *k)
{
    size_t kept = 77, n = (size_t)k->n * KINDS_FILTERED;
    int rc = weft_filter(k->in, k->out, n, sizeof k->in[0], kinds_keep, k, &kept);
    EXPECT_EQ(kept, rc == 0 ? (n + 2) / 3 : 77);
    if (rc == 0) {
        kinds_expect_hits(k, 1);
        for (size_t i = 0; i < kept; i++) {
            EXPECT_EQ(k->out[i], 3 * i);
        }
    }
    return rc;
}

/* ---- sorts ---- */

static inline int kinds_compare(const void *a, const void *b, void *arg)
{
    struct kinds *k = arg;
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    int64_t calls = a_add(&k->compares, 1, relaxed);
    if (calls % KINDS_COMPARED == 0) {
        (void)kinds_touch(k, calls / KINDS_COMPARED);
    }
    return left < right ? -1 : left > right;
}

/* Sorted, all of them there; or, when it was cancelled, all there. */
static inline int kinds_sort(struct kinds *k, bool by)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < KINDS_SORTED; i++) {
        k->in[i] = i * 7919 % KINDS_SORTED;
    }
    int rc = by ? weft_sort_by(k->in, KINDS_SORTED, sizeof k->in[0], WEFT_KEY_INT64, 0)
                : weft_sort(k->in, KINDS_SORTED, sizeof k->in[0], kinds_compare, k);
    for (int64_t i = 0; i < KINDS_SORTED; i++) {
        EXPECT(rc != 0 || k->in[i] == i);
        sum += (uint64_t)k->in[i] * (uint64_t)k->in[i];
    }
    uint64_t n = KINDS_SORTED;
    EXPECT(rc == -WEFT_EPANIC || sum == (n - 1) * n * (2 * n - 1) / 6);
    return rc;
}

/* ---- pipeline ---- */

static inline int kinds_make(void **item, void *arg)
{
    struct kinds *k = arg;
    if (k->made == k->n) {
        return 0;
    }
    *item = &k->in[k->made++];
    return 1;
}

static inline int kinds_stage(void **item, void *arg)
{
    return kinds_touch(arg, *(int64_t *)*item);
}

static inline int kinds_last(void **item, void *arg)
{
    struct kinds *k = arg;
    EXPECT_EQ(*(int64_t *)*item, k->next);
    k->next++;
    return 0;
}

static inline void kinds_drop(void *item, void *arg)
{
    (void)item;
    a_add(&((struct kinds *)arg)->dropped, 1, relaxed);
}

static inline int kinds_pipeline(struct kinds *k)
{
    weft_stage stages[] = {{kinds_make, k, true}, {kinds_stage, k, false}, {kinds_last, k, true}};
    weft_pipeline_options options = {4, kinds_drop, k};
    int rc = weft_pipeline(stages, WEFT_ARRAY_SIZE(stages), &options);
    if (rc == 0) {
        kinds_expect_hits(k, 1);
        EXPECT_EQ(k->next, k->n);
    }
    EXPECT(rc == -WEFT_EPANIC || k->next + a_load(&k->dropped, relaxed) == k->made);
    return rc;
}

/* ---- all ---- */

enum kinds_kind {
    KINDS_FOR,
    KINDS_FOR_GRAIN,
    KINDS_FOR_STATIC,
    KINDS_FOR_STATIC_GRAIN,
    KINDS_FOR_DYNAMIC,
    KINDS_REDUCE,
    KINDS_REDUCE_TREE,
    KINDS_REDUCE_LARGE,
    KINDS_REDUCE_LARGE_TREE,
    KINDS_SCAN,
    KINDS_SCAN_TREE,
    KINDS_SCAN_LARGE,
    KINDS_MAP,
    KINDS_FILTER,
    KINDS_PIPELINE,
    KINDS_SORT,    /* from here on the hook's code is not looked at */
    KINDS_SORT_BY, /* and there is no hook */
    KINDS_N
};

/* What the call said. */
static inline int kinds_run(struct kinds *k, enum kinds_kind kind)
{
    static const weft_for_options ways[] = {{0, WEFT_FOR_ADAPTIVE}, {1, WEFT_FOR_ADAPTIVE},
                                            {0, WEFT_FOR_STATIC},   {3, WEFT_FOR_STATIC},
                                            {1, WEFT_FOR_DYNAMIC}};
    size_t large = sizeof(struct kinds_sum);
    kinds_begin(k);
    switch (kind) {
    case KINDS_REDUCE:
    case KINDS_REDUCE_TREE:
        return kinds_reduce(k, sizeof(int64_t), kind == KINDS_REDUCE_TREE);
    case KINDS_REDUCE_LARGE:
    case KINDS_REDUCE_LARGE_TREE:
        return kinds_reduce(k, large, kind == KINDS_REDUCE_LARGE_TREE);
    case KINDS_SCAN:
    case KINDS_SCAN_TREE:
        return kinds_scan(k, sizeof(int64_t), kind == KINDS_SCAN_TREE);
    case KINDS_SCAN_LARGE:
        return kinds_scan(k, large, false);
    case KINDS_MAP:
        return kinds_map(k);
    case KINDS_FILTER:
        return kinds_filter(k);
    case KINDS_PIPELINE:
        return kinds_pipeline(k);
    case KINDS_SORT:
    case KINDS_SORT_BY:
        return kinds_sort(k, kind == KINDS_SORT_BY);
    default:
        return kinds_for(k, &ways[kind]);
    }
}

#endif
