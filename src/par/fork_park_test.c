/* fork_park_test.c - forkers that sleep, move, go deep, and open scopes between fork and join.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "par/loop_probe.h"

#include "core/core_probe.h"
#include "tests/probe.h"

/* Adds one, and says 7. */
static int fork_park_count(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, relaxed);
    return 7;
}

/* ---- sleeps of each sort between fork and join ---- */

enum { FORK_PARK_DEEP = 6 };

struct fork_park {
    weft_chan *chan;
    weft_sem sem;
    ATOMIC(uint32_t) count;
    int rounds;
};

static int fork_park_feed(void *arg)
{
    struct fork_park *p = *(struct fork_park **)arg;
    for (int i = 0; i < p->rounds * FORK_PARK_DEEP / 2; i++) {
        EXPECT_EQ(weft_chan_send(p->chan, &i), 0);
        weft_sem_post(&p->sem);
    }
    return 0;
}

static void fork_park_sleep(struct fork_park *p, int how)
{
    int value;
    switch (how % 4) {
    case 0:
        EXPECT_EQ(weft_chan_recv(p->chan, &value), 0);
        break;
    case 1:
        EXPECT_EQ(weft_sem_wait(&p->sem), 0);
        break;
    case 2:
        EXPECT_EQ(weft_yield(), 0);
        break;
    default:
        EXPECT_EQ(weft_sleep(how % 3 * WEFT_US), 0);
    }
}

static void fork_park_round(struct fork_park *p)
{
    weft_piece pieces[FORK_PARK_DEEP];
    a_store(&p->count, 0, relaxed);
    for (int i = 0; i < FORK_PARK_DEEP; i++) {
        weft_fork(&pieces[i], fork_park_count, &p->count);
        fork_park_sleep(p, i);
    }
    for (int i = FORK_PARK_DEEP; i-- > 0;) {
        EXPECT_EQ(weft_join(&pieces[i]), 7);
        fork_park_sleep(p, i + 2);
    }
    EXPECT_EQ(a_load(&p->count, relaxed), FORK_PARK_DEEP);
}

static int fork_park_rounds(void *arg)
{
    struct fork_park p = {.rounds = TEST_FEWER(100)}, *at = &p;
    weft_scope scope;
    (void)arg;
    p.chan = weft_chan_new(sizeof(int), 2);
    EXPECT(p.chan != NULL);
    weft_sem_init(&p.sem, 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fork_park_feed, &at), 0);
    for (int i = 0; i < p.rounds; i++) {
        fork_park_round(&p);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_chan_free(p.chan);
    weft_sem_fini(&p.sem);
    return 0;
}

