/* lock_test.c - the short lock excludes, and the order of ranks is kept.
 *
 * The rank checks are called directly, so that they are tested in every build; that lock_take
 * calls them is tested in debug builds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/lock.h"

#include <stdlib.h>

#include "base/sys.h"
#include "tests/test.h"

enum { LOCK_THREADS = 4, LOCK_ROUNDS = 20000 };

static struct weft__lock lock_shared;
static uint64_t lock_sum; /* plain: TSan would see what the lock does not order */

static void *lock_add(void *arg)
{
    (void)arg;
    for (int i = 0; i < LOCK_ROUNDS; i++) {
        lock_take(&lock_shared);
        lock_sum++;
        lock_drop(&lock_shared);
    }
    return NULL;
}

TEST(lock_excludes)
{
    pthread_t threads[LOCK_THREADS];

    lock_init(&lock_shared, WEFT_RANK_LOG);
    for (int i = 0; i < LOCK_THREADS; i++)
        EXPECT_EQ(weft__sys_thread_start(lock_add, NULL, 65536, "adder", &threads[i]), 0);
    for (int i = 0; i < LOCK_THREADS; i++)
        weft__sys_thread_join(threads[i]);
    EXPECT_EQ(lock_sum, LOCK_THREADS * LOCK_ROUNDS);
}

/* Holds the lock until the waiter has surely gone past spinning and yielding into its sleep. */
static void *lock_hold_until_asleep(void *arg)
{
    pid_t waiter = *(pid_t *)arg;
    uintptr_t sp, pc;
    long nr;

    for (;;) {
        const char *name = weft__sys_thread_state(waiter, &nr, &sp, &pc) == 0
                               ? weft__sys_syscall_name(nr)
                               : "clock_nanosleep"; /* cannot tell on this machine */
        if (name != NULL && strcmp(name, "clock_nanosleep") == 0)
            break;
        /* under an emulator the numbers are another machine's; the waiter cannot be seen */
        if (getenv("TEST_EMULATED") != NULL)
            break;
        weft__sys_yield();
    }
    lock_drop(&lock_shared);
    return NULL;
}

TEST(lock_waiter_sleeps_when_the_holder_is_slow)
{
    pid_t me = weft__sys_gettid();
    pthread_t holder;

    lock_init(&lock_shared, WEFT_RANK_NONE); /* it changes hands, which ranks do not allow */
    lock_take(&lock_shared);
    EXPECT_EQ(weft__sys_thread_start(lock_hold_until_asleep, &me, 65536, "holder", &holder), 0);
    lock_take(&lock_shared);
    lock_drop(&lock_shared);
    weft__sys_thread_join(holder);
}

TEST(lock_try_never_waits)
{
    struct weft__lock l = LOCK_INIT(WEFT_RANK_CHAN);

    EXPECT(lock_try(&l));
    EXPECT(lock_is_held(&l));
    EXPECT(!lock_try(&l));
    lock_drop(&l);
    EXPECT(!lock_is_held(&l));
    EXPECT(lock_try(&l));
    lock_drop(&l);
}

PANIC_TEST(lock_drop_of_a_free_lock, "check failed: lock_is_held(l)")
{
    struct weft__lock l = LOCK_INIT(WEFT_RANK_CHAN);

    lock_drop(&l);
}

/* ---- ranks ---- */

static struct weft__lockrank_stack lock_mine;

static struct weft__lockrank_stack *lock_test_held(void)
{
    return &lock_mine;
}

static void lock_note_all(struct weft__lock *locks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weft__lockrank_check(&locks[i]);
        weft__lockrank_note(&locks[i]);
    }
}

TEST(lock_ranks_in_order_are_fine)
{
    struct weft__lock locks[] = {LOCK_INIT(WEFT_RANK_CHAN), LOCK_INIT(WEFT_RANK_CHAN),
                                 LOCK_INIT(WEFT_RANK_SCOPE), LOCK_INIT(WEFT_RANK_SCOPE),
                                 LOCK_INIT(WEFT_RANK_TIMER), LOCK_INIT(WEFT_RANK_LOG)};

    a_store(&weft__lockrank_held, lock_test_held, release);
    lock_note_all(locks, WEFT_ARRAY_SIZE(locks));
    EXPECT_EQ(lock_mine.count, WEFT_ARRAY_SIZE(locks));
    /* dropped in any order */
    weft__lockrank_forget(&locks[2]);
    weft__lockrank_forget(&locks[5]);
    weft__lockrank_forget(&locks[0]);
    weft__lockrank_forget(&locks[0]);
    EXPECT_EQ(lock_mine.count, 3);
    EXPECT(lock_mine.held[0] == &locks[1] && lock_mine.held[1] == &locks[3]);
    weft__lockrank_check(&locks[5]);
}

