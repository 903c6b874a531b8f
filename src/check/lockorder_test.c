/* lockorder_test.c - cycles of locks, in little traces; who holds what; the lock that all wait for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/lockorder.h"

#include "check/shadow.h"
#include "tests/test.h"

/* Words of a trace: the strand's digit, and
 *   1La take lock a     1Ra take it as a reader     1Ta take it by trying     1Ua give it
 *   0>1 spawn           0<1 join                    0Za a is another lock now
 * A digit at the end: this closes a cycle of so many locks.  Steps count from 1. */

static struct weft__lock_cycle lockorder_test_cycle;

static void lockorder_test_word(const char *trace, const char *word, uint32_t step)
{
    uint16_t strand = (uint16_t)(word[0] - '0');
    uint64_t lock = 0x1000 + 8 * (uint64_t)(word[2] - 'a');
    uint32_t told = word[3] >= '2' && word[3] <= '4' ? (uint32_t)(word[3] - '0') : 0;

    if (word[1] == '>') {
        weft__clock_spawn(strand, (uint16_t)(word[2] - '0'));
    } else if (word[1] == '<') {
        weft__clock_join(strand, (uint16_t)(word[2] - '0'));
    } else if (word[1] == 'Z') {
        weft__lockorder_forget(lock);
    } else if (word[1] == 'U') {
        EXPECT(weft__lockorder_given(strand, lock, step));
    } else {
        struct weft__lock_cycle cycle;
        bool found = weft__lockorder_taken(strand, lock, word[1] == 'R', word[1] == 'T', step, step,
                                           &cycle);
        if (found != (told != 0) || (found && cycle.n != told))
            test_fail(__FILE__, __LINE__, "\"%s\" step %u: %s", trace, step,
                      found ? "a cycle" : "no cycle");
        if (found)
            lockorder_test_cycle = cycle;
    }
}

