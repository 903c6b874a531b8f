/* guard_test.c - a guard's data is reached with the lock held, and every way out lets it go.
 *
 * What the compiler must refuse: tests/guard_types.sh.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/sync_probe.h"
#include "weft/guard.h"

struct purse {
    long cents;
    int moves;
};

WEFT_GUARD_TYPE(guarded_purse, struct purse);
WEFT_GUARD_TYPE(guarded_count, int);

static guarded_purse guard_static = WEFT_GUARD_INIT({.cents = 100, .moves = 2});

struct guard_probe {
    guarded_purse a, b;
    guarded_count count;
    weft_cond cond;
    weft_scope scope;
    int rounds;
    int64_t since; /* see probe_goes_on */
    ATOMIC(int) entered, refused;
};

static bool guard_is_free(guarded_purse *guard)
{
    struct purse *purse = NULL;
    if (weft_guard_try_lock(guard, &purse) < 0) {
        return false;
    }
    EXPECT((void *)purse == (void *)guard);
    weft_guard_unlock(guard, &purse);
    EXPECT(purse == NULL);
    return true;
}

/* ---- every way out ---- */

static int guard_return(guarded_purse *guard)
{
    WEFT_GUARD(p, guard) {
        EXPECT(!guard_is_free(guard));
        return (int)p->cents;
    }
    return -1;
}

static void guard_goto(guarded_purse *guard)
{
    WEFT_GUARD(p, guard) {
        p->moves++;
        goto out;
    }
    EXPECT(false);
out:
    EXPECT(guard_is_free(guard));
}

TASK_TEST(guard_every_way_out_unlocks)
{
    guarded_purse guard = WEFT_GUARD_INIT({.cents = 7});
    EXPECT_EQ(guard_return(&guard), 7);
    EXPECT(guard_is_free(&guard));
    guard_goto(&guard);
    int turns = 0;
    for (int i = 0; i < 3; i++) {
        WEFT_GUARD(p, &guard) {
            p->moves++;
            if (i == 0) {
                break;
            }
            if (i == 1) {
                continue;
            }
            p->moves += 10;
        }
        EXPECT(guard_is_free(&guard));
        turns++;
    }
    EXPECT_EQ(turns, 3);
    EXPECT_EQ(weft_guard_fini(&guard)->moves, 1 + 3 + 10);
}

TEST(guard_is_made_and_ended)
{
    guarded_purse guard;
    struct purse value = {.cents = 5, .moves = 6};
    memset(&guard, 0xff, sizeof guard);
    weft_guard_init(&guard, &value);
    WEFT_GUARD(p, &guard) {
        EXPECT_EQ(p->cents, 5);
        p->cents = 8;
    }
    EXPECT_EQ(weft_guard_fini(&guard)->cents, 8);
    EXPECT_EQ(weft_guard_fini(&guard)->moves, 6);
    EXPECT_EQ(value.cents, 5);
    weft_guard_init(&guard, NULL);
    EXPECT_EQ(weft_guard_fini(&guard)->moves, 0);
    weft_mutex_counts counts;
    weft_guard_stats(&guard, &counts);
    EXPECT_EQ(counts.locks, 0);
    guarded_purse *nothing = NULL;
    EXPECT(weft_guard_fini(nothing) == NULL);
    WEFT_GUARD(p, &guard_static) {
        EXPECT_EQ(p->cents, 100);
        EXPECT_EQ(p->moves, 2);
    } else {
        EXPECT(false);
    }
}

/* ---- one at a time ---- */

static int guard_add_rounds(void *arg)
{
    struct guard_probe *p = probe_arg(arg);
    for (int i = 0; probe_goes_on(i, p->rounds, p->since); i++) {
        WEFT_GUARD(n, &p->count) {
            int before = *n;
            EXPECT_EQ(weft_yield(), 0);
            *n = before + 1;
            a_add(&p->entered, 1, relaxed);
        }
    }
    return 0;
}

