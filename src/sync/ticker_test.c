/* ticker_test.c - ticks come on time; late ones are skipped or made up for; a cancel loses none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/timer.h"
#include "sync/sync_probe.h"

#define TICKER_PERIOD (10 * WEFT_MS)

/* Now is the first tick of the clock at or after that time. */
static void ticker_expect_now(int64_t at)
{
    int64_t now = weft_now(), tick = (int64_t)1 << WEFT_WHEEL_TICK_BITS;
    EXPECT(now >= at);
    EXPECT(now < at + tick || test_is_steered);
}

TASK_TEST(ticker_does_not_drift)
{
    weft_ticker ticker;
    uint64_t missed = 7;
    int rounds = TEST_FEWER(5000);
    int64_t start = weft_now();
    memset(&ticker, 0xff, sizeof ticker);
    weft_ticker_init(&ticker, TICKER_PERIOD + 1);
    for (int i = 1; i <= rounds; i++) {
        EXPECT_EQ(weft_ticker_left(&ticker), start + i * (TICKER_PERIOD + 1) - weft_now());
        EXPECT_EQ(weft_ticker_wait(&ticker, i % 2 ? &missed : NULL), 0);
        EXPECT_EQ(missed, 0);
        ticker_expect_now(start + i * (TICKER_PERIOD + 1));
        if (i % 3 == 0) {
            EXPECT_EQ(weft_sleep(TICKER_PERIOD / 2), 0);
        }
    }
    weft_ticker_counts counts;
    weft_ticker_stats(&ticker, &counts);
    EXPECT_EQ(counts.ticks, rounds);
    EXPECT_EQ(counts.late + counts.missed + counts.cancelled, 0);
    weft_ticker_fini(&ticker);
    weft_ticker_fini(NULL);
}

TASK_TEST(ticker_skips_what_was_missed)
{
    weft_ticker ticker;
    weft_ticker_counts counts;
    uint64_t missed = 0;
    int64_t start = weft_now();
    weft_ticker_init(&ticker, TICKER_PERIOD);
    EXPECT_EQ(weft_sleep_until(start + 3 * TICKER_PERIOD + WEFT_MS), 0);
    EXPECT_EQ(weft_ticker_left(&ticker), 0);
    int64_t now = weft_now();
    EXPECT_EQ(weft_ticker_wait(&ticker, &missed), 0); /* the third, at once */
    EXPECT_EQ(missed, 2);
    EXPECT_EQ(weft_now(), now);
    EXPECT_EQ(weft_ticker_wait(&ticker, &missed), 0);
    EXPECT_EQ(missed, 0);
    ticker_expect_now(start + 4 * TICKER_PERIOD);
    weft_ticker_stats(&ticker, &counts);
    EXPECT_EQ(counts.ticks, 2);
    EXPECT_EQ(counts.late, 1);
    EXPECT_EQ(counts.missed, 2);
    weft_ticker_fini(&ticker);
}

TASK_TEST(ticker_makes_up_for_what_was_missed)
{
    weft_ticker ticker;
    uint64_t missed = 9;
    int64_t start = weft_now();
    weft_ticker_init_with(&ticker, &(weft_ticker_options){.period_ns = TICKER_PERIOD,
                                                          .first = start + WEFT_MS,
                                                          .burst = true});
    EXPECT_EQ(weft_sleep_until(start + 2 * TICKER_PERIOD + 2 * WEFT_MS), 0);
    int64_t now = weft_now();
    for (uint64_t more = 3; more-- > 0;) {
        EXPECT_EQ(weft_ticker_wait(&ticker, &missed), 0);
        EXPECT_EQ(missed, more);
        EXPECT_EQ(weft_now(), now);
    }
    EXPECT_EQ(weft_ticker_wait(&ticker, &missed), 0);
    EXPECT_EQ(missed, 0);
    ticker_expect_now(start + WEFT_MS + 3 * TICKER_PERIOD);
    weft_ticker_fini(&ticker);
}

/* ---- the ends of the clock ---- */