static void lockorder_test_run(const char *trace)
{
    uint32_t step = 0;

    EXPECT_EQ(weft__shadow_init(), 0);
    EXPECT_EQ(weft__lockorder_init(), 0);
    for (const char *word = trace; *word != '\0';) {
        lockorder_test_word(trace, word, ++step);
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
}

static void lockorder_test_fini(void)
{
    weft__lockorder_fini();
    weft__shadow_fini();
}

TEST(lockorder_finds_cycles)
{
    static const char *const traces[] = {
        "0>1 0>2 1La 1Lb 1Ub 1Ua 2Lb 2La2 2Ua 2Ub",
        "0>1 0>2 1La 1Lb 1Ub 1Ua 2La 2Lb 2Ub 2Ua",
        /* One strand cannot meet itself. */
        "0>1 1La 1Lb 1Ub 1Ua 1Lb 1La 1Ua 1Ub",
        /* Told once. */
        "0>1 0>2 1La 1Lb 1Ub 1Ua 2Lb 2La2 2Ua 2Ub 2Lb 2La 2Ua 2Ub 1La 1Lb",
        "0>1 0>2 0>3 1La 1Lb 1Ub 1Ua 2Lb 2La2 2Ua 2Ub 3Lb 3La",
        /* Three and four; five is too long. */
        "0>1 0>2 0>3 1La 1Lb 1Ub 1Ua 2Lb 2Lc 2Uc 2Ub 3Lc 3La3",
        "0>1 0>2 0>3 0>4 1La 1Lb 1Ub 1Ua 2Lb 2Lc 2Uc 2Ub 3Lc 3Ld 3Ud 3Uc 4Ld 4La4",
        "0>1 0>2 0>3 0>4 0>5 1La 1Lb 1Ub 1Ua 2Lb 2Lc 2Uc 2Ub 3Lc 3Ld 3Ud 3Uc 4Ld 4Le 4Ue 5Le 5La",
        /* Two strands are not enough for three, each can be in one place only. */
        "0>1 0>2 1La 1Lb 1Ub 1Ua 1Lb 1Lc 1Uc 1Ub 2Lc 2La",
        /* Not only the lock taken last. */
        "0>1 0>2 1La 1Lc 1Lb 1Ub 1Uc 1Ua 2Lb 2La2",
        /* Gates. */
        "0>1 0>2 1Lg 1La 1Lb 1Ub 1Ua 1Ug 2Lg 2Lb 2La 2Ua 2Ub 2Ug",
        "0>1 0>2 1Lg 1La 1Lb 1Ub 1Ua 1Ug 2Lb 2La2",
        "0>1 0>2 1Lg 1La 1Lb 1Ub 1Ua 1Ug 2Lh 2Lb 2La2",
        "0>1 0>2 1Rg 1La 1Lb 1Ub 1Ua 1Ug 2Rg 2Lb 2La2",
        "0>1 0>2 1Rg 1La 1Lb 1Ub 1Ua 1Ug 2Lg 2Lb 2La",
        /* With the gate first, without it later. */
        "0>1 0>2 1Lg 1La 1Lb 1Ub 1Ua 1Ug 2Lg 2Lb 2La 2Ua 2Ub 2Ug 1La 1Lb2 1Ub 1Ua 2Lb 2La",
        /* Readers let each other in. */
        "0>1 0>2 1Ra 1Rb 1Ub 1Ua 2Rb 2Ra",
        "0>1 0>2 1Ra 1Rb 1Ub 1Ua 2Lb 2Ra",
        "0>1 0>2 1Ra 1Lb 1Ub 1Ua 2Rb 2La2",
        "0>1 0>2 1La 1Rb 1Ub 1Ua 2Lb 2Ra2",
        "0>1 0>2 1La 1Rb 1Ub 1Ua 2Rb 2La",
        /* Who tries does not wait, but holds what it got. */
        "0>1 0>2 1La 1Tb 1Ub 1Ua 2Lb 2La",
        "0>1 0>2 1Ta 1Lb 1Ub 1Ua 2Tb 2La2",
        /* Again by the same strand: a recursive lock. */
        "0>1 0>2 1La 1Lb 1La 1Ua 1Ub 1Ua 2La 2Lb 2La",
        "0>1 0>2 1La 1La 1Ua 1Lb 1Ub 1Ua 2Lb 2La2",
        /* Given in another order. */
        "0>1 0>2 1La 1Lb 1Ua 1Lc 1Uc 1Ub 2Lc 2La",
        "0>1 0>2 1La 1Lb 1Ua 1Lc 1Uc 1Ub 2Lc 2Lb2",
        /* Another lock at the same address. */
        "0>1 0>2 1La 1Lb 1Ub 1Ua 2Za 2Lb 2La 2Ua 2Ub",
        "0>1 0>2 1La 1Lb 1Ub 1Ua 2Za 2Lb 2La 2Ua 2Ub 1La 1Lb2",
        "0>1 0>2 1La 1Lb 1Ub 2Za 1Ua 2Lb 2La2",
        /* No schedule brings them together: before the spawn, after the join. */
        "0La 0Lb 0Ub 0Ua 0>1 1Lb 1La",
        "0>1 1Lb 1La 1Ua 1Ub 0<1 0La 0Lb",
        "0>1 1Lb 1La 1Ua 1Ub 0<1 0>2 2La 2Lb",
        "0La 0Lb 0Ub 0Ua 0>1 1Lb 1La 1Ua 1Ub 0La 0Lb2",
        "0>1 0>2 1Lb 1La 1Ua 1Ub 0<1 2La 2Lb2",
    };
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(traces); i++)
        lockorder_test_run(traces[i]);
    lockorder_test_fini();
}

TEST(lockorder_tells_the_parties)
{
    lockorder_test_run("0>1 0>2 1La 1Lb 1Ub 1Ua 2Lb 2La2 2Ua 2Ub");
    const struct weft__party *a = &lockorder_test_cycle.party[0];
    const struct weft__party *b = &lockorder_test_cycle.party[1];
    EXPECT_EQ(a->strand, 2);
    EXPECT_EQ(a->holder, 1);
    EXPECT_EQ(a->object, 0x1000);
    EXPECT_EQ(a->held[0], 0x1008);
    EXPECT_EQ(a->taken, 7);
    EXPECT_EQ(a->held_at[0], 7);
    EXPECT_EQ(a->site, 8);
    EXPECT_EQ(a->step, 8);
    EXPECT_EQ(b->strand, 1);
    EXPECT_EQ(b->holder, 2);
    EXPECT_EQ(b->object, 0x1008);
    EXPECT_EQ(b->taken, 3);
    EXPECT_EQ(b->site, 4);
    lockorder_test_fini();
}

