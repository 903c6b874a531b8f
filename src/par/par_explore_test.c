/* par_explore_test.c - bugs that show only when a piece is stolen, or only when it is not, are
 * found soon, and replayed as they were.
 *
 * What a failing schedule has allocated is lost (weft/check.h), so the programs keep all they need
 * on their stacks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/check.h>

#include "base/base.h"
#include "tests/test.h"

/* ---- what is common ---- */

static weft_check_report *par_explore(int (*fn)(void *), const weft_check_options *options,
                                      int expected, weft_check_result *ret_result)
{
    weft_check_report *report = NULL;
    EXPECT_EQ(weft_explore_report(fn, NULL, options, &report), expected);
    EXPECT(report != NULL);
    weft_check_result_of(report, ret_result);
    EXPECT(ret_result->deterministic);
    return report;
}

/* The same once more, each step as it was: the string is made of them. */
static void par_explore_replay(int (*fn)(void *), const weft_check_result *first)
{
    weft_check_result again;
    weft_check_report *report = par_explore(
        fn, &(weft_check_options){.replay = first->replay, .quiet = true}, 1, &again);
    EXPECT_STR(again.replay, first->replay);
    EXPECT_STR(again.class_name, first->class_name);
    EXPECT_STR(again.summary, first->summary);
    EXPECT_EQ(again.schedules, 1);
    weft_check_report_free(report);
}

/* From each of some seeds within so many schedules. */
static void par_explore_finds(int (*fn)(void *), const char *class_name, uint64_t schedules)
{
    weft_check_result result;
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer wants every context ended, and a failing schedule just stops");
    }
    for (uint64_t seed = 1; seed <= 10; seed++) {
        weft_check_options options = {.seed = seed, .schedules = schedules, .quiet = true};
        weft_check_report *report = par_explore(fn, &options, 1, &result);
        EXPECT(result.found);
        EXPECT_STR(result.class_name, class_name);
        par_explore_replay(fn, &result);
        weft_check_report_free(report);
    }
}

static void par_explore_finds_nothing(int (*fn)(void *))
{
    weft_check_result result;
    uint64_t schedules = TEST_ROUNDS(200, 5000);
    weft_check_report *report =
        par_explore(fn, &(weft_check_options){.schedules = schedules}, 0, &result);
    EXPECT(!result.found);
    EXPECT_EQ(result.schedules, schedules);
    weft_check_report_free(report);
}

/* ---- stolen: the piece and its forker add to the same number ---- */

static int par_explore_add(void *arg)
{
    int *x = arg, seen = *x;
    EXPECT_EQ(weft_yield(), 0);
    *x = seen + 1;
    return 0;
}

static int par_explore_lost_update(void *arg)
{
    int x = 0;
    weft_piece piece;
    (void)arg;
    weft_fork(&piece, par_explore_add, &x);
    EXPECT_EQ(par_explore_add(&x), 0);
    EXPECT_EQ(weft_join(&piece), 0);
    return x == 2 ? 0 : -WEFT_EINVAL;
}

TEST(par_explore_finds_a_lost_update)
{
    par_explore_finds(par_explore_lost_update, "assertion", 20);
}

static int par_explore_own_numbers(void *arg)
{
    int x = 0, y = 0;
    weft_piece piece;
    (void)arg;
    weft_fork(&piece, par_explore_add, &x);
    EXPECT_EQ(par_explore_add(&y), 0);
    EXPECT_EQ(weft_join(&piece), 0);
    return x + y == 2 ? 0 : -WEFT_EINVAL;
}

TEST(par_explore_finds_nothing_in_its_twin)
{
    par_explore_finds_nothing(par_explore_own_numbers);
}

struct par_explore_node {
    int *x, depth;
};

WEFT_PIECE(int, par_explore_tree, struct par_explore_node, node)
{
    if (node.depth == 0) {
        return par_explore_add(node.x);
    }
    node.depth--;
    WEFT_FORK(left, par_explore_tree, node);
    int right = WEFT_CALL(par_explore_tree, node);
    return WEFT_JOIN(left) + right;
}

