/* reduce.c - many values become one, in any order of combination or in one that repeats.
 *
 * Without `repeatable` each strip adds its chunks to one accumulator, and the halves it has given
 * away are combined on the way back: so there are as many combinations as thefts.  With it the
 * range is a tree of halves down to its leaves, and each inner node combines, whoever ran what.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop.h"
#include "weft/err.h"
#include "weft/loop.h"

static int reduce_chunk(const struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    const weft_reduce_ops *ops = loop->ops;
    return ops->body(from, to, acc, loop->arg);
}

int weft_reduce(int64_t from, int64_t to, const weft_reduce_ops *ops, void *ret_acc, void *arg)
{
    if (ops->size == 0 || ops->size > WEFT_REDUCE_SIZE_MAX || ops->grain < 0) {
        return -WEFT_EINVAL;
    }
    struct weft__loop_acc acc;
    struct weft__loop loop = {.chunk = reduce_chunk, .ops = ops, .arg = arg,
                              .combine = ops->combine, .identity = ops->identity,
                              .size = ops->size, .grain = ops->grain};
    int rc = weft__loop_acc_init(&acc, &loop);
    if (rc != 0) {
        return rc;
    }
    if (from < to && ops->repeatable) {
        loop.grain = weft__loop_leaf(from, to, ops->grain);
        rc = weft__loop_tree(&loop, from, to, acc.at);
    } else if (from < to) {
        rc = weft__loop_strip(&loop, from, to, acc.at);
    }
    if (rc == 0) {
        memcpy(ret_acc, acc.at, ops->size);
    }
    weft__loop_acc_fini(&acc);
    return rc;
}
