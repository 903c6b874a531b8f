/* arena.c - memory that is given back all at once: what belongs to one request.
 *
 * Also the library's one door to malloc.  A connection's arena keeps one block between requests, so
 * that a request of the usual size allocates nothing; what a large one took beyond it goes back at
 * its end, so that ten thousand kept connections do not hold what their largest request once
 * needed.  (With so many of them the one block goes back, too: exchange.c.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/arena.h"

#include <stdlib.h>

ATOMIC(weft__http_alloc_fn *) weft__http_alloc_fails;

static bool arena_alloc_fails(void)
{
    weft__http_alloc_fn *fails = a_load(&weft__http_alloc_fails, acquire);
    return fails != NULL && fails();
}

void *weft__http_alloc_zero(size_t size)
{
    return arena_alloc_fails() ? NULL : calloc(1, size);
}

void *weft__http_grow(void *old, size_t size)
{
    return arena_alloc_fails() ? NULL : realloc(old, size);
}

void weft__http_release(void *p)
{
    free(p);
}

static struct http_block *arena_block_new(struct http_arena *arena, size_t size)
{
    size_t room = weft__max(size, HTTP_ARENA_FIRST - sizeof(struct http_block));
    struct http_block *block = arena_alloc_fails() ? NULL : malloc(sizeof *block + room);

    if (block == NULL)
        return NULL;
    *block = (struct http_block){.next = arena->blocks, .room = room};
    arena->blocks = block;
    return block;
}

void *weft__http_take(struct http_arena *arena, size_t size)
{
    struct http_block *block = arena->blocks;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    if (block == NULL || block->room - block->used < size) {
        block = arena_block_new(arena, size);
        if (block == NULL)
            return NULL;
    }
    void *p = block->bytes + block->used;
    block->used += size;
    return p;
}

char *weft__http_take_copy(struct http_arena *arena, const char *text, size_t size)
{
    char *copy = weft__http_take(arena, size + 1);

    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

void weft__http_arena_reset(struct http_arena *arena)
{
    struct http_block *block = arena->blocks;

    while (block != NULL && block->next != NULL) {
        arena->blocks = block->next;
        free(block);
        block = arena->blocks;
    }
    if (block != NULL)
        block->used = 0;
}

void weft__http_arena_fini(struct http_arena *arena)
{
    weft__http_arena_reset(arena);
    free(arena->blocks);
    arena->blocks = NULL;
}
