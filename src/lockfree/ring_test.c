/* ring_test.c - edges of the bounded ring, a crowd on it, and a signal handler in between.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/ring.h"

#include <signal.h>
#include <sys/time.h>

#include "tests/crowd.h"
#include "tests/test.h"

enum { SLOTS_MAX = 64, PRODUCERS = 2, CONSUMERS = 2, EACH = 30000 };

static struct weft__ring_slot slots[SLOTS_MAX];
static struct weft__ring ring;

static void *number(size_t i)
{
    return (void *)(uintptr_t)(i + 1);
}

TEST(ring_edges)
{
    void *value = number(7);

    for (size_t capacity = 1; capacity <= SLOTS_MAX; capacity *= 2) {
        ring_init(&ring, slots, capacity);
        EXPECT_EQ(ring_capacity(&ring), capacity);
        for (size_t lap = 0; lap < 5; lap++) {
            EXPECT(!ring_pop(&ring, &value));
            EXPECT_EQ(ring_size(&ring), 0);
            for (size_t i = 0; i < capacity; i++)
                EXPECT(ring_push(&ring, number(lap + i)));
            EXPECT_EQ(ring_size(&ring), capacity);
            EXPECT(!ring_push(&ring, number(0)));
            for (size_t i = 0; i < capacity; i++) {
                EXPECT(ring_pop(&ring, &value));
                EXPECT(value == number(lap + i));
            }
        }
    }
}

TEST(ring_null_is_a_value)
{
    void *value = number(1);

    ring_init(&ring, slots, 2);
    EXPECT(ring_push(&ring, NULL));
    EXPECT(ring_pop(&ring, &value));
    EXPECT(value == NULL);
}

TEST(ring_failed_pop_leaves_value)
{
    void *value = number(1);

    ring_init(&ring, slots, 2);
    EXPECT(!ring_pop(&ring, &value));
    EXPECT(value == number(1));
}

PANIC_TEST(ring_refuses_odd_capacity, "check failed")
{
    ring_init(&ring, slots, 3);
}

/* Between its claim and its turn a producer holds back who pops, and nobody who pushes. */
TEST(ring_stopped_producer)
{
    uint64_t turn;
    struct weft__ring_slot *slot;
    void *value;

    ring_init(&ring, slots, 4);
    slot = ring_claim(&ring, &ring.tail, 0, &turn);
    EXPECT(slot != NULL);
    for (size_t i = 1; i < 4; i++)
        EXPECT(ring_push(&ring, number(i)));
    EXPECT(!ring_push(&ring, number(4)));
    EXPECT(!ring_pop(&ring, &value));
    a_store(&slot->value, number(0), relaxed);
    a_store(&slot->turn, turn + 1, release);
    for (size_t i = 0; i < 4; i++) {
        EXPECT(ring_pop(&ring, &value));
        EXPECT(value == number(i));
    }
}

/* ---- stress ---- */

struct item {
    uint64_t value;  /* plain, written by the producer */
    uint64_t takers; /* plain, written by the consumer */
};

static struct item items[PRODUCERS][EACH];
static ATOMIC(uint64_t) taken;

static void producer_run(size_t p)
{
    for (size_t i = 0; i < EACH; i++) {
        items[p][i].value = i + p;
        items[p][i].takers = 0;
        while (!ring_push(&ring, &items[p][i]))
            weft__sys_yield();
    }
}

/* Of one producer each consumer sees later items only. */
static void consumer_run(void)
{
    size_t next[PRODUCERS] = {0};

    while (a_load(&taken, relaxed) < (uint64_t)PRODUCERS * EACH) {
        struct item *item;
        void *value;
        size_t p, i;

        if (!ring_pop(&ring, &value)) {
            weft__sys_yield();
            continue;
        }
        item = value;
        p = (size_t)(item - items[0]) / EACH;
        EXPECT(p < PRODUCERS);
        i = (size_t)(item - items[p]);
        EXPECT(i >= next[p]);
        next[p] = i + 1;
        EXPECT_EQ(item->value, i + p);
        item->takers++;
        a_add(&taken, 1, relaxed);
    }
}

static void produce_and_consume(size_t index, void *arg)
{
    (void)arg;
    if (index < PRODUCERS)
        producer_run(index);
    else
        consumer_run();
}

static void stress(size_t capacity)
{
    for (int round = 0; round < TEST_ROUNDS(1, 100); round++) {
        void *value;

        ring_init(&ring, slots, capacity);
        a_store(&taken, 0, relaxed);
        crowd_run(PRODUCERS + CONSUMERS, produce_and_consume, NULL);
        for (size_t p = 0; p < PRODUCERS; p++) {
            for (size_t i = 0; i < EACH; i++)
                EXPECT_EQ(items[p][i].takers, 1);
        }
        EXPECT(!ring_pop(&ring, &value));
    }
}

TEST(ring_crowd_1)
{
    stress(1);
}

TEST(ring_crowd_2)
{
    stress(2);
}

TEST(ring_crowd_64)
{
    stress(64);
}

/* ---- a handler on the same ring as what it interrupts ---- */

static volatile sig_atomic_t handled;
static uint64_t handler_sum, handler_pops; /* of this thread only; the handler is in between */

static void ring_handler(int number_of_signal)
{
    void *value;

    (void)number_of_signal;
    if (ring_push(&ring, number(1000)))
        handler_sum += 1001;
    if (ring_pop(&ring, &value))
        handler_pops += (uintptr_t)value;
    handled++;
}

TEST(ring_signal_handler)
{
    struct sigaction action = {.sa_handler = ring_handler, .sa_flags = SA_RESTART}, old;
    struct itimerval every = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    uint64_t in = 0, out = 0;
    void *value;

    ring_init(&ring, slots, 8);
    EXPECT_EQ(sigaction(SIGALRM, &action, &old), 0);
    EXPECT_EQ(setitimer(ITIMER_REAL, &every, NULL), 0);
    for (size_t i = 0; handled < 1000; i++) {
        if (ring_push(&ring, number(i % 100)))
            in += i % 100 + 1;
        if (ring_pop(&ring, &value))
            out += (uintptr_t)value;
    }
    EXPECT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    EXPECT_EQ(sigaction(SIGALRM, &old, NULL), 0);
    while (ring_pop(&ring, &value))
        out += (uintptr_t)value;
    EXPECT_EQ(in + handler_sum, out + handler_pops);
}
