/* order_test.c - stacks, queues by priority, and channels that drop the oldest.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "base/rng.h"
#include "chan/chan_probe.h"

static const weft_chan_options order_kinds[] = {
    {.element_size = 8, .capacity = 3, .order = WEFT_CHAN_FIFO},
    {.element_size = 8, .capacity = 3, .order = WEFT_CHAN_LIFO},
    {.element_size = 8, .capacity = 3, .order = WEFT_CHAN_PRIORITY, .priority_size = 8},
    {.element_size = 8, .capacity = 3, .order = WEFT_CHAN_PRIORITY, .priority_size = 8,
     .largest_first = true},
};

#define FOR_EACH_KIND(kind)                                                                        \
    for (const weft_chan_options *kind = order_kinds;                                              \
         kind < order_kinds + sizeof order_kinds / sizeof order_kinds[0]; kind++)

static weft_chan *chan_of_kind(const weft_chan_options *options)
{
    weft_chan *ch = weft_chan_new_with(options);
    EXPECT(ch != NULL);
    return ch;
}

struct urgent {
    char name[5];
    int32_t priority; /* after a hole */
    int64_t number;
    char rest[5];
};

/* ---- making ---- */

TASK_TEST(order_options)
{
    const weft_chan_options refused[] = {
        {.element_size = (size_t)WEFT_CHAN_ELEMENT_MAX + 1},
        {.element_size = 8, .capacity = WEFT_CHAN_BYTES_MAX / 8 + 1},
        {.element_size = 8, .order = WEFT_CHAN_LIFO},
        {.element_size = 8, .order = WEFT_CHAN_PRIORITY, .priority_size = 8},
        {.element_size = 8, .drops_oldest = true},
        {.element_size = 8, .capacity = 1, .order = WEFT_CHAN_LIFO, .drops_oldest = true},
        {.element_size = 8, .capacity = 1, .order = (enum weft_chan_order)3},
        {.element_size = 8, .capacity = 1, .order = WEFT_CHAN_PRIORITY},
        {.element_size = 8, .capacity = 1, .order = WEFT_CHAN_PRIORITY, .priority_size = 2},
        {.element_size = 8, .capacity = 1, .order = WEFT_CHAN_PRIORITY, .priority_size = 8,
         .priority_offset = 1},
        {.element_size = 8, .capacity = 1, .order = WEFT_CHAN_PRIORITY, .priority_size = 8,
         .priority_offset = SIZE_MAX},
        {.element_size = 4, .capacity = 1, .order = WEFT_CHAN_PRIORITY, .priority_size = 8},
        {.element_size = 0, .capacity = 1, .order = WEFT_CHAN_PRIORITY, .priority_size = 4},
    };
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(refused); i++) {
        EXPECT(weft_chan_new_with(&refused[i]) == NULL);
    }
    weft_chan *ch = chan_of_kind(&(weft_chan_options){
        .element_size = sizeof(struct urgent), .capacity = 5, WEFT_CHAN_BY(struct urgent, number)});
    EXPECT_EQ(weft_chan_capacity(ch), 5);
    weft_chan_free(ch);
}

PANIC_TEST(order_null_options, "check failed: options != NULL")
{
    EXPECT(weft_chan_new_with(NULL) == NULL);
}

/* ---- order ---- */

TASK_TEST(order_lifo)
{
    weft_chan *ch = chan_of_kind(&order_kinds[1]);
    for (int64_t i = 1; i <= 3; i++) {
        probe_put(ch, i);
    }
    EXPECT_EQ(probe_take(ch), 3);
    probe_put(ch, 4);
    EXPECT_EQ(probe_take(ch), 4);
    EXPECT_EQ(probe_take(ch), 2);
    EXPECT_EQ(probe_take(ch), 1);
    EXPECT_EQ(weft_chan_len(ch), 0);
    weft__chan_check(ch);
    weft_chan_free(ch);
}

/* Values of no bytes. */
TASK_TEST(order_lifo_counts_only)
{
    weft_chan *ch = chan_of_kind(
        &(weft_chan_options){.element_size = 0, .capacity = 2, .order = WEFT_CHAN_LIFO});
    EXPECT_EQ(weft_chan_try_send(ch, NULL), 0);
    EXPECT_EQ(weft_chan_try_send(ch, NULL), 0);
    EXPECT_EQ(weft_chan_try_send(ch, NULL), -WEFT_EAGAIN);
    EXPECT_EQ(weft_chan_try_recv(ch, NULL), 0);
    weft_chan_free(ch);
}

