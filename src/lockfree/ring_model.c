/* ring_model.c - every interleaving of producers and consumers of a ring of one and of two slots.
 *
 * What an item points to is written relaxed before the push, and written over after the pop: a
 * missing order shows as an item that its consumer finds unfinished.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/ring.h"
#include "tests/model.h"

enum { ITEMS = 4 }; /* two of each producer */

static struct weft__ring ring;
static struct weft__ring_slot slots[2];
static ATOMIC(uint32_t) contents[ITEMS]; /* an item is the address of one */
static uint32_t pushed[ITEMS];
static uint32_t popped[3][ITEMS]; /* by thread 0 and 1 and by the end */

static void reset(size_t capacity)
{
    ring_init(&ring, slots, capacity);
    for (int i = 0; i < ITEMS; i++)
        a_store(&contents[i], 0, relaxed);
    memset(pushed, 0, sizeof pushed);
    memset(popped, 0, sizeof popped);
}

static void models_reset_1(void)
{
    reset(1);
}

static void models_reset_2(void)
{
    reset(2);
}

static bool item_push(int i)
{
    a_store(&contents[i], (uint32_t)i + 1, relaxed);
    if (!ring_push(&ring, &contents[i]))
        return false;
    pushed[i]++;
    return true;
}

/* The item's index, or -1. */
static int item_pop(uint32_t *counts)
{
    void *value = NULL;
    int i;

    if (!ring_pop(&ring, &value))
        return -1;
    model_assert(value != NULL);
    i = (int)((ATOMIC(uint32_t) *)value - contents);
    model_assert(a_load(&contents[i], relaxed) == (uint32_t)i + 1);
    counts[i]++;
    return i;
}

static void pop_twice(uint32_t *counts)
{
    int first = item_pop(counts), second = item_pop(counts);

    if (first >= 0 && second >= 0 && first / 2 == second / 2) /* of one producer: in order */
        model_assert(first < second);
}

static void conserved(void)
{
    while (item_pop(popped[2]) >= 0)
        ;
    model_assert(ring_size(&ring) == 0);
    for (int i = 0; i < ITEMS; i++)
        model_assert(pushed[i] == popped[0][i] + popped[1][i] + popped[2][i]);
}

static void producer_0(void)
{
    item_push(0);
    item_push(1);
}

static void producer_1(void)
{
    item_push(2);
}

static void producer_1_twice(void)
{
    item_push(2);
    item_push(3);
}

static void consumer_0(void)
{
    pop_twice(popped[0]);
}

static void consumer_1(void)
{
    item_pop(popped[1]);
}

/* A lap in one thread: the slots come back. */
static void producer_consumer(void)
{
    item_push(2);
    item_pop(popped[1]);
    item_push(3);
}

/* ---- stopped between claim and pass: others go on ---- */

static void producer_stops(void)
{
    uint64_t turn;

    ring_claim(&ring, &ring.tail, 0, &turn);
}

/* At most one of the two slots is lost to it. */
static void others_go_on(void)
{
    bool first = item_push(0), second = item_push(1);

    model_assert(first || second);
    item_pop(popped[0]);
}

/* ---- broken ---- */

static void producer_passes_first(void)
{
    uint64_t turn;
    struct weft__ring_slot *slot = ring_claim(&ring, &ring.tail, 0, &turn);

    if (slot == NULL)
        return;
    a_store(&contents[2], 3, relaxed);
    a_store(&slot->turn, turn + 1, release);
    a_store(&slot->value, &contents[2], relaxed);
    pushed[2]++;
}

static void consumer_without_claim(void)
{
    uint64_t head = a_load(&ring.head, relaxed);
    struct weft__ring_slot *slot = &slots[head & ring.mask];

    if (a_load(&slot->turn, acquire) != 2 * (head >> ring.lap_shift) + 1)
        return;
    a_store(&ring.head, head + 1, relaxed);
    popped[1][(ATOMIC(uint32_t) *)a_load(&slot->value, relaxed) - contents]++;
    a_store(&slot->turn, 2 * (head >> ring.lap_shift) + 2, release);
}

static const struct model models[] = {
    MODEL("ring_1_pair", models_reset_1, conserved, producer_0, consumer_0),
    MODEL("ring_2_pair", models_reset_2, conserved, producer_0, consumer_0),
    MODEL("ring_1_producers", models_reset_1, conserved, producer_0, producer_1, consumer_0),
    MODEL("ring_2_producers", models_reset_2, conserved, producer_0, producer_1, consumer_0),
    MODEL("ring_1_consumers", models_reset_1, conserved, producer_0, consumer_0, consumer_1),
    MODEL("ring_2_consumers", models_reset_2, conserved, producer_0, consumer_0, consumer_1),
    MODEL("ring_1_laps", models_reset_1, conserved, producer_consumer, consumer_0),
    MODEL_NIGHT("ring_1_both", models_reset_1, conserved, producer_1_twice, consumer_0, producer_0),
    MODEL("ring_stops", models_reset_2, NULL, producer_stops, others_go_on),
    MODEL_BROKEN("ring_passes_first",
                 "a producer that passes the turn before it writes gives nothing, or something old",
                 models_reset_2, conserved, producer_passes_first, consumer_0),
    MODEL_BROKEN("ring_without_claim",
                 "two consumers that move the head without a swap take one item twice",
                 models_reset_2, conserved, producer_0, consumer_0, consumer_without_claim),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
