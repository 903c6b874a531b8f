/* chan_test.c - channels: order, waiting, closing, cancelling, and who may meet whom.
 *
 * On the virtual clock a short sleep returns when everybody else waits: test_settle() uses that, so
 * that no test hopes to have waited long enough.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "base/fault.h"
#include "base/rng.h"
#include "chan/chan.h"
#include "tests/test.h"

enum { SENDERS = 4, RECEIVERS = 4 };

/* Until all others wait; virtual clock only. */
static void test_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

/* What a task does to a channel, and what came of it. */
struct user {
    weft_chan *ch;
    int64_t value;
    int rc;
    int64_t done_at;
    ATOMIC(bool) done; /* these two are looked at before the task has ended */
    ATOMIC(long) count;
};

static int user_send(void *arg)
{
    struct user *u = *(struct user **)arg;
    u->rc = weft_chan_send(u->ch, &u->value);
    u->done_at = weft_now();
    a_store(&u->done, true, release);
    return 0;
}

static int user_recv(void *arg)
{
    struct user *u = *(struct user **)arg;
    u->rc = weft_chan_recv(u->ch, &u->value);
    u->done_at = weft_now();
    a_store(&u->done, true, release);
    return 0;
}

static void user_go(weft_scope *scope, int (*fn)(void *), struct user *u)
{
    EXPECT_EQ(weft_go(scope, fn, &u), 0);
}

/* ---- making ---- */

TASK_TEST(chan_new_limits)
{
    EXPECT(weft_chan_new((size_t)WEFT_CHAN_ELEMENT_MAX + 1, 0) == NULL);
    EXPECT(weft_chan_new(8, WEFT_CHAN_BYTES_MAX / 8 + 1) == NULL);
    EXPECT(weft_chan_new(SIZE_MAX, SIZE_MAX) == NULL);
    EXPECT(weft_chan_new(2, SIZE_MAX / 2 + 1) == NULL);
    weft_chan *ch = weft_chan_new(WEFT_CHAN_ELEMENT_MAX, 0);
    EXPECT(ch != NULL);
    EXPECT_EQ(weft_chan_capacity(ch), 0);
    EXPECT_EQ(weft_chan_len(ch), 0);
    EXPECT(!weft_chan_is_closed(ch));
    weft_chan_free(ch);
    weft_chan_free(NULL);
    weft_chan_close(NULL);
}

/* Values of no bytes: only the passing counts, and their number has no limit. */
TASK_TEST(chan_new_counts_only)
{
    weft_chan *ch = weft_chan_new(0, SIZE_MAX);
    EXPECT(ch != NULL);
    for (int i = 0; i < 1000; i++) {
        EXPECT_EQ(weft_chan_send(ch, NULL), 0);
    }
    EXPECT_EQ(weft_chan_len(ch), 1000);
    for (int i = 0; i < 1000; i++) {
        EXPECT_EQ(weft_chan_recv(ch, NULL), 0);
    }
    EXPECT_EQ(weft_chan_try_recv(ch, NULL), -WEFT_EAGAIN);
    weft_chan_free(ch);
}

/* ---- order ---- */

struct ordered {
    weft_chan *ch;
    int who, count;
};

static int ordered_send(void *arg)
{
    const struct ordered *o = arg;
    for (int i = 0; i < o->count; i++) {
        int64_t value = (int64_t)o->who << 32 | i;
        EXPECT_EQ(weft_chan_send(o->ch, &value), 0);
    }
    return 0;
}

static void order_run(size_t capacity)
{
    enum { EACH = 500 };
    weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
    int64_t next[SENDERS] = {0}, value;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < SENDERS; i++) {
        EXPECT_EQ(weft_go(&scope, ordered_send, (&(struct ordered){ch, i, EACH})), 0);
    }
    for (int i = 0; i < SENDERS * EACH; i++) {
        EXPECT_EQ(weft_chan_recv(ch, &value), 0);
        EXPECT_EQ(value & 0xffffffff, next[value >> 32]);
        next[value >> 32]++;
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft__chan_check(ch);
    weft_chan_free(ch);
}

TASK_TEST(chan_order_per_sender)
{
    order_run(0);
    order_run(1);
    order_run(7);
}

