/* split_model.c - every interleaving of an owner that forks and joins, and thieves.
 *
 * An item is the address of a word that the owner fills relaxed before it forks, and whoever runs
 * the item adds to: so a missing order shows as an item that its thief finds empty, or as a result
 * that the owner does not see.  Words are used again by later items, as frames are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/split.h"
#include "tests/model.h"

enum { SLOTS = 4, ITEMS = 4, FILLED = 8, RUN = 16 };

static struct weft__split split;
static weft__split_slot slots[SLOTS];
static ATOMIC(uint64_t) items[ITEMS];
static ATOMIC(uint32_t) awake; /* the owner's futex, so to speak */
static ATOMIC(uint32_t) ticket; /* what the owner leaves for whoever wakes it */

static void models_reset(void)
{
    for (int i = 0; i < SLOTS; i++) {
        a_store(&slots[i], 0, relaxed);
    }
    for (int i = 0; i < ITEMS; i++) {
        a_store(&items[i], 0, relaxed);
    }
    split_init(&split, slots, SLOTS);
    a_store(&awake, 0, relaxed);
    a_store(&ticket, 0, relaxed);
}

static void item_run(uintptr_t item)
{
    ATOMIC(uint64_t) *word = (ATOMIC(uint64_t) *)item;
    model_assert(a_load(word, relaxed) == FILLED);
    a_store(word, RUN, relaxed);
}

/* ---- the owner ---- */

static void owner_fork(int i)
{
    a_store(&items[i], FILLED, relaxed);
    if (!split_push(&split, (uintptr_t)&items[i])) {
        model_assert(split_push_slowly(&split, (uintptr_t)&items[i]));
        split_share(&split, split_count(&split));
    }
}

static void owner_await(int i)
{
    weft__split_slot *slot = split_last(&split);
    a_store(&ticket, 1, relaxed);
    if (!split_is_done(slot) && split_wait(slot, (uintptr_t)&items[i])) {
        model_block_while(&awake, 0);
        (void)a_load(&awake, acquire);
        a_store(&awake, 0, relaxed);
    }
    split_settle(&split);
}

static void owner_join_by(int i, bool is_mine)
{
    if (is_mine) {
        item_run((uintptr_t)&items[i]);
    } else {
        owner_await(i);
    }
    model_assert(a_load(&items[i], relaxed) == RUN);
}

static void owner_join(int i)
{
    bool is_private = split_pop(&split, (uintptr_t)&items[i]);
    owner_join_by(i, is_private || split_take(&split, false) == SPLIT_MINE);
}

static void owner_offer(int i)
{
    a_store(&items[i], FILLED, relaxed);
    model_assert(split_push_slowly(&split, (uintptr_t)&items[i]));
    split_offer(&split, split_count(&split));
}

static void owner_take_back(int i)
{
    owner_join_by(i, split_take(&split, true) == SPLIT_MINE);
}

static void owner_one(void)
{
    split_ask(&split); /* as when it is attached */
    owner_fork(0);
    owner_join(0);
}

static void owner_two(void)
{
    split_ask(&split);
    owner_fork(0);
    owner_fork(1);
    owner_join(1);
    owner_join(0);
}

/* The same slot and word twice. */
static void owner_again(void)
{
    split_ask(&split);
    owner_fork(0);
    owner_join(0);
    split_ask(&split);
    owner_fork(0);
    owner_join(0);
}

static void owner_three(void)
{
    owner_fork(0);
    owner_fork(1);
    owner_fork(2);
    split_share(&split, split_count(&split));
    owner_join(2);
    owner_join(1);
    owner_join(0);
}

static void owner_offers(void)
{
    owner_offer(0);
    owner_take_back(0);
    owner_offer(0);
    owner_take_back(0);
}

static void owner_offers_two(void)
{
    owner_offer(0);
    owner_offer(1);
    owner_take_back(1);
    owner_take_back(0);
}

