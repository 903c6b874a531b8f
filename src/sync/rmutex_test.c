/* rmutex_test.c - its holder may go deeper, and nobody else gets in before it is out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/sync_probe.h"

struct rmutex_probe {
    weft_rmutex mutex;
    weft_scope scope;
    ATOMIC(int) running, refused, descents;
    int counter, rounds;
    int64_t since; /* see probe_goes_on */
};

static weft_rmutex rmutex_static = WEFT_RMUTEX_INIT;

static void rmutex_expect(const weft_rmutex *mutex, uint64_t depth, uint64_t locks,
                          uint64_t relocks)
{
    weft_rmutex_counts counts;
    weft_rmutex_stats(mutex, &counts);
    EXPECT_EQ(counts.depth, depth);
    EXPECT_EQ(counts.mutex.locks, locks);
    EXPECT_EQ(counts.relocks, relocks);
}

TEST(rmutex_goes_deeper_and_comes_back)
{
    weft_rmutex mutex;
    memset(&mutex, 0xff, sizeof mutex);
    weft_rmutex_init(&mutex);
    rmutex_expect(&mutex, 0, 0, 0);
    for (int round = 0; round < 3; round++) {
        EXPECT_EQ(weft_rmutex_lock(&mutex), 0);
        EXPECT_EQ(weft_rmutex_lock(&mutex), 0);
        EXPECT_EQ(weft_rmutex_try_lock(&mutex), 0);
        rmutex_expect(&mutex, 3, (uint64_t)round + 1, 2 * ((uint64_t)round + 1));
        for (int i = 0; i < 3; i++) {
            weft_rmutex_unlock(&mutex);
        }
    }
    rmutex_expect(&mutex, 0, 3, 6);
    weft_rmutex_fini(&mutex);
    weft_rmutex_fini(NULL);
    EXPECT_EQ(weft_rmutex_try_lock(&rmutex_static), 0);
    weft_rmutex_unlock(&rmutex_static);
    weft_rmutex_fini(&rmutex_static);
}

TEST(rmutex_goes_as_deep_as_the_limit)
{
    for (int i = 0; i < WEFT_RMUTEX_DEPTH_MAX; i++) {
        EXPECT_EQ(weft_rmutex_lock(&rmutex_static), 0);
    }
    for (int i = 0; i < WEFT_RMUTEX_DEPTH_MAX; i++) {
        weft_rmutex_unlock(&rmutex_static);
    }
    weft_rmutex_fini(&rmutex_static);
}

static int rmutex_refused(void *arg)
{
    struct rmutex_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_rmutex_try_lock(&p->mutex), -WEFT_EAGAIN);
    a_add(&p->refused, 1, relaxed);
    return 0;
}

TASK_TEST(rmutex_is_free_when_the_last_level_is_left)
{
    struct rmutex_probe p = {0};
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_rmutex_lock(&p.mutex), 0);
    EXPECT_EQ(weft_rmutex_lock(&p.mutex), 0);
    probe_go(&p.scope, rmutex_refused, &p);
    probe_settle();
    EXPECT_EQ(a_load(&p.refused, relaxed), 1);
    weft_rmutex_unlock(&p.mutex);
    probe_go(&p.scope, rmutex_refused, &p);
    probe_settle();
    EXPECT_EQ(a_load(&p.refused, relaxed), 2);
    weft_rmutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_rmutex_fini(&p.mutex);
}

/* ---- exclusion ---- */

static void rmutex_descend(struct rmutex_probe *p, int depth)
{
    EXPECT_EQ(weft_rmutex_lock(&p->mutex), 0);
    if (depth > 0) {
        rmutex_descend(p, depth - 1);
    } else {
        EXPECT_EQ(a_xchg(&p->running, 1, relaxed), 0);
        int seen = p->counter;
        EXPECT_EQ(weft_yield(), 0);
        p->counter = seen + 1;
        EXPECT_EQ(a_xchg(&p->running, 0, relaxed), 1);
    }
    weft_rmutex_unlock(&p->mutex);
}

