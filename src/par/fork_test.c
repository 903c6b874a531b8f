/* fork_test.c - pieces forked and joined, here and elsewhere.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "base/atomic.h"
#include "base/fault.h"
#include "tests/test.h"

/* ---- a tree, by functions and inlined ---- */

struct fork_sum {
    int64_t n, ret;
};

static int fork_fib(void *arg)
{
    struct fork_sum *f = arg;
    if (f->n < 2) {
        f->ret = f->n;
        return 0;
    }
    struct fork_sum a = {f->n - 1, 0}, b = {f->n - 2, 0};
    weft_piece piece;
    weft_fork(&piece, fork_fib, &a);
    int rc = fork_fib(&b);
    int rc_a = weft_join(&piece);
    f->ret = a.ret + b.ret;
    return rc < 0 ? rc : rc_a;
}

WEFT_PIECE(int64_t, fork_fib_inline, int64_t, n)
{
    if (n < 2) {
        return n;
    }
    WEFT_FORK(left, fork_fib_inline, n - 1);
    int64_t right = WEFT_CALL(fork_fib_inline, n - 2);
    return WEFT_JOIN(left) + right;
}

static int64_t fork_fib_serial(int64_t n)
{
    int64_t a = 0, b = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t c = a + b;
        a = b;
        b = c;
    }
    return a;
}

TASK_TEST(fork_tree)
{
    struct fork_sum f = {test_is_steered ? 5 : 18, 0};
    EXPECT_EQ(fork_fib(&f), 0);
    EXPECT_EQ(f.ret, fork_fib_serial(f.n));
}

TASK_TEST(fork_tree_inlined)
{
    int64_t n = test_is_steered ? 5 : 20;
    EXPECT_EQ(fork_fib_inline(n), fork_fib_serial(n));
    EXPECT_EQ(fork_fib_inline(1), 1);
}

/* ---- sleeping in pieces ---- */

/* With a sleep at each leaf the tree moves from worker to worker. */
static int fork_sleepy(void *arg)
{
    struct fork_sum *f = arg;
    if (f->n == 0) {
        f->ret = 1;
        return weft_sleep(WEFT_MS);
    }
    struct fork_sum a = {f->n - 1, 0}, b = {f->n - 1, 0};
    weft_piece piece;
    weft_fork(&piece, fork_sleepy, &a);
    int rc = fork_sleepy(&b);
    int rc_a = weft_join(&piece);
    f->ret = a.ret + b.ret;
    return rc < 0 ? rc : rc_a;
}

TASK_TEST(fork_over_sleeps)
{
    struct fork_sum f = {test_is_steered ? 2 : 6, 0};
    EXPECT_EQ(fork_sleepy(&f), 0);
    EXPECT_EQ(f.ret, INT64_C(1) << f.n);
}

WEFT_PIECE(int, fork_sleepy_inline, int, depth)
{
    if (depth == 0) {
        return weft_sleep(WEFT_MS) == 0;
    }
    struct fork_sum f = {2, 0};
    EXPECT_EQ(fork_fib(&f), 0); /* the two forms share the same slots */
    EXPECT_EQ(f.ret, 1);
    WEFT_FORK(left, fork_sleepy_inline, depth - 1);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(fork_fib(&f), 0);
    int right = WEFT_CALL(fork_sleepy_inline, depth - 1);
    return WEFT_JOIN(left) + right;
}

static int fork_counts(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, relaxed);
    return 0;
}

/* The clock is virtual: it jumps when nobody has anything to do. */
TASK_TEST_FREE(fork_runs_while_its_forker_sleeps)
{
    ATOMIC(uint32_t) count = 0;
    weft_piece pieces[5];
    for (int i = 0; i < 5; i++) {
        weft_fork(&pieces[i], fork_counts, &count);
    }
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(a_load(&count, relaxed), 5);
    for (int i = 4; i >= 0; i--) {
        EXPECT_EQ(weft_join(&pieces[i]), 0);
    }
}

TASK_TEST(fork_inlined_over_sleeps)
{
    int depth = test_is_steered ? 1 : 5;
    EXPECT_EQ(fork_sleepy_inline(depth), 1 << depth);
}

