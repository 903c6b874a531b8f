/* digest.h - 128 bits that stand for some bytes: FNV-1a.
 *
 * A key of a cache that belongs to one user, not a signature: it tells different programs apart,
 * it does not withstand somebody who looks for two that collide.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_DIGEST_H
#define WEFT_TOOLS_DIGEST_H

#include <stddef.h>

struct digest {
    unsigned __int128 state;
};

struct digest digest_begin(void);
void digest_bytes(struct digest *digest, const void *bytes, size_t size);

/* The word and the fact that it ends here, so that "ab","c" is not "a","bc".  NULL is not "". */
void digest_word(struct digest *digest, const char *word);

/* 32 letters. */
const char *digest_name(const struct digest *digest);

#endif