/* First come, first served. */
TASK_TEST(chan_fifo_receivers)
{
    enum { WAITING = 20 };
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 0);
    struct user users[WAITING] = {{.ch = NULL}};
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < WAITING; i++) {
        users[i].ch = ch;
        user_go(&scope, user_recv, &users[i]);
        test_settle();
        weft__chan_check(ch);
    }
    for (int64_t i = 0; i < WAITING; i++) {
        EXPECT_EQ(weft_chan_try_send(ch, &i), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < WAITING; i++) {
        EXPECT_EQ(users[i].rc, 0);
        EXPECT_EQ(users[i].value, i);
    }
    weft_chan_free(ch);
}

TASK_TEST(chan_fifo_senders)
{
    enum { WAITING = 20, CAPACITY = 3 };
    weft_chan *ch = weft_chan_new(sizeof(int64_t), CAPACITY);
    struct user users[WAITING] = {{.ch = NULL}};
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < WAITING; i++) {
        users[i].ch = ch;
        users[i].value = i;
        user_go(&scope, user_send, &users[i]);
        test_settle();
        weft__chan_check(ch);
    }
    for (int i = 0; i < WAITING; i++) {
        int64_t value = -1;
        EXPECT_EQ(weft_chan_try_recv(ch, &value), 0);
        EXPECT_EQ(value, i);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_chan_free(ch);
}

/* ---- meeting and room ---- */

TASK_TEST(chan_rendezvous_waits_for_receiver)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 0);
    struct user u = {.ch = ch, .value = 42};
    int64_t start = weft_now(), value = 0;
    weft_scope scope;
    weft_scope_open(&scope);
    user_go(&scope, user_send, &u);
    EXPECT_EQ(weft_sleep(5 * WEFT_MS), 0);
    EXPECT(!a_load(&u.done, acquire));
    EXPECT_EQ(weft_chan_recv(ch, &value), 0);
    EXPECT_EQ(value, 42);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(u.done_at - start >= 5 * WEFT_MS);
    weft_chan_free(ch);
}

TASK_TEST(chan_rendezvous_waits_for_sender)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 0);
    struct user u = {.ch = ch};
    int64_t start = weft_now(), value = 42;
    weft_scope scope;
    weft_scope_open(&scope);
    user_go(&scope, user_recv, &u);
    EXPECT_EQ(weft_sleep(5 * WEFT_MS), 0);
    EXPECT(!a_load(&u.done, acquire));
    EXPECT_EQ(weft_chan_send(ch, &value), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(u.value, 42);
    EXPECT(u.done_at - start >= 5 * WEFT_MS);
    weft_chan_free(ch);
}

static int count_send(void *arg)
{
    struct user *u = *(struct user **)arg;
    for (int64_t i = 0; i < u->value; i++) {
        EXPECT_EQ(weft_chan_send(u->ch, &i), 0);
        a_add(&u->count, 1, release);
    }
    return 0;
}

/* Exactly as many sends pass as there is room; each receive lets one more through. */
TASK_TEST(chan_bounded_room)
{
    enum { CAPACITY = 3, SENT = 10 };
    weft_chan *ch = weft_chan_new(sizeof(int64_t), CAPACITY);
    struct user u = {.ch = ch, .value = SENT};
    weft_scope scope;
    weft_scope_open(&scope);
    user_go(&scope, count_send, &u);
    for (int64_t i = 0; i < SENT; i++) {
        int64_t value = -1;
        test_settle();
        EXPECT_EQ(a_load(&u.count, acquire), weft__min(i + CAPACITY, (int64_t)SENT));
        EXPECT_EQ(weft_chan_len(ch), weft__min(SENT - i, (int64_t)CAPACITY));
        weft__chan_check(ch);
        EXPECT_EQ(weft_chan_recv(ch, &value), 0);
        EXPECT_EQ(value, i);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_chan_len(ch), 0);
    weft_chan_free(ch);
}

/* ---- sizes ---- */

struct sized {
    weft_chan *ch;
    size_t size;
    int count;
};

static void sized_fill(unsigned char *value, size_t size, int seed)
{
    for (size_t i = 0; i < size; i++) {
        value[i] = (unsigned char)((size_t)seed * 31 + i);
    }
}

static int sized_send(void *arg)
{
    const struct sized *z = arg;
    unsigned char value[4096];
    for (int i = 0; i < z->count; i++) {
        sized_fill(value, z->size, i);
        EXPECT_EQ(weft_chan_send(z->ch, value), 0);
        memset(value, 0xee, sizeof value); /* the channel must not look at it any more */
    }
    return 0;
}

