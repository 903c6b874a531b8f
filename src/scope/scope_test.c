/* scope_test.c - opening, closing, cancelling and timing a scope: the rules, one by one.
 *
 * A name that begins with t and a number is a statement of the list in the design; its text stands
 * above the test.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "base/time.h"
#include "scope/scope.h"
#include "tests/probe.h"

/* ---- cancelled ---- */

/* 5 sleeps in a cancelled scope: 5 times -ECANCELED, no time passes. */
TASK_TEST(t01_cancelled_scope_refuses_every_call)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    EXPECT(!weft_cancelled());
    weft_scope_cancel(&scope);
    weft_scope_cancel(&scope);
    EXPECT(weft_cancelled());
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(weft_sleep(WEFT_SECOND), -WEFT_ECANCELED);
    }
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    EXPECT_EQ(weft_sleep_until(start - 1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_sleep(0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_now(), start);
    EXPECT(weft_scope_delivered(&scope));
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT(!weft_cancelled());
    EXPECT_EQ(weft_sleep(1), 0);
}

/* Cancelled, and no call before the close: 0, cancelled, not delivered. */
TASK_TEST(t02_cancel_that_nobody_noticed)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(weft_scope_cancelled(&scope));
    EXPECT(!weft_scope_delivered(&scope));
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 0);
}

/* Scopes of 10 s and 5 s: from inside it is 5 s. */
TASK_TEST(t03_the_earlier_deadline_counts)
{
    weft_scope outer, inner;
    int64_t start = weft_now();
    EXPECT_EQ(weft_scope_deadline_effective(), WEFT_NEVER);
    weft_scope_open(&outer);
    weft_scope_deadline(&outer, start + 10 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_deadline_effective(), start + 10 * WEFT_SECOND);
    weft_scope_open(&inner);
    EXPECT_EQ(weft_scope_deadline_effective(), start + 10 * WEFT_SECOND);
    weft_scope_deadline(&inner, start + 5 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_deadline_effective(), start + 5 * WEFT_SECOND);
    weft_scope_deadline(&inner, start + 50 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_deadline_effective(), start + 10 * WEFT_SECOND);
    EXPECT_EQ(weft_sleep(20 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_TOOK(start, 10 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_deadline_effective(), INT64_MIN);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_scope_deadline_effective(), WEFT_NEVER);
}

/* A shield of 50 s in a scope of 5 s: a sleep of 10 s succeeds, the first call after it not. */
TASK_TEST(t04_shield_hides_the_outer_deadline)
{
    weft_scope outer, shield;
    int64_t start = weft_now();
    weft_scope_open_with(&outer, &(weft_scope_options){.deadline = start + 5 * WEFT_SECOND});
    weft_scope_open(&shield);
    weft_scope_shield(&shield);
    weft_scope_deadline(&shield, start + 50 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_deadline_effective(), start + 50 * WEFT_SECOND);
    EXPECT_EQ(weft_sleep(10 * WEFT_SECOND), 0);
    EXPECT(weft_scope_cancelled(&outer));
    EXPECT(!weft_scope_cancelled(&shield));
    EXPECT_EQ(weft_scope_deadline_effective(), start + 50 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    EXPECT(!weft_scope_delivered(&outer));
    EXPECT_EQ(weft_sleep(1), -WEFT_ECANCELED);
    EXPECT_TOOK(start, 10 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ETIMEDOUT);
}

/* Both cancelled: the inner close says so, the code after it gets it too, the outer reports it. */
TASK_TEST(t05_inner_and_outer_cancelled)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_cancel(&inner);
    weft_scope_cancel(&outer);
    EXPECT_EQ(weft_sleep(1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(weft_sleep(1), -WEFT_ECANCELED);
    EXPECT(weft_scope_delivered(&outer));
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ECANCELED);
    EXPECT_EQ(weft_yield(), 0);
}

/* A deadline of 1 s, a sleep of 5 s: -ECANCELED at 1 s, and the close says -ETIMEDOUT. */
TASK_TEST(t06_deadline_cuts_a_sleep)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_sleep(5 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_TOOK(start, WEFT_SECOND);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 0);
}

/* A deadline moved from 5 to 15 at 4: no cancel at 5. */
TASK_TEST(t09_deadline_moved_in_time)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, start + 5 * WEFT_SECOND);
    EXPECT_EQ(weft_sleep(4 * WEFT_SECOND), 0);
    weft_scope_deadline(&scope, start + 15 * WEFT_SECOND);
    EXPECT_EQ(weft_sleep(8 * WEFT_SECOND), 0);
    EXPECT_EQ(weft_sleep(8 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_TOOK(start, 15 * WEFT_SECOND);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

/* Moving the deadline of a cancelled scope does not undo the cancel. */
TASK_TEST(t10_deadline_moved_too_late)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), -WEFT_ECANCELED);
    weft_scope_deadline(&scope, weft_after(100 * WEFT_SECOND));
    EXPECT(weft_scope_cancelled(&scope));
    EXPECT_EQ(weft_scope_deadline_effective(), INT64_MIN);
    EXPECT_EQ(weft_sleep(1), -WEFT_ECANCELED);
    weft_scope_deadline(&scope, WEFT_NEVER);
    EXPECT_EQ(weft_sleep(1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

/* A deadline past already at the open: the first call says -ECANCELED, nothing does before. */
TASK_TEST(t11_deadline_past_at_open)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_after(-WEFT_SECOND)});
    EXPECT(!weft_scope_delivered(&scope));
    EXPECT_EQ(weft_scope_deadline_effective(), INT64_MIN);
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_now()});
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* An empty scope in a cancelled one: its close is no call that could be cancelled. */
TASK_TEST(t29_close_is_no_cancel_point)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_cancel(&outer);
    weft_scope_open(&inner);
    EXPECT(weft_scope_cancelled(&inner));
    EXPECT_EQ(weft_scope_close(&inner), 0);
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

