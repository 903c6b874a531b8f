/* rng_test.c - the generator is the one of the paper, bounded and without visible bias.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/rng.h"

#include "tests/test.h"

/* From the state 1, 2, 3, 4, worked out by hand from the paper's recurrence. */
TEST(rng_known_values)
{
    struct weft__rng r = {{1, 2, 3, 4}};

    EXPECT_EQ(weft__rng_next(&r), 11520);
    EXPECT_EQ(weft__rng_next(&r), 0);
    EXPECT_EQ(weft__rng_next(&r), 1509978240);
    EXPECT_EQ(weft__rng_next(&r), 1215971899390074240);
}

TEST(rng_same_seed_same_numbers)
{
    struct weft__rng a, b, c;
    int equal = 0;

    weft__rng_seed(&a, 42);
    weft__rng_seed(&b, 42);
    weft__rng_seed(&c, 43);
    for (int i = 0; i < 1000; i++) {
        uint64_t n = weft__rng_next(&a);
        EXPECT(n == weft__rng_next(&b));
        equal += n == weft__rng_next(&c);
    }
    EXPECT_EQ(equal, 0);
}

TEST(rng_seed_zero_works)
{
    struct weft__rng r;

    weft__rng_seed(&r, 0);
    EXPECT((r.s[0] | r.s[1] | r.s[2] | r.s[3]) != 0);
    EXPECT(weft__rng_next(&r) != weft__rng_next(&r));
}

/* Chi-square with n - 1 degrees of freedom: beyond n + 6 * sqrt(2n) is chance of about one in a
 * million, and the seed is fixed, so that this either always passes or never does. */
static void rng_expect_even(uint64_t n, int64_t root_of_2n)
{
    int64_t buckets[100] = {0}, per_bucket = 10000, sum = 0;
    struct weft__rng r;

    weft__rng_seed(&r, n);
    for (int64_t i = 0; i < (int64_t)n * per_bucket; i++) {
        uint64_t x = weft__rng_below(&r, n);
        EXPECT(x < n);
        buckets[x]++;
    }
    for (uint64_t i = 0; i < n; i++)
        sum += (buckets[i] - per_bucket) * (buckets[i] - per_bucket);
    EXPECT(sum / per_bucket < (int64_t)n + 6 * root_of_2n);
}

TEST(rng_below_is_even)
{
    rng_expect_even(1, 2);
    rng_expect_even(2, 2);
    rng_expect_even(3, 3);
    rng_expect_even(64, 12);
    rng_expect_even(100, 15);
}

/* Two thirds of the range: a plain remainder would draw the lower half twice as often. */
TEST(rng_below_large_is_even)
{
    uint64_t n = UINT64_MAX / 3 * 2;
    struct weft__rng r;
    int low = 0;

    weft__rng_seed(&r, 7);
    for (int i = 0; i < 100000; i++) {
        uint64_t x = weft__rng_below(&r, n);
        EXPECT(x < n);
        low += x < n / 2;
    }
    EXPECT(low > 49000 && low < 51000);
}

TEST(rng_every_bit_changes)
{
    int ones[64] = {0};
    struct weft__rng r;

    weft__rng_seed(&r, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t x = weft__rng_next(&r);
        for (int bit = 0; bit < 64; bit++)
            ones[bit] += (int)(x >> bit & 1);
    }
    for (int bit = 0; bit < 64; bit++)
        EXPECT(ones[bit] > 4700 && ones[bit] < 5300);
}

TEST(rng_entropy_differs)
{
    EXPECT(weft__rng_entropy() != weft__rng_entropy());
}

PANIC_TEST(rng_below_zero, "check failed: n > 0")
{
    struct weft__rng r;

    weft__rng_seed(&r, 1);
    EXPECT_EQ(weft__rng_below(&r, 0), 0);
}