static void sized_recv(const struct sized *z, int seed)
{
    unsigned char value[4096 + 1], wanted[4096];
    sized_fill(wanted, z->size, seed);
    value[z->size] = 0xa5;
    EXPECT_EQ(weft_chan_recv(z->ch, value), 0);
    EXPECT(memcmp(value, wanted, z->size) == 0);
    EXPECT_EQ(value[z->size], 0xa5);
}

static void sized_run(size_t size, size_t capacity)
{
    struct sized z = {weft_chan_new(size, capacity), size, 20};
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, sized_send, &z), 0);
    for (int i = 0; i < z.count; i++) {
        if (i == 10) {
            test_settle(); /* the ring is full and the sender waits */
        }
        sized_recv(&z, i);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_chan_free(z.ch);
}

TASK_TEST(chan_element_sizes)
{
    static const size_t sizes[] = {0, 1, 7, 8, 64, 4096};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(sizes); i++) {
        sized_run(sizes[i], 0);
        sized_run(sizes[i], 1);
        sized_run(sizes[i], 3);
    }
}

/* ---- closing ---- */

TASK_TEST(chan_close_wakes_receivers)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 2);
    struct user users[3] = {{.ch = NULL}};
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        users[i].ch = ch;
        users[i].value = 7;
        user_go(&scope, user_recv, &users[i]);
    }
    test_settle();
    weft_chan_close(ch);
    weft_chan_close(ch);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(users[i].rc, -WEFT_EPIPE);
        EXPECT_EQ(users[i].value, 7);
    }
    EXPECT(weft_chan_is_closed(ch));
    weft__chan_check(ch);
    weft_chan_free(ch);
}

TASK_TEST(chan_close_wakes_senders)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 2);
    struct user users[5] = {{.ch = NULL}};
    int64_t value = 0;
    int refused = 0;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 5; i++) {
        users[i].ch = ch;
        users[i].value = i;
        user_go(&scope, user_send, &users[i]);
    }
    test_settle();
    weft_chan_close(ch);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 5; i++) {
        refused += users[i].rc == -WEFT_EPIPE;
    }
    EXPECT_EQ(refused, 3);
    /* What is in it is still given out. */
    EXPECT_EQ(weft_chan_len(ch), 2);
    EXPECT_EQ(weft_chan_recv(ch, &value), 0);
    EXPECT_EQ(weft_chan_try_recv(ch, &value), 0);
    EXPECT_EQ(weft_chan_recv(ch, &value), -WEFT_EPIPE);
    EXPECT_EQ(weft_chan_try_recv(ch, &value), -WEFT_EPIPE);
    EXPECT_EQ(weft_chan_send(ch, &value), -WEFT_EPIPE);
    EXPECT_EQ(weft_chan_try_send(ch, &value), -WEFT_EPIPE);
    weft_chan_free(ch);
}

/* ---- try ---- */

TASK_TEST(chan_try_forms)
{
    weft_chan *met = weft_chan_new(sizeof(int64_t), 0), *one = weft_chan_new(sizeof(int64_t), 1);
    int64_t value = 5, got = -1;
    EXPECT_EQ(weft_chan_try_send(met, &value), -WEFT_EAGAIN);
    EXPECT_EQ(weft_chan_try_recv(met, &got), -WEFT_EAGAIN);
    EXPECT_EQ(weft_chan_try_recv(one, &got), -WEFT_EAGAIN);
    EXPECT_EQ(got, -1);
    EXPECT_EQ(weft_chan_try_send(one, &value), 0);
    EXPECT_EQ(weft_chan_try_send(one, &value), -WEFT_EAGAIN);
    EXPECT_EQ(weft_chan_try_recv(one, &got), 0);
    EXPECT_EQ(got, 5);
    weft_chan_free(met);
    weft_chan_free(one);
}

/* R2 and R5: a call that may sleep is refused without side effect, a try form never. */
TASK_TEST(chan_in_cancelled_scope)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 2);
    int64_t value = 5;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_chan_send(ch, &value), -WEFT_ECANCELED);
    EXPECT_EQ(weft_chan_len(ch), 0);
    EXPECT_EQ(weft_chan_try_send(ch, &value), 0);
    value = 0;
    EXPECT_EQ(weft_chan_recv(ch, &value), -WEFT_ECANCELED);
    EXPECT_EQ(weft_chan_len(ch), 1);
    EXPECT_EQ(value, 0);
    EXPECT_EQ(weft_chan_try_recv(ch, &value), 0);
    EXPECT_EQ(value, 5);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    weft_chan_free(ch);
}

/* ---- T17, T18: a cancelled one leaves nothing behind ---- */