/* What takes a long virtual time takes next to none of the real.  It is too long for the runner to
 * wait for it, and so for any stall of the machine. */
TASK_TEST(t55_virtual_time_is_quick)
{
    int64_t real = weft__time_now(), start = weft_now();
    int rounds = TEST_FEWER(100);
    for (int i = 0; i < rounds; i++) {
        test_body_t03_the_earlier_deadline_counts();
        test_body_t06_deadline_cuts_a_sleep();
    }
    EXPECT(weft_now() - start >= rounds * 11 * WEFT_SECOND);
    EXPECT(weft__time_now() - real < weft_now() - start);
}

/* ---- who was it ---- */

/* Its own deadline, and the outer scope cancelled as well: the outer one is told. */
TASK_TEST(scope_outer_cancel_before_own_deadline)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_deadline(&inner, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), -WEFT_ECANCELED);
    weft_scope_cancel(&outer);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT(!weft_scope_delivered(&outer));
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

TASK_TEST(scope_shielded_deadline_is_its_own)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_cancel(&outer);
    weft_scope_open_with(&inner, &(weft_scope_options){.shield = true,
                                                       .deadline = weft_after(WEFT_SECOND)});
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT(!weft_scope_delivered(&outer));
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

TASK_TEST(scope_shield_put_up_after_the_cancel)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_cancel(&outer);
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    weft_scope_shield(&inner);
    EXPECT(!weft_cancelled());
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_cancel(&inner);
    weft_scope_shield(&inner); /* hides nothing of its own */
    EXPECT_EQ(weft_sleep(WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ECANCELED);
}

/* A scope of a cancelled one that opens after the cancel is cancelled; so is a deeper one. */
TASK_TEST(scope_opened_after_the_cancel)
{
    weft_scope scopes[4];
    weft_scope_open(&scopes[0]);
    weft_scope_cancel(&scopes[0]);
    for (int i = 1; i < 4; i++) {
        weft_scope_open(&scopes[i]);
        EXPECT(weft_scope_cancelled(&scopes[i]));
    }
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    for (int i = 3; i >= 0; i--) {
        EXPECT(weft_scope_delivered(&scopes[i]));
        EXPECT_EQ(weft_scope_close(&scopes[i]), -WEFT_ECANCELED);
    }
}

