/* future_many_test.c - several futures: all, any, each as it is done.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "chan/future.h"
#include "tests/probe.h"

enum { MANY = 8 };

static void many_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

static void many_new(weft_future **futures, weft_future_arm *arms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        futures[i] = weft_future_new(sizeof(int));
        EXPECT(futures[i] != NULL);
        if (arms) {
            arms[i] = (weft_future_arm)WEFT_FUTURE_ARM(futures[i]);
        }
    }
}

static void many_drop(weft_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weft__future_check(futures[i]);
        weft_future_setter_unref(futures[i]);
        weft_future_unref(futures[i]);
    }
}

/* Sets futures[order[i]] one after the other, with pauses. */
struct many_setter {
    weft_future **futures;
    const int *order;
    size_t n;
    int64_t pause_ns;
};

static int many_set(void *arg)
{
    const struct many_setter *m = arg;
    for (size_t i = 0; i < m->n; i++) {
        if (m->pause_ns > 0) {
            EXPECT_EQ(weft_sleep(m->pause_ns), 0);
        }
        EXPECT_EQ(weft_future_set(m->futures[m->order[i]], &m->order[i]), 0);
    }
    return 0;
}

/* ---- gather ---- */

TASK_TEST(future_gather_codes)
{
    weft_future *futures[5];
    int codes[5], value = 3;
    many_new(futures, NULL, 4);
    futures[4] = NULL;
    EXPECT_EQ(weft_future_set(futures[0], &value), 0);
    EXPECT_EQ(weft_future_fail(futures[1], -EIO), 0);
    EXPECT(weft_future_cancel(futures[2]));
    EXPECT_EQ(weft_future_fail(futures[3], -WEFT_ECANCELED), 0);
    EXPECT_EQ(weft_future_gather(futures, 5, codes), 3);
    EXPECT_EQ(codes[0], 0);
    EXPECT_EQ(codes[1], -EIO);
    EXPECT_EQ(codes[2], -WEFT_ESHUTDOWN);
    EXPECT_EQ(codes[3], -WEFT_ESHUTDOWN);
    EXPECT_EQ(codes[4], 0);
    EXPECT_EQ(weft_future_gather(futures, 1, NULL), 0);
    EXPECT_EQ(weft_future_gather(NULL, 0, NULL), 0);
    many_drop(futures, 4);
}

TASK_TEST(future_gather_waits)
{
    static const int order[MANY] = {3, 1, 7, 0, 2, 6, 5, 4};
    weft_future *futures[MANY];
    int codes[MANY];
    int64_t start = weft_now();
    struct many_setter m = {futures, order, MANY, WEFT_SECOND};
    weft_scope scope;
    many_new(futures, NULL, MANY);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, many_set, &m), 0);
    EXPECT_EQ(weft_future_gather(futures, MANY, codes), 0);
    EXPECT_TOOK(start, MANY * WEFT_SECOND);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    many_drop(futures, MANY);
}

TASK_TEST(future_gather_cancelled)
{
    weft_future *futures[2];
    int codes[2] = {77, 77}, value = 1;
    weft_scope scope;
    many_new(futures, NULL, 2);
    EXPECT_EQ(weft_future_set(futures[0], &value), 0);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_future_gather(futures, 2, codes), -WEFT_ECANCELED);
    EXPECT_EQ(codes[0], 77);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    many_drop(futures, 2);
}

/* ---- any ---- */

TASK_TEST(future_wait_any_at_once)
{
    weft_future *futures[3];
    weft_future_arm arms[3];
    int value = 1;
    many_new(futures, arms, 3);
    EXPECT_EQ(weft_future_wait_any(NULL, 0), -WEFT_EPIPE);
    EXPECT_EQ(weft_future_wait_any(arms, (size_t)WEFT_FUTURE_ARMS_MAX + 1), -WEFT_EINVAL);
    EXPECT_EQ(weft_future_set(futures[2], &value), 0);
    EXPECT_EQ(weft_future_wait_any(arms, 3), 2);
    EXPECT_EQ(weft_future_set(futures[1], &value), 0);
    EXPECT_EQ(weft_future_wait_any(arms, 3), 1);
    arms[1].future = NULL;
    EXPECT_EQ(weft_future_wait_any(arms, 3), 2);
    arms[0].future = arms[2].future = NULL;
    EXPECT_EQ(weft_future_wait_any(arms, 3), -WEFT_EPIPE);
    many_drop(futures, 3);
}

TASK_TEST(future_wait_any_waits)
{
    static const int order[] = {2};
    weft_future *futures[3];
    weft_future_arm arms[3];
    struct many_setter m = {futures, order, 1, WEFT_SECOND};
    struct weft_future_counts counts;
    weft_scope scope;
    many_new(futures, arms, 3);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, many_set, &m), 0);
    EXPECT_EQ(weft_future_wait_any(arms, 3), 2);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_future_stats(futures[0], &counts);
    EXPECT_EQ(counts.waiting, 0); /* nothing of it is left in the others */
    many_drop(futures, 3);
}

