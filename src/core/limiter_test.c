/* limiter_test.c - never more than so many at once, in order, and no unit is lost or made up.
 *
 * A limiter of blocking calls: offload_test.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/limiter.h"

#include "tests/test.h"

#include "base/rng.h"
#include "core/core_probe.h"

static weft_limiter limiter_static = WEFT_LIMITER_INIT(2);

struct units {
    weft_limiter limiter;
    ATOMIC(int) now, most, had, cancelled, next;
    int rounds;
    int order[8];
};

TEST(limiter_counts)
{
    weft_limiter limiter;
    weft_limiter_counts counts;
    EXPECT_EQ(weft_limiter_take(&limiter_static), 0);
    EXPECT_EQ(weft_limiter_try_take(&limiter_static), 0);
    EXPECT_EQ(weft_limiter_try_take(&limiter_static), -WEFT_EAGAIN);
    EXPECT_EQ(weft_limiter_used(&limiter_static), 2);
    weft_limiter_give(&limiter_static);
    EXPECT_EQ(weft_limiter_try_take(&limiter_static), 0);
    weft_limiter_give(&limiter_static);
    weft_limiter_give(&limiter_static);
    weft_limiter_stats(&limiter_static, &counts);
    EXPECT_EQ(counts.limit, 2);
    EXPECT_EQ(counts.used, 0);
    EXPECT_EQ(counts.used_max, 2);
    EXPECT_EQ(counts.taken, 3);
    EXPECT_EQ(counts.waited + counts.waiting + counts.cancelled, 0);
    weft_limiter_fini(&limiter_static);
    memset(&limiter, 0xff, sizeof limiter);
    weft_limiter_init(&limiter, 1);
    EXPECT_EQ(weft_limiter_used(&limiter), 0);
    weft_limiter_fini(&limiter);
    weft_limiter_fini(NULL);
}

/* ---- in order ---- */

static int limiter_note_order(void *arg)
{
    struct units *u = *(struct units **)arg;
    int me = a_add(&u->had, 1, relaxed);
    EXPECT_EQ(weft_limiter_take(&u->limiter), 0);
    int turn = a_load(&u->next, relaxed);
    u->order[turn] = me;
    a_store(&u->next, turn + 1, release);
    return 0;
}

TASK_TEST(limiter_serves_in_order)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(1)}, *arg = &u;
    weft_limiter_counts counts;
    weft_scope scope;
    EXPECT_EQ(weft_limiter_take(&u.limiter), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(weft_go(&scope, limiter_note_order, &arg), 0);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    weft_limiter_stats(&u.limiter, &counts);
    EXPECT_EQ(counts.waiting, 8);
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(weft_limiter_try_take(&u.limiter), -WEFT_EAGAIN);
        weft_limiter_give(&u.limiter);
        EXPECT_EQ(weft_limiter_try_take(&u.limiter), -WEFT_EAGAIN);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        EXPECT_EQ(a_load(&u.next, acquire), i + 1);
        EXPECT_EQ(u.order[i], i);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_limiter_give(&u.limiter);
    weft_limiter_stats(&u.limiter, &counts);
    EXPECT_EQ(counts.taken, 9);
    EXPECT_EQ(counts.waited, 8);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(counts.used, 0);
    weft_limiter_fini(&u.limiter);
}

/* ---- never too many, from everywhere ---- */

static void units_use(struct units *u)
{
    int now = a_add(&u->now, 1, acq_rel) + 1, most = a_load(&u->most, relaxed);
    while (now > most && !a_cas_weak(&u->most, &most, now, relaxed, relaxed)) {
    }
    EXPECT_EQ(weft_yield(), 0);
    a_sub(&u->now, 1, acq_rel);
    a_add(&u->had, 1, relaxed);
}

static int units_task(void *arg)
{
    struct units *u = *(struct units **)arg;
    for (int i = 0; i < u->rounds; i++) {
        if (i % 4 != 3 || weft_limiter_try_take(&u->limiter) < 0) {
            EXPECT_EQ(weft_limiter_take(&u->limiter), 0);
        }
        units_use(u);
        weft_limiter_give(&u->limiter);
    }
    return 0;
}

static void *units_thread(void *arg)
{
    units_task(&arg);
    return NULL;
}

TASK_TEST(limiter_is_never_exceeded)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(2), .rounds = TEST_FEWER(200)}, *arg = &u;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_go(&scope, units_task, &arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(a_load(&u.most, relaxed) <= 2);
    EXPECT_EQ(a_load(&u.had, relaxed), 4 * u.rounds);
    weft_limiter_fini(&u.limiter);
}

