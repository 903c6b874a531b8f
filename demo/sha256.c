/* sha256.c - SHA-256 as FIPS 180-4 describes it.
 *
 * The work that the demo gives to each byte.  Portable C on purpose, without the instructions that
 * some CPUs have for it: the demo wants a job that costs something, the same everywhere.
 *
 * The message schedule is kept as a ring of sixteen words, each replaced when its round is over,
 * and the eight working variables change their names from round to round instead of moving.
 *
 * Tested against sha256sum for every length around a block's edges by tests/demo_answers.sh.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sha256.h"

#include <string.h>

#define BLOCK_SIZE  64
#define LENGTH_SIZE 8 /* of the bit count at the end of the last block */

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t sha256_rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t sha256_load(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void sha256_store(uint8_t *at, uint32_t x)
{
    at[0] = (uint8_t)(x >> 24);
    at[1] = (uint8_t)(x >> 16);
    at[2] = (uint8_t)(x >> 8);
    at[3] = (uint8_t)x;
}

/* Puts the schedule's word i, which is at least 16, in the place of its word i - 16. */
static inline uint32_t sha256_schedule(uint32_t w[16], unsigned i)
{
    uint32_t x = w[(i - 15) & 15], y = w[(i - 2) & 15];
    uint32_t s0 = sha256_rotate(x, 7) ^ sha256_rotate(x, 18) ^ x >> 3;
    uint32_t s1 = sha256_rotate(y, 17) ^ sha256_rotate(y, 19) ^ y >> 10;

    return w[i & 15] += s0 + w[(i - 7) & 15] + s1;
}

/* One round.  `in` is the round's constant plus its word of the schedule.  Of the eight variables
 * only d and h change; h is the next round's a, so the caller names them one place further then. */
static inline void sha256_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e,
                                uint32_t f, uint32_t g, uint32_t *h, uint32_t in)
{
    uint32_t s1 = sha256_rotate(e, 6) ^ sha256_rotate(e, 11) ^ sha256_rotate(e, 25);
    uint32_t s0 = sha256_rotate(a, 2) ^ sha256_rotate(a, 13) ^ sha256_rotate(a, 22);
    uint32_t choice = g ^ (e & (f ^ g));
    uint32_t majority = (a & b) | (c & (a | b));
    uint32_t sum = *h + s1 + choice + in;

    *d += sum;
    *h = sum + s0 + majority;
}

/* Eight rounds bring each variable back to its own name. */
static inline void sha256_rounds(uint32_t s[8], const uint32_t in[8])
{
    sha256_round(s[0], s[1], s[2], &s[3], s[4], s[5], s[6], &s[7], in[0]);
    sha256_round(s[7], s[0], s[1], &s[2], s[3], s[4], s[5], &s[6], in[1]);
    sha256_round(s[6], s[7], s[0], &s[1], s[2], s[3], s[4], &s[5], in[2]);
    sha256_round(s[5], s[6], s[7], &s[0], s[1], s[2], s[3], &s[4], in[3]);
    sha256_round(s[4], s[5], s[6], &s[7], s[0], s[1], s[2], &s[3], in[4]);
    sha256_round(s[3], s[4], s[5], &s[6], s[7], s[0], s[1], &s[2], in[5]);
    sha256_round(s[2], s[3], s[4], &s[5], s[6], s[7], s[0], &s[1], in[6]);
    sha256_round(s[1], s[2], s[3], &s[4], s[5], s[6], s[7], &s[0], in[7]);
}

static void sha256_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t s[8], w[16], in[8];

    memcpy(s, state, sizeof s);
    for (unsigned i = 0; i < 16; i++)
        w[i] = sha256_load(block + 4 * i);
    for (unsigned i = 0; i < 64; i += 8) {
        for (unsigned j = 0; j < 8; j++)
            in[j] = sha256_k[i + j] + (i < 16 ? w[i + j] : sha256_schedule(w, i + j));
        sha256_rounds(s, in);
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

void sha256_init(struct sha256 *sha)
{
    /* The first 32 bits of the fractions of the square roots of the first eight primes. */
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(sha->state, start, sizeof start);
    sha->size = 0;
}

void sha256_add(struct sha256 *sha, const void *data, size_t size)
{
    const uint8_t *at = data;
    size_t filled = sha->size % BLOCK_SIZE;

    sha->size += size;
    if (filled > 0) {
        size_t n = size < BLOCK_SIZE - filled ? size : BLOCK_SIZE - filled;
        memcpy(sha->block + filled, at, n);
        at += n;
        size -= n;
        if (filled + n < BLOCK_SIZE)
            return;
        sha256_block(sha->state, sha->block);
    }
    for (; size >= BLOCK_SIZE; at += BLOCK_SIZE, size -= BLOCK_SIZE)
        sha256_block(sha->state, at);
    if (size > 0)
        memcpy(sha->block, at, size);
}

void sha256_done(struct sha256 *sha, uint8_t ret_digest[SHA256_SIZE])
{
    uint64_t bits = sha->size * 8;
    size_t filled = sha->size % BLOCK_SIZE;

    sha->block[filled++] = 0x80;
    if (filled > BLOCK_SIZE - LENGTH_SIZE) { /* no room left for the length? */
        memset(sha->block + filled, 0, BLOCK_SIZE - filled);
        sha256_block(sha->state, sha->block);
        filled = 0;
    }
    memset(sha->block + filled, 0, BLOCK_SIZE - LENGTH_SIZE - filled);
    sha256_store(sha->block + BLOCK_SIZE - 8, (uint32_t)(bits >> 32));
    sha256_store(sha->block + BLOCK_SIZE - 4, (uint32_t)bits);
    sha256_block(sha->state, sha->block);
    for (unsigned i = 0; i < 8; i++)
        sha256_store(ret_digest + 4 * i, sha->state[i]);
}

void sha256_hex(const uint8_t digest[SHA256_SIZE], char ret_text[SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        ret_text[2 * i] = digits[digest[i] >> 4];
        ret_text[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_text[SHA256_HEX_SIZE - 1] = '\0';
}