static int fork_sleepy_task(void *arg)
{
    ATOMIC(uint32_t) *done = *(ATOMIC(uint32_t) **)arg;
    struct fork_sum f = {test_is_steered ? 1 : 4, 0};
    EXPECT_EQ(fork_sleepy(&f), 0);
    EXPECT_EQ(f.ret, INT64_C(1) << f.n);
    f.n = 5;
    EXPECT_EQ(fork_fib(&f), 0);
    EXPECT_EQ(fork_fib_inline(5), 5);
    a_add(done, 1, relaxed);
    return 0;
}

TASK_TEST(fork_in_many_tasks)
{
    uint32_t tasks = test_is_steered ? 2 : 200;
    ATOMIC(uint32_t) done, *at = &done;
    a_store(&done, 0, relaxed);
    weft_scope scope;
    weft_scope_open(&scope);
    for (uint32_t i = 0; i < tasks; i++) {
        EXPECT_EQ(weft_go(&scope, fork_sleepy_task, &at), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&done, relaxed), tasks);
}

/* ---- so many that there is no room ---- */

static int fork_count(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, relaxed);
    return 7;
}

#define FORK_MANY 20000

static weft_piece fork_pieces[FORK_MANY];

TASK_TEST(fork_more_than_there_is_room_for)
{
    ATOMIC(uint32_t) count;
    a_store(&count, 0, relaxed);
    uint32_t n = test_is_steered ? 10 : FORK_MANY;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < n; i++) {
            weft_fork(&fork_pieces[i], fork_count, &count);
        }
        for (uint32_t i = n; i-- > 0;) {
            EXPECT_EQ(weft_join(&fork_pieces[i]), 7);
        }
    }
    EXPECT_EQ(a_load(&count, relaxed), 2 * n);
    struct fork_sum f = {5, 0};
    EXPECT_EQ(fork_fib(&f), 0); /* and there is room again */
}

/* ---- codes, cancels ---- */

static int fork_code(void *arg)
{
    return *(int *)arg;
}

TASK_TEST(fork_code_is_for_the_join)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    int codes[] = {-WEFT_EPIPE, 0, 3, -WEFT_ECANCELED};
    weft_piece pieces[4];
    for (int i = 0; i < 4; i++) {
        weft_fork(&pieces[i], fork_code, &codes[i]);
    }
    EXPECT_EQ(weft_yield(), 0);
    for (int i = 3; i >= 0; i--) {
        EXPECT_EQ(weft_join(&pieces[i]), codes[i]);
    }
    EXPECT(!weft_scope_cancelled(&scope));
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

static int fork_nap(void *arg)
{
    (void)arg;
    return weft_sleep(3600 * WEFT_SECOND);
}

TASK_TEST(fork_cancel_reaches_pieces)
{
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(10 * WEFT_MS));
    weft_piece a, b, c;
    weft_fork(&a, fork_nap, NULL);
    weft_fork(&b, fork_nap, NULL);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_fork(&c, fork_nap, NULL);
    EXPECT_EQ(weft_join(&c), -WEFT_ECANCELED);
    EXPECT_EQ(weft_join(&b), -WEFT_ECANCELED);
    EXPECT_EQ(weft_join(&a), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
}

TASK_TEST(fork_in_a_cancelled_scope)
{
    ATOMIC(uint32_t) count;
    a_store(&count, 0, relaxed);
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    weft_piece a;
    weft_fork(&a, fork_count, &count);
    EXPECT_EQ(weft_join(&a), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&count, relaxed), 0);
    EXPECT_EQ(fork_fib_inline(5), 5); /* of this form all runs */
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* A piece belongs to the scope that it was forked in, whichever is open when it is taken. */
TASK_TEST(fork_before_a_scope)
{
    int zero = 0;
    for (int i = 0; i < TEST_FEWER(300); i++) {
        weft_piece a, b;
        weft_scope scope;
        weft_fork(&a, fork_code, &zero);
        weft_fork(&b, fork_code, &zero);
        weft_scope_open(&scope);
        weft_scope_cancel(&scope);
        weft_scope_close(&scope);
        EXPECT_EQ(weft_join(&b), 0);
        EXPECT_EQ(weft_join(&a), 0);
    }
}

