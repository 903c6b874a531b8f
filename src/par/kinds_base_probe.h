/* kinds_base_probe.h - the problem that all kinds of loops and sorts are put to; see kinds_probe.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_KINDS_BASE_PROBE_H
#define WEFT_PAR_KINDS_BASE_PROBE_H

#include "par/loop_probe.h"

enum {
    KINDS_MAX = 256,     /* indices */
    KINDS_FILTERED = 64, /* elements of the filter for each index: its blocks are large */
    KINDS_SORTED = 5000, /* elements that are sorted: so many that pieces are forked */
    KINDS_COMPARED = 500 /* comparisons for each call of the hook */
};

struct kinds {
    int (*hook)(struct kinds *k, int64_t index); /* NULL: none */
    void *arg;
    int64_t n;
    ATOMIC(int64_t) calls, compares;
    ATOMIC(uint32_t) hits[KINDS_MAX];
    int64_t in[KINDS_MAX * KINDS_FILTERED], out[KINDS_MAX * KINDS_FILTERED];
    int64_t made, next;
    ATOMIC(int64_t) dropped;
};

static inline int kinds_touch(struct kinds *k, int64_t i)
{
    a_add(&k->calls, 1, relaxed);
    if (i < KINDS_MAX) {
        a_add(&k->hits[i], 1, relaxed);
    }
    return k->hook ? k->hook(k, i) : 0;
}

static inline struct kinds *kinds_new(int (*hook)(struct kinds *k, int64_t index), void *arg)
{
    struct kinds *k = calloc(1, sizeof *k);
    EXPECT(k != NULL);
    k->hook = hook;
    k->arg = arg;
    k->n = test_is_steered ? 24 : KINDS_MAX;
    return k;
}

static inline void kinds_begin(struct kinds *k)
{
    a_store(&k->calls, 0, relaxed);
    a_store(&k->compares, 0, relaxed);
    a_store(&k->dropped, 0, relaxed);
    k->made = k->next = 0;
    for (int64_t i = 0; i < KINDS_MAX; i++) {
        a_store(&k->hits[i], 0, relaxed);
    }
    for (int64_t i = 0; i < KINDS_MAX * KINDS_FILTERED; i++) {
        k->in[i] = i;
        k->out[i] = -1;
    }
}

/* Was each index there, and no more than so often? */
static inline void kinds_expect_hits(struct kinds *k, uint32_t most)
{
    for (int64_t i = 0; i < k->n; i++) {
        uint32_t hits = a_load(&k->hits[i], relaxed);
        EXPECT(hits >= 1 && hits <= most);
    }
}

/* ---- for ---- */

static inline int kinds_for_body(int64_t from, int64_t to, void *arg)
{
    int rc = 0;
    for (int64_t i = from; i < to && rc >= 0; i++) {
        rc = kinds_touch(arg, i);
    }
    return rc;
}

static inline int kinds_for(struct kinds *k, const weft_for_options *options)
{
    int rc = weft_for_with(0, k->n, kinds_for_body, k, options);
    if (rc == 0) {
        kinds_expect_hits(k, 1);
    }
    return rc;
}

/* ---- reduce and scan: sums, of 8 bytes or with much behind them ---- */

struct kinds_sum {
    int64_t sum, rest[511];
};

static inline int kinds_reduce_body(int64_t from, int64_t to, void *acc, void *arg)
{
    int rc = 0;
    for (int64_t i = from; i < to && rc >= 0; i++) {
        rc = kinds_touch(arg, i);
        *(int64_t *)acc += i;
    }
    return rc;
}

static inline void kinds_add(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(int64_t *)acc += *(const int64_t *)other;
}

static inline int kinds_reduce(struct kinds *k, size_t size, bool repeatable)
{
    static const struct kinds_sum none;
    struct kinds_sum all = {.sum = -1};
    weft_reduce_ops ops = {.size = size, .identity = &none, .body = kinds_reduce_body,
                           .combine = kinds_add, .repeatable = repeatable};
    int rc = weft_reduce(0, k->n, &ops, &all, k);
    EXPECT_EQ(all.sum, rc == 0 ? k->n * (k->n - 1) / 2 : -1);
    if (rc == 0) {
        kinds_expect_hits(k, 1);
    }
    return rc;
}

static inline int kinds_scan_body(int64_t from, int64_t to, void *acc, bool writes, void *arg)
{
    struct kinds *k = arg;
    int rc = 0;
    for (int64_t i = from; i < to && rc >= 0; i++) {
        rc = kinds_touch(k, i);
        if (writes) {
            k->out[i] = *(int64_t *)acc;
        }
        *(int64_t *)acc += i;
    }
    return rc;
}

static inline int kinds_scan(struct kinds *k, size_t size, bool repeatable)
{
    static const struct kinds_sum none;
    struct kinds_sum all = {.sum = -1};
    weft_scan_ops ops = {.size = size, .identity = &none, .body = kinds_scan_body,
                         .combine = kinds_add, .repeatable = repeatable};
    int rc = weft_scan(0, k->n, &ops, &all, k);
    EXPECT_EQ(all.sum, rc == 0 ? k->n * (k->n - 1) / 2 : -1);
    if (rc == 0) {
        kinds_expect_hits(k, 2);
        for (int64_t i = 0; i < k->n; i++) {
            EXPECT_EQ(k->out[i], i * (i - 1) / 2);
        }
    }
    return rc;
}

#endif