/* Some at the same time, so that they wake on other workers than they went to sleep on. */
TASK_TEST(fork_park_between_fork_and_join)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < (test_is_steered ? 1 : 5); i++) {
        EXPECT_EQ(weft_go(&scope, fork_park_rounds, NULL), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- no room ---- */

#define FORK_PARK_MANY (test_is_steered ? 30 : 20000)

static weft_piece fork_park_pieces[20000];

TASK_TEST(fork_park_without_room)
{
    ATOMIC(uint32_t) count = 0;
    int n = FORK_PARK_MANY;
    for (int i = 0; i < n; i++) {
        weft_fork(&fork_park_pieces[i], fork_park_count, &count);
        if (i % 500 == 0 || i == n - 1) {
            EXPECT_EQ(i % 1000 == 0 ? weft_yield() : weft_sleep(WEFT_US), 0);
        }
    }
    for (int i = n; i-- > 0;) {
        EXPECT_EQ(weft_join(&fork_park_pieces[i]), 7);
        if (i % 700 == 0) {
            EXPECT_EQ(weft_sleep(WEFT_US), 0);
        }
    }
    EXPECT_EQ(a_load(&count, relaxed), n);
}

static ATOMIC(uint32_t) fork_park_leaves;

/* All to the left: as many are forked at a time as it is deep. */
WEFT_PIECE(int, fork_park_comb, int, depth)
{
    if (depth <= 0) {
        a_add(&fork_park_leaves, 1, relaxed);
        return 1;
    }
    WEFT_FORK(tooth, fork_park_comb, 0);
    int rest = WEFT_CALL(fork_park_comb, depth - 1);
    return WEFT_JOIN(tooth) + rest;
}

static int fork_park_comb_by_functions(void *arg)
{
    int *depth = arg, leaf = 0, rest = *depth - 1;
    weft_piece tooth;
    if (*depth <= 0) {
        a_add(&fork_park_leaves, 1, relaxed);
        return 1;
    }
    weft_fork(&tooth, fork_park_comb_by_functions, &leaf);
    int n = fork_park_comb_by_functions(&rest);
    return weft_join(&tooth) + n;
}

static int fork_park_deep(void *arg)
{
    int depth = FORK_PARK_MANY;
    (void)arg;
    EXPECT_EQ(fork_park_comb(depth), depth + 1);
    EXPECT_EQ(fork_park_comb_by_functions(&depth), depth + 1);
    EXPECT_EQ(fork_park_comb(depth), depth + 1);
    return 0;
}

TASK_TEST(fork_park_at_the_bottom)
{
    int tasks = test_is_steered ? 1 : 2;
    weft_scope scope;
    a_store(&fork_park_leaves, 0, relaxed);
    weft_scope_open(&scope);
    for (int i = 0; i < tasks; i++) {
        EXPECT_EQ(weft_go_with(&scope, fork_park_deep, NULL, 0,
                               &(weft_task_options){.stack_size = (size_t)64 << 20}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&fork_park_leaves, relaxed), tasks * 3 * (FORK_PARK_MANY + 1));
}

/* ---- scopes between forks ---- */

static int fork_park_nap(void *arg)
{
    return weft_sleep(*(int64_t *)arg);
}

/* Each piece is of the scope it was forked in: the cancel of one reaches those within it alone. */
TASK_TEST(fork_park_scopes_between_forks)
{
    int64_t hour = 3600 * WEFT_SECOND, moment = WEFT_MS;
    for (int i = 0; i < TEST_FEWER(100); i++) {
        weft_piece a, b, c, d;
        weft_scope outer, inner;
        weft_fork(&a, fork_park_nap, &moment);
        weft_scope_open(&outer);
        weft_fork(&b, fork_park_nap, &moment);
        weft_scope_open(&inner);
        weft_fork(&c, fork_park_nap, &hour);
        weft_fork(&d, fork_park_nap, &hour);
        if (i % 2) {
            EXPECT_EQ(weft_yield(), 0);
        }
        weft_scope_cancel(&inner);
        EXPECT_EQ(weft_join(&d), -WEFT_ECANCELED);
        EXPECT_EQ(weft_join(&c), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
        EXPECT_EQ(weft_join(&b), 0);
        weft_scope_cancel(&outer);
        EXPECT_EQ(weft_scope_close(&outer), 0); /* it has cut nothing short */
        EXPECT_EQ(weft_join(&a), 0);
    }
}

/* What a stolen piece starts in its forker's scope belongs there, and not to the piece. */
static int fork_park_starts(void *arg)
{
    weft_scope *scope = arg;
    int64_t moment = WEFT_MS;
    return weft_go(scope, fork_park_nap, &moment);
}

TASK_TEST(fork_park_pieces_start_tasks)
{
    for (int i = 0; i < TEST_FEWER(100); i++) {
        weft_piece pieces[4];
        weft_scope scope;
        int64_t start = weft_now();
        weft_scope_open(&scope);
        for (int k = 0; k < 4; k++) {
            weft_fork(&pieces[k], fork_park_starts, &scope);
        }
        EXPECT_EQ(weft_yield(), 0);
        for (int k = 4; k-- > 0;) {
            EXPECT_EQ(weft_join(&pieces[k]), 0);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT(weft_now() - start >= WEFT_MS);
    }
}

/* A piece counts in its scope while it runs, but its success is none of the scope's. */
TASK_TEST(fork_park_success_is_not_the_first)
{
    int64_t moment = WEFT_MS;
    for (int i = 0; i < TEST_FEWER(50); i++) {
        weft_piece a, b;
        weft_scope scope;
        weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_FIRST_OK});
        weft_fork(&a, fork_park_nap, &moment);
        weft_fork(&b, fork_park_nap, &moment);
        EXPECT_EQ(weft_sleep(WEFT_MS / 2), 0);
        EXPECT_EQ(weft_join(&b), 0);
        EXPECT_EQ(weft_join(&a), 0);
        EXPECT_EQ(weft_sleep(1), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* ---- locals in pieces that were stolen for certain ---- */

static const weft_local fork_park_local = {"fork_park"};

static int fork_park_look(void *arg)
{
    EXPECT(weft_local_get(&fork_park_local) == arg);
    if (!probe_is_stolen()) {
        return 99;
    }
    int here;
    EXPECT_EQ(weft_local_set(&fork_park_local, &here), 0); /* its own from now on */
    EXPECT_EQ(weft_yield(), 0);
    EXPECT(weft_local_get(&fork_park_local) == &here);
    return 0;
}

/* With one worker nobody comes, and it gives up. */
static int fork_park_until_stolen(int (*fn)(void *arg), void *arg)
{
    int rc = 99;
    for (int i = 0; i < TEST_FEWER(1000) && rc == 99; i++) {
        weft_piece piece;
        weft_fork(&piece, fn, arg);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        rc = weft_join(&piece);
    }
    return rc;
}

static int fork_park_looks(void *arg)
{
    int values[2];
    (void)arg;
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_local_set(&fork_park_local, &values[i]), 0);
        (void)fork_park_until_stolen(fork_park_look, &values[i]);
        EXPECT(weft_local_get(&fork_park_local) == &values[i]);
    }
    return 0;
}

TASK_TEST(fork_park_locals)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fork_park_looks, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* A piece that is forked after the value has changed sees the new one, although an older piece that
 * has been stolen runs on with the old one. */
struct fork_park_older {
    ATOMIC(uint32_t) has_begun, may_end;
};

static int fork_park_older_run(void *arg)
{
    struct fork_park_older *older = arg;
    if (!probe_is_stolen()) {
        return 99;
    }
    a_store(&older->has_begun, 1, relaxed);
    while (a_load(&older->may_end, relaxed) == 0) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    return 0;
}

TASK_TEST(fork_park_locals_change)
{
    for (int i = 0; i < TEST_FEWER(50); i++) {
        struct fork_park_older older = {0};
        int values[2];
        weft_piece piece;
        EXPECT_EQ(weft_local_set(&fork_park_local, &values[0]), 0);
        weft_fork(&piece, fork_park_older_run, &older);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        EXPECT_EQ(weft_local_set(&fork_park_local, &values[1]), 0);
        for (int k = 0; k < 20 && a_load(&older.has_begun, relaxed); k++) {
            weft_piece later;
            weft_fork(&later, fork_park_look, &values[1]);
            EXPECT_EQ(weft_sleep(WEFT_MS), 0);
            (void)weft_join(&later);
        }
        a_store(&older.may_end, 1, relaxed);
        (void)weft_join(&piece);
    }
}

/* ---- what a stolen piece defers is done when it is joined ---- */

static void fork_park_defer_slowly(void *arg)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    a_store((ATOMIC(uint32_t) *)arg, 1, relaxed);
}

static int fork_park_defers(void *arg)
{
    if (!probe_is_stolen()) {
        return 99;
    }
    EXPECT_EQ(weft_defer(fork_park_defer_slowly, arg), 0);
    return 0;
}

TASK_TEST(fork_park_deferred_in_pieces)
{
    ATOMIC(uint32_t) is_done = 0;
    if (fork_park_until_stolen(fork_park_defers, &is_done) == 0) {
        EXPECT_EQ(a_load(&is_done, relaxed), 1);
    }
}

/* ---- a thief's stack is as large as the forker's ---- */

WEFT_NOINLINE static int fork_park_dig(size_t bytes, volatile char *above)
{
    volatile char frame[1024];
    frame[0] = above ? above[0] : 1;
    frame[1023] = 0;
    int below = bytes > sizeof frame ? fork_park_dig(bytes - sizeof frame, frame) : 0;
    return below + frame[0];
}

static int fork_park_digs(void *arg)
{
    int frames = fork_park_dig(*(size_t *)arg, NULL);
    EXPECT(frames > 0);
    return probe_is_stolen() ? 0 : 99;
}

static int fork_park_digger(void *arg)
{
    size_t bytes = *(size_t *)arg;
    return fork_park_until_stolen(fork_park_digs, &bytes) == 0 ? 0 : 1;
}

TASK_TEST(fork_park_on_a_large_stack)
{
    weft_scope scope;
    size_t bytes = 3 << 20;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, fork_park_digger, &bytes, sizeof bytes,
                           &(weft_task_options){.stack_size = 8 << 20}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- too deep: it is told as what it is ---- */

static int fork_park_endless(void *arg)
{
    volatile char frame[256];
    weft_piece piece;
    frame[0] = *(char *)arg;
    if (frame[0] != 0) {
        return 1; /* never: it is 0 all the way down */
    }
    weft_fork(&piece, fork_park_count, &fork_park_leaves);
    int rc = fork_park_endless((void *)(uintptr_t)frame);
    return weft_join(&piece) + rc + frame[0];
}

static int fork_park_endless_if_stolen(void *arg)
{
    return probe_is_stolen() ? fork_park_endless(arg) : 99;
}

static int fork_park_overflows(void *arg)
{
    char zero = 0;
    return arg ? fork_park_until_stolen(fork_park_endless_if_stolen, &zero)
               : fork_park_endless(&zero);
}

static int fork_park_overflow_main(void *arg)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, fork_park_overflows, arg, arg ? 1 : 0,
                           &(weft_task_options){.name = "digger", .stack_size = 64 * 1024}), 0);
    return weft_scope_close(&scope);
}

static void fork_park_overflow_text(void *arg, char *text, size_t size)
{
    int status;
    struct probe_capture capture = probe_capture_begin();
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        (void)weft_run_with(fork_park_overflow_main, arg, &(weft_options){.workers = 4});
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    probe_capture_end(&capture, text, size);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
}

TEST(fork_park_overflow_is_named)
{
    char text[8192];
    fork_park_overflow_text(NULL, text, sizeof text);
    EXPECT_SAYS(text, "stack overflow in task 'digger'");
}

TEST(fork_park_overflow_of_a_piece_is_named)
{
    char text[8192], yes = 1;
    fork_park_overflow_text(&yes, text, sizeof text);
    EXPECT_SAYS(text, "stack overflow in task 'piece', started at fork_park_endless_if_stolen");
    EXPECT_SAYS(text, "its stack has 65536 bytes");
}
