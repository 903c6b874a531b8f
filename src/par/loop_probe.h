/* loop_probe.h - what the tests of loops and sorts have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_LOOP_PROBE_H
#define WEFT_PAR_LOOP_PROBE_H

#include <stdlib.h>
#include <string.h>
#include <weft.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "base/rng.h"
#include "tests/test.h"

/* Sizes at which loops are tried; the large ones not under schedules. */
static const int64_t probe_sizes[] = {0, 1, 2, 3, 7, 40, 1000, 1023, 4097, 100000};
#define PROBE_SIZES (test_is_steered ? (size_t)6 : WEFT_ARRAY_SIZE(probe_sizes))

/* How many indices make a loop that is worth sharing. */
#define PROBE_MANY (test_is_steered ? 40 : 200000)

static inline int64_t *probe_numbers(int64_t n, uint64_t seed, uint64_t below)
{
    struct weft__rng rng;
    int64_t *at = malloc((size_t)(n + 1) * sizeof *at);
    EXPECT(at != NULL);
    weft__rng_seed(&rng, seed);
    for (int64_t i = 0; i < n; i++) {
        uint64_t x = weft__rng_next(&rng);
        at[i] = (int64_t)(below ? x % below : x);
    }
    return at;
}

/* Computes for some hundred nanoseconds. */
static inline void probe_work(int rounds)
{
    for (volatile int i = 0; i < rounds; i++) {
    }
}

#endif