TASK_TEST(ticker_first_long_ago)
{
    weft_ticker ticker;
    uint64_t missed = 0;
    int64_t start = weft_now();
    weft_ticker_init_with(&ticker, &(weft_ticker_options){.period_ns = 7, .first = INT64_MIN});
    EXPECT_EQ(weft_ticker_wait(&ticker, &missed), 0);
    EXPECT_EQ(missed, ((uint64_t)start - (uint64_t)INT64_MIN) / 7);
    EXPECT(weft_ticker_left(&ticker) > 0);
    EXPECT(weft_ticker_left(&ticker) <= 7);
}

TASK_TEST(ticker_never_comes)
{
    weft_ticker ticker;
    weft_scope scope;
    weft_ticker_init(&ticker, WEFT_NEVER);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_ticker_wait(&ticker, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    weft_ticker_init_with(&ticker,
                          &(weft_ticker_options){.period_ns = WEFT_NEVER, .first = weft_now()});
    EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
    EXPECT_EQ(weft_ticker_left(&ticker), WEFT_NEVER - weft_now());
}

/* ---- cancel ---- */

TASK_TEST(ticker_keeps_a_tick_that_was_cancelled)
{
    weft_ticker ticker;
    weft_ticker_counts counts;
    weft_scope scope;
    int64_t start = weft_now();
    weft_ticker_init(&ticker, TICKER_PERIOD);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, start + TICKER_PERIOD / 2);
    EXPECT_EQ(weft_ticker_wait(&ticker, NULL), -WEFT_ECANCELED);
    ticker_expect_now(start + TICKER_PERIOD / 2);
    EXPECT_EQ(weft_ticker_wait(&ticker, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
    ticker_expect_now(start + TICKER_PERIOD);
    weft_ticker_stats(&ticker, &counts);
    EXPECT_EQ(counts.ticks, 1);
    EXPECT_EQ(counts.cancelled, 1); /* the second call did not wait */
    weft_ticker_fini(&ticker);
}

/* ---- beside other things ---- */

TASK_TEST(ticker_beside_a_select)
{
    weft_ticker ticker;
    weft_chan *ch = weft_chan_new(sizeof(int), 0);
    int ticks = 0, value;
    int64_t start = weft_now();
    EXPECT(ch != NULL);
    weft_ticker_init(&ticker, TICKER_PERIOD);
    while (ticks < 3) {
        weft_arm arms[] = {WEFT_RECV(ch, &value)};
        int64_t left = weft_ticker_left(&ticker);
        int rc = weft_select(arms, 1, left);
        EXPECT_EQ(rc, left ? -WEFT_ETIMEDOUT : -WEFT_EAGAIN);
        EXPECT_EQ(weft_ticker_left(&ticker), 0);
        EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
        ticks++;
    }
    ticker_expect_now(start + 3 * TICKER_PERIOD);
    weft_chan_free(ch);
    weft_ticker_fini(&ticker);
}

static int ticker_count(void *arg)
{
    int64_t period = *(int64_t *)arg, start = weft_now();
    weft_ticker ticker;
    weft_ticker_init(&ticker, period);
    for (int i = 1; i <= 20; i++) {
        EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
        ticker_expect_now(start + i * period);
    }
    weft_ticker_fini(&ticker);
    return 0;
}

TASK_TEST(ticker_many_at_a_time)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int64_t i = 1; i <= 5; i++) {
        int64_t period = i * WEFT_MS + i;
        EXPECT_EQ(weft_go(&scope, ticker_count, &period), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

static void *ticker_thread(void *arg)
{
    weft_ticker ticker;
    int64_t start = weft_now();
    weft_ticker_init(&ticker, 2 * WEFT_MS);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
    }
    EXPECT(weft_now() - start >= 10 * WEFT_MS);
    weft_ticker_fini(&ticker);
    return arg;
}

TEST(ticker_in_a_plain_thread_without_a_runtime)
{
    ticker_thread(NULL);
}

TASK_TEST_REAL(ticker_in_plain_threads_beside_tasks)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, ticker_thread, NULL), 0);
    }
    ticker_thread(NULL);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
}

/* Of a thread beside a run. */
enum ticker_stage { TICKER_UNKNOWN, TICKER_KNOWN, TICKER_OVER };

