/* digest.c - 128 bits that stand for some bytes: FNV-1a.
 *
 * Measured against what it serves: the hundred headers of a small program, 1 MB, take 2 ms.
 *
 * SPDX-License-Identifier: MIT
 */
#include "digest.h"

#include <stdint.h>
#include <string.h>

#include "words.h"

static unsigned __int128 digest_pair(uint64_t high, uint64_t low)
{
    return (unsigned __int128)high << 64 | low;
}

/* Offset basis and prime: draft-eastlake-fnv, section 5. */
struct digest digest_begin(void)
{
    return (struct digest){digest_pair(0x6c62272e07bb0142, 0x62b821756295c58d)};
}

void digest_bytes(struct digest *digest, const void *bytes, size_t size)
{
    const unsigned __int128 prime = digest_pair(0x0000000001000000, 0x000000000000013b);
    const unsigned char *at = bytes;
    unsigned __int128 state = digest->state;
    for (size_t i = 0; i < size; i++)
        state = (state ^ at[i]) * prime;
    digest->state = state;
}

void digest_word(struct digest *digest, const char *word)
{
    digest_bytes(digest, word ? "+" : "-", 1);
    if (word)
        digest_bytes(digest, word, strlen(word) + 1);
}

const char *digest_name(const struct digest *digest)
{
    return words_print("%016llx%016llx", (unsigned long long)(digest->state >> 64),
                       (unsigned long long)digest->state);
}
