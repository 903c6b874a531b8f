/* select_test.c - selects: which arm, how often, for how long, and what is left behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "base/rng.h"
#include "chan/chan.h"
#include "tests/test.h"

static void select_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

static weft_chan *chan_of_int(size_t capacity)
{
    weft_chan *ch = weft_chan_new(sizeof(int64_t), capacity);
    EXPECT(ch != NULL);
    return ch;
}

/* A task that selects once. */
struct chooser {
    weft_arm *arms;
    size_t n;
    int64_t timeout_ns;
    int rc;
};

static int chooser_run(void *arg)
{
    struct chooser *c = *(struct chooser **)arg;
    c->rc = weft_select(c->arms, c->n, c->timeout_ns);
    return 0;
}

static void chooser_go(weft_scope *scope, struct chooser *c)
{
    EXPECT_EQ(weft_go(scope, chooser_run, &c), 0);
    select_settle();
}

/* ---- arguments ---- */

TASK_TEST(select_bad_arguments)
{
    static weft_arm many[WEFT_SELECT_ARMS_MAX + 1];
    weft_chan *ch = chan_of_int(1);
    int64_t value = 1;
    weft_arm arms[] = {WEFT_SEND(ch, &value)};
    EXPECT_EQ(weft_select(many, WEFT_SELECT_ARMS_MAX + 1, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_select(many, WEFT_SELECT_ARMS_MAX, 0), -WEFT_EAGAIN);
    EXPECT_EQ(weft_select(arms, 1, -2), -WEFT_EINVAL);
    arms[0].op = 3;
    EXPECT_EQ(weft_select(arms, 1, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_chan_len(ch), 0);
    weft_chan_free(ch);
}

PANIC_TEST(select_null_arms, "check failed: arms != NULL || n == 0")
{
    EXPECT_EQ(weft_select(NULL, 1, 0), 0);
}

PANIC_TEST(select_null_value, "check failed: place != NULL")
{
    weft_arm arms[] = {WEFT_RECV(weft_chan_new(8, 0), NULL)};
    EXPECT_EQ(weft_select(arms, 1, 0), 0);
}

/* ---- one arm that can happen ---- */

TASK_TEST(select_default)
{
    weft_chan *ch = chan_of_int(0), *full = chan_of_int(1);
    int64_t value = 1, got = -1;
    weft_arm arms[] = {WEFT_RECV(ch, &got), WEFT_SEND(full, &value), WEFT_RECV(NULL, &got)};
    EXPECT_EQ(weft_chan_send(full, &value), 0);
    EXPECT_EQ(weft_select(arms, 3, 0), -WEFT_EAGAIN);
    EXPECT_EQ(weft_select(NULL, 0, 0), -WEFT_EAGAIN);
    EXPECT_EQ(got, -1);
    EXPECT_EQ(weft_chan_len(full), 1);
    weft__chan_check(ch);
    weft__chan_check(full);
    weft_chan_free(ch);
    weft_chan_free(full);
}

TASK_TEST(select_at_once)
{
    weft_chan *in = chan_of_int(2), *out = chan_of_int(1);
    int64_t value = 5, got = -1, sent = 7;
    weft_arm arms[] = {WEFT_RECV(in, &got), WEFT_SEND(out, &sent)};
    arms[1].result = 99;
    EXPECT_EQ(weft_select(arms, 2, -1), 1);
    EXPECT_EQ(arms[1].result, 0);
    EXPECT_EQ(weft_chan_send(in, &value), 0);
    EXPECT_EQ(weft_select(arms, 2, WEFT_SECOND), 0);
    EXPECT_EQ(arms[0].result, 0);
    EXPECT_EQ(got, 5);
    EXPECT_EQ(weft_chan_recv(out, &got), 0);
    EXPECT_EQ(got, 7);
    weft_chan_free(in);
    weft_chan_free(out);
}

/* Waits on both; a peer comes to each in turn. */
TASK_TEST(select_wakes_on_either)
{
    weft_chan *in = chan_of_int(0), *out = chan_of_int(0);
    for (int turn = 0; turn < 2; turn++) {
        int64_t value = 5, got = -1, sent = 7;
        weft_arm arms[] = {WEFT_RECV(in, &got), WEFT_SEND(out, &sent)};
        struct chooser c = {.arms = arms, .n = 2, .timeout_ns = -1};
        weft_scope scope;
        weft_scope_open(&scope);
        chooser_go(&scope, &c);
        weft__chan_check(in);
        weft__chan_check(out);
        if (turn == 0) {
            EXPECT_EQ(weft_chan_try_send(in, &value), 0);
        } else {
            EXPECT_EQ(weft_chan_try_recv(out, &value), 0);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(c.rc, turn);
        EXPECT_EQ(arms[turn].result, 0);
        EXPECT_EQ(turn == 0 ? got : value, turn == 0 ? 5 : 7);
        EXPECT_EQ(weft_chan_try_send(in, &value), -WEFT_EAGAIN);
        EXPECT_EQ(weft_chan_try_recv(out, &value), -WEFT_EAGAIN);
    }
    weft_chan_free(in);
    weft_chan_free(out);
}

/* ---- time ---- */

/* A timer fires in the first tick of 1.024 us that begins at or after its time. */
static void expect_elapsed(int64_t start, int64_t ns)
{
    int64_t elapsed = weft_now() - start;
    EXPECT(elapsed >= ns);
    EXPECT(elapsed <= ns + 2048);
}

TASK_TEST(select_timeout)
{
    weft_chan *ch = chan_of_int(0);
    int64_t got = -1, start = weft_now();
    weft_arm arms[] = {WEFT_RECV(ch, &got), WEFT_RECV(NULL, &got)};
    EXPECT_EQ(weft_select(arms, 2, 5 * WEFT_MS), -WEFT_ETIMEDOUT);
    expect_elapsed(start, 5 * WEFT_MS);
    EXPECT_EQ(weft_chan_try_send(ch, &got), -WEFT_EAGAIN);
    start = weft_now();
    EXPECT_EQ(weft_select(NULL, 0, 3600 * WEFT_SECOND), -WEFT_ETIMEDOUT);
    expect_elapsed(start, 3600 * WEFT_SECOND);
    start = weft_now();
    EXPECT_EQ(weft_select(arms + 1, 1, WEFT_MS), -WEFT_ETIMEDOUT);
    expect_elapsed(start, WEFT_MS);
    EXPECT_EQ(weft_select(NULL, 0, 1), -WEFT_ETIMEDOUT);
    weft_chan_free(ch);
}

/* A timeout beyond the end of time is none. */
TASK_TEST(select_timeout_saturates)
{
    weft_chan *ch = chan_of_int(0);
    int64_t value = 5, got = -1;
    weft_arm arms[] = {WEFT_RECV(ch, &got)};
    struct chooser c = {.arms = arms, .n = 1, .timeout_ns = INT64_MAX};
    weft_scope scope;
    weft_scope_open(&scope);
    chooser_go(&scope, &c);
    EXPECT_EQ(weft_chan_send(ch, &value), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(c.rc, 0);
    EXPECT_EQ(got, 5);
    weft_chan_free(ch);
}

static int select_for_ever(void *arg)
{
    *(int *)(*(void **)arg) = weft_select(NULL, 0, -1);
    return 0;
}

/* With no arm and no timeout nothing can ever happen: a deadlock, which is reported. */
TEST(select_nothing_for_ever)
{
    int rc = 0, *ret_rc = &rc;
    EXPECT_EQ(weft_run_with(select_for_ever, &ret_rc, &(weft_options){.workers = 2}),
              -WEFT_EDEADLK);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
}

/* ---- fairness ---- */

TASK_TEST_FREE(select_fair)
{
    enum { ROUNDS = 4000 };
    weft_chan *chans[4];
    int64_t value = 0, got;
    int happened[4] = {0};
    for (int i = 0; i < 4; i++) {
        chans[i] = chan_of_int(1);
        if (i % 2 == 0) {
            EXPECT_EQ(weft_chan_try_send(chans[i], &value), 0);
        }
    }
    weft_arm arms[] = {WEFT_RECV(chans[0], &got), WEFT_SEND(chans[1], &value),
                       WEFT_RECV(chans[2], &got), WEFT_SEND(chans[3], &value)};
    for (int round = 0; round < ROUNDS; round++) {
        int i = weft_select(arms, 4, -1);
        EXPECT(i >= 0 && i < 4);
        happened[i]++;
        /* It could happen, and can again. */
        EXPECT_EQ(i % 2 == 0 ? weft_chan_try_send(chans[i], &value)
                             : weft_chan_try_recv(chans[i], &got),
                  0);
    }
    for (int i = 0; i < 4; i++) {
        EXPECT(happened[i] > ROUNDS * 15 / 100);
        EXPECT(happened[i] < ROUNDS * 35 / 100);
        weft_chan_free(chans[i]);
    }
}

static void fair_among_gaps(void)
{
    enum { ROUNDS = 4000 };
    weft_chan *full = chan_of_int(1), *never = chan_of_int(0);
    int64_t value = 0, got;
    int happened[6] = {0};
    weft_arm arms[] = {WEFT_RECV(never, &got), WEFT_RECV(NULL, &got), WEFT_RECV(never, &got),
                       WEFT_RECV(full, &got),  WEFT_RECV(full, &got), WEFT_RECV(never, &got)};
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT_EQ(weft_chan_try_send(full, &value), 0);
        int i = weft_select(arms, 6, 0);
        EXPECT(i == 3 || i == 4);
        happened[i]++;
    }
    EXPECT(happened[3] > ROUNDS * 4 / 10);
    EXPECT(happened[4] > ROUNDS * 4 / 10);
    weft_chan_free(full);
    weft_chan_free(never);
}

/* An arm that stands behind some that cannot happen gets no larger share. */
TASK_TEST_FREE(select_fair_with_gaps)
{
    fair_among_gaps();
}

TEST(select_fair_in_plain_thread)
{
    fair_among_gaps();
}

/* ---- one channel in two arms ---- */

TASK_TEST(select_never_meets_itself)
{
    weft_chan *ch = chan_of_int(0);
    int64_t sent = 7, got = -1;
    weft_arm arms[] = {WEFT_SEND(ch, &sent), WEFT_RECV(ch, &got)};
    EXPECT_EQ(weft_select(arms, 2, 0), -WEFT_EAGAIN);
    EXPECT_EQ(weft_select(arms, 2, WEFT_MS), -WEFT_ETIMEDOUT);
    for (int turn = 0; turn < 2; turn++) {
        int64_t value = 5;
        struct chooser c = {.arms = arms, .n = 2, .timeout_ns = -1};
        weft_scope scope;
        weft_scope_open(&scope);
        chooser_go(&scope, &c);
        weft__chan_check(ch);
        EXPECT_EQ(turn == 0 ? weft_chan_recv(ch, &value) : weft_chan_send(ch, &value), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(c.rc, turn);
        EXPECT_EQ(value, turn == 0 ? 7 : 5);
        EXPECT_EQ(got, turn == 0 ? -1 : 5);
        weft__chan_check(ch);
    }
    weft_chan_free(ch);
}

TASK_TEST(select_same_channel_twice)
{
    weft_chan *ch = chan_of_int(0);
    int64_t first = -1, second = -1;
    weft_arm arms[] = {WEFT_RECV(ch, &first), WEFT_RECV(ch, &second)};
    struct chooser c = {.arms = arms, .n = 2, .timeout_ns = -1};
    int64_t value = 5;
    weft_scope scope;
    weft_scope_open(&scope);
    chooser_go(&scope, &c);
    EXPECT_EQ(weft_chan_try_send(ch, &value), 0);
    EXPECT_EQ(weft_chan_try_send(ch, &value), -WEFT_EAGAIN); /* one of its arms happens, not two */
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(c.rc, 0);
    EXPECT_EQ(first, 5);
    EXPECT_EQ(second, -1);
    weft_chan_free(ch);
}

/* ---- closed ---- */

TASK_TEST(select_closed_arm)
{
    weft_chan *open = chan_of_int(0), *closed = chan_of_int(1);
    int64_t value = 5, got = -1;
    weft_arm recv[] = {WEFT_RECV(open, &got), WEFT_RECV(closed, &got)};
    weft_arm send[] = {WEFT_SEND(closed, &value), WEFT_SEND(open, &value)};
    EXPECT_EQ(weft_chan_send(closed, &value), 0);
    weft_chan_close(closed);
    EXPECT_EQ(weft_select(recv, 2, -1), 1);
    EXPECT_EQ(recv[1].result, 0);
    EXPECT_EQ(got, 5);
    EXPECT_EQ(weft_select(recv, 2, -1), 1);
    EXPECT_EQ(recv[1].result, -WEFT_EPIPE);
    EXPECT_EQ(weft_select(send, 2, 0), 0);
    EXPECT_EQ(send[0].result, -WEFT_EPIPE);
    weft_chan_free(open);
    weft_chan_free(closed);
}

TASK_TEST(select_closed_while_waiting)
{
    for (int turn = 0; turn < 2; turn++) {
        weft_chan *chans[2] = {chan_of_int(0), chan_of_int(0)};
        int64_t value = 5, got = -1;
        weft_arm arms[] = {WEFT_RECV(chans[0], &got), WEFT_SEND(chans[1], &value)};
        struct chooser c = {.arms = arms, .n = 2, .timeout_ns = WEFT_SECOND};
        weft_scope scope;
        weft_scope_open(&scope);
        chooser_go(&scope, &c);
        weft_chan_close(chans[turn]);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(c.rc, turn);
        EXPECT_EQ(arms[turn].result, -WEFT_EPIPE);
        EXPECT_EQ(got, -1);
        weft_chan_free(chans[0]);
        weft_chan_free(chans[1]);
    }
}

/* ---- cancel ---- */

TASK_TEST(select_cancelled_leaves_nothing)
{
    weft_chan *in = chan_of_int(0), *out = chan_of_int(0);
    int64_t value = 5, got = -1;
    weft_arm arms[] = {WEFT_RECV(in, &got), WEFT_SEND(out, &value)};
    struct chooser c = {.arms = arms, .n = 2, .timeout_ns = WEFT_SECOND};
    weft_scope scope;
    weft_scope_open(&scope);
    chooser_go(&scope, &c);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(c.rc, -WEFT_ECANCELED);
    EXPECT_EQ(weft_chan_try_send(in, &value), -WEFT_EAGAIN);
    EXPECT_EQ(weft_chan_try_recv(out, &got), -WEFT_EAGAIN);
    EXPECT_EQ(got, -1);
    weft__chan_check(in);
    weft__chan_check(out);
    weft_chan_free(in);
    weft_chan_free(out);
}

/* R2: refused at once where it might sleep; without a wait it is a try form (R5). */
TASK_TEST(select_in_cancelled_scope)
{
    weft_chan *ch = chan_of_int(2);
    int64_t value = 5;
    weft_arm arms[] = {WEFT_SEND(ch, &value)};
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_select(arms, 1, -1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_select(arms, 1, 1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_select(NULL, 0, -1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_chan_len(ch), 0);
    EXPECT_EQ(weft_select(arms, 1, 0), 0);
    EXPECT_EQ(weft_chan_len(ch), 1);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    weft_chan_free(ch);
}

/* ---- races ---- */

/* Receives from two channels until it is cancelled. */
struct taker {
    weft_chan *chans[2];
    long taken;
};

static int taker_run(void *arg)
{
    struct taker *t = *(struct taker **)arg;
    int64_t value[2];
    weft_arm arms[] = {WEFT_RECV(t->chans[0], &value[0]), WEFT_RECV(t->chans[1], &value[1])};
    int rc;
    while ((rc = weft_select(arms, 2, WEFT_SECOND)) >= 0) {
        EXPECT_EQ(arms[rc].result, 0);
        t->taken++;
    }
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    return rc;
}

static int select_race_cancel(void *arg)
{
    weft_scope_cancel(*(weft_scope **)arg);
    return 0;
}

static void select_race(int rounds, size_t capacity)
{
    struct taker t = {{chan_of_int(capacity), chan_of_int(capacity)}, 0}, *taker = &t;
    long sent = 0;
    for (int i = 0; i < rounds; i++) {
        weft_scope scope, *cancelled = &scope, others;
        weft_scope_open(&others);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, taker_run, &taker), 0);
        EXPECT_EQ(weft_go(&others, select_race_cancel, &cancelled), 0);
        for (int64_t value = 0; value < i % 4; value++) {
            sent += weft_chan_try_send(t.chans[value % 2], &value) == 0;
        }
        weft_yield(); /* 0, or cancelled by now, as we are in that scope too */
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&others), 0);
    }
    EXPECT_EQ(t.taken + (long)weft_chan_len(t.chans[0]) + (long)weft_chan_len(t.chans[1]), sent);
    for (int i = 0; i < 2; i++) {
        weft__chan_check(t.chans[i]);
        weft_chan_free(t.chans[i]);
    }
}

TASK_TEST(select_against_cancel)
{
    select_race(TEST_FEWER_TASKS(5000), 1);
    select_race(TEST_FEWER_TASKS(5000), 0);
}

NIGHT_TASK_TEST(select_against_cancel_night)
{
    select_race(500000, 1);
    select_race(500000, 0);
}

/* ---- select meets select ---- */

struct dancer {
    weft_chan *left, *right; /* sends to the left, receives from the right */
    int rounds;
    long sent, received;
};

static int dancer_run(void *arg)
{
    struct dancer *d = *(struct dancer **)arg;
    for (int64_t i = 0; i < d->rounds; i++) {
        int64_t got;
        weft_arm arms[] = {WEFT_SEND(d->left, &i), WEFT_RECV(d->right, &got)};
        int rc = weft_select(arms, 2, -1);
        EXPECT(rc == 0 || rc == 1);
        EXPECT_EQ(arms[rc].result, 0);
        d->sent += rc == 0;
        d->received += rc == 1;
    }
    return 0;
}

static void dance(int pairs, int rounds)
{
    enum { DANCERS_MAX = 8 };
    weft_chan *a = chan_of_int(0), *b = chan_of_int(0);
    struct dancer dancers[DANCERS_MAX];
    long sent = 0, received = 0;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 2 * pairs; i++) {
        struct dancer *d = &dancers[i];
        *d = (struct dancer){i % 2 ? a : b, i % 2 ? b : a, rounds, 0, 0};
        EXPECT_EQ(weft_go(&scope, dancer_run, &d), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 2 * pairs; i++) {
        EXPECT_EQ(dancers[i].sent + dancers[i].received, rounds);
        sent += dancers[i].sent;
        received += dancers[i].received;
    }
    EXPECT_EQ(sent, received);
    weft__chan_check(a);
    weft__chan_check(b);
    weft_chan_free(a);
    weft_chan_free(b);
}

/* Two tasks select over the same two channels from both sides: each meeting is one round of
 * each. */
TASK_TEST(select_meets_select)
{
    dance(1, 10000);
}

static ATOMIC(uint32_t) dancers_met;

static int dancer_until_cancelled(void *arg)
{
    struct dancer *d = *(struct dancer **)arg;
    for (int64_t i = 0;; i++) {
        int64_t got;
        weft_arm arms[] = {WEFT_SEND(d->left, &i), WEFT_RECV(d->right, &got)};
        int rc = weft_select(arms, 2, -1);
        if (rc < 0) {
            EXPECT_EQ(rc, -WEFT_ECANCELED);
            return rc;
        }
        d->sent += rc == 0;
        d->received += rc == 1;
        a_store(&dancers_met, 1, relaxed);
    }
}

/* Four and four, cancelled in the middle: what was sent was received. */
TASK_TEST(select_crowd_meets_crowd)
{
    enum { DANCERS = 8 };
    weft_chan *a = chan_of_int(0), *b = chan_of_int(0);
    struct dancer dancers[DANCERS] = {{0}};
    long sent = 0, received = 0;
    weft_scope scope;
    a_store(&dancers_met, 0, relaxed);
    weft_scope_open(&scope);
    for (int i = 0; i < DANCERS; i++) {
        struct dancer *d = &dancers[i];
        d->left = i % 2 ? a : b;
        d->right = i % 2 ? b : a;
        EXPECT_EQ(weft_go(&scope, dancer_until_cancelled, &d), 0);
    }
    /* who has been stolen dances when that thread has a CPU */
    for (int i = 0; i < 2000 || (a_load(&dancers_met, relaxed) == 0 && !test_is_steered); i++) {
        EXPECT_EQ(weft_yield(), 0);
    }
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    for (int i = 0; i < DANCERS; i++) {
        sent += dancers[i].sent;
        received += dancers[i].received;
    }
    EXPECT(sent > 0);
    EXPECT_EQ(sent, received);
    weft_chan_free(a);
    weft_chan_free(b);
}

/* ---- many arms ---- */

struct postman {
    weft_chan **chans;
    int n, rounds;
};

static int postman_run(void *arg)
{
    const struct postman *p = arg;
    struct weft__rng rng;
    weft__rng_seed(&rng, 1);
    for (int i = 0; i < p->rounds; i++) {
        int64_t value = (int64_t)weft__rng_below(&rng, (uint64_t)p->n);
        EXPECT_EQ(weft_chan_send(p->chans[value], &value), 0);
    }
    return 0;
}

/* Channels in an order that is not that of their addresses. */
static void chans_new(weft_chan **chans, int n)
{
    struct weft__rng rng;
    weft__rng_seed(&rng, 2);
    for (int i = 0; i < n; i++) {
        int at = (int)weft__rng_below(&rng, (uint64_t)i + 1);
        chans[i] = chans[at];
        chans[at] = chan_of_int(0);
    }
}

static void select_many(int n, int rounds)
{
    static weft_chan *chans[WEFT_SELECT_ARMS_MAX];
    static weft_arm arms[WEFT_SELECT_ARMS_MAX];
    int64_t got = -1;
    weft_scope scope;
    chans_new(chans, n);
    for (int i = 0; i < n; i++) {
        arms[i] = (weft_arm)WEFT_RECV(chans[i], &got);
    }
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, postman_run, (&(struct postman){chans, n, rounds})), 0);
    for (int i = 0; i < rounds; i++) {
        int rc = weft_select(arms, (size_t)n, -1);
        EXPECT_EQ(rc, got);
        EXPECT_EQ(arms[rc].result, 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < n; i++) {
        weft__chan_check(chans[i]);
        EXPECT_EQ(weft_chan_try_send(chans[i], &got), -WEFT_EAGAIN);
        weft_chan_free(chans[i]);
    }
}

TASK_TEST(select_100_channels)
{
    select_many(100, 1000);
}

TASK_TEST(select_1024_channels)
{
    select_many(WEFT_SELECT_ARMS_MAX, 100);
}

/* ---- plain threads ---- */

static void *select_thread(void *arg)
{
    weft_chan **chans = arg;
    int64_t value[2];
    weft_arm arms[] = {WEFT_RECV(chans[0], &value[0]), WEFT_RECV(chans[1], &value[1])};
    int64_t sum = 0;
    int rc;
    while ((rc = weft_select(arms, 2, -1)) >= 0 && arms[rc].result == 0) {
        sum += value[rc];
    }
    EXPECT_EQ(arms[rc].result, -WEFT_EPIPE);
    return (void *)(intptr_t)sum;
}

TEST(select_plain_threads)
{
    weft_chan *chans[2] = {chan_of_int(0), chan_of_int(0)};
    int64_t sum = 0, got = 0;
    void *ret;
    pthread_t thread;
    weft_arm arms[] = {WEFT_RECV(chans[0], &got)};
    int64_t start = weft_now();
    EXPECT_EQ(weft_select(arms, 1, 2 * WEFT_MS), -WEFT_ETIMEDOUT);
    EXPECT(weft_now() - start >= 2 * WEFT_MS);
    EXPECT_EQ(pthread_create(&thread, NULL, select_thread, chans), 0);
    for (int64_t i = 0; i < 2000; i++) {
        EXPECT_EQ(weft_chan_send(chans[i % 2], &i), 0);
        sum += i;
    }
    weft_chan_close(chans[1]);
    EXPECT_EQ(pthread_join(thread, &ret), 0);
    EXPECT_EQ((intptr_t)ret, sum);
    weft_chan_free(chans[0]);
    weft_chan_free(chans[1]);
}

static int select_join(void *arg)
{
    void *ret;
    EXPECT_EQ(pthread_join(*(pthread_t *)arg, &ret), 0);
    return (int)(intptr_t)ret;
}

/* A plain thread that selects, and a task that sends. */
TASK_TEST_REAL(select_thread_and_task)
{
    weft_chan *chans[2] = {chan_of_int(0), chan_of_int(1)};
    int64_t sum = 0;
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, select_thread, chans), 0);
    for (int64_t i = 0; i < 2000; i++) {
        EXPECT_EQ(weft_chan_send(chans[i % 2], &i), 0);
        sum += i;
    }
    /* The other one must be empty before this one says "closed". */
    while (weft_chan_len(chans[1]) > 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    weft_chan_close(chans[0]);
    EXPECT_EQ(weft_blocking(select_join, &thread), sum);
    weft_chan_free(chans[0]);
    weft_chan_free(chans[1]);
}

/* ---- mistakes ---- */

static WEFT_NOINLINE void free_while_selecting(void)
{
    weft_chan *chans[2] = {chan_of_int(0), chan_of_int(0)};
    int64_t got;
    weft_arm arms[] = {WEFT_RECV(chans[0], &got), WEFT_RECV(chans[1], &got)};
    struct chooser c = {.arms = arms, .n = 2, .timeout_ns = -1};
    weft_scope scope;
    weft_scope_open(&scope);
    chooser_go(&scope, &c);
    weft_chan_free(chans[1]);
}

PANIC_TASK_TEST(select_channel_freed_meanwhile, "waits at  chooser_run")
{
    free_while_selecting();
}