static void *ticker_thread_for_years(void *arg)
{
    ATOMIC(uint32_t) *stage = arg;
    weft_ticker ticker;
    weft_rate rate = WEFT_RATE_INIT(1, 3600 * WEFT_SECOND, 1);
    EXPECT_EQ(weft_yield(), 0); /* from now on the clock waits for this thread */
    a_store(stage, TICKER_KNOWN, release);
    int64_t start = weft_now();
    weft_ticker_init(&ticker, 3600 * WEFT_SECOND);
    for (int i = 1; i <= 50; i++) {
        EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
        ticker_expect_now(start + i * 3600 * WEFT_SECOND);
        EXPECT_EQ(weft_rate_wait(&rate, 1), 0);
    }
    ticker_expect_now(start + 50 * 3600 * WEFT_SECOND);
    a_store(stage, TICKER_OVER, release);
    return NULL;
}

/* A plain thread goes by the virtual clock of the run, too. */
TASK_TEST_FREE(ticker_in_a_plain_thread_by_the_virtual_clock)
{
    ATOMIC(uint32_t) stage = TICKER_UNKNOWN;
    pthread_t thread;
    int64_t real = weft__time_now();
    EXPECT_EQ(pthread_create(&thread, NULL, ticker_thread_for_years, &stage), 0);
    while (a_load(&stage, acquire) == TICKER_UNKNOWN) { /* else time might come to its end */
        EXPECT_EQ(weft_yield(), 0);
    }
    while (a_load(&stage, acquire) != TICKER_OVER) {
        EXPECT_EQ(weft_sleep(3600 * WEFT_SECOND), 0);
    }
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT(weft__time_now() - real < 3600 * WEFT_SECOND); /* of the 50 hours not even one */
}

/* ---- misuse ---- */

PANIC_TEST(ticker_without_a_period_panics, "options->period_ns > 0")
{
    weft_ticker ticker;
    weft_ticker_init(&ticker, 0);
}

PANIC_TEST(ticker_never_made_panics, "t->period_ns > 0")
{
    weft_ticker ticker = {{0}};
    EXPECT_EQ(weft_ticker_wait(&ticker, NULL), 0);
}

static weft_ticker ticker_static;

static __attribute__((noinline)) int ticker_site_wait(void *arg)
{
    (void)arg;
    int rc = weft_ticker_wait(&ticker_static, NULL);
    a_compiler_fence();
    return rc;
}

static __attribute__((noinline)) int ticker_site_wait_too(void *arg)
{
    (void)arg;
    int rc = weft_ticker_wait(&ticker_static, NULL);
    a_compiler_fence();
    return rc < 0 ? rc : 1;
}

static __attribute__((noinline)) int ticker_site_fini(void *arg)
{
    (void)arg;
    weft_ticker_fini(&ticker_static);
    a_compiler_fence();
    return 0;
}

static int ticker_misuse_root(void *arg)
{
    weft_scope scope;
    int (*fn)(void *) = *(int (**)(void *))arg;
    weft_ticker_init(&ticker_static, WEFT_SECOND);
    weft_scope_open(&scope);
    (void)weft_go(&scope, ticker_site_wait, NULL);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    (void)weft_go(&scope, fn, NULL);
    return weft_scope_close(&scope);
}

static void ticker_misuse(int (*fn)(void *))
{
    (void)weft_run_with(ticker_misuse_root, &fn,
                        &(weft_options){.workers = 1, .virtual_clock = true});
}

static void ticker_misuse_twice(void)
{
    ticker_misuse(ticker_site_wait_too);
}

static void ticker_misuse_fini(void)
{
    ticker_misuse(ticker_site_fini);
}

TEST(ticker_two_users_panic)
{
    probe_panics(ticker_misuse_twice, "weft_ticker_wait: somebody waits for the ticker already",
                 "waited for at  ticker_site_wait_too", "and before at  ticker_site_wait ");
}

TEST(ticker_fini_while_waited_for_panics)
{
    probe_panics(ticker_misuse_fini, "weft_ticker_fini: a task still waits for it",
                 "destroyed at  ticker_site_fini", "waited for at  ticker_site_wait ");
}
