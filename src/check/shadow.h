/* shadow.h - what is known of each byte of the program's memory: who wrote it, who read it, when.
 *
 * Happens-before by vector clocks (FastTrack: Flanagan and Freund, PLDI 2009), byte-precise: two
 * neighbours in one word are two.  Also tells which memory is shared at all, and whose write a read
 * sees.  Called by engine.c for the one strand that runs, so nothing is locked.  Allocates from
 * mappings of its own, made at init, grown never: what does not fit is forgotten, oldest first,
 * and a forgotten access is a missed race, never a false one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SHADOW_H
#define WEFT_CHECK_SHADOW_H

#include "check/plan.h"
#include "check/vclock.h"

/* An access as remembered. */
struct weft__seen_access {
    uint16_t strand;
    uint8_t op, size;
    weft__site site, caller;
    uint32_t step;
};

/* What an access found. */
struct weft__seen {
    bool shared;       /* another strand has accessed one of these bytes, since they were made */
    bool written;      /* ... and one of all these accesses, this included, was a write */
    bool race;         /* not ordered with `other`, and one of the two is a plain write, or one is a
                        * write and the other one plain */
    bool has_writer;   /* `writer` is the last write of the first byte; else: never written */
    bool has_reader;   /* `reader` is another strand's read of these bytes, ordered or not: the
                        * newest that is known.  Looked for when strands take turns only */
    struct weft__seen_access writer, other, reader;
};

/* Ready for a new schedule: all memory untouched, strand 0 exists.  The first call maps; later ones
 * clear what was used.  0 or -ENOMEM. */
int weft__shadow_init(void);

/* Only reserves the memory.  0 or -ENOMEM. */
int weft__shadow_map(void);

/* Gives its memory back; NULL-safe, may be called twice. */
void weft__shadow_fini(void);

void weft__shadow_access(uint16_t strand, enum weft__op op, int order, uintptr_t address,
                         size_t size, weft__site site, weft__site caller, uint32_t step,
                         struct weft__seen *ret);

/* Has more than one strand accessed one of these bytes since they were made?  A look, no access. */
bool weft__shadow_is_shared(uintptr_t address, size_t size);

/* These bytes are new: a block was allocated, a stack is used again. */
void weft__shadow_reset(uintptr_t address, size_t size);

/* Spawn, join and fences are in vclock.h. */
void weft__clock_release(uint16_t strand, uintptr_t object);
void weft__clock_acquire(uint16_t strand, uintptr_t object);

#endif
