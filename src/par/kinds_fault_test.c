/* kinds_fault_test.c - each allocation and mapping of each loop and sort fails once.
 *
 * Either the call says -WEFT_ENOMEM, and has kept its promises, or it does without, and is right.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/kinds_probe.h"

#define KINDS_FAULTS (WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_MAP))

static int kinds_fault_nap(struct kinds *k, int64_t index)
{
    (void)k;
    return index % 16 == 3 ? weft_sleep(WEFT_MS) : 0;
}

/* Until it gets by with fewer than n; thieves come and go, so that differs. */
static void kinds_fault_each(struct kinds *k, enum kinds_kind kind)
{
    uint64_t n = 1, made;
    do {
        weft__fault_arm(KINDS_FAULTS, n);
        int rc = kinds_run(k, kind);
        made = weft__fault_disarm();
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
        EXPECT(rc == 0 || made >= n);
        EXPECT_EQ(weft_yield(), 0); /* the scope is as it was */
        n++;
    } while (made + 1 >= n && n < 200);
}

TASK_TEST_FREE(kinds_fault_anywhere)
{
    struct kinds *k = kinds_new(kinds_fault_nap, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        kinds_fault_each(k, kind);
    }
    free(k);
}

/* None of what these need is on the heap, or is needed: nothing can fail. */
TASK_TEST_FREE(kinds_fault_not_in_loops)
{
    static const enum kinds_kind sure[] = {KINDS_FOR, KINDS_FOR_GRAIN, KINDS_FOR_STATIC,
                                           KINDS_FOR_STATIC_GRAIN, KINDS_FOR_DYNAMIC,
                                           KINDS_REDUCE, KINDS_REDUCE_TREE, KINDS_MAP,
                                           KINDS_FILTER};
    struct kinds *k = kinds_new(kinds_fault_nap, NULL);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(sure); i++) {
        for (uint64_t n = 1; n < 12; n++) {
            weft__fault_arm(KINDS_FAULTS, n);
            int rc = kinds_run(k, sure[i]);
            (void)weft__fault_disarm();
            EXPECT_EQ(rc, 0);
        }
    }
    free(k);
}

/* In a run that has not forked yet: what pieces need is had at the first fork. */
static int kinds_fault_in_a_new_run(void *arg)
{
    const uint64_t *n = arg;
    struct kinds *k = kinds_new(kinds_fault_nap, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind += 3) {
        weft__fault_arm(KINDS_FAULTS, *n);
        int rc = kinds_run(k, kind);
        (void)weft__fault_disarm();
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
    }
    free(k);
    return 5;
}

TEST(kinds_fault_at_the_first_fork)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        for (uint64_t n = 1; n < 10; n++) {
            EXPECT_EQ(weft_run_with(kinds_fault_in_a_new_run, &n,
                                    &(weft_options){.workers = workers, .virtual_clock = true}), 5);
        }
    }
}

/* Without a run there is less that can fail. */
TEST(kinds_fault_without_a_run)
{
    struct kinds *k = kinds_new(NULL, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        for (uint64_t n = 1; n < 8; n++) {
            weft__fault_arm(KINDS_FAULTS, n);
            int rc = kinds_run(k, kind);
            uint64_t made = weft__fault_disarm();
            EXPECT(rc == 0 || (rc == -WEFT_ENOMEM && made >= n));
        }
    }
    free(k);
}