TEST(lock_ranks_beyond_the_table_are_counted)
{
    struct weft__lock locks[WEFT_LOCKRANK_DEPTH + 3];

    a_store(&weft__lockrank_held, lock_test_held, release);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(locks); i++)
        lock_init(&locks[i], WEFT_RANK_CHAN);
    lock_note_all(locks, WEFT_ARRAY_SIZE(locks));
    EXPECT_EQ(lock_mine.lost, 3);
    for (size_t i = WEFT_ARRAY_SIZE(locks); i-- > 0;)
        weft__lockrank_forget(&locks[i]);
    EXPECT_EQ(lock_mine.lost, 0);
    EXPECT_EQ(lock_mine.count, 0);
}

TEST(lock_ranks_have_names)
{
    EXPECT_STR(weft__lockrank_name(WEFT_RANK_SCOPE), "scope");
    EXPECT_STR(weft__lockrank_name(WEFT_RANK_LOG), "log");
    EXPECT_STR(weft__lockrank_name(WEFT_RANK_COUNT), "?");
}

PANIC_TEST(lock_ranks_against_the_order, "lock of rank chan taken while rank timer is held")
{
    struct weft__lock locks[] = {LOCK_INIT(WEFT_RANK_TIMER), LOCK_INIT(WEFT_RANK_CHAN)};

    a_store(&weft__lockrank_held, lock_test_held, release);
    lock_note_all(locks, 2);
}

PANIC_TEST(lock_ranks_two_channels_downwards, "lock of rank chan taken while rank chan is held")
{
    struct weft__lock locks[] = {LOCK_INIT(WEFT_RANK_CHAN), LOCK_INIT(WEFT_RANK_CHAN)};

    a_store(&weft__lockrank_held, lock_test_held, release);
    lock_note_all(&locks[1], 1);
    lock_note_all(&locks[0], 1);
}

PANIC_TEST(lock_ranks_two_of_a_rank, "lock of rank idle taken while rank idle is held")
{
    struct weft__lock locks[] = {LOCK_INIT(WEFT_RANK_IDLE), LOCK_INIT(WEFT_RANK_IDLE)};

    a_store(&weft__lockrank_held, lock_test_held, release);
    lock_note_all(locks, 2);
}

PANIC_TEST(lock_ranks_the_same_lock, "lock of rank scope taken twice")
{
    struct weft__lock l = LOCK_INIT(WEFT_RANK_SCOPE);

    a_store(&weft__lockrank_held, lock_test_held, release);
    lock_note_all(&l, 1);
    lock_note_all(&l, 1);
}

#if defined(WEFT_DEBUG)
PANIC_TEST(lock_take_checks_the_order, "lock of rank chan taken while rank log is held")
{
    struct weft__lock low = LOCK_INIT(WEFT_RANK_CHAN), high = LOCK_INIT(WEFT_RANK_LOG);

    a_store(&weft__lockrank_held, lock_test_held, release);
    lock_take(&high);
    lock_drop(&high);
    lock_take(&low);
    lock_drop(&low);
    lock_take(&high);
    EXPECT(lock_try(&low)); /* may be tried against the order */
    lock_drop(&low);
    lock_take(&low);
}
#endif

/* As in the child of a fork, whose only thread finds a lock that another one held. */
TEST(lock_of_a_thread_that_is_not_there)
{
    struct weft__lock lock;
    if (weft__sys_thread_count() != 1) {
        SKIP("ThreadSanitizer, or the emulator, has threads of its own");
    }
    lock_init(&lock, WEFT_RANK_NONE);
    a_store(&lock.word, 1, relaxed);
    a_store(&weft__lock_forked, 1, relaxed);
    lock_take(&lock);
    EXPECT(lock_is_held(&lock));
    lock_drop(&lock);
    EXPECT(!lock_is_held(&lock));
}
