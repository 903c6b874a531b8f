/* blocks_test.c - which block an address is in, against a list that is searched from end to end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/blocks.h"

#include "base/rng.h"
#include "tests/test.h"

#define BLOCKS_TEST_BASE ((uintptr_t)0x550000000000)

TEST(blocks_know_their_addresses)
{
    EXPECT_EQ(weft__blocks_init(), 0);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE) == NULL);
    struct weft__block *a = weft__block_add(BLOCKS_TEST_BASE, 24, 5, 1, 9);
    struct weft__block *b = weft__block_add(BLOCKS_TEST_BASE + 32, 100000, 5, 2, 10);
    struct weft__block *c = weft__block_add(BLOCKS_TEST_BASE + 200000, 0, 6, 2, 11);
    EXPECT_EQ(a->nth, 1);
    EXPECT_EQ(b->nth, 2);
    EXPECT_EQ(c->nth, 1);
    EXPECT_EQ(b->strand, 2);
    EXPECT_EQ(b->step, 10);
    EXPECT_EQ(b->freed_site, 0);
    EXPECT_EQ(b->n_stack, 0);
    EXPECT(weft__block_at(BLOCKS_TEST_BASE) == a);
    EXPECT(weft__block_at(BLOCKS_TEST_BASE + 1) == NULL);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 23) == a);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 24) == NULL);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 32) == b);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 100031) == b);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 100032) == NULL);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 200000) == c);
    b->freed_site = 7;
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 50000) == b);
    weft__block_forget(b);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 50000) == NULL);
    EXPECT(weft__block_at(BLOCKS_TEST_BASE + 32) == NULL);
    EXPECT_EQ(weft__block_add(BLOCKS_TEST_BASE + 32, 8, 5, 1, 12)->nth, 3);
    EXPECT_EQ(weft__blocks_init(), 0);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE) == NULL);
    EXPECT_EQ(weft__block_add(BLOCKS_TEST_BASE, 8, 5, 1, 1)->nth, 1);
    weft__blocks_fini();
    EXPECT(weft__block_around(BLOCKS_TEST_BASE) == NULL);
}

/* A freed block is known until another one is where it was; who lives is preferred. */
TEST(blocks_prefer_the_living)
{
    EXPECT_EQ(weft__blocks_init(), 0);
    weft__block_add(BLOCKS_TEST_BASE, 4096, 1, 0, 1)->freed_site = 2;
    struct weft__block *inner = weft__block_add(BLOCKS_TEST_BASE + 64, 64, 1, 0, 2);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 70) == inner);
    EXPECT_EQ(weft__block_around(BLOCKS_TEST_BASE + 200)->freed_site, 2);
    struct weft__block *again = weft__block_add(BLOCKS_TEST_BASE, 16, 1, 0, 3);
    EXPECT(weft__block_at(BLOCKS_TEST_BASE) == again);
    EXPECT(weft__block_around(BLOCKS_TEST_BASE + 200) == NULL);
    weft__blocks_fini();
}

enum { BLOCKS_TEST_PLACES = 300, BLOCKS_TEST_GRAIN = 1 << 20 };

/* One block at each place at most; the judge is an array. */
TEST(blocks_agree_with_a_list)
{
    static struct weft__block *known[BLOCKS_TEST_PLACES];
    struct weft__rng rng;

    weft__rng_seed(&rng, 1);
    EXPECT_EQ(weft__blocks_init(), 0);
    for (int i = 0; i < 200000; i++) {
        size_t place = weft__rng_below(&rng, BLOCKS_TEST_PLACES);
        uintptr_t low = BLOCKS_TEST_BASE + place * BLOCKS_TEST_GRAIN;
        size_t size = weft__rng_below(&rng, (uint64_t)1 << weft__rng_below(&rng, 21));
        uintptr_t address = low + weft__rng_below(&rng, BLOCKS_TEST_GRAIN - size) / 16 * 16;
        struct weft__block *block = known[place];
        if (weft__rng_below(&rng, 4) != 0) {
            uintptr_t at = low + weft__rng_below(&rng, BLOCKS_TEST_GRAIN);
            if (block != NULL && weft__rng_below(&rng, 2))
                at = block->address + weft__rng_below(&rng, block->size + 2) - 1;
            bool inside = block != NULL && at >= block->address &&
                          at - block->address < weft__max(block->size, (size_t)1);
            EXPECT(weft__block_around(at) == (inside ? block : NULL));
            EXPECT(weft__block_at(at) == (inside && at == block->address ? block : NULL));
        } else if (block == NULL) {
            known[place] = weft__block_add(address, size, 1, 0, 1);
        } else if (block->freed_site == 0) {
            block->freed_site = 1;
        } else {
            weft__block_forget(block);
            known[place] = NULL;
        }
    }
    weft__blocks_fini();
}

TEST(blocks_are_many)
{
    enum { MANY = 300000 };

    for (int round = 0; round < 2; round++) {
        EXPECT_EQ(weft__blocks_init(), 0);
        for (uintptr_t i = 0; i < MANY; i++)
            weft__block_add(BLOCKS_TEST_BASE + i * 48, 40, (weft__site)(i % 9000), 0, 1);
        for (uintptr_t i = 0; i < MANY; i++) {
            struct weft__block *block = weft__block_around(BLOCKS_TEST_BASE + i * 48 + 39);
            EXPECT(block != NULL);
            EXPECT_EQ(block->address, BLOCKS_TEST_BASE + i * 48);
            EXPECT(weft__block_around(BLOCKS_TEST_BASE + i * 48 + 40) == NULL);
        }
    }
    weft__blocks_fini();
}

/* More than there is room for: the oldest that were freed are forgotten, then the oldest. */
TEST(blocks_forget_the_oldest_freed)
{
    enum { ROOM = 1 << 20 };

    EXPECT_EQ(weft__blocks_init(), 0);
    weft__block_add(BLOCKS_TEST_BASE, 8, 1, 0, 1);
    for (uintptr_t i = 1; i < ROOM + 1000; i++)
        weft__block_add(BLOCKS_TEST_BASE + i * 16, 8, 1, 0, 1)->freed_site = 1;
    EXPECT(weft__block_at(BLOCKS_TEST_BASE) != NULL);
    EXPECT(weft__block_at(BLOCKS_TEST_BASE + 16) == NULL);
    EXPECT(weft__block_at(BLOCKS_TEST_BASE + 16 * (uintptr_t)(ROOM + 999)) != NULL);
    weft__blocks_fini();
}