static void *guard_add_thread(void *arg)
{
    guard_add_rounds(&arg);
    return NULL;
}

TASK_TEST(guard_lets_one_in)
{
    struct guard_probe p = {.rounds = TEST_FEWER(200)};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.scope, guard_add_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(*weft_guard_fini(&p.count), 4 * p.rounds);
}

TASK_TEST_REAL(guard_serves_tasks_and_threads)
{
    struct guard_probe p = {.rounds = 1000, .since = weft__time_now()};
    pthread_t threads[2];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, guard_add_thread, &p), 0);
        probe_go(&p.scope, guard_add_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(*weft_guard_fini(&p.count), a_load(&p.entered, relaxed));
}

/* ---- two at once ---- */

static void guard_move(struct guard_probe *p, guarded_purse *from, guarded_purse *to)
{
    WEFT_GUARD2(f, from, t, to) {
        EXPECT(!guard_is_free(&p->a));
        EXPECT(!guard_is_free(&p->b));
        f->cents--;
        f->moves++;
        EXPECT_EQ(weft_yield(), 0);
        t->cents++;
    }
}

static int guard_move_rounds(void *arg)
{
    struct guard_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        guard_move(p, &p->a, &p->b);
        guard_move(p, &p->b, &p->a);
        guard_move(p, &p->a, &p->b);
    }
    return 0;
}

TASK_TEST(guard_two_at_once)
{
    struct guard_probe p = {.rounds = TEST_FEWER(100)};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 3; i++) {
        probe_go(&p.scope, guard_move_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(weft_guard_fini(&p.a)->cents, -3 * p.rounds);
    EXPECT_EQ(weft_guard_fini(&p.b)->cents, 3 * p.rounds);
    EXPECT_EQ(weft_guard_fini(&p.a)->moves + weft_guard_fini(&p.b)->moves, 9 * p.rounds);
}

TASK_TEST(guard_two_of_two_types)
{
    struct guard_probe p = {.rounds = 0};
    WEFT_GUARD2(n, &p.count, purse, &p.a) {
        *n = 4;
        purse->cents = *n;
    }
    WEFT_GUARD2(purse, &p.a, n, &p.count) {
        purse->cents += *n;
    }
    EXPECT_EQ(weft_guard_fini(&p.a)->cents, 8);
}

/* ---- cancel ---- */

static int guard_try_to_enter(void *arg)
{
    struct guard_probe *p = probe_arg(arg);
    WEFT_GUARD(purse, &p->a) {
        purse->moves++;
        a_add(&p->entered, 1, relaxed);
    } else {
        EXPECT(purse == NULL);
        a_add(&p->refused, 1, relaxed);
        return -WEFT_ECANCELED;
    }
    return 0;
}

static int guard_try_to_enter_both(void *arg)
{
    struct guard_probe *p = probe_arg(arg);
    WEFT_GUARD2(b, &p->b, a, &p->a) {
        a->moves++;
        b->moves++;
        a_add(&p->entered, 1, relaxed);
        return 0;
    }
    a_add(&p->refused, 1, relaxed);
    return -WEFT_ECANCELED;
}

static void guard_cancel_a_waiter(int (*fn)(void *), bool hold_a)
{
    struct guard_probe p = {.rounds = 0};
    weft_scope_open(&p.scope);
    WEFT_GUARD(held, hold_a ? &p.a : &p.b) {
        probe_go(&p.scope, fn, &p);
        probe_settle();
        weft_scope_cancel(&p.scope);
        EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
        EXPECT_EQ(held->moves, 0);
    }
    EXPECT_EQ(a_load(&p.entered, relaxed), 0);
    EXPECT_EQ(a_load(&p.refused, relaxed), 1);
    EXPECT(guard_is_free(&p.a));
    EXPECT(guard_is_free(&p.b));
    weft_guard_fini(&p.a);
    weft_guard_fini(&p.b);
}

TASK_TEST(guard_cancelled_while_waiting)
{
    guard_cancel_a_waiter(guard_try_to_enter, true);
    guard_cancel_a_waiter(guard_try_to_enter_both, true);
    guard_cancel_a_waiter(guard_try_to_enter_both, false);
}

TASK_TEST(guard_refuses_in_a_cancelled_scope)
{
    guarded_purse guard = WEFT_GUARD_INIT({.cents = 1});
    struct purse *purse = NULL;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    WEFT_GUARD(p, &guard) {
        p->cents = 2;
    }
    EXPECT_EQ(weft_guard_lock(&guard, &purse), -WEFT_ECANCELED);
    EXPECT(purse == NULL);
    EXPECT_EQ(weft_guard_try_lock(&guard, &purse), 0); /* a try is never cancelled */
    EXPECT_EQ(weft_guard_try_lock(&guard, &purse), -WEFT_EAGAIN);
    EXPECT_EQ(purse->cents, 1);
    weft_guard_unlock(&guard, &purse);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* ---- waiting for what the data say ---- */

static int guard_await(void *arg)
{
    struct guard_probe *p = probe_arg(arg);
    WEFT_GUARD(purse, &p->a) {
        while (purse->cents < 3) {
            int rc = weft_guard_wait(&p->a, &p->cond);
            if (rc < 0) {
                a_add(&p->refused, 1, relaxed);
                return rc;
            }
        }
        purse->cents -= 3;
        a_add(&p->entered, 1, relaxed);
    }
    return 0;
}

TASK_TEST(guard_waits_with_a_condition)
{
    struct guard_probe p = {.rounds = 0};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, guard_await, &p);
    probe_go(&p.scope, guard_await, &p);
    for (int i = 0; i < 5; i++) {
        probe_settle();
        EXPECT_EQ(a_load(&p.entered, relaxed), i / 3);
        WEFT_GUARD(purse, &p.a) {
            purse->cents++;
            weft_cond_broadcast(&p.cond);
        }
    }
    probe_settle();
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.entered, relaxed), 1);
    EXPECT_EQ(a_load(&p.refused, relaxed), 1);
    EXPECT_EQ(weft_guard_fini(&p.a)->cents, 2);
    weft_cond_fini(&p.cond);
}

