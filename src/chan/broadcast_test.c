/* broadcast_test.c - broadcasts: who receives what, what a slow one loses or holds up, and how it
 * ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "chan/chan_probe.h"

static weft_bcast *bcast_of(size_t capacity, bool waits)
{
    weft_bcast *b = weft_bcast_new_with(&(weft_bcast_options){
        .element_size = sizeof(int64_t), .capacity = capacity, .waits = waits});
    EXPECT(b != NULL);
    return b;
}

static weft_chan *subscribed(weft_bcast *b)
{
    weft_chan *ch = weft_bcast_subscribe(b);
    EXPECT(ch != NULL);
    return ch;
}

static int try_send(weft_bcast *b, int64_t value)
{
    return weft_bcast_try_send(b, &value);
}

/* ---- making ---- */

TASK_TEST(bcast_limits)
{
    EXPECT(weft_bcast_new(8, 0) == NULL);
    EXPECT(weft_bcast_new((size_t)WEFT_CHAN_ELEMENT_MAX + 1, 1) == NULL);
    EXPECT(weft_bcast_new(8, WEFT_CHAN_BYTES_MAX / 8 + 1) == NULL);
    weft_bcast_free(NULL);
    weft_bcast_close(NULL);
    weft_bcast *b = weft_bcast_new(0, 2);
    weft_chan *ch = subscribed(b);
    EXPECT_EQ(weft_bcast_send(b, NULL), 1);
    EXPECT_EQ(weft_chan_recv(ch, NULL), 0);
    weft_bcast_free(b);
    weft_chan_free(ch);
}

TEST(bcast_without_memory)
{
    size_t live = weft__alloc_live();
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT(weft_bcast_new(8, 4) == NULL);
    EXPECT_EQ(weft__fault_disarm(), 1);
    weft_bcast *b = weft_bcast_new(8, 4);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT(weft_bcast_subscribe(b) == NULL);
    EXPECT_EQ(weft__fault_disarm(), 1);
    EXPECT_EQ(try_send(b, 1), 0);
    weft_bcast_free(b);
    EXPECT_EQ(weft__alloc_live(), live);
}

/* ---- who receives what ---- */

TASK_TEST(bcast_to_all)
{
    weft_bcast *b = bcast_of(8, false);
    EXPECT_EQ(try_send(b, 1), 0); /* nobody listens */
    weft_chan *early = subscribed(b);
    EXPECT_EQ(try_send(b, 2), 1);
    weft_chan *late = subscribed(b);
    EXPECT_EQ(try_send(b, 3), 2);
    EXPECT_EQ(probe_take(early), 2);
    EXPECT_EQ(probe_take(early), 3);
    EXPECT_EQ(probe_take(late), 3);
    weft_chan_free(late);
    EXPECT_EQ(try_send(b, 4), 1);
    weft_chan_close(early); /* wants no more */
    EXPECT_EQ(try_send(b, 5), 0);
    EXPECT_EQ(probe_take(early), 4);
    EXPECT_EQ(weft_chan_try_recv(early, &(int64_t){0}), -WEFT_EPIPE);
    weft_chan_free(early);
    weft_bcast_free(b);
}

/* All wait, one alone, one in a select; each gets it from hand to hand. */
TASK_TEST(bcast_wakes_all)
{
    weft_bcast *b = bcast_of(2, false);
    weft_chan *one = subscribed(b), *other = subscribed(b);
    struct probe p = {.ch = one, .count = 1}, q = {.bcast = b, .count = 1, .first = 7};
    int64_t got = -1;
    weft_arm arms[] = {WEFT_RECV(other, &got)};
    weft_scope scope;
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &p);
    probe_settle();
    probe_go(&scope, probe_send, &q);
    EXPECT_EQ(weft_select(arms, 1, -1), 0);
    EXPECT_EQ(arms[0].result, 0);
    EXPECT_EQ(got, 7);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(p.last, 7);
    EXPECT_EQ(q.rc, 2);
    weft_chan_free(one);
    weft_chan_free(other);
    weft_bcast_free(b);
}