TASK_TEST(order_priority)
{
    weft_chan *ch = chan_of_kind(&(weft_chan_options){.element_size = sizeof(struct urgent),
                                                      .capacity = 8,
                                                      WEFT_CHAN_BY(struct urgent, priority)});
    static const int32_t priorities[] = {5, -3, 5, INT32_MAX, 0, INT32_MIN, -3, 5};
    static const int64_t expected[] = {5, 1, 6, 4, 0, 2, 7, 3};
    for (int64_t i = 0; i < 8; i++) {
        struct urgent u = {.name = "task", .priority = priorities[i], .number = i, .rest = "rest"};
        EXPECT_EQ(weft_chan_try_send(ch, &u), 0);
        weft__chan_check(ch);
    }
    EXPECT_EQ(weft_chan_try_send(ch, &(struct urgent){.priority = 0}), -WEFT_EAGAIN);
    for (int i = 0; i < 8; i++) {
        struct urgent u = {.number = -1};
        EXPECT_EQ(weft_chan_try_recv(ch, &u), 0);
        EXPECT_EQ(u.number, expected[i]);
        EXPECT_EQ(u.priority, priorities[u.number]);
        EXPECT_STR(u.name, "task");
        EXPECT_STR(u.rest, "rest");
        weft__chan_check(ch);
    }
    weft_chan_free(ch);
}

TASK_TEST(order_largest_first)
{
    static const int64_t priorities[] = {INT64_MIN, 0, INT64_MAX, -1, 1};
    static const int64_t expected[] = {INT64_MAX, 1, 0, -1, INT64_MIN};
    weft_chan *ch = chan_of_kind(&(weft_chan_options){.element_size = 8, .capacity = 5,
                                                      .order = WEFT_CHAN_PRIORITY,
                                                      .priority_size = 8, .largest_first = true});
    for (int i = 0; i < 5; i++) {
        probe_put(ch, priorities[i]);
    }
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(probe_take(ch), expected[i]);
    }
    weft_chan_free(ch);
}

struct aged {
    int32_t priority;
    uint32_t age;
};

static bool aged_before(struct aged a, struct aged b)
{
    return a.priority != b.priority ? a.priority < b.priority : a.age < b.age;
}

/* Against a list that is searched from end to end. */
static void priority_against_list(size_t capacity, int rounds)
{
    weft_chan *ch = chan_of_kind(&(weft_chan_options){.element_size = sizeof(struct aged),
                                                      .capacity = capacity,
                                                      WEFT_CHAN_BY(struct aged, priority)});
    struct aged list[64];
    struct weft__rng rng;
    uint32_t age = 0;
    size_t len = 0;
    weft__rng_seed(&rng, capacity);
    for (int i = 0; i < rounds; i++) {
        if (weft__rng_below(&rng, 2) == 0) {
            struct aged value = {(int32_t)weft__rng_below(&rng, 5) - 2, age++};
            EXPECT_EQ(weft_chan_try_send(ch, &value), len < capacity ? 0 : -WEFT_EAGAIN);
            if (len < capacity) {
                list[len++] = value;
            }
        } else {
            struct aged got = {0, UINT32_MAX};
            size_t first = 0;
            for (size_t k = 1; k < len; k++) {
                first = aged_before(list[k], list[first]) ? k : first;
            }
            EXPECT_EQ(weft_chan_try_recv(ch, &got), len > 0 ? 0 : -WEFT_EAGAIN);
            if (len > 0) {
                EXPECT_EQ(got.age, list[first].age);
                list[first] = list[--len];
            }
        }
        EXPECT_EQ(weft_chan_len(ch), len);
        weft__chan_check(ch);
    }
    weft_chan_free(ch);
}

TASK_TEST_FREE(order_priority_against_list)
{
    priority_against_list(1, 100);
    priority_against_list(2, 300);
    priority_against_list(7, 2000);
    priority_against_list(64, 20000);
}

/* ---- full, closed, cancelled: the same for all ---- */