/* The same future twice is two arms. */
TASK_TEST(future_wait_any_twice_the_same)
{
    static const int order[] = {0};
    weft_future *futures[1];
    weft_future_arm arms[2];
    struct many_setter m = {futures, order, 1, WEFT_SECOND};
    weft_scope scope;
    many_new(futures, arms, 1);
    arms[1] = arms[0];
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, many_set, &m), 0);
    EXPECT_EQ(weft_future_wait_any(arms, 2), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    many_drop(futures, 1);
}

TASK_TEST(future_wait_any_cancelled)
{
    weft_future *futures[3];
    weft_future_arm arms[3];
    weft_scope scope;
    many_new(futures, arms, 3);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_future_wait_any(arms, 3), -WEFT_ECANCELED);
    EXPECT_EQ(weft_future_wait_any(arms, 3), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    many_drop(futures, 3);
}

struct many_racer {
    weft_future *future;
    weft_scope *scope;
    int value;
};

static int many_race_set(void *arg)
{
    const struct many_racer *r = arg;
    EXPECT_EQ(weft_future_set(r->future, &r->value), 0);
    return 0;
}

static int many_race_cancel(void *arg)
{
    weft_scope_cancel(((const struct many_racer *)arg)->scope);
    return 0;
}

struct many_any {
    weft_future_arm *arms;
    size_t n;
    int rc;
};

static int many_any_run(void *arg)
{
    struct many_any *a = *(struct many_any **)arg;
    a->rc = weft_future_wait_any(a->arms, a->n);
    return 0;
}

/* Two setters and a cancel come to one who waits for either. */
TASK_TEST(future_wait_any_race)
{
    for (int round = 0; round < TEST_FEWER(300); round++) {
        weft_future *futures[2];
        weft_future_arm arms[2];
        struct many_any any = {arms, 2, -1}, *a = &any;
        weft_scope scope, inner;
        many_new(futures, arms, 2);
        weft_scope_open(&scope);
        weft_scope_open(&inner);
        EXPECT_EQ(weft_go(&inner, many_any_run, &a), 0);
        for (int i = 0; i < 2; i++) {
            struct many_racer r = {futures[i], &inner, i};
            EXPECT_EQ(weft_go(&scope, many_race_set, &r), 0);
        }
        if (round % 2) {
            struct many_racer r = {NULL, &inner, 0};
            EXPECT_EQ(weft_go(&inner, many_race_cancel, &r), 0);
        }
        (void)weft_scope_close(&inner);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT(any.rc == 0 || any.rc == 1 || (round % 2 && any.rc == -WEFT_ECANCELED));
        many_drop(futures, 2);
    }
}

/* ---- each ---- */

/* In the order in which they are done, even if nobody looks meanwhile. */
TASK_TEST(future_each_in_order)
{
    static const int order[MANY] = {3, 1, 7, 0, 2, 6, 5, 4};
    for (int late = 0; late < 2; late++) {
        weft_future *futures[MANY];
        weft_future_arm arms[MANY];
        struct many_setter m = {futures, order, MANY, late ? 0 : WEFT_SECOND};
        weft_future_each each;
        weft_scope scope;
        many_new(futures, arms, MANY);
        EXPECT_EQ(weft_future_each_open(&each, arms, MANY), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, many_set, &m), 0);
        if (late) {
            many_settle();
        }
        for (int i = 0; i < MANY; i++) {
            EXPECT_EQ(weft_future_each_next(&each), order[i]);
        }
        EXPECT_EQ(weft_future_each_next(&each), -WEFT_EPIPE);
        EXPECT_EQ(weft_future_each_next(&each), -WEFT_EPIPE);
        weft_future_each_close(&each);
        weft_future_each_close(&each);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        many_drop(futures, MANY);
    }
}

/* Those done before the open come first, in the order of the array; NULL ones never. */
TASK_TEST(future_each_done_before)
{
    weft_future *futures[MANY];
    weft_future_arm arms[MANY];
    weft_future_each each;
    int value = 0;
    many_new(futures, arms, MANY);
    EXPECT_EQ(weft_future_set(futures[5], &value), 0);
    EXPECT_EQ(weft_future_set(futures[1], &value), 0);
    EXPECT_EQ(weft_future_set(futures[3], &value), 0);
    arms[3].future = NULL;
    EXPECT_EQ(weft_future_each_open(&each, arms, MANY), 0);
    EXPECT_EQ(weft_future_set(futures[4], &value), 0);
    EXPECT_EQ(weft_future_each_next(&each), 1);
    EXPECT_EQ(weft_future_each_next(&each), 5);
    EXPECT_EQ(weft_future_each_next(&each), 4);
    weft_future_each_close(&each); /* early */
    EXPECT_EQ(weft_future_set(futures[0], &value), 0);
    EXPECT_EQ(weft_future_each_open(&each, NULL, 0), 0);
    EXPECT_EQ(weft_future_each_next(&each), -WEFT_EPIPE);
    weft_future_each_close(&each);
    EXPECT_EQ(weft_future_each_open(&each, arms, (size_t)WEFT_FUTURE_ARMS_MAX + 1), -WEFT_EINVAL);
    many_drop(futures, MANY);
}