/* One task listens to two broadcasts. */
TASK_TEST(bcast_select)
{
    weft_bcast *news = bcast_of(2, false), *weather = bcast_of(2, true);
    weft_chan *in[] = {subscribed(news), subscribed(weather)};
    int64_t got = -1;
    weft_arm arms[] = {WEFT_RECV(in[0], &got), WEFT_RECV(in[1], &got)};
    EXPECT_EQ(weft_select(arms, 2, 0), -WEFT_EAGAIN);
    EXPECT_EQ(try_send(weather, 5), 1);
    EXPECT_EQ(weft_select(arms, 2, -1), 1);
    EXPECT_EQ(got, 5);
    for (int64_t i = 0; i < 5; i++) {
        EXPECT_EQ(try_send(news, i), 1);
    }
    EXPECT_EQ(weft_select(arms, 2, -1), 0);
    EXPECT_EQ(arms[0].result, 3);
    EXPECT_EQ(got, 3);
    weft_bcast_close(weather);
    EXPECT_EQ(weft_chan_try_recv(in[0], &got), 0);
    EXPECT_EQ(weft_select(arms, 2, -1), 1);
    EXPECT_EQ(arms[1].result, -WEFT_EPIPE);
    for (int i = 0; i < 2; i++) {
        weft_chan_free(in[i]);
    }
    weft_bcast_free(news);
    weft_bcast_free(weather);
}

/* ---- the slow ---- */

TASK_TEST(bcast_tells_lag)
{
    weft_bcast *b = bcast_of(4, false);
    weft_chan *slow = subscribed(b), *quick = subscribed(b);
    int64_t value = -1;
    for (int64_t i = 0; i < 10; i++) {
        EXPECT_EQ(weft_bcast_send(b, &i), 2);
        EXPECT_EQ(probe_take(quick), i);
    }
    EXPECT_EQ(weft_chan_recv(slow, &value), 6);
    EXPECT_EQ(value, 6);
    EXPECT_EQ(weft_chan_recv(slow, &value), 0);
    EXPECT_EQ(value, 7);
    weft_chan_counts counts;
    weft_chan_stats(slow, &counts);
    EXPECT_EQ(counts.lost, 6);
    weft_chan_stats(quick, &counts);
    EXPECT_EQ(counts.lost, 0);
    weft_bcast_counts all;
    weft_bcast_stats(b, &all);
    EXPECT_EQ(all.sends, 10);
    EXPECT_EQ(all.deliveries, 20);
    EXPECT_EQ(all.subscribers, 2);
    EXPECT_EQ(all.send_waits, 0);
    weft_chan_free(slow);
    weft_chan_free(quick);
    weft_bcast_stats(b, &all);
    EXPECT_EQ(all.subscribers, 0);
    EXPECT_EQ(all.subscribers_max, 2);
    weft_bcast_free(b);
}