/* The value that waits outside goes in when there is room, and only then has a place. */
TASK_TEST(order_full_waits)
{
    static const int64_t expected[4][4] = {{1, 2, 3, 9}, {3, 9, 2, 1}, {1, 2, 3, 9}, {3, 9, 2, 1}};
    FOR_EACH_KIND(kind) {
        weft_chan *ch = chan_of_kind(kind);
        struct probe p = {.ch = ch, .count = 1, .first = 9};
        weft_scope scope;
        for (int64_t i = 1; i <= 3; i++) {
            probe_put(ch, i);
        }
        weft_scope_open(&scope);
        probe_go(&scope, probe_send, &p);
        probe_settle();
        EXPECT_EQ(p.done, 0);
        weft__chan_check(ch);
        for (int i = 0; i < 4; i++) {
            EXPECT_EQ(probe_take(ch), expected[kind - order_kinds][i]);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(p.done, 1);
        weft__chan_check(ch);
        weft_chan_free(ch);
    }
}

/* A receiver that waits gets the next value from hand to hand. */
TASK_TEST(order_empty_waits)
{
    FOR_EACH_KIND(kind) {
        weft_chan *ch = chan_of_kind(kind);
        struct probe p = {.ch = ch, .count = 2};
        weft_scope scope;
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &p);
        probe_settle();
        weft__chan_check(ch);
        probe_put(ch, 5);
        probe_settle();
        EXPECT_EQ(p.last, 5);
        probe_put(ch, 6);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(p.sum, 11);
        weft_chan_free(ch);
    }
}

TASK_TEST(order_close)
{
    FOR_EACH_KIND(kind) {
        weft_chan *ch = chan_of_kind(kind);
        struct probe sender = {.ch = ch, .count = 4, .first = 7};
        struct probe receiver = {.ch = ch, .count = 9};
        weft_scope scope;
        weft_scope_open(&scope);
        probe_go(&scope, probe_send, &sender);
        probe_settle();
        weft_chan_close(ch);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(sender.rc, -WEFT_EPIPE);
        EXPECT_EQ(sender.done, 3);
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &receiver);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(receiver.rc, -WEFT_EPIPE);
        EXPECT_EQ(receiver.sum, sender.sum);
        weft__chan_check(ch);
        weft_chan_free(ch);
    }
}

TASK_TEST(order_cancel)
{
    FOR_EACH_KIND(kind) {
        weft_chan *full = chan_of_kind(kind), *empty = chan_of_kind(kind);
        struct probe sender = {.ch = full, .count = 4, .first = 1};
        struct probe receiver = {.ch = empty, .count = 1};
        weft_scope scope;
        weft_scope_open(&scope);
        probe_go(&scope, probe_send, &sender);
        probe_go(&scope, probe_recv, &receiver);
        probe_settle();
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(sender.rc, -WEFT_ECANCELED);
        EXPECT_EQ(receiver.rc, -WEFT_ECANCELED);
        EXPECT_EQ(weft_chan_len(full), 3);
        EXPECT_EQ(probe_take(full) + probe_take(full) + probe_take(full), 6);
        probe_put(empty, 1);
        EXPECT_EQ(weft_chan_len(empty), 1);
        weft__chan_check(full);
        weft__chan_check(empty);
        weft_chan_free(full);
        weft_chan_free(empty);
    }
}

/* Those who wait in a select: one to send to a full one, one to receive from an empty one. */
TASK_TEST(order_select)
{
    FOR_EACH_KIND(kind) {
        weft_chan *in = chan_of_kind(kind), *out = chan_of_kind(kind);
        int64_t got = -1, value = 8;
        weft_arm arms[] = {WEFT_RECV(in, &got), WEFT_SEND(out, &value)};
        for (int64_t i = 1; i <= 3; i++) {
            EXPECT_EQ(weft_select(arms, 2, 0), 1);
        }
        EXPECT_EQ(weft_select(arms, 2, 0), -WEFT_EAGAIN);
        EXPECT_EQ(weft_select(arms, 2, WEFT_MS), -WEFT_ETIMEDOUT);
        weft__chan_check(in);
        weft__chan_check(out);
        struct probe p = {.ch = kind->order == WEFT_CHAN_LIFO ? in : out, .count = 1, .first = 5};
        weft_scope scope;
        weft_scope_open(&scope);
        probe_go(&scope, p.ch == in ? probe_send : probe_recv, &p);
        EXPECT_EQ(weft_select(arms, 2, -1), p.ch == in ? 0 : 1);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(p.ch == in ? got : p.last, p.ch == in ? 5 : 8);
        weft_chan_free(in);
        weft_chan_free(out);
    }
}

