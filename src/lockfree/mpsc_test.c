/* mpsc_test.c - edges of the queue of many producers, and many producers in earnest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/evcount.h"
#include "lockfree/mpsc.h"
#include "tests/crowd.h"
#include "tests/test.h"

enum { PRODUCERS = 3, EACH = 50000 };

struct item {
    uint64_t value; /* plain: TSan sees whether the push orders it */
    struct weft__mpsc_node node;
};

static struct weft__mpsc queue;
static struct item items[PRODUCERS][EACH];

static struct item *item_of(struct weft__mpsc_node *node)
{
    return container_of(node, struct item, node);
}

TEST(mpsc_empty)
{
    mpsc_init(&queue);
    EXPECT(mpsc_pop(&queue) == NULL);
    EXPECT(mpsc_pop(&queue) == NULL);
    EXPECT(mpsc_is_empty(&queue));
}

TEST(mpsc_says_was_empty)
{
    struct item *a = items[0];

    mpsc_init(&queue);
    for (int round = 0; round < 3; round++) {
        EXPECT(mpsc_push(&queue, &a[0].node));
        EXPECT(!mpsc_is_empty(&queue));
        EXPECT(!mpsc_push(&queue, &a[1].node));
        EXPECT(item_of(mpsc_pop(&queue)) == &a[0]);
        EXPECT(!mpsc_push(&queue, &a[2].node));
        EXPECT(item_of(mpsc_pop(&queue)) == &a[1]);
        EXPECT(item_of(mpsc_pop(&queue)) == &a[2]);
        EXPECT(mpsc_is_empty(&queue));
        EXPECT(mpsc_pop(&queue) == NULL);
    }
}

TEST(mpsc_chains)
{
    struct item *a = items[0];

    mpsc_init(&queue);
    mpsc_link(&a[0].node, &a[1].node);
    mpsc_link(&a[1].node, &a[2].node);
    EXPECT(mpsc_push_chain(&queue, &a[0].node, &a[2].node));
    EXPECT(!mpsc_push_chain(&queue, &a[3].node, &a[3].node));
    for (int i = 0; i < 4; i++)
        EXPECT(item_of(mpsc_pop(&queue)) == &a[i]);
    EXPECT(mpsc_is_empty(&queue));
}

/* A producer stopped between its exchange and its link: others push, the consumer sees a gap. */
TEST(mpsc_gap)
{
    struct item *a = items[0];
    struct weft__mpsc_node *prev;

    mpsc_init(&queue);
    EXPECT(mpsc_push(&queue, &a[0].node));
    a_store(&a[1].node.next, NULL, relaxed);
    prev = a_xchg(&queue.tail, &a[1].node, acq_rel);
    EXPECT(!mpsc_push(&queue, &a[2].node));
    EXPECT(mpsc_pop(&queue) == NULL); /* a[0] is the last before the gap */
    EXPECT(!mpsc_is_empty(&queue));
    a_store(&prev->next, &a[1].node, release);
    for (int i = 0; i < 3; i++)
        EXPECT(item_of(mpsc_pop(&queue)) == &a[i]);
    EXPECT(mpsc_is_empty(&queue));
}

/* ---- stress: thread 0 consumes, the others produce ---- */

struct arena {
    struct weft__evcount events;
    bool sleeps; /* the consumer, when the queue is empty */
    ATOMIC(uint64_t) wakes;
};

static void producer_run(struct arena *a, struct item *mine)
{
    for (size_t i = 0; i < EACH;) {
        bool was_empty;

        mine[i].value = i;
        if (i % 3 == 0 && i + 1 < EACH) {
            mine[i + 1].value = i + 1;
            mpsc_link(&mine[i].node, &mine[i + 1].node);
            was_empty = mpsc_push_chain(&queue, &mine[i].node, &mine[i + 1].node);
            i += 2;
        } else {
            was_empty = mpsc_push(&queue, &mine[i].node);
            i++;
        }
        if (was_empty && a->sleeps) {
            a_add(&a->wakes, 1, relaxed);
            evcount_notify_one(&a->events);
        }
    }
}

static void consumer_wait(struct arena *a)
{
    uint32_t key;

    if (!a->sleeps || !mpsc_is_empty(&queue)) {
        weft__sys_yield();
        return;
    }
    key = evcount_prepare(&a->events);
    if (mpsc_is_empty(&queue))
        evcount_commit(&a->events, key, -1);
    else
        evcount_cancel(&a->events);
}

static void consumer_run(struct arena *a)
{
    uint64_t next[PRODUCERS] = {0};

    for (size_t n = 0; n < (size_t)PRODUCERS * EACH;) {
        struct weft__mpsc_node *node = mpsc_pop(&queue);
        size_t producer;

        if (node == NULL) {
            consumer_wait(a);
            continue;
        }
        producer = (size_t)(item_of(node) - items[0]) / EACH;
        EXPECT(producer < PRODUCERS);
        EXPECT(item_of(node) == &items[producer][next[producer]]);
        EXPECT_EQ(item_of(node)->value, next[producer]);
        next[producer]++;
        item_of(node)->value = UINT64_MAX; /* it is ours now */
        n++;
    }
    EXPECT(mpsc_is_empty(&queue));
}

static void produce_and_consume(size_t index, void *arg)
{
    if (index == 0)
        consumer_run(arg);
    else
        producer_run(arg, items[index - 1]);
}

static void stress(bool sleeps)
{
    for (int round = 0; round < TEST_ROUNDS(2, 200); round++) {
        struct arena a = {.sleeps = sleeps};

        mpsc_init(&queue);
        evcount_init(&a.events);
        crowd_run(1 + PRODUCERS, produce_and_consume, &a);
    }
}

TEST(mpsc_producers)
{
    stress(false);
}

/* A wrong "was not empty" would let the consumer sleep for ever. */
TEST(mpsc_consumer_sleeps)
{
    stress(true);
}