TASK_TEST_REAL(limiter_serves_tasks_and_threads)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(2), .rounds = 500}, *arg = &u;
    pthread_t threads[3];
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, units_thread, &u), 0);
        EXPECT_EQ(weft_go(&scope, units_task, &arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT(a_load(&u.most, relaxed) <= 2);
    EXPECT_EQ(a_load(&u.had, relaxed), 6 * u.rounds);
    weft_limiter_fini(&u.limiter);
}

/* ---- one kind of unit, for blocking calls and for those who take ---- */

static int units_block(void *arg)
{
    struct units *u = arg;
    a_store(&u->had, 1, release);
    return 7;
}

static int units_call(void *arg)
{
    struct units *u = *(struct units **)arg;
    return weft_blocking_with(units_block, u, &(weft_blocking_options){.limiter = &u->limiter});
}

TASK_TEST(limiter_is_shared_with_blocking_calls)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(1)}, *arg = &u;
    weft_scope scope;
    EXPECT_EQ(weft_limiter_take(&u.limiter), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, units_call, &arg), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(a_load(&u.had, acquire), 0);
    weft_limiter_give(&u.limiter);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&u.had, acquire), 1);
    weft_limiter_fini(&u.limiter);
}

/* What one call does under a limiter of one is seen by the next: no race, says weft check. */
static int units_add(void *arg)
{
    struct units *u = arg;
    u->order[0]++;
    return 0;
}

static int units_call_to_add(void *arg)
{
    struct units *u = *(struct units **)arg;
    return weft_blocking_with(units_add, u, &(weft_blocking_options){.limiter = &u->limiter});
}

TASK_TEST(limiter_of_one_orders_calls)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(1)}, *arg = &u;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_go(&scope, units_call_to_add, &arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(u.order[0], 4);
    weft_limiter_fini(&u.limiter);
}

/* ---- cancel ---- */

static int units_try(void *arg)
{
    struct units *u = *(struct units **)arg;
    int rc = weft_limiter_take(&u->limiter);
    if (rc == 0) {
        a_add(&u->had, 1, relaxed);
        weft_limiter_give(&u->limiter);
    } else {
        EXPECT_EQ(rc, -WEFT_ECANCELED);
        a_add(&u->cancelled, 1, relaxed);
    }
    return 0;
}

TASK_TEST(limiter_unit_passes_by_the_cancelled)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(1)}, *arg = &u;
    weft_limiter_counts counts;
    weft_scope all, scope;
    EXPECT_EQ(weft_limiter_take(&u.limiter), 0);
    weft_scope_open(&all);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, units_try, &arg), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(weft_go(&all, units_try, &arg), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_limiter_take(&u.limiter), -WEFT_ECANCELED);
    weft_limiter_give(&u.limiter);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&all), 0);
    EXPECT_EQ(a_load(&u.had, relaxed), 1);
    EXPECT_EQ(a_load(&u.cancelled, relaxed), 1);
    weft_limiter_stats(&u.limiter, &counts);
    EXPECT_EQ(counts.used, 0);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(counts.cancelled, 1);
    EXPECT_EQ(counts.taken, 2);
    weft_limiter_fini(&u.limiter);
}

static int units_use_in_time(void *arg)
{
    struct units *u = *(struct units **)arg;
    struct weft__rng rng;
    weft__rng_seed(&rng, (uint64_t)a_add(&u->next, 1, relaxed));
    for (int i = 0; i < u->rounds; i++) {
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after((int64_t)weft__rng_below(&rng, 20 * WEFT_US)));
        units_try(&u);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || rc == -WEFT_ETIMEDOUT);
    }
    return 0;
}

TASK_TEST_REAL(limiter_mess_of_cancels)
{
    struct units u = {.limiter = WEFT_LIMITER_INIT(2), .rounds = TEST_ROUNDS(500, 20000)};
    struct units *arg = &u;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(weft_go(&scope, units_use_in_time, &arg), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&u.had, relaxed) + a_load(&u.cancelled, relaxed), 8 * u.rounds);
    EXPECT_EQ(weft_limiter_used(&u.limiter), 0);
    weft_limiter_fini(&u.limiter);
}

/* ---- misuse ---- */

PANIC_TEST(limiter_of_zero_panics, "limit > 0")
{
    weft_limiter limiter;
    weft_limiter_init(&limiter, 0);
}

PANIC_TEST(limiter_never_made_panics, "l->limit > 0")
{
    weft_limiter limiter = {{0}};
    EXPECT_EQ(weft_limiter_take(&limiter), 0);
}

PANIC_TEST(limiter_given_too_often_panics, "weft_limiter_give: no unit of it is taken")
{
    weft_limiter limiter = WEFT_LIMITER_INIT(3);
    EXPECT_EQ(weft_limiter_take(&limiter), 0);
    weft_limiter_give(&limiter);
    weft_limiter_give(&limiter);
}

PANIC_TEST(limiter_fini_while_taken_panics, "used == 0")
{
    weft_limiter limiter = WEFT_LIMITER_INIT(3);
    EXPECT_EQ(weft_limiter_take(&limiter), 0);
    weft_limiter_fini(&limiter);
}