struct many_taker {
    weft_future_each *each;
    ATOMIC(int) *told;
};

static int many_take(void *arg)
{
    const struct many_taker *t = arg;
    int i;
    while ((i = weft_future_each_next(t->each)) >= 0) {
        a_add(&t->told[i], 1, relaxed);
    }
    return i == -WEFT_EPIPE ? 0 : i;
}

/* Several take from one: each arm is told once, and all come to an end. */
TASK_TEST(future_each_many_takers)
{
    static const int order[MANY] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int round = 0; round < TEST_FEWER(100); round++) {
        weft_future *futures[MANY];
        weft_future_arm arms[MANY];
        ATOMIC(int) told[MANY] = {0};
        struct many_setter m = {futures, order, MANY, round % 2 ? WEFT_MS : 0};
        weft_future_each each;
        weft_scope scope;
        many_new(futures, arms, MANY);
        EXPECT_EQ(weft_future_each_open(&each, arms, MANY), 0);
        weft_scope_open(&scope);
        for (int i = 0; i < 3; i++) {
            EXPECT_EQ(weft_go(&scope, many_take, (&(struct many_taker){&each, told})), 0);
        }
        EXPECT_EQ(weft_go(&scope, many_set, &m), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        for (int i = 0; i < MANY; i++) {
            EXPECT_EQ(a_load(&told[i], relaxed), 1);
        }
        weft_future_each_close(&each);
        many_drop(futures, MANY);
    }
}

/* A cancelled taker takes nothing with it. */
TASK_TEST(future_each_taker_cancelled)
{
    for (int round = 0; round < TEST_FEWER(200); round++) {
        weft_future *futures[1];
        weft_future_arm arms[1];
        ATOMIC(int) told[1] = {0};
        weft_future_each each;
        weft_scope scope, inner;
        many_new(futures, arms, 1);
        EXPECT_EQ(weft_future_each_open(&each, arms, 1), 0);
        weft_scope_open(&scope);
        weft_scope_open(&inner);
        EXPECT_EQ(weft_go(&inner, many_take, (&(struct many_taker){&each, told})), 0);
        EXPECT_EQ(weft_go(&scope, many_race_set, (&(struct many_racer){futures[0], NULL, 0})), 0);
        EXPECT_EQ(weft_go(&inner, many_race_cancel, (&(struct many_racer){NULL, &inner, 0})), 0);
        int rc = weft_scope_close(&inner);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        int next = weft_future_each_next(&each);
        EXPECT_EQ(next, a_load(&told[0], relaxed) ? -WEFT_EPIPE : 0);
        weft_future_each_close(&each);
        many_drop(futures, 1);
    }
}

static int many_next(void *arg)
{
    return weft_future_each_next(*(weft_future_each **)arg) < 0;
}

PANIC_TASK_TEST(future_each_closed_while_waited_for, "closed while a task waits on it")
{
    static weft_future_each each;
    weft_future *futures[1];
    weft_future_arm arms[1];
    weft_future_each *e = &each;
    weft_scope scope;
    many_new(futures, arms, 1);
    EXPECT_EQ(weft_future_each_open(&each, arms, 1), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, many_next, &e), 0);
    many_settle();
    weft_future_each_close(&each);
}

/* ---- tasks and plain threads ---- */

static int many_code(void *arg)
{
    const struct probe *p = arg;
    return weft_sleep(p->ns) < 0 ? -1 : p->code;
}

/* As one uses it: submit, and take the results as they come. */
TASK_TEST(future_each_of_tasks)
{
    static const int wanted[] = {1, 3, 0, 2};
    static const int64_t seconds[] = {3, 1, 4, 2};
    weft_future_arm arms[4];
    weft_future_each each;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 4; i++) {
        struct probe p = {seconds[i] * WEFT_SECOND, i, NULL, NULL};
        EXPECT_EQ(weft_future_go(&scope, many_code, &arms[i].future, &p), 0);
    }
    EXPECT_EQ(weft_future_each_open(&each, arms, 4), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_future_each_next(&each), wanted[i]);
        EXPECT_EQ(weft_future_get(arms[wanted[i]].future, NULL), wanted[i]);
    }
    weft_future_each_close(&each);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 4; i++) {
        weft_future_unref(arms[i].future);
    }
}

static void *many_thread_any(void *arg)
{
    struct many_any *a = arg;
    a->rc = weft_future_wait_any(a->arms, a->n);
    return NULL;
}

TEST(future_many_plain_threads)
{
    for (int round = 0; round < 200; round++) {
        weft_future *futures[3];
        weft_future_arm arms[3], mine[3];
        struct many_any any = {arms, 3, -1};
        pthread_t thread;
        int value = round;
        many_new(futures, arms, 3);
        memcpy(mine, arms, sizeof mine);
        EXPECT_EQ(pthread_create(&thread, NULL, many_thread_any, &any), 0);
        EXPECT_EQ(weft_future_set(futures[round % 3], &value), 0);
        EXPECT_EQ(weft_future_wait_any(mine, 3), round % 3);
        pthread_join(thread, NULL);
        EXPECT_EQ(any.rc, round % 3);
        many_drop(futures, 3);
    }
}