TASK_TEST(t17_cancelled_recv_leaves_no_ghost)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 0);
    struct user u = {.ch = ch, .value = 7};
    int64_t value = 1;
    weft_scope scope;
    weft_scope_open(&scope);
    user_go(&scope, user_recv, &u);
    test_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(u.rc, -WEFT_ECANCELED);
    EXPECT_EQ(u.value, 7);
    EXPECT_EQ(weft_chan_try_send(ch, &value), -WEFT_EAGAIN);
    weft__chan_check(ch);
    weft_chan_free(ch);
}

TASK_TEST(t18_cancelled_send_keeps_its_value)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 1);
    struct user u = {.ch = ch, .value = 7};
    int64_t value = 1;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_chan_send(ch, &value), 0);
    user_go(&scope, user_send, &u);
    test_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(u.rc, -WEFT_ECANCELED);
    EXPECT_EQ(u.value, 7);
    EXPECT_EQ(weft_chan_try_recv(ch, &value), 0);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(weft_chan_try_recv(ch, &value), -WEFT_EAGAIN);
    weft__chan_check(ch);
    weft_chan_free(ch);
}

/* The one in the middle is cancelled; the others keep their order. */
TASK_TEST(chan_cancel_in_the_middle)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 0);
    struct user users[3] = {{.ch = NULL}};
    int64_t value;
    weft_scope outer, middle;
    weft_scope_open(&outer);
    weft_scope_open(&middle);
    for (int i = 0; i < 3; i++) {
        users[i].ch = ch;
        user_go(i == 1 ? &middle : &outer, user_recv, &users[i]);
        test_settle();
    }
    weft_scope_cancel(&middle);
    for (value = 10; value < 12; value++) {
        EXPECT_EQ(weft_chan_try_send(ch, &value), 0); /* it need not have unlinked itself yet */
    }
    EXPECT_EQ(weft_scope_close(&middle), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_EQ(users[0].value, 10);
    EXPECT_EQ(users[1].rc, -WEFT_ECANCELED);
    EXPECT_EQ(users[2].value, 11);
    weft_chan_free(ch);
}

/* ---- T19: cancel against wake ---- */

struct racer {
    weft_chan *ch;
    long done; /* sends or receives that said 0 */
};

static int racer_recv(void *arg)
{
    struct racer *r = *(struct racer **)arg;
    int64_t value;
    int rc;
    while ((rc = weft_chan_recv(r->ch, &value)) == 0) {
        r->done++;
    }
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    return rc;
}

static int racer_send(void *arg)
{
    struct racer *r = *(struct racer **)arg;
    int64_t value = 1;
    int rc;
    while ((rc = weft_chan_send(r->ch, &value)) == 0) {
        r->done++;
    }
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    return rc;
}

static int racer_cancel(void *arg)
{
    weft_scope_cancel(*(weft_scope **)arg);
    return 0;
}

/* Every value is received exactly once, or is still in the channel. */
static void race_recv(int rounds, size_t capacity)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
    struct racer r = {ch, 0}, *racer = &r;
    long sent = 0;
    for (int i = 0; i < rounds; i++) {
        weft_scope scope, *cancelled = &scope, others;
        weft_scope_open(&others);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, racer_recv, &racer), 0);
        EXPECT_EQ(weft_go(&others, racer_cancel, &cancelled), 0);
        for (int64_t value = 0; value < i % 4; value++) {
            sent += weft_chan_try_send(ch, &value) == 0;
        }
        weft_yield(); /* 0, or cancelled by now, as we are in that scope too */
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&others), 0);
    }
    weft__chan_check(ch);
    EXPECT_EQ(r.done + (long)weft_chan_len(ch), sent);
    weft_chan_free(ch);
}

static void race_send(int rounds, size_t capacity)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
    struct racer r = {ch, 0}, *racer = &r;
    long received = 0;
    for (int i = 0; i < rounds; i++) {
        weft_scope scope, *cancelled = &scope, others;
        int64_t value;
        weft_scope_open(&others);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, racer_send, &racer), 0);
        EXPECT_EQ(weft_go(&others, racer_cancel, &cancelled), 0);
        for (int k = 0; k < i % 4; k++) {
            received += weft_chan_try_recv(ch, &value) == 0;
        }
        weft_yield(); /* 0, or cancelled by now, as we are in that scope too */
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&others), 0);
    }
    weft__chan_check(ch);
    EXPECT_EQ(received + (long)weft_chan_len(ch), r.done);
    weft_chan_free(ch);
}

