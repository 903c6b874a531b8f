/* sort.h - sorting by many workers.  Stable: what is equal keeps its order.
 *
 *     rc = weft_sort(rows, n, sizeof *rows, by_name, NULL);
 *     rc = weft_sort_by(rows, n, sizeof *rows, WEFT_KEY_INT64, offsetof(struct row, id));
 *
 * Both need as much memory again as the array has; they say -WEFT_ENOMEM before they have touched
 * anything.  They sleep while others work for them, and let other ready tasks run now and then.  A
 * cancel of the caller's scope ends them early: -WEFT_ECANCELED, and the array holds the elements
 * that it held, in some order.  In a plain OS thread all runs in that thread.  They need some 48 KB
 * of stack.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SORT_H
#define WEFT_SORT_H

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* Sleeps.  Sorts n elements of `size` bytes.  compare is negative when *a comes before *b, 0 when
 * either may come first; it is called by many tasks at the same time.  A compare that contradicts
 * itself gives some order, and no harm.
 *
 * 0, -WEFT_ECANCELED
 * -WEFT_ENOMEM   no memory for n elements; nothing has changed
 * -WEFT_EINVAL   size is 0, or n * size more than there can be
 */
WEFT_API WEFT_MUST_USE int weft_sort(void *base, size_t n, size_t size,
                                     int (*compare)(const void *a, const void *b, void *arg),
                                     void *arg);

/* What the key of weft_sort_by is. */
enum weft_key {
    WEFT_KEY_INT32 = 0,
    WEFT_KEY_UINT32 = 1,
    WEFT_KEY_FLOAT = 2,
    WEFT_KEY_INT64 = 3,
    WEFT_KEY_UINT64 = 4,
    WEFT_KEY_DOUBLE = 5
};

/* Sleeps.  Sorts by a number that lies at `offset` in each element, the least first; much faster
 * than weft_sort.  Numbers themselves are elements of their own size, with the key at 0.  Floating
 * point goes from -NaN over -infinity, -0.0, 0.0 and infinity to NaN.  Codes as of weft_sort;
 * -WEFT_EINVAL also when the key is unknown or does not lie within the element. */
WEFT_API WEFT_MUST_USE int weft_sort_by(void *base, size_t n, size_t size, enum weft_key key,
                                        size_t offset);

WEFT_END_DECLS

#endif