/* What is forked as usual lies above, and below. */
static void owner_offers_between(void)
{
    owner_fork(0);
    owner_offer(1);
    owner_fork(2);
    owner_join(2);
    owner_take_back(1);
    owner_join(0);
}

/* What lies below an offer is shared with it. */
static void owner_offers_above(void)
{
    owner_fork(0);
    owner_offer(1);
    owner_take_back(1);
    owner_join(0);
}

/* ---- thieves ---- */

static void thief_steal(void)
{
    uint64_t ends = split_look(&split);
    uintptr_t item;
    if (!split_has_more(ends)) {
        split_ask(&split);
        ends = split_look(&split);
    }
    weft__split_slot *slot = split_has_more(ends) ? split_steal(&split, ends, &item) : NULL;
    if (slot) {
        item_run(item);
        if (split_finish(slot)) {
            model_assert(a_load(&ticket, relaxed) == 1);
            a_store(&awake, 1, release);
        }
    }
}

static void thief_0(void)
{
    thief_steal();
}

static void thief_1(void)
{
    thief_steal();
}

static void thief_0_twice(void)
{
    thief_steal();
    thief_steal();
}

/* ---- asking ---- */

/* Nothing that was asked for is forgotten, or else no thief believes that it was asked for. */
static void ends_well(void)
{
    model_assert(split.head == split.first);
    model_assert(split_look(&split) == 0);
    if (a_load(&split.asked, relaxed)) {
        model_assert(split_is_wanted(&split));
    }
}

/* ---- broken ---- */

/* A thief that reads before he claims. */
static void thief_reads_first(void)
{
    uint64_t ends = split_look(&split);
    if (split_has_more(ends)) {
        uintptr_t item = a_load(&slots[split_tail(ends)], relaxed) & ~SPLIT_WAITED;
        uintptr_t later;
        weft__split_slot *slot = split_steal(&split, ends, &later);
        if (slot) {
            item_run(item);
            if (split_finish(slot)) {
                a_store(&awake, 1, release);
            }
        }
    }
}

static void owner_other_word(void)
{
    split_ask(&split);
    owner_fork(0);
    owner_join(0);
    split_ask(&split);
    owner_fork(1);
    owner_join(1);
}

/* An owner that takes back by a store. */
static void owner_takes_plainly(void)
{
    owner_fork(0);
    split_share(&split, 1);
    uint64_t ends = split_look(&split);
    if (split_tail(ends) == 0) {
        a_store(&split.ends, 0, relaxed);
        split.split = 0;
        split.head--;
        item_run((uintptr_t)&items[0]);
    } else {
        owner_await(0);
    }
}

static const struct model models[] = {
    MODEL("split_one", models_reset, ends_well, owner_one, thief_0),
    MODEL_NIGHT("split_one_two_thieves", models_reset, ends_well, owner_one, thief_0, thief_1),
    MODEL("split_two", models_reset, ends_well, owner_two, thief_0),
    MODEL("split_again", models_reset, ends_well, owner_again, thief_0),
    MODEL("split_offers_above", models_reset, ends_well, owner_offers_above, thief_0),
    MODEL("split_offers", models_reset, ends_well, owner_offers, thief_0),
    MODEL_NIGHT("split_offers_two", models_reset, ends_well, owner_offers_two, thief_0_twice),
    MODEL_NIGHT("split_offers_between", models_reset, ends_well, owner_offers_between, thief_0),
    MODEL_NIGHT("split_two_twice", models_reset, ends_well, owner_two, thief_0_twice),
    MODEL_NIGHT("split_three", models_reset, ends_well, owner_three, thief_0),
    MODEL_NIGHT("split_again_two_thieves", models_reset, ends_well, owner_again, thief_0, thief_1),
    MODEL_BROKEN("split_reads_first", "a thief that reads the slot before its swap runs what was "
                 "there", models_reset, NULL, owner_other_word, thief_reads_first),
    MODEL_BROKEN("split_takes_plainly", "an owner that takes back by a store runs an item twice",
                 models_reset, NULL, owner_takes_plainly, thief_0),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