TASK_TEST(t19_recv_against_cancel)
{
    race_recv(TEST_FEWER_TASKS(5000), 2);
    race_recv(TEST_FEWER_TASKS(5000), 0);
}

TASK_TEST(t19_send_against_cancel)
{
    race_send(TEST_FEWER_TASKS(5000), 2);
    race_send(TEST_FEWER_TASKS(5000), 0);
}

NIGHT_TASK_TEST(t19_recv_against_cancel_night)
{
    race_recv(500000, 2);
    race_recv(500000, 0);
}

NIGHT_TASK_TEST(t19_send_against_cancel_night)
{
    race_send(500000, 2);
    race_send(500000, 0);
}

/* ---- many to many ---- */

struct crowd {
    weft_chan *ch;
    int each;
    int64_t sent, received; /* sums */
};

static int crowd_send(void *arg)
{
    struct crowd *c = *(struct crowd **)arg;
    for (int64_t i = 1; i <= c->each; i++) {
        EXPECT_EQ(weft_chan_send(c->ch, &i), 0);
        c->sent += i;
    }
    return 0;
}

static int crowd_recv(void *arg)
{
    struct crowd *c = *(struct crowd **)arg;
    int64_t value;
    int rc;
    while ((rc = weft_chan_recv(c->ch, &value)) == 0) {
        c->received += value;
    }
    EXPECT_EQ(rc, -WEFT_EPIPE);
    return 0;
}

static void *crowd_send_thread(void *arg)
{
    crowd_send(arg);
    return NULL;
}

static void *crowd_recv_thread(void *arg)
{
    crowd_recv(arg);
    return NULL;
}

static void crowd_check(struct crowd *crowd, int count)
{
    int64_t sent = 0, received = 0;
    for (int i = 0; i < count; i++) {
        sent += crowd[i].sent;
        received += crowd[i].received;
    }
    EXPECT(sent > 0);
    EXPECT_EQ(sent, received);
}

static void crowd_run(size_t capacity, int each)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
    struct crowd crowd[SENDERS + RECEIVERS];
    weft_scope senders, receivers;
    weft_scope_open(&receivers);
    weft_scope_open(&senders);
    for (int i = 0; i < SENDERS + RECEIVERS; i++) {
        struct crowd *c = &crowd[i];
        *c = (struct crowd){.ch = ch, .each = each};
        if (i < SENDERS) {
            EXPECT_EQ(weft_go(&senders, crowd_send, &c), 0);
        } else {
            EXPECT_EQ(weft_go(&receivers, crowd_recv, &c), 0);
        }
    }
    EXPECT_EQ(weft_scope_close(&senders), 0);
    weft_chan_close(ch);
    EXPECT_EQ(weft_scope_close(&receivers), 0);
    crowd_check(crowd, SENDERS + RECEIVERS);
    weft_chan_free(ch);
}

TASK_TEST(chan_four_to_four)
{
    crowd_run(0, 5000);
    crowd_run(1, 5000);
    crowd_run(64, 5000);
}

/* ---- plain threads ---- */

static void crowd_threads(struct crowd *crowd, weft_chan *ch, pthread_t *threads, int each)
{
    for (int i = 0; i < 2; i++) {
        crowd[i] = (struct crowd){.ch = ch, .each = each};
    }
    struct crowd *sender = &crowd[0], *receiver = &crowd[1];
    static struct crowd *args[2];
    args[0] = sender;
    args[1] = receiver;
    EXPECT_EQ(pthread_create(&threads[0], NULL, crowd_send_thread, &args[0]), 0);
    EXPECT_EQ(pthread_create(&threads[1], NULL, crowd_recv_thread, &args[1]), 0);
}

/* Without any runtime. */
TEST(chan_plain_threads)
{
    for (size_t capacity = 0; capacity < 4; capacity += 3) {
        weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
        struct crowd crowd[2];
        pthread_t threads[2];
        int64_t value;
        EXPECT_EQ(weft_chan_try_recv(ch, &value), -WEFT_EAGAIN); /* makes this thread known first */
        crowd_threads(crowd, ch, threads, 2000);
        pthread_join(threads[0], NULL);
        weft_chan_close(ch);
        pthread_join(threads[1], NULL);
        crowd_check(crowd, 2);
        weft_chan_free(ch);
    }
}

static int crowd_join(void *arg)
{
    pthread_join(*(pthread_t *)arg, NULL);
    return 0;
}

