/* place.h - what sites are called: function, file, line, and the line's own words.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_PLACE_H
#define WEFT_CHECK_PLACE_H

#include "check/plan.h"

/* Strings are clean (valid UTF-8 without control characters), never NULL, "" if unknown. */
struct weft__place {
    const char *function;
    const char *file;   /* without its directory */
    const char *path;   /* where the source lies; "" if it is not there any more */
    const char *source; /* the line, without the white space around it */
    unsigned line;      /* 0: unknown */
    bool is_weft;       /* of Weft itself: no news to whoever uses it */
};

/* Who knows the names.  Its strings live as long as it does. */
struct weft__names {
    /* is_return: the site is a return address, and the call before it is meant.  False: unknown. */
    bool (*place)(struct weft__names *names, weft__site site, bool is_return,
                  struct weft__place *ret);
    /* The global variable that holds the site, and how far inside.  NULL: none. */
    const char *(*variable)(struct weft__names *names, weft__site site, uint64_t *ret_offset);
};

/* The names in the modules' files and in the sources beside them, or where these were when they
 * were compiled.  The modules stay the caller's.  NULL: no memory. */
struct weft__names *weft__names_new(const struct weft__modules *modules);
void weft__names_free(struct weft__names *names);

/* ---- strings that live together ---- */

struct weft__pool_chunk;
struct weft__pool {
    struct weft__pool_chunk *chunks;
    bool is_short; /* of memory: something is missing */
};

void weft__pool_free(struct weft__pool *pool);

/* Zeroed; NULL: no memory. */
void *weft__pool_take(struct weft__pool *pool, size_t size);

/* A clean text; "" without memory.  At most 2000 bytes. */
const char *weft__pool_say(struct weft__pool *pool, const char *format, ...) WEFT_PRINTF(2, 3);

/* Copies n bytes, and cleans them: tabs become spaces, other control characters and what is no
 * UTF-8 the replacement character. */
const char *weft__pool_clean(struct weft__pool *pool, const char *bytes, size_t n);

/* How many bytes the UTF-8 character at s has; 0: it is none, or the string ends here. */
size_t weft__utf8_size(const char *s, const char *end);

#endif
