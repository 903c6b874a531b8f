/* future_test.c - one future: set, got, failed, broken, cancelled; and tasks whose result it is.
 *
 * On the virtual clock a short sleep returns when everybody else waits: future_settle() uses that.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "chan/future.h"
#include "tests/probe.h"

/* Until all others wait; virtual clock only. */
static void future_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

static weft_future *future_of_int(void)
{
    weft_future *f = weft_future_new(sizeof(int64_t));
    EXPECT(f != NULL);
    return f;
}

static void future_drop_both(weft_future *f)
{
    weft__future_check(f);
    weft_future_setter_unref(f);
    weft_future_unref(f);
}

/* A getter in a task of its own. */
struct future_getter {
    weft_future *future;
    int64_t value;
    int rc;
};

static int future_getter_run(void *arg)
{
    struct future_getter *g = *(struct future_getter **)arg;
    g->rc = weft_future_get(g->future, &g->value);
    return 0;
}

static void future_getter_go(weft_scope *scope, struct future_getter *g, weft_future *f)
{
    *g = (struct future_getter){.future = f, .value = -1, .rc = -1};
    EXPECT_EQ(weft_go(scope, future_getter_run, &g), 0);
}

/* ---- set and get ---- */

TASK_TEST(future_new_limits)
{
    EXPECT(weft_future_new((size_t)WEFT_FUTURE_VALUE_MAX + 1) == NULL);
    EXPECT(weft_future_new(SIZE_MAX) == NULL);
    weft_future *f = weft_future_new(WEFT_FUTURE_VALUE_MAX);
    EXPECT(f != NULL);
    future_drop_both(f);
    weft_future_unref(NULL);
    weft_future_setter_unref(NULL);
}

TASK_TEST(future_set_then_get)
{
    weft_future *f = future_of_int();
    int64_t value = 42, got = -1;
    EXPECT(!weft_future_is_done(f));
    EXPECT(weft_future_is_wanted(f));
    EXPECT(weft_future_value(f) == NULL);
    EXPECT_EQ(weft_future_try_get(f, &got), -WEFT_EAGAIN);
    EXPECT_EQ(weft_future_set(f, &value), 0);
    value = 7; /* it was copied */
    EXPECT(weft_future_is_done(f));
    EXPECT(!weft_future_is_wanted(f));
    EXPECT(!weft_future_is_cancelled(f));
    EXPECT_EQ(weft_future_get(f, &got), 0);
    EXPECT_EQ(got, 42);
    EXPECT_EQ(weft_future_try_get(f, &got), 0);
    EXPECT_EQ(weft_future_get(f, NULL), 0);
    EXPECT_EQ(*(const int64_t *)weft_future_value(f), 42);
    EXPECT_EQ((uintptr_t)weft_future_value(f) % 16, 0);
    EXPECT_EQ(weft_future_set(f, &value), -WEFT_EBUSY);
    EXPECT_EQ(weft_future_fail(f, -WEFT_EINVAL), -WEFT_EBUSY);
    EXPECT(!weft_future_cancel(f));
    EXPECT_EQ(weft_future_get(f, &got), 0);
    EXPECT_EQ(got, 42);
    future_drop_both(f);
}

TASK_TEST(future_sizes)
{
    static const size_t sizes[] = {0, 1, 7, 16, 17, 4096};
    unsigned char value[4096], got[4096 + 1];
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(sizes); i++) {
        weft_future *f = weft_future_new(sizes[i]);
        memset(value, (int)i + 1, sizeof value);
        memset(got, 0xee, sizeof got);
        EXPECT_EQ(weft_future_set(f, sizes[i] > 0 ? value : NULL), 0);
        EXPECT_EQ(weft_future_get(f, got), 0);
        EXPECT(memcmp(value, got, sizes[i]) == 0);
        EXPECT_EQ(got[sizes[i]], 0xee);
        future_drop_both(f);
    }
}

/* Each getter gets the same, whether it came before or after. */
TASK_TEST(future_many_getters)
{
    enum { GETTERS = 20 };
    weft_future *f = future_of_int();
    struct future_getter getters[GETTERS];
    struct weft_future_counts counts;
    int64_t value = 5;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < GETTERS; i++) {
        future_getter_go(&scope, &getters[i], f);
    }
    future_settle();
    weft__future_check(f);
    weft_future_stats(f, &counts);
    EXPECT_EQ(counts.waiting, GETTERS);
    EXPECT_EQ(counts.waits, GETTERS);
    EXPECT_EQ(weft_future_set(f, &value), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < GETTERS; i++) {
        EXPECT_EQ(getters[i].rc, 0);
        EXPECT_EQ(getters[i].value, 5);
    }
    weft_future_stats(f, &counts);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(counts.getters, 1);
    EXPECT_EQ(counts.setters, 1);
    EXPECT_EQ(counts.refused, 0);
    future_drop_both(f);
}