/* To all or to none: the quick one must not have what the slow one has no room for. */
TASK_TEST(bcast_waits_for_slowest)
{
    weft_bcast *b = bcast_of(2, true);
    weft_chan *slow = subscribed(b), *quick = subscribed(b);
    struct probe p = {.bcast = b, .count = 3, .first = 1};
    weft_scope scope;
    weft_scope_open(&scope);
    probe_go(&scope, probe_send, &p);
    probe_settle();
    EXPECT_EQ(p.done, 2);
    EXPECT_EQ(probe_take(quick), 1);
    EXPECT_EQ(probe_take(quick), 2);
    EXPECT_EQ(weft_chan_len(quick), 0);
    EXPECT_EQ(try_send(b, 9), -WEFT_EAGAIN);
    EXPECT_EQ(weft_chan_len(quick), 0);
    EXPECT_EQ(probe_take(slow), 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(p.done, 3);
    EXPECT_EQ(probe_take(quick), 3);
    EXPECT_EQ(probe_take(slow), 2);
    EXPECT_EQ(probe_take(slow), 3);
    weft__chan_check(slow);
    weft_bcast_counts counts;
    weft_bcast_stats(b, &counts);
    EXPECT(counts.send_waits > 0);
    weft_chan_free(slow);
    weft_chan_free(quick);
    weft_bcast_free(b);
}

enum bcast_way { BY_RECV, BY_SELECT, BY_CLOSE, BY_FREE, BY_END, BY_CANCEL };

/* Whatever moves the slowest out of the way ends the wait. */
static void slowest_gives_way(enum bcast_way way)
{
    weft_bcast *b = bcast_of(1, true);
    weft_chan *ch = subscribed(b);
    struct probe p = {.bcast = b, .count = 1, .first = 2};
    int64_t got;
    weft_arm arms[] = {WEFT_RECV(ch, &got)};
    weft_scope scope;
    EXPECT_EQ(try_send(b, 1), 1);
    weft_scope_open(&scope);
    probe_go(&scope, probe_send, &p);
    probe_settle();
    EXPECT_EQ(p.done, 0);
    switch (way) {
    case BY_RECV:
        EXPECT_EQ(probe_take(ch), 1);
        break;
    case BY_SELECT:
        EXPECT_EQ(weft_select(arms, 1, 0), 0);
        break;
    case BY_CLOSE:
        weft_chan_close(ch);
        break;
    case BY_FREE:
        weft_chan_free(ch);
        break;
    case BY_END:
        weft_bcast_close(b);
        break;
    case BY_CANCEL:
        weft_scope_cancel(&scope);
        break;
    }
    EXPECT_EQ(weft_scope_close(&scope), way == BY_CANCEL ? -WEFT_ECANCELED : 0);
    int expected = way < BY_CLOSE ? 1 : 0; /* subscribers that have it */
    expected = way == BY_CANCEL ? -WEFT_ECANCELED : way == BY_END ? -WEFT_EPIPE : expected;
    EXPECT_EQ(p.rc, expected);
    if (way == BY_RECV || way == BY_SELECT) {
        EXPECT_EQ(probe_take(ch), 2);
    } else if (way == BY_CANCEL) {
        EXPECT_EQ(probe_take(ch), 1);
        EXPECT_EQ(weft_chan_len(ch), 0);
        EXPECT_EQ(try_send(b, 3), 1);
    }
    if (way != BY_FREE) {
        weft_chan_free(ch);
    }
    weft_bcast_free(b);
}

TASK_TEST(bcast_slowest_gives_way)
{
    for (enum bcast_way way = BY_RECV; way <= BY_CANCEL; way++) {
        slowest_gives_way(way);
    }
}

/* Room for two is told once; both senders go on. */
TASK_TEST(bcast_woken_sender_wakes_next)
{
    weft_bcast *b = bcast_of(2, true);
    weft_chan *ch = subscribed(b);
    struct probe p[2];
    weft_scope scope;
    EXPECT_EQ(try_send(b, 1), 1);
    EXPECT_EQ(try_send(b, 2), 1);
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        p[i] = (struct probe){.bcast = b, .count = 1, .first = 3 + i};
        probe_go(&scope, probe_send, &p[i]);
        probe_settle();
    }
    EXPECT_EQ(probe_take(ch), 1);
    EXPECT_EQ(probe_take(ch), 2);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(probe_take(ch) + probe_take(ch), 7);
    weft_chan_free(ch);
    weft_bcast_free(b);
}

/* ---- many ---- */

enum { SENDERS = 3, LISTENERS = 3 };

struct listener {
    weft_chan *ch;
    int64_t last[SENDERS], received, lost;
};

/* Each sender's values come in order. */
static int listen_on(void *arg)
{
    struct listener *l = *(struct listener **)arg;
    int64_t value;
    int rc;
    while ((rc = weft_chan_recv(l->ch, &value)) >= 0) {
        int64_t who = value >> 32, i = value & 0xffffffff;
        EXPECT(i > l->last[who]);
        EXPECT(rc > 0 || l->lost > 0 || i == l->last[who] + 1);
        l->last[who] = i;
        l->received++;
        l->lost += rc;
    }
    EXPECT_EQ(rc, -WEFT_EPIPE);
    weft_chan_free(l->ch);
    return 0;
}

static void *listen_thread(void *arg)
{
    listen_on(arg);
    return NULL;
}

