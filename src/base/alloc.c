/* alloc.c - the one door to the heap.
 *
 * Called by everyone, from any thread.  Holds one word: the count of blocks alive.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"

#include <stdlib.h>

#include "base/atomic.h"
#include "base/fault.h"

/* On a line of its own, so that what others keep nearby does not travel with it. */
static struct {
    ATOMIC(size_t) live;
} alloc_count WEFT_ALIGNED(WEFT_CACHE_LINE);

/* Relaxed: nobody concludes anything about memory from the count. */
static void *alloc_counted(void *p)
{
    if (p != NULL)
        a_add(&alloc_count.live, 1, relaxed);
    return p;
}

/* A size of 0 may give NULL, which would read as a failure. */
static size_t alloc_size(size_t size_bytes)
{
    return size_bytes > 0 ? size_bytes : 1;
}

void *weft__alloc(size_t size_bytes)
{
    if (weft__fault(WEFT_FAULT_ALLOC))
        return NULL;
    return alloc_counted(malloc(alloc_size(size_bytes)));
}

void *weft__alloc_zero(size_t size_bytes)
{
    if (weft__fault(WEFT_FAULT_ALLOC))
        return NULL;
    return alloc_counted(calloc(1, alloc_size(size_bytes)));
}

void *weft__alloc_aligned(size_t align, size_t size_bytes)
{
    void *p = NULL;

    WEFT_CHECK(align != 0 && (align & (align - 1)) == 0);
    if (weft__fault(WEFT_FAULT_ALLOC))
        return NULL;
    if (posix_memalign(&p, weft__max(align, sizeof(void *)), alloc_size(size_bytes)) != 0)
        return NULL;
    return alloc_counted(p);
}

void weft__free(void *p)
{
    if (p == NULL)
        return;
    WEFT_CHECK(a_sub(&alloc_count.live, 1, relaxed) > 0);
    free(p);
}

size_t weft__alloc_live(void)
{
    return a_load(&alloc_count.live, relaxed);
}
