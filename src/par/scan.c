/* scan.c - running totals: what each block adds up to, what lies before each, then the answers.
 *
 * The range is cut into blocks.  First all blocks but the last are added up, side by side; the
 * first one writes its answers at once, as nothing lies before it.  Then one task goes over the
 * sums.  Then the other blocks are added up again, beginning with what lies before them, and write.
 * So it does almost twice the work, and is worth it from two workers on: with one, and if nobody
 * wants the order of combination to be the same everywhere, one pass does it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "par/loop.h"
#include "weft/err.h"
#include "weft/loop.h"

#define SCAN_BLOCKS_EACH 8 /* blocks for each worker: the last to end should not end late */

struct scan {
    const weft_scan_ops *ops;
    void *arg;
    int64_t from, to;
    uint64_t n;           /* blocks */
    uint64_t block;       /* indices in each but the last */
    unsigned char *accs;  /* n of them: what the block adds up to, later what lies before it */
    size_t stride;
    bool writes;          /* the second pass */
};

static void *scan_acc(const struct scan *scan, uint64_t k)
{
    return scan->accs + k * scan->stride;
}

static int scan_add(const struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    const weft_scan_ops *ops = loop->ops;
    return ops->body(from, to, acc, false, loop->arg);
}

static int scan_write(const struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    const weft_scan_ops *ops = loop->ops;
    return ops->body(from, to, acc, true, loop->arg);
}

/* A block in chunks, by one task; where the answer must repeat, in one. */
static int scan_range(const struct scan *scan, int64_t from, int64_t to, void *acc, bool writes)
{
    struct weft__loop loop = {.chunk = writes ? scan_write : scan_add, .ops = scan->ops,
                              .arg = scan->arg, .grain = scan->ops->grain, .is_whole = true};
    if (scan->ops->repeatable) {
        (void)weft__loop_chunk(&loop, from, to, acc);
        return a_load(&loop.code, relaxed);
    }
    return weft__loop_strip(&loop, from, to, acc);
}

static int scan_blocks(int64_t from, int64_t to, void *arg)
{
    const struct scan *scan = arg;
    int rc = 0;
    for (int64_t k = from; k < to && rc >= 0; k++) {
        uint64_t first = (uint64_t)scan->from + (uint64_t)k * scan->block;
        uint64_t len = weft__min(scan->block, (uint64_t)scan->to - first);
        rc = scan_range(scan, (int64_t)first, (int64_t)(first + len),
                        scan_acc(scan, (uint64_t)k), scan->writes || k == 0);
    }
    return rc;
}

/* From what each block adds up to, to what lies before it.  The first one is done. */
static void scan_sums(const struct scan *scan, void *before, void *sum)
{
    const weft_scan_ops *ops = scan->ops;
    memcpy(before, ops->identity, ops->size);
    for (uint64_t k = 0; k < scan->n; k++) {
        memcpy(sum, scan_acc(scan, k), ops->size);
        memcpy(scan_acc(scan, k), before, ops->size);
        if (k + 1 < scan->n) {
            ops->combine(before, sum, scan->arg);
        }
    }
}

static int scan_in_blocks(struct scan *scan, void *ret_acc)
{
    static const weft_for_options one_each = {.grain = 1};
    const weft_scan_ops *ops = scan->ops;
    scan->stride = (ops->size + 63) & ~(size_t)63; /* no two in one cache line */
    if (scan->n > PTRDIFF_MAX / scan->stride - 2) {
        return -WEFT_ENOMEM;
    }
    scan->accs = weft__alloc_aligned(64, (size_t)(scan->n + 2) * scan->stride);
    if (!scan->accs) {
        return -WEFT_ENOMEM;
    }
    for (uint64_t k = 0; k < scan->n; k++) {
        memcpy(scan_acc(scan, k), ops->identity, ops->size);
    }
    int64_t last = (int64_t)scan->n - 1;
    int rc = weft_for_with(0, weft__max(last, 1), scan_blocks, scan, &one_each);
    if (rc == 0 && last > 0) {
        scan_sums(scan, scan_acc(scan, scan->n), scan_acc(scan, scan->n + 1));
        scan->writes = true;
        rc = weft_for_with(1, last + 1, scan_blocks, scan, &one_each);
    }
    if (rc == 0 && ret_acc) {
        memcpy(ret_acc, scan_acc(scan, (uint64_t)last), ops->size);
    }
    weft__free(scan->accs);
    return rc;
}

static int scan_in_one(const struct scan *scan, void *ret_acc)
{
    struct weft__loop_acc acc;
    struct weft__loop like = {.identity = scan->ops->identity, .size = scan->ops->size};
    int rc = weft__loop_acc_init(&acc, &like);
    if (rc == 0) {
        rc = scan_range(scan, scan->from, scan->to, acc.at, true);
        if (rc == 0 && ret_acc) {
            memcpy(ret_acc, acc.at, scan->ops->size);
        }
        weft__loop_acc_fini(&acc);
    }
    return rc;
}

int weft_scan(int64_t from, int64_t to, const weft_scan_ops *ops, void *ret_acc, void *arg)
{
    if (ops->size == 0 || ops->size > WEFT_REDUCE_SIZE_MAX || ops->grain < 0) {
        return -WEFT_EINVAL;
    }
    struct scan scan = {.ops = ops, .arg = arg, .from = from, .to = to};
    uint64_t len = weft__loop_len(from, to), width = weft__par_width();
    if (len == 0) {
        if (ret_acc) {
            memcpy(ret_acc, ops->identity, ops->size);
        }
        return 0;
    }
    if (ops->repeatable) {
        scan.block = (uint64_t)weft__loop_leaf(from, to, ops->grain);
    } else {
        scan.block = (len - 1) / (width * SCAN_BLOCKS_EACH) + 1;
    }
    scan.n = (len - 1) / scan.block + 1;
    if (width == 1 && !ops->repeatable) {
        return scan_in_one(&scan, ret_acc);
    }
    return scan_in_blocks(&scan, ret_acc);
}