static void bcast_crowd(size_t capacity, bool waits, int64_t each)
{
    weft_bcast *b = bcast_of(capacity, waits);
    struct listener listeners[LISTENERS];
    struct probe senders[SENDERS];
    weft_scope all, sending;
    weft_scope_open(&all);
    weft_scope_open(&sending);
    for (int i = 0; i < LISTENERS; i++) {
        struct listener *l = &listeners[i];
        *l = (struct listener){.ch = subscribed(b)};
        EXPECT_EQ(weft_go(&all, listen_on, &l), 0);
    }
    for (int64_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct probe){.bcast = b, .count = each, .first = (i << 32) + 1};
        probe_go(&sending, probe_send, &senders[i]);
    }
    EXPECT_EQ(weft_scope_close(&sending), 0);
    weft_bcast_close(b);
    EXPECT_EQ(weft_scope_close(&all), 0);
    for (int i = 0; i < LISTENERS; i++) {
        EXPECT_EQ(listeners[i].received + listeners[i].lost, SENDERS * each);
        EXPECT(!waits || listeners[i].lost == 0);
    }
    weft_bcast_free(b);
}

TASK_TEST(bcast_many)
{
    bcast_crowd(1, false, TEST_FEWER(1000));
    bcast_crowd(16, false, TEST_FEWER(1000));
    bcast_crowd(1, true, TEST_FEWER(300));
    bcast_crowd(3, true, TEST_FEWER(300));
}

/* Subscriptions come and go, some by cancel, while others are sent to; those who wait for the
 * slowest never wait for one that is gone. */
static int come_and_go_times(weft_bcast *b, int times)
{
    int64_t value;
    int rc = 0;
    for (int i = 0; i < times && rc >= 0; i++) {
        weft_chan *ch = subscribed(b);
        rc = weft_chan_recv(ch, &value);
        weft_chan_free(ch);
    }
    return rc == -WEFT_EPIPE ? 0 : rc < 0 ? rc : 0;
}

static int come_and_go(void *arg)
{
    return come_and_go_times(*(weft_bcast **)arg, TEST_FEWER(200));
}

static int come_and_go_on(void *arg)
{
    return come_and_go_times(*(weft_bcast **)arg, INT_MAX);
}

static void come_and_go_crowd(bool waits)
{
    weft_bcast *b = bcast_of(1, waits);
    struct probe sender = {.bcast = b, .count = INT64_MAX, .first = 1};
    weft_scope all, sending, cancelled;
    weft_scope_open(&all);
    weft_scope_open(&sending);
    probe_go(&sending, probe_send, &sender);
    weft_scope_open(&cancelled);
    EXPECT_EQ(weft_go(&cancelled, come_and_go_on, &b), 0);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_go(&all, come_and_go, &b), 0);
    }
    (void)!weft_yield();
    weft_scope_cancel(&cancelled);
    int rc = weft_scope_close(&cancelled);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    weft_scope_cancel(&sending);
    rc = weft_scope_close(&sending);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    weft_bcast_close(b);
    EXPECT_EQ(weft_scope_close(&all), 0);
    weft_bcast_free(b);
}

TASK_TEST(bcast_come_and_go)
{
    come_and_go_crowd(false);
    come_and_go_crowd(true);
}

/* Without any runtime. */
TEST(bcast_plain_threads)
{
    for (int waits = 0; waits < 2; waits++) {
        weft_bcast *b = bcast_of(2, waits == 1);
        struct listener listeners[2] = {{.ch = subscribed(b)}, {.ch = subscribed(b)}};
        struct listener *args[2] = {&listeners[0], &listeners[1]};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(pthread_create(&threads[i], NULL, listen_thread, &args[i]), 0);
        }
        for (int64_t i = 1; i <= 2000; i++) {
            EXPECT_EQ(weft_bcast_send(b, &i), 2);
        }
        weft_bcast_close(b);
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            EXPECT_EQ(listeners[i].received + listeners[i].lost, 2000);
        }
        weft_bcast_free(b);
    }
}

