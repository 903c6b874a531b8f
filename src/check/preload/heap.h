/* heap.h - which bytes of the program's heap may be touched.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_HEAP_H
#define WEFT_CHECK_HEAP_H

#include "check/ops.h"

#define HEAP_GRANULE_SHIFT 4

/* The region that all blocks lie in; span 0: no marks are kept.  A mark tells of each 16 bytes how
 * many of them, from the first, belong to a living block. */
extern uintptr_t weft__heap_low, weft__heap_span;
extern uint8_t *weft__heap_marks;

bool weft__heap_allows_range(uintptr_t address, size_t size);

/* May these bytes be touched?  Yes for all that is not heap. */
static inline bool weft__heap_allows(uintptr_t address, size_t size)
{
    uintptr_t offset = address - weft__heap_low;

    if (offset >= weft__heap_span)
        return true;
    if (WEFT_LIKELY((address & 15) + size <= weft__heap_marks[offset >> HEAP_GRANULE_SHIFT]))
        return true;
    return weft__heap_allows_range(address, size);
}

/* The running strand touches what it may not: a finding, and the end of the schedule. */
void weft__heap_refused(enum weft__op op, uintptr_t address, size_t size, uintptr_t pc)
    __attribute__((noreturn));

/* What the address is to the blocks of the heap, in words.  False: it is not in the heap. */
bool weft__heap_describe(uintptr_t address, char *ret, size_t size);

/* Reserves the region.  Before the first child is made, so that all children have one layout. */
void weft__heap_reserve(bool with_marks);

/* At the end of a schedule: has any freed block been written to?  Adds a finding. */
void weft__heap_end(void);

#endif
