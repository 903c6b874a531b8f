/* rng.c - chance: one generator per owner, and the one door to the system's entropy.
 *
 * Called by whoever holds a generator.  The papers are named in rng.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/rng.h"

#include "base/sys.h"
#include "base/time.h"

static uint64_t rng_rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* SplitMix64: spreads a seed over the state, so that near seeds give unrelated sequences, and at
 * least one word of the state is not 0. */
static uint64_t rng_split(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void weft__rng_seed(struct weft__rng *r, uint64_t seed)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(r->s); i++)
        r->s[i] = rng_split(&seed);
}

uint64_t weft__rng_next(struct weft__rng *r)
{
    uint64_t *s = r->s;
    uint64_t ret = rng_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rng_rotate(s[3], 45);
    return ret;
}

/* The high half of a 128-bit product, drawn again where the low half would favour some numbers:
 * Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019.  Divides only
 * in the rare case. */
uint64_t weft__rng_below(struct weft__rng *r, uint64_t n)
{
    __extension__ unsigned __int128 product;

    WEFT_CHECK(n > 0);
    product = weft__rng_next(r);
    product *= n;
    if ((uint64_t)product < n) {
        uint64_t unfair = -n % n; /* 2^64 mod n */
        while ((uint64_t)product < unfair) {
            product = weft__rng_next(r);
            product *= n;
        }
    }
    return (uint64_t)(product >> 64);
}

uint64_t weft__rng_entropy(void)
{
    uint64_t bits;

    /* a sandbox may forbid the call; a seed must then merely differ from the last one */
    if (weft__sys_random(&bits, sizeof bits) != 0)
        bits = (uint64_t)weft__time_now() ^ ((uint64_t)weft__sys_gettid() << 40);
    return bits;
}
