/* deque_model.c - every interleaving of an owner and thieves on a deque of two or four slots.
 *
 * Items point to places that the owner fills relaxed before he pushes: so a missing order shows as
 * an item that its taker finds empty.  Indices start below 2^64, so that they wrap in each model.
 *
 * SPDX-License-Identifier: MIT
 */
#define DEQUE_CAPACITY 2

#include "lockfree/deque.h"
#include "tests/model.h"

enum { ITEMS = 5 };

static struct weft__deque deque;
static ATOMIC(uint32_t) contents[ITEMS]; /* an item is the address of one; 0 until made */
static uint32_t taken_owner[ITEMS];      /* each thread's own count, by item */
static uint32_t taken_thief[2][ITEMS];
static uint32_t pushed[ITEMS];

static void models_reset(void)
{
    deque_init(&deque);
    a_store(&deque.head, UINT64_MAX, relaxed);
    a_store(&deque.tail, UINT64_MAX, relaxed);
    for (int i = 0; i < ITEMS; i++)
        a_store(&contents[i], 0, relaxed);
    memset(taken_owner, 0, sizeof taken_owner);
    memset(taken_thief, 0, sizeof taken_thief);
    memset(pushed, 0, sizeof pushed);
}

static int item_index(void *item)
{
    model_assert(item != NULL);
    return (int)((ATOMIC(uint32_t) *)item - contents);
}

static void item_push(int i)
{
    a_store(&contents[i], (uint32_t)i + 1, relaxed);
    pushed[i] += deque_push(&deque, &contents[i]);
}

static int item_take(void *item, uint32_t *taken)
{
    int i = item_index(item);

    model_assert(a_load(&contents[i], relaxed) == (uint32_t)i + 1);
    taken[i]++;
    return i;
}

static int owner_take(void)
{
    void *item = deque_take(&deque);

    return item == NULL ? -1 : item_take(item, taken_owner);
}

/* Loot comes in the order of pushing. */
static void thief_steal(uint32_t *taken, size_t max)
{
    void *loot[2] = {NULL, NULL};
    size_t n = deque_steal_half(&deque, loot, max);
    int last = -1;

    model_assert(n <= max);
    for (size_t i = 0; i < n; i++) {
        int now = item_take(loot[i], taken);

        model_assert(now > last);
        last = now;
    }
}

/* What was pushed was taken once or is still there. */
static void conserved(void)
{
    uint32_t left[ITEMS] = {0};
    void *item;

    deque_check(&deque);
    while ((item = deque_take(&deque)) != NULL)
        left[item_index(item)]++;
    for (int i = 0; i < ITEMS; i++) {
        uint32_t out = left[i] + taken_owner[i] + taken_thief[0][i] + taken_thief[1][i];

        model_assert(out == pushed[i]);
    }
}

static void thief_0(void)
{
    thief_steal(taken_thief[0], 2);
}

static void thief_1(void)
{
    thief_steal(taken_thief[1], 1);
}

static void thief_0_twice(void)
{
    thief_steal(taken_thief[0], 1);
    thief_steal(taken_thief[0], 2);
}

/* ---- the owner goes round the ring ---- */

static void owner_round(void)
{
    int last = -1, now;

    for (int i = 0; i < 4; i++) {
        item_push(i);
        if (i % 2 == 1 && (now = owner_take()) >= 0) {
            model_assert(now > last); /* first in, first out */
            last = now;
        }
    }
}

/* ---- full, then half leaves at once, then batches ---- */

static void owner_overflow(void)
{
    void *loot[2], *batch[2] = {&contents[2], &contents[3]};
    size_t n;

    item_push(0);
    item_push(1);
    n = deque_take_half(&deque, loot, 2);
    for (size_t i = 0; i < n; i++)
        item_take(loot[i], taken_owner);
    a_store(&contents[2], 3, relaxed);
    a_store(&contents[3], 4, relaxed);
    n = deque_push_batch(&deque, batch, 2);
    for (size_t i = 0; i < n; i++)
        pushed[2 + i]++;
}

/* ---- broken: the thief claims before he reads ---- */

static void thief_claims_first(void)
{
    uint64_t head = a_load(&deque.head, relaxed);
    uint64_t tail = a_load(&deque.tail, acquire);

    if ((int64_t)(tail - head) > 0 && a_cas(&deque.head, &head, head + 1, release, relaxed))
        item_take(a_load(&deque.slots[deque_slot(head)], relaxed), taken_thief[0]);
}

/* ---- broken: the owner takes without a compare-and-swap ---- */

static void owner_takes_plainly(void)
{
    uint64_t head;

    item_push(0);
    item_push(1);
    head = a_load(&deque.head, relaxed);
    if (a_load(&deque.tail, relaxed) != head) {
        item_take(a_load(&deque.slots[deque_slot(head)], relaxed), taken_owner);
        a_store(&deque.head, head + 1, relaxed);
    }
}

static const struct model models[] = {
    MODEL("deque_round", models_reset, conserved, owner_round, thief_0),
    MODEL("deque_thief_twice", models_reset, conserved, owner_round, thief_0_twice),
    MODEL("deque_two_thieves", models_reset, conserved, owner_overflow, thief_0, thief_1),
    MODEL_NIGHT("deque_round_two_thieves", models_reset, conserved, owner_round, thief_0, thief_1),
    MODEL_BROKEN("deque_claims_first",
                 "a thief that reads after its swap gets what the owner put there since",
                 models_reset, conserved, owner_round, thief_claims_first),
    MODEL_BROKEN("deque_takes_plainly",
                 "an owner that moves the head without a swap gives an item twice",
                 models_reset, conserved, owner_takes_plainly, thief_0),
};

static const struct model_spared spared[] = {
    {"deque_push_batch", "&d->head", "acquire -> relaxed",
     "keeps a load before a store (load buffering); deque_claims_first shows what it prevents"},
    {"deque_push", "&d->head", "acquire -> relaxed",
     "keeps a load before a store (load buffering); deque_claims_first shows what it prevents"},
    {"deque_steal_half", "&d->head", "release -> relaxed",
     "keeps a load before a store (load buffering); deque_claims_first shows what it prevents"},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