/* A thread and a task listen, a task sends. */
TASK_TEST_REAL(bcast_thread_and_task)
{
    weft_bcast *b = bcast_of(2, true);
    static struct listener listeners[2];
    static struct listener *args[2] = {&listeners[0], &listeners[1]};
    struct probe sender = {.bcast = b, .count = 1000, .first = 1};
    pthread_t thread;
    weft_scope all, sending;
    listeners[0] = (struct listener){.ch = subscribed(b)};
    listeners[1] = (struct listener){.ch = subscribed(b)};
    EXPECT_EQ(pthread_create(&thread, NULL, listen_thread, &args[0]), 0);
    weft_scope_open(&all);
    weft_scope_open(&sending);
    EXPECT_EQ(weft_go(&all, listen_on, &args[1]), 0);
    probe_go(&sending, probe_send, &sender);
    EXPECT_EQ(weft_scope_close(&sending), 0);
    weft_bcast_close(b);
    EXPECT_EQ(weft_scope_close(&all), 0);
    pthread_join(thread, NULL);
    EXPECT_EQ(listeners[0].received, 1000);
    EXPECT_EQ(listeners[1].received, 1000);
    weft_bcast_free(b);
}

/* ---- the end ---- */

TASK_TEST(bcast_free_before_subscriptions)
{
    size_t live = weft__alloc_live();
    weft_bcast *b = bcast_of(2, false);
    weft_chan *ch = subscribed(b), *waiting = subscribed(b);
    struct probe p = {.ch = waiting, .count = 2};
    weft_scope scope;
    EXPECT_EQ(try_send(b, 1), 2);
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &p);
    probe_settle();
    weft_bcast_free(b);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(p.rc, -WEFT_EPIPE);
    EXPECT(weft_chan_is_closed(ch));
    EXPECT_EQ(probe_take(ch), 1);
    weft_chan_free(ch);
    weft_chan_free(waiting);
    test_expect_live(live);
}

TASK_TEST(bcast_closed)
{
    weft_bcast *b = bcast_of(2, true);
    int64_t value = 1;
    weft_bcast_close(b);
    weft_bcast_close(b);
    weft_chan *ch = subscribed(b);
    EXPECT_EQ(weft_bcast_send(b, &value), -WEFT_EPIPE);
    EXPECT_EQ(weft_bcast_try_send(b, &value), -WEFT_EPIPE);
    EXPECT_EQ(weft_chan_recv(ch, &value), -WEFT_EPIPE);
    weft_chan_free(ch);
    weft_bcast_free(b);
}

TASK_TEST(bcast_in_cancelled_scope)
{
    weft_bcast *b = bcast_of(2, false);
    weft_chan *ch = subscribed(b);
    int64_t value = 1;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_bcast_send(b, &value), -WEFT_ECANCELED);
    EXPECT_EQ(weft_chan_len(ch), 0);
    EXPECT_EQ(weft_bcast_try_send(b, &value), 1);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    weft_chan_free(ch);
    weft_bcast_free(b);
}

/* ---- mistakes ---- */

PANIC_TASK_TEST(bcast_send_to_subscription, "send to a subscription")
{
    weft_chan *ch = subscribed(bcast_of(2, false));
    int64_t value = 1;
    EXPECT_EQ(weft_chan_send(ch, &value), 0);
}

PANIC_TASK_TEST(bcast_select_sends_to_subscription, "send to a subscription")
{
    int64_t value = 1;
    weft_arm arms[] = {WEFT_SEND(subscribed(bcast_of(2, false)), &value)};
    EXPECT_EQ(weft_select(arms, 1, 0), 0);
}

PANIC_TASK_TEST(bcast_free_while_sending, "waits at  probe_send")
{
    weft_bcast *b = bcast_of(1, true);
    struct probe p = {.bcast = b, .count = 2};
    weft_scope scope;
    EXPECT(subscribed(b) != NULL);
    weft_scope_open(&scope);
    probe_go(&scope, probe_send, &p);
    probe_settle();
    weft_bcast_free(b);
}

PANIC_TEST(bcast_null, "check failed: b != NULL")
{
    EXPECT_EQ(try_send(NULL, 1), 0);
}

PANIC_TEST(bcast_null_value, "check failed: value != NULL")
{
    EXPECT_EQ(weft_bcast_try_send(bcast_of(1, false), NULL), 0);
}