/* An inner cancel is the inner scope's affair. */
TASK_TEST(scope_inner_cancel_stays_inside)
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_cancel(&inner);
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT(!weft_scope_cancelled(&outer));
    EXPECT(!weft_scope_delivered(&outer));
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_scope_close(&outer), 0);
}

/* The memory of a scope may be used again, and a closed one tells what it was. */
TASK_TEST(scope_used_again)
{
    weft_scope scope;
    memset(&scope, 0xee, sizeof scope);
    for (int i = 0; i < 100; i++) {
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
        EXPECT_EQ(weft_sleep(i % 2 ? WEFT_MS : 2 * WEFT_SECOND), i % 2 ? 0 : -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), i % 2 ? 0 : -WEFT_ETIMEDOUT);
        EXPECT_EQ(weft_scope_cancelled(&scope), i % 2 == 0);
    }
}

/* ---- deadlines and children ---- */

/* A scope in a scope of 1 s: its tasks are cancelled at 1 s. */
TASK_TEST(t28_outer_deadline_reaches_the_tasks_of_inner_scopes)
{
    weft_scope outer, inner;
    int rc[3];
    int64_t at[3], start = weft_now();
    weft_scope_open(&outer);
    weft_scope_deadline(&outer, start + WEFT_SECOND);
    weft_scope_open(&inner);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft_go(&inner, probe_sleep,
                          &(struct probe){5 * WEFT_SECOND, 0, &rc[i], &at[i]}), 0);
    }
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(rc[i], -WEFT_ECANCELED);
        EXPECT(at[i] - start >= WEFT_SECOND);
        EXPECT(at[i] - start < WEFT_SECOND + WEFT_MS);
    }
}

static int scope_move_deadline(void *arg)
{
    weft_scope *scope = *(weft_scope **)arg;
    weft_scope_deadline(scope, weft_after(WEFT_SECOND));
    return 0;
}

/* Anybody may move it, while the owner sleeps. */
TASK_TEST(scope_deadline_set_by_a_child)
{
    weft_scope scope, *pointer = &scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, start + 100 * WEFT_SECOND);
    EXPECT_EQ(weft_go(&scope, scope_move_deadline, &pointer), 0);
    EXPECT_EQ(weft_sleep(50 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_TOOK(start, WEFT_SECOND);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

TASK_TEST(scope_deadline_extremes)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, WEFT_NEVER);
    weft_scope_deadline(&scope, WEFT_NEVER - 1);
    EXPECT_EQ(weft_scope_deadline_effective(), WEFT_NEVER - 1);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_deadline(&scope, INT64_MIN);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_after(INT64_MAX), WEFT_NEVER);
    EXPECT(weft_after(INT64_MIN) < 0);
    EXPECT_EQ(weft_after(0), weft_now());
}

/* ---- WEFT_SCOPE ---- */

static int macro_rc;

static int macro_return_early(int64_t *ret_at)
{
    WEFT_SCOPE(scope) {
        EXPECT_EQ(weft_go(&scope, probe_clean_up,
                          &(struct tidy_probe){10 * WEFT_SECOND, 3 * WEFT_SECOND, 0, ret_at}), 0);
        EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
        return 7;
    }
    return 8;
}

/* An early return: the task is cancelled, and the return waits until it has ended. */
TASK_TEST(t24_early_return_cancels_and_waits)
{
    int64_t start = weft_now(), at = 0;
    EXPECT_EQ(macro_return_early(&at), 7);
    EXPECT_TOOK(start, 4 * WEFT_SECOND);
    EXPECT_EQ(at, weft_now());
}

TASK_TEST(scope_macro_normal_end_waits)
{
    int64_t start = weft_now();
    int rounds = 0;
    WEFT_SCOPE(scope) {
        EXPECT_EQ(weft_go(&scope, probe_sleep,
                          &(struct probe){10 * WEFT_SECOND, 0, &macro_rc, NULL}), 0);
        rounds++;
    }
    EXPECT_EQ(rounds, 1);
    EXPECT_EQ(macro_rc, 0);
    EXPECT_TOOK(start, 10 * WEFT_SECOND);
}

