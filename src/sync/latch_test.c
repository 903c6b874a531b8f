/* latch_test.c - opens when the last one has counted, and not before.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "sync/sync_probe.h"

struct latch_probe {
    weft_latch latch;
    weft_scope scope;
    ATOMIC(int) woken;
    int parts[16];
};

struct latch_part {
    struct latch_probe *probe;
    int index;
};

static weft_latch latch_static = WEFT_LATCH_INIT(3);

TEST(latch_counts_down)
{
    weft_latch latch;
    EXPECT_EQ(weft_latch_left(&latch_static), 3);
    weft_latch_down(&latch_static, 2);
    weft_latch_down(&latch_static, 0);
    EXPECT_EQ(weft_latch_left(&latch_static), 1);
    weft_latch_down(&latch_static, 1);
    EXPECT_EQ(weft_latch_left(&latch_static), 0);
    weft_latch_down(&latch_static, 0);
    EXPECT_EQ(weft_latch_wait(&latch_static), 0);
    EXPECT_EQ(weft_latch_wait(&latch_static), 0);
    weft_latch_fini(&latch_static);
    memset(&latch, 0xff, sizeof latch);
    weft_latch_init(&latch, WEFT_LATCH_MAX);
    EXPECT_EQ(weft_latch_left(&latch), WEFT_LATCH_MAX);
    weft_latch_down(&latch, WEFT_LATCH_MAX);
    EXPECT_EQ(weft_latch_wait(&latch), 0);
    weft_latch_fini(&latch);
    weft_latch_init(&latch, 0);
    EXPECT_EQ(weft_latch_wait(&latch), 0);
    weft_latch_fini(NULL);
}

static int latch_do_part(void *arg)
{
    const struct latch_part *part = arg;
    part->probe->parts[part->index] = part->index + 1;
    weft_latch_down(&part->probe->latch, 1);
    return 0;
}

static int latch_await_parts(void *arg)
{
    struct latch_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_latch_wait(&p->latch), 0);
    for (int i = 0; i < 16; i++) {
        EXPECT_EQ(p->parts[i], i + 1);
    }
    a_add(&p->woken, 1, relaxed);
    return 0;
}

static void *latch_await_parts_thread(void *arg)
{
    void *p = arg;
    latch_await_parts(&p);
    return NULL;
}

TASK_TEST_REAL(latch_waits_for_every_part)
{
    for (int round = 0; round < 100; round++) {
        struct latch_probe p = {.latch = WEFT_LATCH_INIT(16)};
        pthread_t thread;
        weft_scope_open(&p.scope);
        for (int i = 0; i < 16; i++) {
            if (i % 6 == 1) {
                probe_go(&p.scope, latch_await_parts, &p);
            }
            EXPECT_EQ(weft_go(&p.scope, latch_do_part, (&(struct latch_part){&p, i})), 0);
        }
        EXPECT_EQ(pthread_create(&thread, NULL, latch_await_parts_thread, &p), 0);
        EXPECT_EQ(weft_scope_close(&p.scope), 0);
        EXPECT_EQ(pthread_join(thread, NULL), 0);
        EXPECT_EQ(a_load(&p.woken, relaxed), 4);
        weft_latch_fini(&p.latch);
    }
}

/* ---- cancel ---- */

static int latch_try_to_wait(void *arg)
{
    struct latch_probe *p = probe_arg(arg);
    int rc = weft_latch_wait(&p->latch);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    a_add(&p->woken, rc == 0, relaxed);
    return 0;
}

TASK_TEST(latch_wait_is_cancelled)
{
    struct latch_probe p = {.latch = WEFT_LATCH_INIT(2)};
    weft_scope_open(&p.scope);
    probe_go(&p.scope, latch_try_to_wait, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    weft_latch_down(&p.latch, 2);
    EXPECT_EQ(weft_latch_wait(&p.latch), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&p.woken, relaxed), 0);
    EXPECT_EQ(weft_latch_wait(&p.latch), 0);
    weft_latch_fini(&p.latch);
}

TASK_TEST(latch_stats_count)
{
    struct latch_probe p = {.latch = WEFT_LATCH_INIT(2)};
    weft_latch_counts counts;
    weft_scope_open(&p.scope);
    probe_go(&p.scope, latch_try_to_wait, &p);
    probe_go(&p.scope, latch_try_to_wait, &p);
    probe_settle();
    weft_latch_stats(&p.latch, &counts);
    EXPECT_EQ(counts.waiting, 2);
    EXPECT_EQ(counts.left, 2);
    weft_latch_down(&p.latch, 2);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_latch_stats(&p.latch, &counts);
    EXPECT_EQ(counts.waits, 2);
    EXPECT_EQ(counts.wakes, 2);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(counts.left, 0);
    weft_latch_fini(&p.latch);
}

static void latch_race_down_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 20);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct latch_probe p = {.latch = WEFT_LATCH_INIT(2)};
        weft_scope all;
        weft_scope_open(&all);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, latch_try_to_wait, &p);
        probe_go(&all, latch_try_to_wait, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        weft_latch_down(&p.latch, 1);
        probe_dawdle(&rng);
        weft_latch_down(&p.latch, 1);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&all), 0);
        EXPECT(a_load(&p.woken, relaxed) >= 1);
        weft_latch_fini(&p.latch);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(latch_down_against_cancel)
{
    latch_race_down_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(latch_down_against_cancel_night)
{
    latch_race_down_cancel(PROBE_NIGHT);
}

/* ---- who passes may free it ---- */

static int latch_down_and_forget(void *arg)
{
    weft_latch_down(probe_arg(arg), 1);
    return 0;
}

TASK_TEST_REAL(latch_may_be_freed_by_the_waiter)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 2000; i++) {
        weft_latch *latch = malloc(sizeof *latch);
        EXPECT(latch != NULL);
        weft_latch_init(latch, 2);
        probe_go(&scope, latch_down_and_forget, latch);
        probe_go(&scope, latch_down_and_forget, latch);
        EXPECT_EQ(weft_latch_wait(latch), 0);
        memset(latch, 0xee, sizeof *latch);
        free(latch);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- misuse ---- */

PANIC_TEST(latch_below_zero_panics, "weft_latch_down: counts down by 4, but only 3 are left")
{
    weft_latch_down(&latch_static, 4);
}

static __attribute__((noinline)) int latch_site_wait(void *arg)
{
    (void)arg;
    int rc = weft_latch_wait(&latch_static);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) int latch_site_fini(void *arg)
{
    (void)arg;
    probe_settle();
    weft_latch_fini(&latch_static);
    a_compiler_fence();
    return 0;
}

static int latch_misuse_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    (void)weft_go(&scope, latch_site_wait, NULL);
    (void)weft_go(&scope, latch_site_fini, NULL);
    return weft_scope_close(&scope);
}

static void latch_misuse_fini(void)
{
    (void)weft_run_with(latch_misuse_root, NULL,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

TEST(latch_fini_while_waited_for_panics)
{
    probe_panics(latch_misuse_fini, "weft_latch_fini: a task still waits for it",
                 "destroyed at  latch_site_fini", "waited for at  latch_site_wait");
}