/* Two tasks and two plain threads on one channel. */
TASK_TEST_REAL(chan_threads_and_tasks)
{
    for (size_t capacity = 0; capacity < 4; capacity += 3) {
        weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
        struct crowd crowd[4] = {[2] = {.ch = ch, .each = 2000}, [3] = {.ch = ch}};
        struct crowd *sender = &crowd[2], *receiver = &crowd[3];
        pthread_t threads[2];
        weft_scope senders, receivers;
        weft_scope_open(&receivers);
        weft_scope_open(&senders);
        crowd_threads(crowd, ch, threads, 2000);
        EXPECT_EQ(weft_go(&senders, crowd_send, &sender), 0);
        EXPECT_EQ(weft_go(&receivers, crowd_recv, &receiver), 0);
        EXPECT_EQ(weft_blocking(crowd_join, &threads[0]), 0);
        EXPECT_EQ(weft_scope_close(&senders), 0);
        weft_chan_close(ch);
        EXPECT_EQ(weft_blocking(crowd_join, &threads[1]), 0);
        EXPECT_EQ(weft_scope_close(&receivers), 0);
        crowd_check(crowd, 4);
        weft_chan_free(ch);
    }
}

/* A task on a thread of its own is a task like any other. */
TASK_TEST(chan_task_on_thread)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), 0);
    struct crowd crowd[2] = {{.ch = ch, .each = 500}, {.ch = ch}};
    struct crowd *sender = &crowd[0], *receiver = &crowd[1];
    weft_scope senders, receivers;
    weft_scope_open(&receivers);
    weft_scope_open(&senders);
    EXPECT_EQ(weft_go_with(&senders, crowd_send, &sender, sizeof sender,
                           &(weft_task_options){.on = WEFT_THREAD}),
              0);
    EXPECT_EQ(weft_go(&receivers, crowd_recv, &receiver), 0);
    EXPECT_EQ(weft_scope_close(&senders), 0);
    weft_chan_close(ch);
    EXPECT_EQ(weft_scope_close(&receivers), 0);
    crowd_check(crowd, 2);
    weft_chan_free(ch);
}

/* ---- costs ---- */

static int echo(void *arg)
{
    weft_chan **pair = *(weft_chan ***)arg;
    int64_t value;
    while (weft_chan_recv(pair[0], &value) == 0) {
        EXPECT_EQ(weft_chan_send(pair[1], &value), 0);
    }
    return 0;
}

/* Neither sleeping nor waking asks for memory, a mapping, a thread or a file. */
TASK_TEST(chan_waiting_allocates_nothing)
{
    weft_chan *pair[2] = {weft_chan_new(sizeof(int64_t), 0), weft_chan_new(sizeof(int64_t), 0)};
    weft_chan **both = pair;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, echo, &both), 0);
    test_settle();
    test_watch_allocations();
    for (int64_t i = 0, got; i < 100; i++) {
        EXPECT_EQ(weft_chan_send(pair[0], &i), 0);
        EXPECT_EQ(weft_chan_recv(pair[1], &got), 0);
        EXPECT_EQ(got, i);
    }
    test_expect_no_allocations();
    weft_chan_close(pair[0]);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_chan_free(pair[0]);
    weft_chan_free(pair[1]);
}

/* ---- mistakes ---- */

static WEFT_NOINLINE void free_while(int (*fn)(void *))
{
    struct user u = {.ch = weft_chan_new(sizeof(int64_t), 0)};
    weft_scope scope;
    weft_scope_open(&scope);
    user_go(&scope, fn, &u);
    test_settle();
    weft_chan_free(u.ch);
}

PANIC_TASK_TEST(chan_free_while_receiving, "waits at  user_recv")
{
    free_while(user_recv);
}

PANIC_TASK_TEST(chan_free_while_sending, "freed at  free_while")
{
    free_while(user_send);
}

PANIC_TEST(chan_null, "check failed: ch != NULL")
{
    int64_t value = 0;
    EXPECT_EQ(weft_chan_try_send(NULL, &value), 0);
}

PANIC_TEST(chan_null_value, "check failed: place != NULL")
{
    weft_chan *ch = weft_chan_new(8, 1);
    EXPECT_EQ(weft_chan_try_send(ch, NULL), 0);
}

PANIC_TEST(chan_not_a_channel, "check failed: ch->magic == WEFT_CHAN_MAGIC")
{
    weft_chan *ch = weft_chan_new(8, 1);
    ch->magic = 0;
    weft_chan_close(ch);
}
