/* cache.h - programs that `weft run` has compiled before.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_CACHE_H
#define WEFT_TOOLS_CACHE_H

#include "compiler.h"

/* Programs kept; the least recently run are dropped first.  $WEFT_CACHE_MAX overrides it. */
#define CACHE_PROGRAMS_MAX 64

struct cache {
    const char *dir;
    struct digest order; /* of everything but the contents of the files read */
    const char *name;    /* of the program: hello for hello.c */
};

/* Finds or makes the directory.  0, or OUT_COULD_NOT. */
int cache_open(struct cache *ret_cache, const struct compiler_order *order);

/* A program in the cache.  The open file keeps it alive should another run drop it meanwhile. */
struct cache_program {
    const char *path;
    int fd;
};

/* True: *ret_program was made from the very same files. */
bool cache_find(const struct cache *cache, struct cache_program *ret_program);

/* Sleeps.  Compiles; *ret_program is what is new in the cache.  0, or OUT_COULD_NOT. */
int cache_make(const struct cache *cache, const struct compiler_order *order,
               struct cache_program *ret_program);

#endif