/* ---- many ---- */

/* Nothing is lost, nothing doubled, whoever waits and is cancelled meanwhile. */
static void order_crowd(const weft_chan_options *kind, int64_t each)
{
    enum { SIDE = 3 };
    weft_chan *ch = chan_of_kind(kind);
    struct probe senders[SIDE], receivers[SIDE], gone = {.ch = ch, .count = INT64_MAX};
    int64_t sent = 0, received = 0;
    weft_scope all, sending, cancelled;
    weft_scope_open(&all);
    weft_scope_open(&sending);
    for (int i = 0; i < SIDE; i++) {
        senders[i] = (struct probe){.ch = ch, .count = each, .first = i * each + 1};
        receivers[i] = (struct probe){.ch = ch, .count = INT64_MAX};
        probe_go(&all, probe_recv, &receivers[i]);
        probe_go(&sending, probe_send, &senders[i]);
    }
    weft_scope_open(&cancelled);
    probe_go(&cancelled, probe_recv, &gone);
    (void)!weft_yield();
    weft_scope_cancel(&cancelled);
    EXPECT_EQ(weft_scope_close(&cancelled), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&sending), 0);
    weft_chan_close(ch);
    EXPECT_EQ(weft_scope_close(&all), 0);
    for (int i = 0; i < SIDE; i++) {
        EXPECT_EQ(senders[i].done, each);
        EXPECT_EQ(receivers[i].rc, -WEFT_EPIPE);
        sent += senders[i].sum;
        received += receivers[i].sum;
    }
    EXPECT_EQ(received + gone.sum, sent);
    weft__chan_check(ch);
    weft_chan_counts counts;
    weft_chan_stats(ch, &counts);
    EXPECT_EQ(counts.sends, SIDE * each);
    EXPECT_EQ(counts.receives, SIDE * each);
    EXPECT(counts.len_max <= kind->capacity);
    weft_chan_free(ch);
}

TASK_TEST(order_many)
{
    FOR_EACH_KIND(kind) {
        order_crowd(kind, TEST_FEWER(2000));
    }
}

/* Without any runtime. */
TEST(order_plain_threads)
{
    FOR_EACH_KIND(kind) {
        weft_chan *ch = chan_of_kind(kind);
        struct probe p[2] = {{.ch = ch, .count = 2000, .first = 1}, {.ch = ch, .count = 2000}};
        struct probe *args[2] = {&p[0], &p[1]};
        pthread_t threads[2];
        EXPECT_EQ(weft_chan_len(ch), 0); /* makes this thread known first */
        EXPECT_EQ(pthread_create(&threads[0], NULL, probe_send_thread, &args[0]), 0);
        EXPECT_EQ(pthread_create(&threads[1], NULL, probe_recv_thread, &args[1]), 0);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        EXPECT_EQ(p[0].sum, p[1].sum);
        weft_chan_free(ch);
    }
}

/* ---- dropping ---- */

static weft_chan *chan_dropping(size_t capacity)
{
    return chan_of_kind(&(weft_chan_options){
        .element_size = sizeof(int64_t), .capacity = capacity, .drops_oldest = true});
}

TASK_TEST(order_drops_oldest)
{
    weft_chan *ch = chan_dropping(3);
    int64_t value = -1;
    for (int64_t i = 0; i < 10; i++) {
        EXPECT_EQ(weft_chan_send(ch, &i), 0);
    }
    EXPECT_EQ(weft_chan_len(ch), 3);
    EXPECT_EQ(weft_chan_recv(ch, &value), 7);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(weft_chan_recv(ch, &value), 0);
    EXPECT_EQ(value, 8);
    for (int64_t i = 10; i < 13; i++) {
        EXPECT_EQ(weft_chan_send(ch, &i), 0);
    }
    weft_chan_close(ch);
    EXPECT_EQ(weft_chan_send(ch, &value), -WEFT_EPIPE);
    EXPECT_EQ(weft_chan_try_recv(ch, &value), 1);
    EXPECT_EQ(value, 10);
    weft_arm arms[] = {WEFT_RECV(ch, &value)};
    EXPECT_EQ(weft_select(arms, 1, -1), 0);
    EXPECT_EQ(arms[0].result, 0);
    EXPECT_EQ(value, 11);
    EXPECT_EQ(weft_chan_recv(ch, &value), 0);
    EXPECT_EQ(weft_chan_recv(ch, &value), -WEFT_EPIPE);
    weft_chan_counts counts;
    weft_chan_stats(ch, &counts);
    EXPECT_EQ(counts.sends, 13);
    EXPECT_EQ(counts.receives, 5);
    EXPECT_EQ(counts.lost, 8);
    EXPECT_EQ(counts.len_max, 3);
    EXPECT_EQ(counts.send_waits, 0);
    weft_chan_free(ch);
}

