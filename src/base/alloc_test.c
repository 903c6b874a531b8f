/* alloc_test.c - blocks are counted, aligned, zeroed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"

#include "tests/test.h"

TEST(alloc_counts_the_living)
{
    size_t before = weft__alloc_live();
    void *a = weft__alloc(100), *b = weft__alloc_zero(0), *c = weft__alloc_aligned(256, 10);

    EXPECT(a != NULL && b != NULL && c != NULL);
    EXPECT_EQ(weft__alloc_live(), before + 3);
    weft__free(b);
    weft__free(NULL);
    EXPECT_EQ(weft__alloc_live(), before + 2);
    weft__free(a);
    weft__free(c);
    EXPECT_EQ(weft__alloc_live(), before);
}

TEST(alloc_zeroes)
{
    unsigned char *p = weft__alloc_zero(1000);

    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(p[i], 0);
    weft__free(p);
}

TEST(alloc_aligns)
{
    for (size_t align = 1; align <= 65536; align *= 2) {
        void *p = weft__alloc_aligned(align, 3);
        EXPECT_EQ((uintptr_t)p % align, 0);
        weft__free(p);
    }
}

TEST(alloc_too_large_is_null)
{
    volatile size_t huge = SIZE_MAX / 2;
    size_t before = weft__alloc_live();

    if (WEFT_ASAN || WEFT_TSAN)
        SKIP("the sanitizers end the process instead");
    EXPECT(weft__alloc_aligned(4096, huge) == NULL);
    EXPECT_EQ(weft__alloc_live(), before);
}
