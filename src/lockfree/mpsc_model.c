/* mpsc_model.c - every interleaving of producers and the consumer of an mpsc queue.
 *
 * What an item holds is written relaxed before the push: a missing order shows as an item that its
 * consumer finds unfinished.  Some consumers make a few attempts and leave the rest to the end;
 * others sleep when the queue is empty and rely on what mpsc_push says, so that a wrong "was not
 * empty" is a deadlock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/mpsc.h"
#include "tests/model.h"

enum { ITEMS = 4 }; /* two of each producer */

struct item {
    struct weft__mpsc_node node;
    ATOMIC(uint32_t) content;
};

static struct weft__mpsc queue;
static struct item items[ITEMS];
/* What a sleeping consumer waits for.  Producers exchange and do not store: C11 allows the store of
 * one to count as earlier than the other's, which the consumer has already taken back. */
static ATOMIC(uint32_t) wake;
static uint32_t popped[ITEMS];
static int newest[2]; /* of each producer, what came last */

static void models_reset(void)
{
    mpsc_init(&queue);
    for (int i = 0; i < ITEMS; i++) {
        a_store(&items[i].node.next, &items[i].node, relaxed); /* whatever it was */
        a_store(&items[i].content, 0, relaxed);
        popped[i] = 0;
    }
    a_store(&wake, 0, relaxed);
    newest[0] = newest[1] = -1;
}

/* ---- producers ---- */

static struct item *item_make(int i)
{
    a_store(&items[i].content, (uint32_t)i + 1, relaxed);
    return &items[i];
}

static void item_push(int i)
{
    if (mpsc_push(&queue, &item_make(i)->node))
        a_xchg(&wake, 1, release);
}

static void producer_0(void)
{
    item_push(0);
}

static void producer_0_twice(void)
{
    item_push(0);
    item_push(1);
}

static void producer_1(void)
{
    item_push(2);
}

static void producer_1_chain(void)
{
    mpsc_link(&item_make(2)->node, &item_make(3)->node);
    if (mpsc_push_chain(&queue, &items[2].node, &items[3].node))
        a_xchg(&wake, 1, release);
}

/* ---- the consumer ---- */

/* Items of one producer come in the order in which it pushed them. */
static bool item_pop(void)
{
    struct weft__mpsc_node *node = mpsc_pop(&queue);
    int i;

    if (node == NULL)
        return false;
    i = (int)(container_of(node, struct item, node) - items);
    model_assert(i >= 0 && i < ITEMS);
    model_assert(a_load(&items[i].content, relaxed) == (uint32_t)i + 1);
    model_assert(i > newest[i / 2]);
    newest[i / 2] = i;
    popped[i]++;
    return true;
}

static void consumer_tries(void)
{
    for (int i = 0; i < 3; i++)
        item_pop();
}

static void consumer_sleep(void)
{
    model_block_while(&wake, 0);
    a_xchg(&wake, 0, acq_rel);
}

static void consume(int want, bool gap_is_empty)
{
    while (want > 0) {
        if (item_pop())
            want--;
        else if (gap_is_empty || mpsc_is_empty(&queue))
            consumer_sleep();
        else /* a producer is in its gap: wait until it has linked */
            model_block_while(&queue.head->next, NULL);
    }
}

static void consumer_of_2(void)
{
    consume(2, false);
    model_assert(mpsc_is_empty(&queue));
}

static void consumer_of_3(void)
{
    consume(3, false);
    model_assert(mpsc_is_empty(&queue));
}

static void consumer_sleeps_at_gaps(void)
{
    consume(2, true);
}

/* ---- the end ---- */

static void conserved(uint32_t want)
{
    uint32_t out = 0;

    while (item_pop())
        ;
    model_assert(mpsc_is_empty(&queue));
    for (int i = 0; i < ITEMS; i++) {
        model_assert(popped[i] <= 1);
        out += popped[i];
    }
    model_assert(out == want);
}

static void conserved_2(void)
{
    conserved(2);
}

static void conserved_3(void)
{
    conserved(3);
}

static void conserved_4(void)
{
    conserved(4);
}

/* ---- broken ---- */

static void producer_without_exchange(void)
{
    struct weft__mpsc_node *node = &item_make(2)->node, *prev;

    a_store(&node->next, NULL, relaxed);
    prev = a_load(&queue.tail, acquire);
    a_store(&queue.tail, node, release);
    a_store(&prev->next, node, release);
}

/* Lets the last node go with nothing behind it. */
static void consumer_without_stub(void)
{
    struct weft__mpsc_node *next = a_load(&queue.head->next, acquire);

    if (next == NULL)
        return;
    popped[container_of(next, struct item, node) - items]++;
    queue.head = next;
    if (a_load(&queue.tail, acquire) == next) {
        a_store(&queue.tail, &queue.stub, release);
        a_store(&queue.stub.next, NULL, relaxed);
        queue.head = &queue.stub;
    }
}

static const struct model models[] = {
    MODEL("mpsc_tries", models_reset, conserved_2, producer_0, producer_1, consumer_tries),
    MODEL("mpsc_order", models_reset, conserved_3, producer_0_twice, producer_1, consumer_tries),
    MODEL("mpsc_chain", models_reset, conserved_4, producer_0_twice, producer_1_chain,
          consumer_tries),
    MODEL("mpsc_sleeps", models_reset, conserved_2, producer_0, producer_1, consumer_of_2),
    MODEL("mpsc_sleeps_order", models_reset, conserved_3, producer_0_twice, producer_1,
          consumer_of_3),
    MODEL_BROKEN("mpsc_without_exchange",
                 "two producers that both read the tail link behind the same node",
                 models_reset, conserved_2, producer_0, producer_without_exchange, consumer_tries),
    MODEL_BROKEN("mpsc_without_stub",
                 "a consumer that resets the tail loses the node that came meanwhile",
                 models_reset, conserved_2, producer_0, producer_1, consumer_without_stub),
    MODEL_BROKEN("mpsc_sleeps_at_gaps",
                 "a consumer that takes a gap for empty sleeps while an item is there",
                 models_reset, NULL, producer_0, producer_1, consumer_sleeps_at_gaps),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