TASK_TEST(future_fail)
{
    weft_future *f = future_of_int();
    struct weft_future_counts counts;
    int64_t got = -1, value = 1;
    EXPECT_EQ(weft_future_fail(f, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_future_fail(f, 3), -WEFT_EINVAL);
    EXPECT(!weft_future_is_done(f));
    EXPECT_EQ(weft_future_fail(f, -EIO), 0);
    EXPECT_EQ(weft_future_set(f, &value), -WEFT_EBUSY);
    EXPECT_EQ(weft_future_get(f, &got), -EIO);
    EXPECT_EQ(got, -1);
    EXPECT(weft_future_value(f) == NULL);
    EXPECT_EQ(weft_future_wait(f), 0);
    EXPECT(!weft_future_is_cancelled(f));
    weft_future_stats(f, &counts);
    EXPECT_EQ(counts.refused, 1);
    future_drop_both(f);
}

/* -ECANCELED from get is the getter's own; what befell the producer has another code. */
TASK_TEST(future_fail_cancelled_producer)
{
    weft_future *f = future_of_int();
    EXPECT_EQ(weft_future_fail(f, -WEFT_ECANCELED), 0);
    EXPECT_EQ(weft_future_get(f, NULL), -WEFT_ESHUTDOWN);
    EXPECT(weft_future_is_cancelled(f));
    future_drop_both(f);
}

/* ---- references ---- */

static int future_setter_unref_run(void *arg)
{
    weft_future_setter_unref(*(weft_future **)arg);
    return 0;
}

/* The last setter's going breaks it, and wakes who waits. */
TASK_TEST(future_broken)
{
    weft_future *f = future_of_int();
    struct future_getter g;
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT(weft_future_setter_ref(f) == f);
    future_getter_go(&scope, &g, f);
    EXPECT_EQ(weft_go(&scope, future_setter_unref_run, &f), 0);
    future_settle();
    EXPECT(!weft_future_is_done(f));
    EXPECT_EQ(weft_go(&scope, future_setter_unref_run, &f), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(g.rc, -WEFT_EPIPE);
    EXPECT_EQ(g.value, -1);
    EXPECT_EQ(weft_future_get(f, NULL), -WEFT_EPIPE);
    EXPECT(!weft_future_is_cancelled(f));
    weft__future_check(f);
    weft_future_unref(f);
}

TASK_TEST(future_set_then_setter_gone)
{
    weft_future *f = future_of_int();
    int64_t value = 3, got;
    EXPECT_EQ(weft_future_set(f, &value), 0);
    weft_future_setter_unref(f);
    EXPECT_EQ(weft_future_get(f, &got), 0);
    EXPECT_EQ(got, 3);
    weft_future_unref(f);
}

TASK_TEST(future_getters_gone_first)
{
    weft_future *f = future_of_int();
    int64_t value = 3;
    EXPECT(weft_future_ref(f) == f);
    weft_future_unref(f);
    EXPECT(weft_future_is_wanted(f));
    weft_future_unref(f);
    EXPECT(!weft_future_is_wanted(f));
    EXPECT_EQ(weft_future_set(f, &value), 0);
    weft_future_setter_unref(f);
}

static int future_unref_run(void *arg)
{
    weft_future_unref(*(weft_future **)arg);
    return 0;
}

/* Both sides go at once; it is freed once, whoever is last. */
TASK_TEST(future_sides_race)
{
    for (int round = 0; round < TEST_FEWER(200); round++) {
        weft_future *f = future_of_int();
        weft_scope scope;
        weft_scope_open(&scope);
        weft_future_ref(f);
        weft_future_setter_ref(f);
        EXPECT_EQ(weft_go(&scope, future_unref_run, &f), 0);
        EXPECT_EQ(weft_go(&scope, future_setter_unref_run, &f), 0);
        EXPECT_EQ(weft_go(&scope, future_unref_run, &f), 0);
        weft_future_setter_unref(f);
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* ---- cancel ---- */

TASK_TEST(future_cancel_wakes_getters)
{
    weft_future *f = future_of_int();
    struct future_getter getters[3];
    int64_t value = 1;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        future_getter_go(&scope, &getters[i], f);
    }
    future_settle();
    EXPECT(weft_future_cancel(f));
    EXPECT(!weft_future_cancel(f));
    EXPECT(!weft_future_is_wanted(f));
    EXPECT(weft_future_is_cancelled(f));
    EXPECT_EQ(weft_future_set(f, &value), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_future_fail(f, -EIO), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(getters[i].rc, -WEFT_ESHUTDOWN);
        EXPECT_EQ(getters[i].value, -1);
    }
    EXPECT(weft_future_value(f) == NULL);
    future_drop_both(f);
}

/* The getter's scope is cancelled: the future is as before, and serves others. */
TASK_TEST(future_get_cancelled)
{
    weft_future *f = future_of_int();
    struct future_getter g;
    int64_t value = 9, got = -1;
    weft_scope scope;
    weft_scope_open(&scope);
    future_getter_go(&scope, &g, f);
    future_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_future_get(f, &got), -WEFT_ECANCELED);
    EXPECT_EQ(weft_future_wait(f), -WEFT_ECANCELED);
    EXPECT_EQ(weft_future_try_get(f, &got), -WEFT_EAGAIN); /* a try form is never cancelled */
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(g.rc, -WEFT_ECANCELED);
    EXPECT_EQ(g.value, -1);
    weft__future_check(f);
    EXPECT_EQ(weft_future_set(f, &value), 0);
    EXPECT_EQ(weft_future_get(f, &got), 0);
    EXPECT_EQ(got, 9);
    future_drop_both(f);
}

struct future_racer {
    weft_future *future;
    weft_scope *scope;
    ATOMIC(int) wins;
};

static int future_race_set(void *arg)
{
    struct future_racer *r = *(struct future_racer **)arg;
    int64_t value = 7;
    a_add(&r->wins, weft_future_set(r->future, &value) == 0, relaxed);
    return 0;
}

static int future_race_cancel(void *arg)
{
    struct future_racer *r = *(struct future_racer **)arg;
    a_add(&r->wins, weft_future_cancel(r->future), relaxed);
    return 0;
}

static int future_race_cancel_scope(void *arg)
{
    weft_scope_cancel((*(struct future_racer **)arg)->scope);
    return 0;
}

/* Two setters, a canceller, and a getter whose own scope is cancelled: one makes it done, and the
 * getter gets that or nothing. */
TASK_TEST(future_set_cancel_race)
{
    for (int round = 0; round < TEST_FEWER(300); round++) {
        struct future_getter g;
        struct future_racer racer = {.future = future_of_int()}, *r = &racer;
        weft_scope scope, inner;
        weft_scope_open(&scope);
        weft_scope_open(&inner);
        racer.scope = &inner;
        future_getter_go(&inner, &g, racer.future);
        EXPECT_EQ(weft_go(&scope, future_race_set, &r), 0);
        EXPECT_EQ(weft_go(&scope, future_race_cancel, &r), 0);
        EXPECT_EQ(weft_go(&scope, future_race_set, &r), 0);
        if (round % 2) {
            EXPECT_EQ(weft_go(&inner, future_race_cancel_scope, &r), 0);
        }
        int inner_rc = weft_scope_close(&inner);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT(inner_rc == 0 || (round % 2 && inner_rc == -WEFT_ECANCELED));
        EXPECT_EQ(a_load(&racer.wins, relaxed), 1);
        EXPECT(g.rc == 0 || g.rc == -WEFT_ESHUTDOWN || (round % 2 && g.rc == -WEFT_ECANCELED));
        EXPECT_EQ(g.value, g.rc == 0 ? 7 : -1);
        if (g.rc == 0) {
            EXPECT(!weft_future_is_cancelled(racer.future));
        }
        future_drop_both(racer.future);
    }
}

/* ---- hooks ---- */

struct future_noted {
    weft_future *future;
    char text[16];
};

static void future_note_a(weft_future *f, void *arg)
{
    EXPECT(weft_future_is_done(f));
    strcat(((struct future_noted *)arg)->text, "a");
}

static void future_note_b(weft_future *f, void *arg)
{
    EXPECT(weft_future_is_done(f));
    strcat(((struct future_noted *)arg)->text, "b");
}

TASK_TEST(future_hooks)
{
    struct future_noted noted = {.future = future_of_int()};
    weft_future_hook hooks[4] = {WEFT_FUTURE_HOOK_INIT};
    struct weft_future_counts counts;
    int64_t value = 1;
    weft_future *f = noted.future;
    EXPECT_EQ(weft_future_unhook(f, &hooks[0]), -WEFT_EAGAIN);
    weft_future_hook_in_setter(f, &hooks[0], future_note_a, &noted);
    weft_future_hook_in_setter(f, &hooks[1], future_note_b, &noted);
    weft_future_hook_in_setter(f, &hooks[2], future_note_b, &noted);
    EXPECT_EQ(weft_future_unhook(f, &hooks[1]), 0);
    EXPECT_EQ(weft_future_unhook(f, &hooks[1]), -WEFT_EAGAIN);
    EXPECT_STR(noted.text, "");
    EXPECT_EQ(weft_future_set(f, &value), 0);
    EXPECT_STR(noted.text, "ab");
    EXPECT_EQ(weft_future_unhook(f, &hooks[0]), -WEFT_EAGAIN);
    weft_future_hook_in_setter(f, &hooks[3], future_note_a, &noted); /* at once */
    EXPECT_STR(noted.text, "aba");
    weft_future_stats(f, &counts);
    EXPECT_EQ(counts.hooks, 3);
    future_drop_both(f);
}

TASK_TEST(future_hooks_of_cancelled_and_broken)
{
    struct future_noted noted = {.text = ""};
    weft_future_hook hook = WEFT_FUTURE_HOOK_INIT;
    weft_future *f = future_of_int();
    weft_future_hook_in_setter(f, &hook, future_note_a, &noted);
    EXPECT(weft_future_cancel(f));
    EXPECT_STR(noted.text, "a");
    future_drop_both(f);
    f = future_of_int();
    weft_future_hook_in_setter(f, &hook, future_note_b, &noted);
    weft_future_unref(f);
    weft_future_setter_unref(f);
    EXPECT_STR(noted.text, "ab");
}

/* A hook may hook again, and set another future. */
static void future_note_sets_other(weft_future *f, void *arg)
{
    int64_t value = 11;
    EXPECT(weft_future_is_done(f));
    EXPECT_EQ(weft_future_set(arg, &value), 0);
}

TASK_TEST(future_hook_chains)
{
    weft_future *a = future_of_int(), *b = future_of_int();
    weft_future_hook hook = WEFT_FUTURE_HOOK_INIT;
    struct future_getter g;
    int64_t value = 1;
    weft_scope scope;
    weft_scope_open(&scope);
    future_getter_go(&scope, &g, b);
    weft_future_hook_in_setter(a, &hook, future_note_sets_other, b);
    EXPECT_EQ(weft_future_set(a, &value), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(g.value, 11);
    future_drop_both(a);
    future_drop_both(b);
}

/* ---- plain threads ---- */

static void *future_thread_get(void *arg)
{
    struct future_getter *g = arg;
    g->rc = weft_future_get(g->future, &g->value);
    return NULL;
}

static void *future_thread_set(void *arg)
{
    int64_t value = 31;
    EXPECT_EQ(weft_future_set(arg, &value), 0);
    weft_future_setter_unref(arg);
    return NULL;
}

/* Without any runtime. */
TEST(future_plain_threads)
{
    for (int round = 0; round < 200; round++) {
        pthread_t threads[2];
        struct future_getter g = {.future = future_of_int()};
        EXPECT_EQ(pthread_create(&threads[0], NULL, future_thread_get, &g), 0);
        EXPECT_EQ(pthread_create(&threads[1], NULL, future_thread_set, g.future), 0);
        EXPECT_EQ(weft_future_wait(g.future), 0);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        EXPECT_EQ(g.rc, 0);
        EXPECT_EQ(g.value, 31);
        weft_future_unref(g.future);
    }
}

/* A thread gets what a task sets, and the other way round. */
TASK_TEST_FREE(future_threads_and_tasks)
{
    for (int round = 0; round < 100; round++) {
        pthread_t threads[2];
        struct future_getter outside = {.future = future_of_int()}, inside;
        weft_future *f = future_of_int();
        int64_t value = round;
        weft_scope scope;
        weft_scope_open(&scope);
        future_getter_go(&scope, &inside, f);
        EXPECT_EQ(pthread_create(&threads[0], NULL, future_thread_get, &outside), 0);
        EXPECT_EQ(pthread_create(&threads[1], NULL, future_thread_set, f), 0);
        EXPECT_EQ(weft_future_set(outside.future, &value), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        EXPECT_EQ(inside.value, 31);
        EXPECT_EQ(outside.rc, 0);
        EXPECT_EQ(outside.value, round);
        weft_future_unref(f);
        future_drop_both(outside.future);
    }
}

/* ---- faults and misuse ---- */

TEST(future_new_without_memory)
{
    size_t live = weft__alloc_live();
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT(weft_future_new(8) == NULL);
    EXPECT_EQ(weft__fault_disarm(), 1);
    EXPECT_EQ(weft__alloc_live(), live);
}

PANIC_TEST(future_null, "check failed: future != NULL")
{
    EXPECT_EQ(weft_future_get(NULL, NULL), 0);
}

PANIC_TEST(future_set_without_value, "check failed: value != NULL")
{
    (void)weft_future_set(weft_future_new(8), NULL);
}

PANIC_TEST(future_hook_without_function, "check failed: fn != NULL")
{
    static weft_future_hook hook;
    weft_future_hook_in_setter(weft_future_new(8), &hook, NULL, NULL);
}

PANIC_TEST(future_hook_used_twice, "check failed: !inside->queued")
{
    static weft_future_hook hook;
    struct future_noted noted = {.text = ""};
    weft_future *f = future_of_int();
    weft_future_hook_in_setter(f, &hook, future_note_a, &noted);
    weft_future_hook_in_setter(f, &hook, future_note_b, &noted);
}
