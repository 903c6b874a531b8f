/* blocks.h - the heap blocks of the program, those freed among them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_BLOCKS_H
#define WEFT_CHECK_BLOCKS_H

#include "check/plan.h"

struct weft__block {
    uintptr_t address;
    size_t size;
    weft__site site, freed_site;  /* where it was made; freed, 0: it lives */
    uint16_t strand, freed_strand;
    uint32_t nth;                 /* of that site, from 1 */
    uint32_t step, freed_step;
    uint8_t n_stack;
    weft__site stack[8];
};

int weft__blocks_init(void);

/* Only reserves the memory.  0 or -ENOMEM. */
int weft__blocks_map(void);

/* Gives its memory back; NULL-safe, may be called twice. */
void weft__blocks_fini(void);

struct weft__block *weft__block_add(uintptr_t address, size_t size, weft__site site,
                                    uint16_t strand, uint32_t step);

/* The block that begins there; NULL: none known. */
struct weft__block *weft__block_at(uintptr_t address);

/* The block that holds the address, freed ones too; NULL: none known. */
struct weft__block *weft__block_around(uintptr_t address);

/* The memory goes back to libc: the block is forgotten. */
void weft__block_forget(struct weft__block *block);

#endif
