/* homelock_test.c - home and guests count together; home becomes its own again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/homelock.h"

#include <pthread.h>

#include "base/sys.h"
#include "tests/test.h"

enum { HOMELOCK_ROUNDS = 200 * 1000, HOMELOCK_GUESTS = 2 };

struct homelock_plan {
    struct weft__homelock lock;
    uint64_t count; /* under it */
};

static void *homelock_guest(void *arg)
{
    struct homelock_plan *plan = arg;
    for (int i = 0; i < HOMELOCK_ROUNDS / 100; i++) {
        weft__homelock_take(&plan->lock);
        plan->count++;
        homelock_drop(&plan->lock);
        if (i % 16 == 0) {
            weft__sys_yield();
        }
    }
    return NULL;
}

static void homelock_visit(struct homelock_plan *plan, int times)
{
    for (int i = 0; i < times; i++) {
        bool has_lock = homelock_enter(&plan->lock);
        plan->count++;
        homelock_leave(&plan->lock, has_lock);
    }
}

TEST(homelock_home_and_guests)
{
    struct homelock_plan plan = {.count = 0};
    pthread_t guests[HOMELOCK_GUESTS];
    weft__homelock_init(&plan.lock, WEFT_RANK_NONE);
    for (int i = 0; i < HOMELOCK_GUESTS; i++) {
        EXPECT_EQ(pthread_create(&guests[i], NULL, homelock_guest, &plan), 0);
    }
    homelock_visit(&plan, HOMELOCK_ROUNDS);
    for (int i = 0; i < HOMELOCK_GUESTS; i++) {
        EXPECT_EQ(pthread_join(guests[i], NULL), 0);
    }
    EXPECT_EQ(plan.count, HOMELOCK_ROUNDS + HOMELOCK_GUESTS * (HOMELOCK_ROUNDS / 100));
}

TEST(homelock_home_is_its_own_again)
{
    struct homelock_plan plan = {.count = 0};
    weft__homelock_init(&plan.lock, WEFT_RANK_NONE);
    if (a_load(&plan.lock.shared, relaxed) != 0) {
        SKIP("no membarrier here");
    }
    bool has_lock = homelock_enter(&plan.lock);
    EXPECT(!has_lock);
    homelock_leave(&plan.lock, has_lock);
    weft__homelock_take(&plan.lock);
    homelock_drop(&plan.lock);
    has_lock = homelock_enter(&plan.lock);
    EXPECT(has_lock);
    homelock_leave(&plan.lock, has_lock);
    homelock_visit(&plan, 5000);
    has_lock = homelock_enter(&plan.lock);
    EXPECT(!has_lock);
    homelock_leave(&plan.lock, has_lock);
}

/* As in the child of a fork, whose parent had its home in, on a thread that the child has not. */
TEST(homelock_of_a_home_that_is_not_there)
{
    struct weft__homelock lock;
    if (weft__sys_thread_count() != 1) {
        SKIP("ThreadSanitizer, or the emulator, has threads of its own");
    }
    weft__homelock_init(&lock, WEFT_RANK_NONE);
    if (a_load(&lock.shared, relaxed) != 0) {
        SKIP("no membarrier here");
    }
    a_store(&lock.inside, 1, relaxed);
    a_store(&weft__lock_forked, 1, relaxed);
    weft__homelock_take(&lock);
    EXPECT(lock_is_held(&lock.lock));
    homelock_drop(&lock);
}
