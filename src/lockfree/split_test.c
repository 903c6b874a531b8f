/* split_test.c - what the owner and a thief see of each other, in one thread; the races are in
 * split_model.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/split.h"
#include "tests/test.h"

enum { SPLIT_SLOTS = 8 };

static struct weft__split split_under_test;
static weft__split_slot split_slots[SPLIT_SLOTS];

static struct weft__split *split_filled(uint32_t n)
{
    struct weft__split *s = &split_under_test;
    split_init(s, split_slots, SPLIT_SLOTS);
    for (uintptr_t i = 0; i < n; i++) {
        EXPECT(split_push(s, 16 * (i + 1)));
    }
    return s;
}

static uintptr_t split_rob(struct weft__split *s, weft__split_slot **ret_slot)
{
    uintptr_t item = 0;
    uint64_t ends = split_look(s);
    *ret_slot = split_has_more(ends) ? split_steal(s, ends, &item) : NULL;
    return item;
}

TEST(split_last_in_first_out)
{
    struct weft__split *s = split_filled(SPLIT_SLOTS);
    weft__split_slot *slot;
    EXPECT(!split_push(s, 16));
    EXPECT_EQ(split_rob(s, &slot), 0); /* nothing is shared */
    EXPECT(!split_pop(s, 16));         /* not the last */
    for (uintptr_t i = SPLIT_SLOTS; i > 0; i--) {
        EXPECT(split_pop(s, 16 * i));
    }
    EXPECT_EQ(split_count(s), 0);
}

TEST(split_shares_the_older_half)
{
    struct weft__split *s = split_filled(4);
    weft__split_slot *first, *second, *third;
    split_ask(s);
    EXPECT(split_is_wanted(s));
    EXPECT(!split_push(s, 80));
    EXPECT(!split_pop(s, 64));
    EXPECT(split_share(s, split_count(s)));
    EXPECT(!split_is_wanted(s));
    EXPECT_EQ(split_rob(s, &first), 16);
    EXPECT_EQ(split_rob(s, &second), 32);
    EXPECT_EQ(split_rob(s, &third), 0);
    EXPECT(split_pop(s, 64));
    EXPECT(split_pop(s, 48));
    EXPECT(!split_pop(s, 32));
    EXPECT_EQ(split_take(s, false), SPLIT_STOLEN);
    EXPECT(split_wait(split_last(s), 32));
    EXPECT(split_finish(second)); /* somebody waits */
    split_settle(s);
    EXPECT_EQ(split_take(s, false), SPLIT_STOLEN);
    EXPECT(!split_finish(first)); /* nobody does */
    EXPECT(split_is_done(first));
    EXPECT(!split_wait(split_last(s), 16));
    split_settle(s);
    EXPECT_EQ(split_count(s), 0);
    EXPECT(split_push(s, 16)); /* and so on */
    EXPECT(split_pop(s, 16));
}

TEST(split_takes_back)
{
    struct weft__split *s = split_filled(4);
    weft__split_slot *slot;
    EXPECT(split_share(s, 4));
    EXPECT(!split_share(s, 2)); /* is shared already */
    EXPECT(split_pop(s, 64));
    EXPECT(split_pop(s, 48));
    EXPECT(!split_pop(s, 32));
    EXPECT_EQ(split_take(s, false), SPLIT_MINE);
    EXPECT_EQ(split_count(s), 1);
    EXPECT_EQ(split_rob(s, &slot), 0); /* all of it: half of one is none */
    EXPECT(split_pop(s, 16));
}

/* An offer is all there is, and what is taken back of it is one. */
TEST(split_offers)
{
    struct weft__split *s = split_filled(3);
    weft__split_slot *slot;
    split_offer(s, split_count(s));
    EXPECT(!split_pop(s, 48));
    EXPECT_EQ(split_take(s, true), SPLIT_MINE);
    EXPECT_EQ(split_rob(s, &slot), 16);
    EXPECT_EQ(split_take(s, true), SPLIT_MINE);
    EXPECT_EQ(split_take(s, true), SPLIT_STOLEN);
    EXPECT(!split_finish(slot));
    split_settle(s);
    EXPECT_EQ(split_count(s), 0);
    EXPECT(split_push(s, 16));
    EXPECT(split_pop(s, 16));
}

/* Who has asked for something private is not answered by an offer of something else. */
TEST(split_offer_is_no_answer)
{
    struct weft__split *s = split_filled(2);
    split_ask(s);
    split_offer(s, split_count(s));
    EXPECT(split_is_wanted(s));
    EXPECT_EQ(split_take(s, true), SPLIT_MINE);
    EXPECT(split_is_wanted(s));
    EXPECT(!split_push(s, 48));
}

/* What found no room is not in a slot; what is in a slot is not taken for it. */
TEST(split_full)
{
    struct weft__split *s = split_filled(SPLIT_SLOTS);
    EXPECT(!split_push_slowly(s, 160));
    EXPECT(!split_push_slowly(s, 176));
    EXPECT(!split_pop(s, 128));
    split_forget(s);
    EXPECT(!split_pop(s, 128));
    split_forget(s);
    EXPECT(split_pop(s, 128));
}

/* A thief that looked before the owner changed its mind gets nothing. */
TEST(split_stale_look)
{
    struct weft__split *s = split_filled(2);
    uintptr_t item = 0;
    EXPECT(split_share(s, 2));
    uint64_t ends = split_look(s);
    EXPECT(split_pop(s, 32));
    EXPECT_EQ(split_take(s, false), SPLIT_MINE);
    EXPECT(split_steal(s, ends, &item) == NULL);
    split_begin(s, 7);
    EXPECT_EQ(split_tag(split_look(s)), 7);
}
