/* rng.h - chance: one generator per owner, and the one door to the system's entropy.
 *
 * xoshiro256** of Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM
 * Transactions on Mathematical Software 47(4), 2021; seeded through the SplitMix64 of Steele, Lea
 * and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.  Not for secrets.
 *
 * A generator has one owner and no lock.  A run under a fixed seed draws the same numbers on
 * every machine, which is what replaying a schedule needs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_RNG_H
#define WEFT_BASE_RNG_H

#include "base/base.h"

struct weft__rng {
    uint64_t s[4];
};

/* Never sleeps.  Any seed will do, 0 too. */
void weft__rng_seed(struct weft__rng *r, uint64_t seed);

/* Never sleeps.  64 bits, all equally likely. */
uint64_t weft__rng_next(struct weft__rng *r);

/* Never sleeps.  A number in [0, n), without bias; n is at least 1. */
uint64_t weft__rng_below(struct weft__rng *r, uint64_t n);

/* 64 bits from the kernel. */
uint64_t weft__rng_entropy(void);

#endif
