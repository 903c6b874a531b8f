/* replay_test.c - what is written is read; what is damaged is refused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/rng.h"
#include "check/search.h"
#include "tests/test.h"
#include "weft/err.h"

static struct weft__plan replay_one, replay_other;

static void replay_fill(struct weft__plan *plan, struct weft__rng *rng)
{
    memset(plan, 0, sizeof *plan);
    plan->seed = weft__rng_next(rng) >> weft__rng_below(rng, 64);
    plan->flags = weft__rng_below(rng, 2) ? WEFT__PLAN_ALL_POINTS : 0;
    plan->steps_max = (uint32_t)weft__rng_next(rng);
    plan->n_hot = (uint32_t)weft__rng_below(rng, 20);
    for (uint32_t i = 0; i < plan->n_hot; i++)
        plan->hot[i] = (weft__site)weft__rng_next(rng);
    plan->n_deviations = (uint32_t)weft__rng_below(rng, 50);
    for (uint32_t i = 0; i < plan->n_deviations; i++) {
        plan->deviations[i] = (struct weft__deviation){
            .strand = (uint16_t)weft__rng_next(rng),
            .kind = (uint8_t)(1 + weft__rng_below(rng, WEFT__CHOICE_FAIL)),
            .index = (uint8_t)weft__rng_next(rng),
            .site = (weft__site)weft__rng_next(rng),
            .nth = (uint32_t)weft__rng_next(rng),
            .pick = (uint32_t)weft__rng_below(rng, 4)};
    }
}

static void replay_expect_equal(const struct weft__plan *a, const struct weft__plan *b)
{
    EXPECT_EQ(a->seed, b->seed);
    EXPECT_EQ(a->flags, b->flags);
    EXPECT_EQ(a->steps_max, b->steps_max);
    EXPECT_EQ(b->strategy, WEFT__STRATEGY_DEFAULT);
    EXPECT_EQ(a->n_hot, b->n_hot);
    EXPECT_EQ(memcmp(a->hot, b->hot, a->n_hot * sizeof a->hot[0]), 0);
    EXPECT_EQ(a->n_deviations, b->n_deviations);
    for (uint32_t i = 0; i < a->n_deviations; i++) {
        EXPECT_EQ(a->deviations[i].strand, b->deviations[i].strand);
        EXPECT_EQ(a->deviations[i].kind, b->deviations[i].kind);
        EXPECT_EQ(a->deviations[i].index, b->deviations[i].index);
        EXPECT_EQ(a->deviations[i].site, b->deviations[i].site);
        EXPECT_EQ(a->deviations[i].nth, b->deviations[i].nth);
        EXPECT_EQ(a->deviations[i].pick, b->deviations[i].pick);
    }
}

TEST(replay_reads_what_it_wrote)
{
    struct weft__rng rng;
    weft__rng_seed(&rng, 1);
    for (int round = 0; round < 300; round++) {
        char *argv[] = {(char *)"/bin/a program", (char *)"", (char *)"-x=\xc3\xa4\n", NULL};
        char **back = NULL;
        bool command = round % 2;
        replay_fill(&replay_one, &rng);
        char *string = weft__replay_write(&replay_one, command ? argv : NULL);
        EXPECT(string != NULL);
        EXPECT_EQ(strspn(string, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-_"), strlen(string));
        EXPECT_EQ(weft__replay_read(string, &replay_other, &back), 0);
        replay_expect_equal(&replay_one, &replay_other);
        EXPECT_EQ(back != NULL, command);
        for (int i = 0; command && i < 3; i++)
            EXPECT_STR(back[i], argv[i]);
        EXPECT(!command || !back[3]);
        weft__free(back);
        weft__free(string);
    }
}

TEST(replay_takes_the_longest_plan)
{
    char **back = NULL;
    memset(&replay_one, 0xff, sizeof replay_one);
    replay_one.flags = 0;
    replay_one.n_hot = WEFT__HOT_MAX;
    replay_one.n_deviations = WEFT__DEVIATIONS_MAX;
    for (uint32_t i = 0; i < WEFT__DEVIATIONS_MAX; i++) {
        replay_one.deviations[i].kind = WEFT__CHOICE_STRAND;
        replay_one.deviations[i].site = i % 2 ? 0 : UINT32_MAX;
    }
    char *string = weft__replay_write(&replay_one, NULL);
    EXPECT(string != NULL);
    EXPECT_EQ(weft__replay_read(string, &replay_other, &back), 0);
    replay_expect_equal(&replay_one, &replay_other);
    weft__free(string);
}

TEST(replay_refuses_damage)
{
    struct weft__rng rng;
    char *argv[] = {(char *)"./prog", NULL};
    char **back = NULL;
    static const char *const wrong[] = {"", "w1", "w1-", "w2-AAAA", "hello", "w1-A", "w1-AAAA",
                                        "w1-\xff\xff", "w1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    EXPECT_EQ(weft__replay_read(NULL, &replay_other, &back), -WEFT_EINVAL);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(wrong); i++)
        EXPECT_EQ(weft__replay_read(wrong[i], &replay_other, &back), -WEFT_EINVAL);
    weft__rng_seed(&rng, 2);
    replay_fill(&replay_one, &rng);
    char *string = weft__replay_write(&replay_one, argv);
    size_t n = strlen(string);
    for (size_t i = 0; i < n; i++) {
        char was = string[i];
        for (const char *other = "AQgw9-_ ."; *other; other++) {
            if (*other == was)
                continue;
            string[i] = *other;
            EXPECT_EQ(weft__replay_read(string, &replay_other, &back), -WEFT_EINVAL);
        }
        string[i] = 0;
        EXPECT_EQ(weft__replay_read(string, &replay_other, &back), -WEFT_EINVAL);
        string[i] = was;
    }
    EXPECT(back == NULL);
    weft__free(string);
}
