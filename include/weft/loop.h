/* loop.h - loops that many workers share: for, reduce, scan, map, filter; and the pipeline.
 *
 *     static int scale(int64_t from, int64_t to, void *arg)
 *     {
 *         double *at = arg;
 *         for (int64_t i = from; i < to; i++)
 *             at[i] *= 2;
 *         return 0;
 *     }
 *     rc = weft_for(0, n, scale, at);
 *
 * A loop gets no number to tune: it begins with one index, finds out how many take some
 * microseconds, and gives half of what is left away whenever a worker has nothing to do.  So with
 * nobody idle it costs what the plain loop does, and it may stand within another one.
 *
 * True of all calls here.  They sleep while others work for them; now and then they let other
 * ready tasks run, so that I/O beside them goes on.  A body is called for ranges that do not
 * overlap, in any order, by many tasks at the same time; a call returns when no body runs any more.
 * The first negative code of a body is the result, and no more bodies begin.  A cancel of the
 * caller's scope, or its deadline, is seen before the next range: -WEFT_ECANCELED.  A range that is
 * empty, or ends before it begins, is 0.  In a plain OS thread all runs in that thread.
 *
 * The lazy splitting is that of Tzannes et al. ("Lazy Binary-Splitting", 2010).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_LOOP_H
#define WEFT_LOOP_H

#include "weft/api.h"

WEFT_BEGIN_DECLS

enum weft_schedule {
    WEFT_FOR_ADAPTIVE = 0, /* give away halves while somebody is idle */
    WEFT_FOR_STATIC = 1,   /* an equal part for each worker, decided at the beginning */
    WEFT_FOR_DYNAMIC = 2   /* each worker fetches the next grain when it is done with its last */
};

typedef struct weft_for_options {
    int64_t grain; /* the most indices in one call of the body.  0: found out by ADAPTIVE, all of
                    * its part for STATIC, 1 for DYNAMIC */
    enum weft_schedule schedule;
} weft_for_options;

/* Sleeps.  Calls body(a, b, arg) for ranges that make up from <= i < to.  0; the first negative
 * code of a body; -WEFT_ECANCELED; weft_for_with: -WEFT_EINVAL for a negative grain or an unknown
 * schedule.  options may be NULL. */
WEFT_API WEFT_MUST_USE int weft_for(int64_t from, int64_t to,
                                    int (*body)(int64_t from, int64_t to, void *arg), void *arg);
WEFT_API WEFT_MUST_USE int weft_for_with(int64_t from, int64_t to,
                                         int (*body)(int64_t from, int64_t to, void *arg),
                                         void *arg, const weft_for_options *options);

/* ---- many values become one ---- */

/* A reduction over any operation that is associative; it need not be commutative, since only
 * neighbours are combined, the left one first. */
typedef struct weft_reduce_ops {
    size_t size;          /* of an accumulator, at most WEFT_REDUCE_SIZE_MAX */
    const void *identity; /* what an accumulator begins with; copied byte by byte */
    int (*body)(int64_t from, int64_t to, void *acc, void *arg); /* adds the range to *acc */
    void (*combine)(void *acc, const void *other, void *arg);    /* adds *other, on the right */
    int64_t grain;        /* the most indices in one call of body; 0: found out */
    bool repeatable;      /* combine in the same order each time, however many workers there are,
                           * so that floating-point answers repeat to the last bit.  The order
                           * depends on the range and on `grain` alone */
} weft_reduce_ops;

#define WEFT_REDUCE_SIZE_MAX (1u << 20)

/* Sleeps.  *ret_acc is the identity, then all from <= i < to added to it from left to right.  It
 * is written on success only, and must not be an accumulator of another reduction.
 *
 * 0, the first negative code of a body, -WEFT_ECANCELED
 * -WEFT_ENOMEM   no memory for an accumulator of more than 64 bytes
 * -WEFT_EINVAL   a size out of range, or a negative grain
 */
WEFT_API WEFT_MUST_USE int weft_reduce(int64_t from, int64_t to, const weft_reduce_ops *ops,
                                       void *ret_acc, void *arg);

/* A prefix scan ("running totals") over any associative operation. */
typedef struct weft_scan_ops {
    size_t size;          /* these as in weft_reduce_ops */
    const void *identity;
    /* Adds from <= i < to to *acc, one after the other.  When `writes`, *acc holds all that lies
     * before the index: then the answer for each index is to be put down as well, before it is
     * added (an exclusive scan) or after (an inclusive one).  Called at most twice for an index,
     * first without `writes`. */
    int (*body)(int64_t from, int64_t to, void *acc, bool writes, void *arg);
    void (*combine)(void *acc, const void *other, void *arg);
    int64_t grain;
    bool repeatable;
} weft_scan_ops;

/* Sleeps.  *ret_acc, unless NULL, is what all indices add up to.  Codes as of weft_reduce; answers
 * for a part of the range may have been put down when it fails. */
WEFT_API WEFT_MUST_USE int weft_scan(int64_t from, int64_t to, const weft_scan_ops *ops,
                                     void *ret_acc, void *arg);

/* ---- arrays ---- */

/* Sleeps.  Calls fn for each of n elements of in_size bytes at `in`; it writes the element of
 * out_size bytes of the same number at `out`, which may be `in` if the sizes are the same.  Codes
 * as of weft_for. */
WEFT_API WEFT_MUST_USE int weft_map(const void *in, size_t in_size, void *out, size_t out_size,
                                    size_t n, int (*fn)(const void *in, void *out, void *arg),
                                    void *arg);

/* Sleeps.  Copies those of the n elements of `size` bytes at `in` to `out` for which keep says
 * 1, in the order they had, and sets *ret_n to their number.  keep says 0 for the others, or a
 * negative code; it is called once for each.  `out` has room for n elements and does not overlap
 * `in`.  Codes as of weft_for; when it fails, what is at `out` is of no use. */
WEFT_API WEFT_MUST_USE int weft_filter(const void *in, void *out, size_t n, size_t size,
                                       int (*keep)(const void *element, void *arg), void *arg,
                                       size_t *ret_n);

/* ---- pipeline ---- */

/* What is done with each item, one stage after the other. */
typedef struct weft_stage {
    /* The first stage makes items: it sets *item and returns 1, or returns 0 when there are no
     * more.  It is called for one at a time.  Each later stage finds the item in *item, may put
     * another one in its place, and returns >= 0.  A negative code ends the pipeline; the item that
     * *item holds then is dropped. */
    int (*fn)(void **item, void *arg);
    void *arg;
    bool serial; /* one item at a time, in the order in which the first stage made them */
} weft_stage;

typedef struct weft_pipeline_options {
    size_t items_max; /* on their way at the same time; 0: twice as many as there are workers */
    void (*drop)(void *item, void *arg); /* for items that do not reach the end; may be NULL */
    void *drop_arg;
} weft_pipeline_options;

#define WEFT_PIPELINE_ITEMS_MAX  (1u << 16)
#define WEFT_PIPELINE_STAGES_MAX 64u

/* Sleeps.  Sends items through n stages until the first one has no more and all have left the last
 * one.  Stages may sleep; then others of the items go on.  options may be NULL.
 *
 * 0, the first negative code of a stage, -WEFT_ECANCELED
 * -WEFT_ENOMEM   nothing was begun
 * -WEFT_EINVAL   no stage, more than WEFT_PIPELINE_STAGES_MAX, or too large an items_max
 */
WEFT_API WEFT_MUST_USE int weft_pipeline(const weft_stage *stages, size_t n,
                                         const weft_pipeline_options *options);

WEFT_END_DECLS

#endif
