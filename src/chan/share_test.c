/* share_test.c - references to a channel, and channels that close when the last sender has gone.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "base/alloc.h"
#include "chan/chan_probe.h"

/* Sends some, and is done; its reference is the only one it has. */
static int share_send(void *arg)
{
    struct probe *p = *(struct probe **)arg;
    int rc = probe_send(arg);
    weft_chan_sender_done(p->ch);
    return rc;
}

static int share_recv(void *arg)
{
    struct probe *p = *(struct probe **)arg;
    int rc = probe_recv(arg);
    weft_chan_free(p->ch);
    return rc;
}

static void *share_send_thread(void *arg)
{
    share_send(arg);
    return NULL;
}

TASK_TEST(share_last_reference_frees)
{
    size_t live = weft__alloc_live();
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 1);
    EXPECT(weft_chan_ref(ch) == ch);
    weft_chan_free(ch);
    probe_put(ch, 1);
    EXPECT(weft_chan_sender(ch) == ch);
    weft_chan_free(ch);
    EXPECT_EQ(probe_take(ch), 1);
    test_expect_live(live + 1);
    weft_chan_sender_done(ch);
    test_expect_live(live);
}

TASK_TEST(share_last_sender_closes)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 2);
    int64_t value = 1;
    weft_chan_sender(ch);
    weft_chan_sender(ch);
    weft_chan_sender_done(ch);
    EXPECT(!weft_chan_is_closed(ch));
    EXPECT_EQ(weft_chan_send(ch, &value), 0);
    weft_chan_sender_done(ch);
    EXPECT(weft_chan_is_closed(ch));
    EXPECT_EQ(weft_chan_recv(ch, &value), 0);
    EXPECT_EQ(weft_chan_recv(ch, &value), -WEFT_EPIPE);
    weft_chan_sender(ch); /* too late: it stays closed */
    EXPECT_EQ(weft_chan_send(ch, &value), -WEFT_EPIPE);
    weft_chan_sender_done(ch);
    weft_chan_free(ch);
}

/* Those who wait to receive, alone or in a select, are woken. */
TASK_TEST(share_last_sender_wakes)
{
    weft_chan *ch = weft_chan_sender(weft_chan_new(sizeof(int64_t), 0));
    struct probe p = {.ch = ch, .count = 1};
    int64_t value;
    weft_arm arms[] = {WEFT_RECV(ch, &value)};
    struct probe q = {.ch = ch};
    struct probe *sender = &q;
    weft_scope scope;
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &p);
    probe_settle();
    EXPECT_EQ(weft_go(&scope, share_send, &sender), 0);
    EXPECT_EQ(weft_select(arms, 1, -1), 0);
    EXPECT_EQ(arms[0].result, -WEFT_EPIPE);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(p.rc, -WEFT_EPIPE);
    weft__chan_check(ch);
    weft_chan_free(ch);
}

/* Producers, consumers, and an owner who leaves first: nobody has to say "close". */
static void share_crowd(size_t capacity, int64_t each)
{
    enum { SIDE = 4 };
    struct probe senders[SIDE], receivers[SIDE];
    int64_t sent = 0, received = 0;
    weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < SIDE; i++) {
        senders[i] = (struct probe){.ch = weft_chan_sender(ch), .count = each, .first = 1};
        receivers[i] = (struct probe){.ch = weft_chan_ref(ch), .count = INT64_MAX};
    }
    for (int i = 0; i < SIDE; i++) {
        probe_go(&scope, share_send, &senders[i]);
        probe_go(&scope, share_recv, &receivers[i]);
    }
    weft_chan_free(ch);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < SIDE; i++) {
        EXPECT_EQ(senders[i].done, each);
        EXPECT_EQ(receivers[i].rc, -WEFT_EPIPE);
        sent += senders[i].sum;
        received += receivers[i].sum;
    }
    EXPECT_EQ(received, sent);
}

TASK_TEST(share_many)
{
    share_crowd(0, TEST_FEWER(500));
    share_crowd(3, TEST_FEWER(500));
}

/* Cancelled ones are done, too. */
TASK_TEST(share_cancelled_sender)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 1);
    struct probe p = {.ch = weft_chan_sender(ch), .count = 5, .first = 1};
    int64_t value;
    weft_scope scope;
    weft_scope_open(&scope);
    probe_go(&scope, share_send, &p);
    probe_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_chan_recv(ch, &value), 0);
    EXPECT_EQ(weft_chan_recv(ch, &value), -WEFT_EPIPE);
    weft_chan_free(ch);
}

/* A plain thread sends, a task receives. */
TASK_TEST_REAL(share_with_thread)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 4);
    static struct probe sender;
    static struct probe *arg = &sender;
    struct probe receiver = {.ch = weft_chan_ref(ch), .count = INT64_MAX};
    pthread_t thread;
    weft_scope scope;
    sender = (struct probe){.ch = weft_chan_sender(ch), .count = 3000, .first = 1};
    weft_scope_open(&scope);
    EXPECT_EQ(pthread_create(&thread, NULL, share_send_thread, &arg), 0);
    probe_go(&scope, share_recv, &receiver);
    weft_chan_free(ch);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    pthread_join(thread, NULL);
    EXPECT_EQ(receiver.sum, sender.sum);
}

/* ---- mistakes ---- */

PANIC_TEST(share_done_too_often, "more senders of a channel are done than were counted")
{
    weft_chan *ch = weft_chan_sender(weft_chan_new(8, 1));
    weft_chan_sender_done(ch);
    weft_chan_sender_done(ch);
}

/* The receiver has no reference of its own. */
PANIC_TASK_TEST(share_last_reference_while_receiving, "waits at  probe_recv")
{
    weft_chan *ch = weft_chan_sender(weft_chan_new(sizeof(int64_t), 0));
    struct probe p = {.ch = ch, .count = 1};
    weft_scope scope;
    weft_chan_free(ch);
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &p);
    probe_settle();
    weft_chan_sender_done(ch);
}
