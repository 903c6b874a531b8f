/* forks_test.c - what a task that runs a stolen piece has of its forker.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "base/atomic.h"
#include "base/base.h"
#include "tests/probe.h"

static const weft_local forks_local = {"forks"};

struct forks_pair {
    weft_event begun, end;
    int values[2];
};

/* Once stolen it stays until it may end. */
static int forks_older(void *arg)
{
    struct forks_pair *p = arg;
    if (!probe_is_stolen()) {
        return 0;
    }
    EXPECT(weft_local_get(&forks_local) == &p->values[0]);
    weft_event_set(&p->begun);
    EXPECT_EQ(weft_event_wait(&p->end), 0);
    EXPECT(weft_local_get(&forks_local) == &p->values[0]);
    return 1;
}

static int forks_newer(void *arg)
{
    EXPECT(weft_local_get(&forks_local) == arg);
    return probe_is_stolen();
}

/* While the older piece runs elsewhere the newer one may be stolen, and may not.  Afterwards
 * others are stolen as before.  With one worker nobody comes, and it gives up. */
static int forks_set_between(struct forks_pair *p)
{
    weft_piece older, newer;
    EXPECT_EQ(weft_local_set(&forks_local, &p->values[0]), 0);
    weft_fork(&older, forks_older, p);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    if (weft_event_is_set(&p->begun)) {
        EXPECT_EQ(weft_local_set(&forks_local, &p->values[1]), 0);
        for (int i = 0; i < 3; i++) {
            weft_fork(&newer, forks_newer, &p->values[1]);
            EXPECT_EQ(weft_sleep(WEFT_MS), 0);
            EXPECT(weft_join(&newer) >= 0);
        }
    }
    weft_event_set(&p->end);
    if (weft_join(&older) == 0) {
        return 0;
    }
    int stolen = 0;
    for (int i = 0; i < TEST_FEWER(1000) && !stolen; i++) {
        weft_fork(&newer, forks_newer, &p->values[1]);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        stolen = weft_join(&newer);
    }
    EXPECT(stolen || test_is_steered);
    return 1;
}

TASK_TEST(forks_local_set_between)
{
    for (int i = 0, met = 0; i < TEST_FEWER(1000) && met < 5; i++) {
        struct forks_pair p = {.values = {0}};
        weft_event_init(&p.begun);
        weft_event_init(&p.end);
        met += forks_set_between(&p);
    }
}