static int fork_as_service(void *arg)
{
    (void)arg;
    struct fork_sum f = {4, 0};
    (void)fork_fib(&f);
    return fork_nap(NULL);
}

TASK_TEST(fork_in_a_service)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, fork_as_service, NULL, 0,
                           &(weft_task_options){.service = true}), 0);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- where nobody takes anything ---- */

static void *fork_thread_main(void *arg)
{
    struct fork_sum f = {12, 0};
    EXPECT_EQ(fork_fib(&f), 0);
    EXPECT_EQ(f.ret, 144);
    EXPECT_EQ(fork_fib_inline(12), 144);
    return arg;
}

TEST(fork_without_a_run)
{
    fork_thread_main(NULL);
}

TASK_TEST_FREE(fork_in_a_plain_thread)
{
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, fork_thread_main, NULL), 0);
    fork_thread_main(NULL);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static int fork_thread_task(void *arg)
{
    fork_thread_main(arg);
    return 0;
}

TASK_TEST(fork_in_other_tasks)
{
    weft_task_options options[] = {{.on = WEFT_THREAD}, {.own_tls = true}};
    for (size_t i = 0; i < (test_is_steered ? 0 : 2); i++) {
        weft_scope scope;
        weft_scope_open(&scope);
        int rc = weft_go_with(&scope, fork_thread_task, NULL, 0, &options[i]);
        EXPECT(rc == 0 || rc == -WEFT_ENOTSUP);
        EXPECT_EQ(weft_scope_close(&scope), rc);
    }
}

/* ---- locals ---- */

static const weft_local fork_local = {"fork"};

static int fork_look_at_local(void *arg)
{
    return weft_local_get(&fork_local) == arg;
}

static int fork_with_local(void *arg)
{
    (void)arg;
    int here = 0;
    EXPECT_EQ(weft_local_set(&fork_local, &here), 0);
    for (int i = 0; i < TEST_FEWER(100); i++) {
        weft_piece a, b;
        weft_fork(&a, fork_look_at_local, &here);
        weft_fork(&b, fork_look_at_local, &here);
        EXPECT_EQ(weft_join(&b), 1);
        EXPECT_EQ(weft_join(&a), 1);
    }
    return 0;
}

TASK_TEST(fork_inherits_locals)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fork_with_local, NULL), 0);
    EXPECT_EQ(weft_go(&scope, fork_with_local, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- with faults ---- */

static int fork_fault_task(void *arg)
{
    (void)arg;
    struct fork_sum f = {15, 0};
    EXPECT_EQ(fork_fib(&f), 0);
    EXPECT_EQ(f.ret, 610);
    f.n = 3;
    EXPECT_EQ(fork_sleepy(&f), 0);
    EXPECT_EQ(fork_fib_inline(12), 144);
    return 0;
}

TEST(fork_when_memory_fails)
{
    for (uint64_t n = 1; n < 20; n++) {
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_MAP), n);
        int rc = weft_run_with(fork_fault_task, NULL,
                               &(weft_options){.workers = 4, .virtual_clock = true});
        (void)weft__fault_disarm();
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM || rc == -WEFT_EAGAIN);
    }
}

/* ---- misuse ---- */

PANIC_TASK_TEST(fork_joined_in_the_wrong_order, "not the last one forked")
{
    int zero = 0;
    weft_piece a, b;
    if (test_is_steered) {
        weft_panic("not the last one forked"); /* each is decided by itself there */
    }
    weft_fork(&a, fork_code, &zero);
    weft_fork(&b, fork_code, &zero);
    weft_join(&a);
    weft_panic("it was stolen: not the last one forked");
}

static int fork_and_forget(void *arg)
{
    weft_piece a;
    weft_fork(&a, fork_code, arg);
    return 0;
}

PANIC_TEST(fork_forgotten, "that it had not joined")
{
    (void)weft_run_with(fork_and_forget, NULL, &(weft_options){.workers = 1});
}