TEST(lockorder_knows_who_holds)
{
    struct weft__held held[4];
    weft__site site = 0;

    EXPECT(!weft__lockorder_given(0, 1, 1));
    lockorder_test_run("1La 2Rb 3Rb 1Lc 1Lc");
    EXPECT_EQ(weft__lockorder_held(1, held, 4), 2);
    EXPECT_EQ(held[0].lock, 0x1010);
    EXPECT_EQ(held[0].site, 4);
    EXPECT_EQ(held[1].lock, 0x1000);
    EXPECT(!held[1].shared);
    EXPECT_EQ(weft__lockorder_held(1, held, 1), 1);
    EXPECT_EQ(weft__lockorder_held(2, held, 4), 1);
    EXPECT(held[0].shared);
    EXPECT(weft__lockorder_is_shared(2, 0x1008));
    EXPECT(!weft__lockorder_is_shared(1, 0x1008));
    EXPECT(!weft__lockorder_is_shared(1, 0x1000));
    EXPECT(!weft__lockorder_is_shared(1, 0x9999));
    EXPECT_EQ(weft__lockorder_held(900, held, 4), 0);
    EXPECT_EQ(weft__lockorder_holder(0x1000, &site), 1);
    EXPECT_EQ(site, 1);
    EXPECT_EQ(weft__lockorder_holder(0x1008, &site), 3);
    EXPECT(weft__lockorder_given(3, 0x1008, 9));
    EXPECT(!weft__lockorder_given(3, 0x1008, 9));
    EXPECT_EQ(weft__lockorder_holder(0x1008, &site), 2);
    EXPECT(weft__lockorder_given(2, 0x1008, 9));
    EXPECT_EQ(weft__lockorder_holder(0x1008, &site), 0xffff);
    EXPECT_EQ(weft__lockorder_holder(0x9999, &site), 0xffff);
    EXPECT(!weft__lockorder_given(2, 0x1000, 9)); /* another's */
    EXPECT(weft__lockorder_given(1, 0x1010, 9));
    EXPECT_EQ(weft__lockorder_holder(0x1010, &site), 1);
    EXPECT(weft__lockorder_given(1, 0x1010, 9));
    EXPECT_EQ(weft__lockorder_holder(0x1010, &site), 0xffff);
    EXPECT_EQ(weft__lockorder_init(), 0);
    EXPECT_EQ(weft__lockorder_holder(0x1000, &site), 0xffff);
    EXPECT_EQ(weft__lockorder_held(1, held, 4), 0);
    lockorder_test_fini();
}

static void lockorder_test_hold(uint16_t strand, uint64_t lock, uint32_t from, uint32_t to)
{
    struct weft__lock_cycle cycle;

    EXPECT(!weft__lockorder_taken(strand, lock, false, false, 100 + strand, from, &cycle));
    EXPECT(weft__lockorder_given(strand, lock, to));
}

TEST(lockorder_finds_the_serial_lock)
{
    weft__site site = 0;

    EXPECT_EQ(weft__lockorder_serial(100, &site), 0);
    EXPECT_EQ(weft__lockorder_init(), 0);
    EXPECT_EQ(weft__lockorder_serial(0, &site), 0);
    for (uint32_t i = 0; i < 10; i++) {
        lockorder_test_hold((uint16_t)(1 + i % 2), 7, 10 * i + 1, 10 * i + 10);
        lockorder_test_hold(1, 8, 10 * i + 2, 10 * i + 3);
        lockorder_test_hold(1, 9, 10 * i + 1, 10 * i + 10); /* one strand alone */
    }
    EXPECT_EQ(weft__lockorder_serial(105, &site), 7);
    EXPECT_EQ(site, 101);
    EXPECT_EQ(weft__lockorder_serial(120, &site), 0);
    EXPECT_EQ(weft__lockorder_serial(99, &site), 0); /* too few to tell */
    lockorder_test_fini();
}

/* More locks, holds and edges than there is room for: fewer cycles, nothing else. */
TEST(lockorder_when_full)
{
    struct weft__lock_cycle cycle;

    EXPECT_EQ(weft__shadow_init(), 0);
    EXPECT_EQ(weft__lockorder_init(), 0);
    for (uint64_t i = 1; i < 80000; i++)
        EXPECT(!weft__lockorder_taken((uint16_t)(i % 1000), i * 64, false, false, 1, 1, &cycle));
    for (uint64_t i = 1; i < 80000; i++)
        EXPECT(weft__lockorder_given((uint16_t)(i % 1000), i * 64, 2));
    lockorder_test_run("0>1 0>2 1La 1Lb 1Ub 1Ua 2Lb 2La2 2Ua 2Ub");
    lockorder_test_fini();
}
