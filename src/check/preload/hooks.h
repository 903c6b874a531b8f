/* hooks.h - the program's own memory accesses, on their way to the engine.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_HOOKS_H
#define WEFT_CHECK_HOOKS_H

#include "check/preload/heap.h"
#include "check/preload/preload.h"

/* Does the engine want to hear of accesses now? */
#define HOOKS_ON()                                                                                 \
    (WEFT_LIKELY(weft__engine != NULL) ? WEFT_LIKELY(weft__busy == 0)                              \
                                       : weft__delays && weft__delay(NULL, WEFT__PC()))

static inline void weft__hook_check(enum weft__op op, uintptr_t address, size_t size, uintptr_t pc)
{
    if (WEFT_UNLIKELY(!weft__heap_allows(address, size)))
        weft__heap_refused(op, address, size, pc);
}

/* One access of at most 255 bytes, about to happen.  The heap is asked after the point: another
 * strand may have freed the block there, and nothing comes between this and the access itself. */
static inline void weft__hook_access(enum weft__op op, uintptr_t address, size_t size, int order,
                                     uintptr_t pc)
{
    weft__access(op, address, size, order, pc);
    weft__hook_check(op, address, size, pc);
}

/* A range of any length, in pieces; the whole of it is reported before the caller touches it. */
void weft__hook_range(enum weft__op op, const void *address, size_t size, uintptr_t pc);

/* As above, if the code at pc was compiled with the hooks: for functions of libc that are called
 * from such code, and touch memory for it. */
void weft__hook_libc(enum weft__op op, const void *address, size_t size, uintptr_t pc);

/* Is the address in a module that was compiled with the hooks? */
bool weft__is_hooked(uintptr_t pc);

/* Return addresses in the program, innermost first, by the tables for exceptions: slow. */
uint32_t weft__walk(uintptr_t *ret, uint32_t n);

/* Is it at that? */
bool weft__is_walking(void);

/* The running thread's stack of calls, put away and brought back: strands may share a thread. */
size_t weft__calls_size(void);
void weft__calls_save(void *to);
void weft__calls_load(const void *from); /* zeroes: an empty one */

/* From begin (true) to end (false) weft__stack gives nothing rather than walk. */
void weft__stack_shallow(bool begin);

#define HOOKS_PIECE 128 /* bytes of a range reported at a time */

#endif