TASK_TEST(scope_macro_break_and_goto_cancel)
{
    int64_t start = weft_now();
    macro_rc = 0;
    WEFT_SCOPE(scope) {
        EXPECT_EQ(weft_go(&scope, probe_sleep,
                          &(struct probe){10 * WEFT_SECOND, 0, &macro_rc, NULL}), 0);
        break;
    }
    EXPECT_EQ(macro_rc, -WEFT_ECANCELED);
    macro_rc = 0;
    WEFT_SCOPE(scope) {
        EXPECT_EQ(weft_go(&scope, probe_sleep,
                          &(struct probe){10 * WEFT_SECOND, 0, &macro_rc, NULL}), 0);
        goto out;
    }
    EXPECT(false);
out:
    EXPECT_EQ(macro_rc, -WEFT_ECANCELED);
    EXPECT_EQ(weft_now(), start);
    WEFT_SCOPE(outer) { /* nested ones, left at once */
        WEFT_SCOPE(inner) {
            EXPECT_EQ(weft_go(&outer, probe_sleep,
                              &(struct probe){WEFT_SECOND, 0, &macro_rc, NULL}), 0);
            continue; /* a normal end, of the inner one */
        }
        EXPECT(!weft_scope_cancelled(&outer));
    }
    EXPECT_EQ(macro_rc, 0);
    EXPECT_TOOK(start, WEFT_SECOND);
}

/* The user may close it himself. */
TASK_TEST(scope_macro_closed_by_hand)
{
    WEFT_SCOPE(scope) {
        EXPECT_EQ(weft_go(&scope, probe_return, &(int){-7}), 0);
        EXPECT_EQ(weft_scope_close(&scope), -7);
        break;
    }
}

/* ---- mistakes ---- */

/* Closed out of order: the message names both scopes. */
PANIC_TASK_TEST(t36_close_out_of_order, "scopes closed out of order")
{
    weft_scope outer, inner;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    (void)weft_scope_close(&outer);
}

PANIC_TASK_TEST(t36_close_names_the_first_site, "this one opened")
{
    test_body_t36_close_out_of_order();
}

PANIC_TASK_TEST(t36_close_names_the_second_site, "later one opened")
{
    test_body_t36_close_out_of_order();
}

PANIC_TASK_TEST(scope_closed_twice, "a scope that is not open was closed")
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    (void)weft_scope_close(&scope);
}

static int scope_close_foreign(void *arg)
{
    return weft_scope_close(*(weft_scope **)arg);
}

PANIC_TASK_TEST(scope_closed_by_another_task, "by another task than its owner")
{
    weft_scope scope, *pointer = &scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, scope_close_foreign, &pointer), 0);
    (void)weft_scope_close(&scope);
}

PANIC_TASK_TEST(scope_unknown_policy, "options->policy <= WEFT_FIRST_OK")
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = (enum weft_policy)3});
}

PANIC_TASK_TEST(scope_cancel_of_a_closed_one, "WEFT__SCOPE_OPEN")
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_scope_cancel(&scope);
}

PANIC_TASK_TEST(scope_deadline_of_a_closed_one, "WEFT__SCOPE_OPEN")
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_scope_deadline(&scope, weft_after(1));
}

static int scope_shield_foreign(void *arg)
{
    weft_scope_shield(*(weft_scope **)arg);
    return 0;
}

PANIC_TASK_TEST(scope_shield_by_another_task, "s->owner == self->task")
{
    weft_scope scope, *pointer = &scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, scope_shield_foreign, &pointer), 0);
    (void)weft_scope_close(&scope);
}

static int scope_left_open(void *arg)
{
    static weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    return 0;
}

PANIC_TASK_TEST(scope_left_open_by_a_task, "a task ended with a scope open")
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, scope_left_open, NULL), 0);
    (void)weft_scope_close(&scope);
}

/* Options NULL are the defaults. */
TASK_TEST(scope_open_without_options)
{
    weft_scope scope;
    weft_scope_open_with(&scope, NULL);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}
