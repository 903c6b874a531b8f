/* arena.h - memory that is given back all at once: what belongs to one request.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_ARENA_H
#define WEFT_HTTP_ARENA_H

#include "base/atomic.h"
#include "base/base.h"

#define HTTP_ARENA_FIRST ((size_t)4096) /* the block that is kept; holds the usual request */

struct http_block {
    struct http_block *next;
    size_t room, used;
    _Alignas(16) char bytes[];
};

/* All zero: empty. */
struct http_arena {
    struct http_block *blocks; /* the newest first; the last one is kept by a reset */
};

/* NULL when there is no memory.  Aligned to 16, not zeroed. */
void *weft__http_take(struct http_arena *arena, size_t size);

/* A copy with a byte 0 behind it, or NULL. */
char *weft__http_take_copy(struct http_arena *arena, const char *text, size_t size);

/* Forgets all; the first block stays for the next request. */
void weft__http_arena_reset(struct http_arena *arena);
void weft__http_arena_fini(struct http_arena *arena);

/* The library's door to memory: zeroed, or NULL. */
void *weft__http_alloc_zero(size_t size);
void *weft__http_grow(void *old, size_t size);
void weft__http_release(void *p);

/* For tests: asked at each allocation whether it should fail.  NULL: none does. */
typedef bool weft__http_alloc_fn(void);
extern ATOMIC(weft__http_alloc_fn *) weft__http_alloc_fails;

#endif
