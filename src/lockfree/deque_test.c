/* deque_test.c - edges of the run queue, and an owner against thieves in earnest.
 *
 * deque_model.c explores two slots exhaustively; here are 256, real threads and plain memory
 * behind the items, which ThreadSanitizer watches.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/deque.h"
#include "tests/crowd.h"
#include "tests/test.h"

enum { ITEMS = 100000, THIEVES = 3 };

static struct weft__deque deque;

static void *number(size_t i)
{
    return (void *)(uintptr_t)(i + 1);
}

static void deque_begin_at(uint64_t index)
{
    deque_init(&deque);
    a_store(&deque.head, index, relaxed);
    a_store(&deque.tail, index, relaxed);
}

TEST(deque_empty)
{
    void *items[4];

    deque_init(&deque);
    EXPECT(deque_take(&deque) == NULL);
    EXPECT_EQ(deque_take_half(&deque, items, 4), 0);
    EXPECT_EQ(deque_steal_half(&deque, items, 4), 0);
    EXPECT_EQ(deque_size(&deque), 0);
    deque_check(&deque);
}

TEST(deque_full)
{
    deque_init(&deque);
    for (size_t i = 0; i < DEQUE_CAPACITY; i++)
        EXPECT(deque_push(&deque, number(i)));
    EXPECT(!deque_push(&deque, number(999)));
    EXPECT_EQ(deque_size(&deque), DEQUE_CAPACITY);
    deque_check(&deque);
    EXPECT(deque_take(&deque) == number(0));
    EXPECT(deque_push(&deque, number(DEQUE_CAPACITY)));
    EXPECT(!deque_push(&deque, number(999)));
    for (size_t i = 1; i <= DEQUE_CAPACITY; i++)
        EXPECT(deque_take(&deque) == number(i));
    EXPECT(deque_take(&deque) == NULL);
}

TEST(deque_first_in_first_out)
{
    size_t in = 0, out = 0;

    deque_begin_at(UINT64_MAX - 700); /* the indices wrap on the way */
    for (size_t round = 0; round < 1000; round++) {
        for (size_t i = 0; i < 1 + round % 7; i++)
            in += deque_push(&deque, number(in));
        for (size_t i = 0; i < 1 + round % 5 && out < in; i++)
            EXPECT(deque_take(&deque) == number(out++));
    }
    while (out < in)
        EXPECT(deque_take(&deque) == number(out++));
    EXPECT_EQ(deque_size(&deque), 0);
}

TEST(deque_halves)
{
    void *items[DEQUE_CAPACITY];

    deque_begin_at(UINT64_MAX - 2);
    for (size_t i = 0; i < 7; i++)
        EXPECT(deque_push(&deque, number(i)));
    EXPECT_EQ(deque_steal_half(&deque, items, DEQUE_CAPACITY), 4); /* 7: rounded up */
    for (size_t i = 0; i < 4; i++)
        EXPECT(items[i] == number(i));
    EXPECT_EQ(deque_steal_half(&deque, items, 0), 0);
    EXPECT_EQ(deque_steal_half(&deque, items, 1), 1); /* as many as asked */
    EXPECT(items[0] == number(4));
    EXPECT_EQ(deque_take_half(&deque, items, 9), 1);
    EXPECT(items[0] == number(5));
    EXPECT_EQ(deque_steal_half(&deque, items, 9), 1); /* the last one goes too */
    EXPECT(items[0] == number(6));
    EXPECT_EQ(deque_size(&deque), 0);
}

TEST(deque_batches)
{
    void *in[DEQUE_CAPACITY + 10], *out[DEQUE_CAPACITY + 10];

    deque_begin_at(UINT64_MAX - 100);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(in); i++)
        in[i] = number(i);
    EXPECT_EQ(deque_push_batch(&deque, in, 0), 0);
    EXPECT_EQ(deque_push_batch(&deque, in, 20), 20);
    EXPECT_EQ(deque_push_batch(&deque, in + 20, DEQUE_CAPACITY), DEQUE_CAPACITY - 20);
    EXPECT_EQ(deque_push_batch(&deque, in, 1), 0);
    EXPECT_EQ(deque_take_batch(&deque, out, 5), 5);
    EXPECT_EQ(deque_take_half(&deque, out + 5, DEQUE_CAPACITY), (DEQUE_CAPACITY - 5 + 1) / 2);
    EXPECT_EQ(deque_take_batch(&deque, out + 5 + (DEQUE_CAPACITY - 4) / 2, DEQUE_CAPACITY),
              DEQUE_CAPACITY - 5 - (DEQUE_CAPACITY - 4) / 2);
    for (size_t i = 0; i < DEQUE_CAPACITY; i++)
        EXPECT(out[i] == number(i));
}

