/* alloc.h - the one door to the heap.
 *
 * Everything here returns NULL on failure, and can be made to fail by base/fault.h.  Blocks alive
 * are counted exactly, so that a test can prove that nothing was left behind.
 *
 * The count is one word for the whole process.  That is bearable because no hot path allocates:
 * tasks and stacks come from slabs of their own, waiters live on the sleeper's stack.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_ALLOC_H
#define WEFT_BASE_ALLOC_H

#include "base/base.h"

/* Never sleeps.  A size of 0 is a block too: it is counted and must be freed. */
WEFT_MUST_USE void *weft__alloc(size_t size_bytes);
WEFT_MUST_USE void *weft__alloc_zero(size_t size_bytes);

/* `align` is a power of two. */
WEFT_MUST_USE void *weft__alloc_aligned(size_t align, size_t size_bytes);

/* NULL is fine.  Takes blocks of all three kinds. */
void weft__free(void *p);

/* Blocks alive now. */
size_t weft__alloc_live(void);

#endif