/* A select tells what was lost, too; a send arm on a full one can always happen. */
TASK_TEST(order_drops_in_select)
{
    weft_chan *ch = chan_dropping(2), *never = chan_dropping(2);
    int64_t value = 1, got = -1;
    weft_arm sends[] = {WEFT_SEND(ch, &value)};
    weft_arm receives[] = {WEFT_RECV(never, &got), WEFT_RECV(ch, &got)};
    for (value = 1; value <= 5; value++) {
        EXPECT_EQ(weft_select(sends, 1, 0), 0);
    }
    EXPECT_EQ(weft_select(receives, 2, -1), 1);
    EXPECT_EQ(receives[1].result, 3);
    EXPECT_EQ(got, 4);
    weft_chan_free(ch);
    weft_chan_free(never);
}

/* What is received, and what is said to be lost, is what was sent, in order. */
TASK_TEST(order_drops_are_told)
{
    weft_chan *ch = chan_dropping(4);
    struct probe sender = {.ch = ch, .count = TEST_FEWER(5000), .first = 1};
    struct probe receiver = {.ch = ch, .count = INT64_MAX};
    weft_scope all, sending;
    weft_scope_open(&all);
    weft_scope_open(&sending);
    probe_go(&all, probe_recv, &receiver);
    probe_go(&sending, probe_send, &sender);
    EXPECT_EQ(weft_scope_close(&sending), 0);
    weft_chan_close(ch);
    EXPECT_EQ(weft_scope_close(&all), 0);
    EXPECT_EQ(receiver.rc, -WEFT_EPIPE);
    EXPECT_EQ(receiver.done + receiver.lost, sender.done);
    EXPECT_EQ(receiver.last, sender.last);
    weft_chan_free(ch);
}

/* ---- counts ---- */

TASK_TEST(order_counts)
{
    weft_chan *met = weft_chan_new(sizeof(int64_t), 0);
    struct probe p = {.ch = met, .count = 2}, q = {.ch = met, .count = 1, .first = 1};
    weft_chan_counts counts;
    weft_scope scope;
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &p);
    probe_settle();
    probe_put(met, 3);
    probe_settle();
    probe_go(&scope, probe_send, &q);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_chan_stats(met, &counts);
    EXPECT_EQ(counts.sends, 2);
    EXPECT_EQ(counts.receives, 2);
    EXPECT_EQ(counts.recv_waits, 2);
    EXPECT_EQ(counts.send_waits, 0);
    EXPECT_EQ(counts.len_max, 0);
    weft_chan_free(met);
}

/* Each size has its way of being copied. */
TASK_TEST(order_sizes)
{
    static const size_t sizes[] = {1, 3, 4, 8, 12, 16, 17, 64, 1000};
    for (size_t s = 0; s < WEFT_ARRAY_SIZE(sizes); s++) {
        for (enum weft_chan_order order = WEFT_CHAN_FIFO; order <= WEFT_CHAN_LIFO; order++) {
            unsigned char in[1000], out[1000] = {0};
            weft_chan *ch = chan_of_kind(&(weft_chan_options){
                .element_size = sizes[s], .capacity = 5, .order = order});
            for (int i = 0; i < 20; i++) {
                memset(in, i + 1, sizeof in);
                EXPECT_EQ(weft_chan_try_send(ch, in), 0);
                EXPECT_EQ(weft_chan_try_send(ch, in), 0);
                EXPECT_EQ(weft_chan_try_recv(ch, out), 0);
                EXPECT(memcmp(in, out, sizes[s]) == 0);
                EXPECT_EQ(weft_chan_try_recv(ch, out), 0);
                EXPECT(sizes[s] == sizeof out || out[sizes[s]] == 0);
            }
            weft_chan_free(ch);
        }
    }
}