PANIC_TEST(deque_refuses_null, "check failed")
{
    deque_init(&deque);
    EXPECT(deque_push(&deque, NULL));
}

/* ---- stress ---- */

struct item {
    uint64_t value; /* plain: written by the owner before the push, read by who takes */
    uint64_t takers;
};

struct arena {
    struct item *items;
    ATOMIC(bool) closed;
    ATOMIC(uint64_t) taken;
    ATOMIC(size_t) baton; /* whose turn it is to own, in deque_owner_changes */
};

/* Each taker, whoever it is, takes in the order of pushing, because the head only grows. */
static void items_take(struct arena *a, void *const *loot, size_t n, size_t *newest)
{
    for (size_t i = 0; i < n; i++) {
        struct item *item = loot[i];
        size_t index = (size_t)(item - a->items);

        EXPECT(index < ITEMS);
        EXPECT_EQ(item->value, index * 3 + 1);
        EXPECT(index + 1 > *newest);
        *newest = index + 1;
        item->takers++; /* a second taker is a data race too */
    }
    a_add(&a->taken, n, relaxed);
}

static void thief_run(struct arena *a)
{
    void *loot[DEQUE_CAPACITY / 2];
    size_t newest = 0;

    for (;;) {
        bool closed = a_load(&a->closed, acquire);
        size_t n = deque_steal_half(&deque, loot, WEFT_ARRAY_SIZE(loot));

        items_take(a, loot, n, &newest);
        if (n == 0 && closed)
            return;
        if (n == 0)
            weft__sys_yield();
    }
}

static void owner_push(struct arena *a, size_t i, size_t *newest)
{
    void *loot[DEQUE_CAPACITY / 2];

    a->items[i].value = i * 3 + 1;
    while (!deque_push(&deque, &a->items[i]))
        items_take(a, loot, deque_take_half(&deque, loot, WEFT_ARRAY_SIZE(loot)), newest);
    if (i % 3 == 0 && deque_take_batch(&deque, loot, 1) == 1)
        items_take(a, loot, 1, newest);
}

static void owner_drain(struct arena *a, size_t *newest)
{
    void *item;

    while ((item = deque_take(&deque)) != NULL)
        items_take(a, &item, 1, newest);
}

static void owner_and_thieves(size_t index, void *arg)
{
    struct arena *a = arg;
    size_t newest = 0;

    if (index > 0) {
        thief_run(a);
        return;
    }
    for (size_t i = 0; i < ITEMS; i++)
        owner_push(a, i, &newest);
    owner_drain(a, &newest);
    a_store(&a->closed, true, release);
}

/* Threads 0 and 1 own in turn, 1,000 items each time. */
static void owners_and_thieves(size_t index, void *arg)
{
    struct arena *a = arg;
    size_t newest = 0, baton;

    if (index > 1) {
        thief_run(a);
        return;
    }
    while ((baton = a_load(&a->baton, acquire)) < ITEMS / 1000) {
        if (baton % 2 != index) {
            weft__sys_yield();
            continue;
        }
        for (size_t i = 0; i < 1000; i++)
            owner_push(a, baton * 1000 + i, &newest);
        a_store(&a->baton, baton + 1, release); /* the hand-over */
    }
    if (baton % 2 == index) {
        owner_drain(a, &newest);
        a_store(&a->closed, true, release);
    }
}

static void stress(size_t threads, void (*body)(size_t index, void *arg))
{
    static struct item items[ITEMS];
    static struct arena a;

    for (int round = 0; round < TEST_ROUNDS(3, 300); round++) {
        memset(items, 0, sizeof items);
        a.items = items;
        a_store(&a.closed, false, relaxed);
        a_store(&a.taken, 0, relaxed);
        a_store(&a.baton, 0, relaxed);
        deque_begin_at(UINT64_MAX - ITEMS / 2);
        crowd_run(threads, body, &a);
        EXPECT_EQ(a_load(&a.taken, relaxed), ITEMS);
        for (size_t i = 0; i < ITEMS; i++)
            EXPECT_EQ(items[i].takers, 1);
        EXPECT_EQ(deque_size(&deque), 0);
    }
}

TEST(deque_thieves)
{
    stress(1 + THIEVES, owner_and_thieves);
}

TEST(deque_owner_changes)
{
    stress(2 + THIEVES, owners_and_thieves);
}
