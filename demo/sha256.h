/* sha256.h - SHA-256: bytes in, in pieces of any size; 32 bytes out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_SHA256_H
#define DEMO_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 /* with the byte 0 at the end */

struct sha256 {
    uint32_t state[8];
    uint64_t size;     /* bytes so far; its low six bits say how much of `block` is filled */
    uint8_t block[64];
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t size);

/* The digest of all that was added.  The struct must be made anew before it is used again. */
void sha256_done(struct sha256 *sha, uint8_t ret_digest[SHA256_SIZE]);

void sha256_hex(const uint8_t digest[SHA256_SIZE], char ret_text[SHA256_HEX_SIZE]);

#endif