static int rmutex_descend_rounds(void *arg)
{
    struct rmutex_probe *p = probe_arg(arg);
    for (int i = 0; probe_goes_on(i, p->rounds, p->since); i++) {
        rmutex_descend(p, i % 4);
        a_add(&p->descents, 1, relaxed);
    }
    return 0;
}

static void *rmutex_descend_thread(void *arg)
{
    void *p = arg;
    rmutex_descend_rounds(&p);
    return NULL;
}

TASK_TEST(rmutex_excludes)
{
    struct rmutex_probe p = {.rounds = TEST_FEWER(100)};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.scope, rmutex_descend_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(p.counter, 4 * p.rounds);
    weft_rmutex_fini(&p.mutex);
}

TASK_TEST_REAL(rmutex_excludes_tasks_and_threads)
{
    struct rmutex_probe p = {.rounds = 500, .since = weft__time_now()};
    pthread_t threads[3];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, rmutex_descend_thread, &p), 0);
        probe_go(&p.scope, rmutex_descend_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(p.counter, a_load(&p.descents, relaxed));
    weft_rmutex_fini(&p.mutex);
}

/* ---- cancel ---- */

static int rmutex_try_to_take(void *arg)
{
    struct rmutex_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_rmutex_lock(&p->mutex), -WEFT_ECANCELED);
    p->counter++;
    return 0;
}

TASK_TEST(rmutex_wait_is_cancelled)
{
    struct rmutex_probe p = {0};
    EXPECT_EQ(weft_rmutex_lock(&p.mutex), 0);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, rmutex_try_to_take, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_rmutex_lock(&p.mutex), -WEFT_ECANCELED); /* deeper is refused, too */
    EXPECT_EQ(weft_rmutex_try_lock(&p.mutex), 0);
    weft_rmutex_unlock(&p.mutex);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(p.counter, 1);
    rmutex_expect(&p.mutex, 1, 1, 1);
    weft_rmutex_unlock(&p.mutex);
    weft_rmutex_fini(&p.mutex);
}

/* ---- misuse ---- */

PANIC_TEST(rmutex_too_deep_panics, "weft_rmutex_lock: locked 65535 times by one task")
{
    for (int i = 0; i <= WEFT_RMUTEX_DEPTH_MAX; i++) {
        EXPECT_EQ(weft_rmutex_lock(&rmutex_static), 0);
    }
}

static __attribute__((noinline)) void rmutex_site_lock(void)
{
    EXPECT_EQ(weft_rmutex_lock(&rmutex_static), 0);
    a_compiler_fence();
}

static __attribute__((noinline)) void rmutex_site_unlock(void)
{
    weft_rmutex_unlock(&rmutex_static);
    a_compiler_fence();
}

static __attribute__((noinline)) void rmutex_site_fini(void)
{
    weft_rmutex_fini(&rmutex_static);
    a_compiler_fence();
}

static void rmutex_misuse_unlock(void)
{
    rmutex_site_lock();
    rmutex_site_unlock();
    rmutex_site_unlock();
}

static void *rmutex_unlock_thread(void *arg)
{
    rmutex_site_unlock();
    return arg;
}

static void rmutex_misuse_unlock_other(void)
{
    pthread_t thread;
    rmutex_site_lock();
    EXPECT_EQ(pthread_create(&thread, NULL, rmutex_unlock_thread, NULL), 0);
    (void)pthread_join(thread, NULL);
}

static void rmutex_misuse_fini(void)
{
    rmutex_site_lock();
    rmutex_site_fini();
}

TEST(rmutex_unlock_not_held_panics)
{
    probe_panics(rmutex_misuse_unlock, "weft_rmutex_unlock: the mutex is not locked",
                 "unlocked at  rmutex_site_unlock", "last locked at  rmutex_site_lock");
}

TEST(rmutex_unlock_of_another_panics)
{
    probe_panics(rmutex_misuse_unlock_other, "weft_rmutex_unlock: the mutex is held by 'thread'",
                 "unlocked at  rmutex_site_unlock", "locked at  rmutex_site_lock");
}

TEST(rmutex_fini_while_held_panics)
{
    probe_panics(rmutex_misuse_fini, "weft_rmutex_fini: the mutex is held by the caller",
                 "destroyed at  rmutex_site_fini", "locked at  rmutex_site_lock");
}
