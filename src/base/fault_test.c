/* fault_test.c - exactly the n-th call fails, whoever makes it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/fault.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "tests/test.h"
#include "weft/err.h"

TEST(fault_is_off)
{
    for (int kind = 0; kind < WEFT_FAULT_KINDS; kind++)
        EXPECT(!weft__fault((enum weft__fault_kind)kind));
    EXPECT_EQ(weft__fault_disarm(), 0);
}

TEST(fault_hits_the_nth_once)
{
    weft__fault_arm(WEFT_FAULT_ALL, 3);
    EXPECT(!weft__fault(WEFT_FAULT_ALLOC));
    EXPECT(!weft__fault(WEFT_FAULT_MAP));
    EXPECT(weft__fault(WEFT_FAULT_SYS));
    EXPECT(!weft__fault(WEFT_FAULT_THREAD));
    EXPECT_EQ(weft__fault_disarm(), 4);
    EXPECT(!weft__fault(WEFT_FAULT_ALLOC));
}

TEST(fault_counts_its_kinds_only)
{
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_MAP), 1);
    EXPECT(!weft__fault(WEFT_FAULT_ALLOC));
    EXPECT(!weft__fault(WEFT_FAULT_SYS));
    EXPECT(weft__fault(WEFT_FAULT_MAP));
    EXPECT_EQ(weft__fault_disarm(), 1);
}

TEST(fault_zero_only_counts)
{
    weft__fault_arm(WEFT_FAULT_ALL, 0);
    for (int i = 0; i < 10; i++)
        EXPECT(!weft__fault(WEFT_FAULT_ALLOC));
    EXPECT_EQ(weft__fault_disarm(), 10);
}

static void *fault_nothing(void *arg)
{
    return arg;
}

TEST(fault_reaches_every_door)
{
    struct stat st;
    pthread_t thread;
    void *p;

    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT(weft__alloc(1) == NULL);
    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT(weft__alloc_zero(1) == NULL);
    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT(weft__alloc_aligned(64, 1) == NULL);
    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT_EQ(weft__sys_map(4096, &p), -ENOMEM);
    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT_EQ(weft__sys_thread_start(fault_nothing, NULL, 65536, "none", &thread), -EAGAIN);
    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT_EQ(weft__sys_open("/", 0, 0), -EMFILE);
    weft__fault_arm(WEFT_FAULT_ALL, 1);
    EXPECT_EQ(weft__sys_stat("/", &st), -EIO);
    EXPECT_EQ(weft__sys_stat("/", &st), 0);
    EXPECT_EQ(weft__fault_disarm(), 2);
}

static void *fault_count_hits(void *arg)
{
    ATOMIC(uint32_t) *hits = arg;

    for (int i = 0; i < 1000; i++) {
        if (weft__fault(WEFT_FAULT_ALLOC))
            a_add(hits, 1, relaxed);
    }
    return NULL;
}

TEST(fault_hits_one_of_all_threads)
{
    ATOMIC(uint32_t) hits = 0;
    pthread_t threads[4];

    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 2500);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(weft__sys_thread_start(fault_count_hits, &hits, 65536, "hits", &threads[i]), 0);
    for (int i = 0; i < 4; i++)
        weft__sys_thread_join(threads[i]);
    EXPECT_EQ(a_load(&hits, relaxed), 1);
    EXPECT_EQ(weft__fault_disarm(), 4000);
}