/* ---- readers and writers ---- */

WEFT_RWGUARD_TYPE(rwguarded_purse, struct purse);

struct rwguard_probe {
    rwguarded_purse purse;
    weft_scope scope;
    int rounds;
    ATOMIC(int) inside, refused;
};

static int rwguard_read_rounds(void *arg)
{
    struct rwguard_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        WEFT_READ_GUARD(purse, &p->purse) {
            long cents = purse->cents;
            a_add(&p->inside, 1, relaxed);
            EXPECT_EQ(weft_yield(), 0);
            EXPECT_EQ(purse->cents, cents);
            EXPECT_EQ(purse->moves, cents);
            a_sub(&p->inside, 1, relaxed);
        }
    }
    return 0;
}

static int rwguard_write_rounds(void *arg)
{
    struct rwguard_probe *p = probe_arg(arg);
    for (int i = 0; i < p->rounds; i++) {
        WEFT_WRITE_GUARD(purse, &p->purse) {
            EXPECT_EQ(a_load(&p->inside, relaxed), 0);
            purse->cents++;
            EXPECT_EQ(weft_yield(), 0);
            purse->moves++;
            if (i % 2) {
                continue;
            }
        }
    }
    return 0;
}

TASK_TEST(rwguard_readers_and_writers)
{
    struct rwguard_probe p = {.rounds = TEST_FEWER(200)};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        probe_go(&p.scope, rwguard_read_rounds, &p);
        probe_go(&p.scope, rwguard_write_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(weft_rwguard_fini(&p.purse)->cents, 2 * p.rounds);
}

TASK_TEST(rwguard_readers_are_together)
{
    struct rwguard_probe p = {.rounds = 1};
    weft_rwlock_counts counts;
    weft_rwguard_init(&p.purse, NULL);
    WEFT_READ_GUARD(purse, &p.purse) {
        weft_scope_open(&p.scope);
        probe_go(&p.scope, rwguard_read_rounds, &p);
        probe_go(&p.scope, rwguard_read_rounds, &p);
        weft_rwguard_stats(&p.purse, &counts);
        EXPECT(counts.readers >= 1);
        EXPECT_EQ(weft_scope_close(&p.scope), 0);
        EXPECT_EQ(purse->moves, 0);
    }
    weft_rwguard_fini(&p.purse);
}

static int rwguard_try_to_enter(void *arg)
{
    struct rwguard_probe *p = probe_arg(arg);
    WEFT_READ_GUARD(purse, &p->purse) {
        EXPECT(false);
    } else {
        EXPECT(purse == NULL);
        a_add(&p->refused, 1, relaxed);
    }
    WEFT_WRITE_GUARD(purse, &p->purse) {
        purse->cents = 5;
    } else {
        a_add(&p->refused, 1, relaxed);
        return -WEFT_ECANCELED;
    }
    return 0;
}

TASK_TEST(rwguard_cancelled_while_waiting)
{
    struct rwguard_probe p = {.rounds = 0};
    weft_scope_open(&p.scope);
    WEFT_WRITE_GUARD(purse, &p.purse) {
        probe_go(&p.scope, rwguard_try_to_enter, &p);
        probe_settle();
        weft_scope_cancel(&p.scope);
        EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
        EXPECT_EQ(purse->cents, 0);
    }
    EXPECT_EQ(a_load(&p.refused, relaxed), 2);
    WEFT_WRITE_GUARD(purse, &p.purse) {
        purse->moves = 1;
    }
    EXPECT_EQ(weft_rwguard_fini(&p.purse)->moves, 1);
}

TEST(rwguard_is_made_and_ended)
{
    rwguarded_purse guard = WEFT_GUARD_INIT({.cents = 4}), *nothing = NULL;
    struct purse value = {.cents = 5};
    WEFT_READ_GUARD(purse, &guard) {
        EXPECT_EQ(purse->cents, 4);
    }
    EXPECT_EQ(weft_rwguard_fini(&guard)->cents, 4);
    weft_rwguard_init(&guard, &value);
    EXPECT_EQ(weft_rwguard_fini(&guard)->cents, 5);
    EXPECT(weft_rwguard_fini(nothing) == NULL);
}

/* ---- misuse ---- */

PANIC_TEST(guard_twice_panics, "WEFT_GUARD2: the mutex is held by the caller")
{
    WEFT_GUARD2(a, &guard_static, b, &guard_static) {
        a->cents = b->cents;
    }
}

PANIC_TEST(guard_nested_panics, "WEFT_GUARD: the mutex is held by the caller")
{
    WEFT_GUARD(a, &guard_static) {
        WEFT_GUARD(b, &guard_static) {
            a->cents = b->cents;
        }
    }
}

static __attribute__((noinline)) void guard_site_hold(void)
{
    WEFT_GUARD(p, &guard_static) {
        p->moves += (int)weft_guard_fini(&guard_static)->cents;
    }
}

TEST(guard_fini_while_held_panics)
{
    probe_panics(guard_site_hold, "weft_guard_fini: the mutex is held by the caller",
                 "destroyed at  guard_site_hold (guard_test.c",
                 "locked at  guard_site_hold (guard_test.c");
}

static __attribute__((noinline)) void guard_site_unlock(void)
{
    struct purse *purse = NULL;
    weft_guard_unlock(&guard_static, &purse);
}

TEST(guard_unlock_not_held_panics)
{
    probe_panics(guard_site_unlock, "weft_guard_unlock: the mutex is not locked",
                 "unlocked at  guard_site_unlock (guard_test.c", "last locked at");
}
