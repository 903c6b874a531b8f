/* evcount_test.c - the event count alone, and sleepers whom every piece of work must reach.
 *
 * A lost wake-up is a test that hangs until its timeout.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/evcount.h"

#include "base/time.h"
#include "tests/crowd.h"
#include "tests/test.h"
#include "weft/err.h"

enum { WAITERS = 3, MAKERS = 2, EACH = 20000 };

static struct weft__evcount events;
static ATOMIC(uint64_t) work, taken, made;
static ATOMIC(bool) closed;

TEST(evcount_nobody_waits)
{
    evcount_init(&events);
    evcount_notify_one(&events);
    evcount_notify_all(&events);
    EXPECT_EQ(a_load(&events.epoch, relaxed), 0); /* a fence and a load, no more */
    EXPECT_EQ(evcount_waiters(&events), 0);
}

TEST(evcount_cancels)
{
    struct weft__evcount fresh = EVCOUNT_INIT;

    EXPECT_EQ(evcount_prepare(&fresh), 0);
    EXPECT_EQ(evcount_waiters(&fresh), 1);
    evcount_cancel(&fresh);
    EXPECT_EQ(evcount_waiters(&fresh), 0);
}

TEST(evcount_notified_before_commit)
{
    uint32_t key;

    evcount_init(&events);
    key = evcount_prepare(&events);
    evcount_notify_one(&events);
    EXPECT_EQ(evcount_commit(&events, key, -1), -WEFT_EAGAIN); /* does not sleep */
    EXPECT_EQ(evcount_waiters(&events), 0);
}

TEST(evcount_deadline)
{
    int64_t deadline = weft__time_now() + 2000000;
    uint32_t key;
    int code;

    evcount_init(&events);
    do {
        key = evcount_prepare(&events);
        code = evcount_commit(&events, key, deadline);
    } while (code != -WEFT_ETIMEDOUT);
    EXPECT(weft__time_now() >= deadline);
    EXPECT_EQ(evcount_waiters(&events), 0);
}

PANIC_TEST(evcount_cancel_alone, "check failed")
{
    evcount_init(&events);
    evcount_cancel(&events);
}

/* ---- stress ---- */

static bool work_take(void)
{
    uint64_t n = a_load(&work, relaxed);

    while (n > 0) {
        if (a_cas_weak(&work, &n, n - 1, acquire, relaxed)) {
            a_add(&taken, 1, relaxed);
            return true;
        }
    }
    return false;
}

/* Sleeps without a deadline; false when closed. */
static bool work_wait(void)
{
    while (!work_take()) {
        uint32_t key = evcount_prepare(&events);

        if (a_load(&closed, relaxed)) {
            evcount_cancel(&events);
            return false;
        }
        if (work_take()) {
            evcount_cancel(&events);
            return true;
        }
        evcount_commit(&events, key, -1);
    }
    return true;
}

/* A maker now and then waits until all was taken, so that all waiters fall asleep. */
static void maker_run(void)
{
    for (int i = 0; i < EACH; i++) {
        a_add(&work, 1, release);
        evcount_notify_one(&events);
        while (i % 16 == 0 && a_load(&work, relaxed) > 0)
            weft__sys_yield();
    }
    if (a_add(&made, 1, acq_rel) == MAKERS - 1) { /* last one out */
        while (a_load(&work, relaxed) > 0)
            weft__sys_yield();
        a_store(&closed, true, release);
        evcount_notify_all(&events);
    }
}

static void wait_and_make(size_t index, void *arg)
{
    (void)arg;
    if (index >= WAITERS) {
        maker_run();
        return;
    }
    while (work_wait())
        ;
}

TEST(evcount_loses_nothing)
{
    for (int round = 0; round < TEST_ROUNDS(1, 100); round++) {
        evcount_init(&events);
        a_store(&work, 0, relaxed);
        a_store(&taken, 0, relaxed);
        a_store(&made, 0, relaxed);
        a_store(&closed, false, relaxed);
        crowd_run(WAITERS + MAKERS, wait_and_make, NULL);
        EXPECT_EQ(a_load(&taken, relaxed), (uint64_t)MAKERS * EACH);
        EXPECT_EQ(evcount_waiters(&events), 0);
    }
}

/* Two threads hand one token to and fro, each asleep until the other's turn is over. */
static ATOMIC(uint64_t) token;
static struct weft__evcount sides[2];

static void ping_pong(size_t index, void *arg)
{
    uint64_t rounds = *(const uint64_t *)arg;

    for (uint64_t i = index; i < rounds; i += 2) {
        while (a_load(&token, acquire) != i) {
            uint32_t key = evcount_prepare(&sides[index]);

            if (a_load(&token, relaxed) == i)
                evcount_cancel(&sides[index]);
            else
                evcount_commit(&sides[index], key, -1);
        }
        a_store(&token, i + 1, release);
        evcount_notify_one(&sides[1 - index]);
    }
}

TEST(evcount_ping_pong)
{
    uint64_t rounds = TEST_ROUNDS(20000, 1000000);

    a_store(&token, 0, relaxed);
    evcount_init(&sides[0]);
    evcount_init(&sides[1]);
    crowd_run(2, ping_pong, &rounds);
    EXPECT_EQ(a_load(&token, relaxed), rounds);
}