static int par_explore_lost_inlined(void *arg)
{
    int x = 0;
    (void)arg;
    EXPECT_EQ(par_explore_tree((struct par_explore_node){&x, 1}), 0);
    return x == 2 ? 0 : -WEFT_EINVAL;
}

TEST(par_explore_finds_a_lost_update_inlined)
{
    par_explore_finds(par_explore_lost_inlined, "assertion", 20);
}

/* ---- not stolen: the forker waits for what the piece does ---- */

static int par_explore_post(void *arg)
{
    weft_sem_post(arg);
    return 0;
}

static int par_explore_waits_for_its_piece(void *arg)
{
    weft_sem sem;
    weft_piece piece;
    (void)arg;
    weft_sem_init(&sem, 0);
    weft_fork(&piece, par_explore_post, &sem);
    int rc = weft_sem_wait(&sem); /* for ever, if nobody takes the piece */
    (void)weft_join(&piece);
    weft_sem_fini(&sem);
    return rc;
}

TEST(par_explore_finds_who_waits_for_its_piece)
{
    par_explore_finds(par_explore_waits_for_its_piece, "deadlock", 20);
}

/* ---- stolen: the forker holds what the piece wants, and is not to be woken before ---- */

static int par_explore_lock(void *arg)
{
    weft_rmutex *mutex = arg;
    int rc = weft_rmutex_lock(mutex);
    if (rc == 0) {
        weft_rmutex_unlock(mutex);
    }
    return rc;
}

/* Here it is a recursive lock, elsewhere a deadlock. */
static int par_explore_joins_under_lock(void *arg)
{
    weft_rmutex mutex;
    weft_piece piece;
    (void)arg;
    weft_rmutex_init(&mutex);
    weft_fork(&piece, par_explore_lock, &mutex);
    int rc = weft_rmutex_lock(&mutex);
    if (rc == 0) {
        rc = weft_join(&piece);
        weft_rmutex_unlock(&mutex);
    }
    weft_rmutex_fini(&mutex);
    return rc;
}

TEST(par_explore_finds_a_join_under_a_lock)
{
    par_explore_finds(par_explore_joins_under_lock, "deadlock", 20);
}

/* ---- a reduction that is not associative: it shows when a half is given away ---- */

static int par_explore_subtract(int64_t from, int64_t to, void *acc, void *arg)
{
    (void)arg;
    for (int64_t i = from; i < to; i++) {
        *(int64_t *)acc = i - *(int64_t *)acc;
    }
    return 0;
}

static void par_explore_combine(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(int64_t *)acc -= *(const int64_t *)other;
}

static int par_explore_reduce(void *arg)
{
    int64_t zero = 0, all, expected = 0;
    weft_reduce_ops ops = {.size = sizeof zero, .identity = &zero, .body = par_explore_subtract,
                           .combine = par_explore_combine};
    EXPECT_EQ(par_explore_subtract(0, 12, &expected, arg), 0);
    EXPECT_EQ(weft_reduce(0, 12, &ops, &all, NULL), 0);
    return all == expected ? 0 : -WEFT_EINVAL;
}

TEST(par_explore_finds_what_is_not_associative)
{
    par_explore_finds(par_explore_reduce, "assertion", 20);
}

/* ---- loops ---- */

static int par_explore_count(int64_t from, int64_t to, void *arg)
{
    int64_t *count = arg, seen = *count;
    if (weft_yield() != 0) {
        return -WEFT_ECANCELED;
    }
    *count = seen + to - from;
    return 0;
}

static int par_explore_loop(void *arg)
{
    int64_t count = 0;
    (void)arg;
    EXPECT_EQ(weft_for(0, 9, par_explore_count, &count), 0);
    return count == 9 ? 0 : -WEFT_EINVAL;
}

TEST(par_explore_finds_a_loop_that_shares)
{
    par_explore_finds(par_explore_loop, "assertion", 20);
}
