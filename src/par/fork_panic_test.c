/* fork_panic_test.c - panics in pieces and in who has forked them.
 *
 * A piece that has been stolen panics as a task of its own, and its join says so; one that is run
 * by its join panics as its forker.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop_probe.h"
#include "tests/probe.h"

/* Forks fn until a thief has it; it is to return 99 at once when it is run by the join.  What the
 * join said. */
static int fork_panic_until_stolen(int (*fn)(void *arg), void *arg)
{
    int rc = 99;
    while (rc == 99) {
        weft_piece piece;
        weft_fork(&piece, fn, arg);
        (void)weft_sleep(WEFT_MS);
        rc = weft_join(&piece);
    }
    return rc;
}

static int fork_panic_run(int (*fn)(void *), size_t workers)
{
    return weft_run_with(fn, NULL, &(weft_options){.workers = workers, .virtual_clock = true,
                                                   .panic = WEFT_PANIC_TASK});
}

/* ---- stolen ---- */

static int fork_panic_alone(void *arg)
{
    (void)arg;
    if (!probe_is_stolen()) {
        return 99;
    }
    weft_panic("in a stolen piece");
}

static int fork_panic_forker(void *arg)
{
    int rc = fork_panic_until_stolen(fork_panic_alone, NULL);
    a_store(*(ATOMIC(int) **)arg, rc, relaxed);
    return 0;
}

/* The join says so, and the scope fails as it would have if the forker had panicked itself. */
static int fork_panic_stolen_main(void *arg)
{
    ATOMIC(int) said = 0, *at = &said;
    int slept = 0;
    weft_scope scope;
    weft_error error;
    (void)arg;
    weft_scope_open(&scope);
    /* first, for the panic cancels the scope, and may do so before anything else can be started */
    EXPECT_EQ(weft_go(&scope, probe_sleep, (&(struct probe){3600 * WEFT_SECOND, 0, &slept, NULL})),
              0);
    EXPECT_EQ(weft_go(&scope, fork_panic_forker, &at), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
    EXPECT_EQ(a_load(&said, relaxed), -WEFT_EPANIC);
    EXPECT_EQ(slept, -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_errors(&scope, &error, 1), 1);
    EXPECT_EQ(error.code, -WEFT_EPANIC);
    EXPECT_STR(error.task_name, "piece");
    return 5;
}

TEST(fork_panic_in_a_stolen_piece)
{
    EXPECT_EQ(fork_panic_run(fork_panic_stolen_main, 4), 5);
}

/* ---- not stolen: the forker panics ---- */

struct fork_panic_frame {
    ATOMIC(uint32_t) runs;
    ATOMIC(uint32_t) deferred;
    int rc;
};

static void fork_panic_note(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, relaxed);
}

static int fork_panic_count(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, relaxed);
    return 0;
}

static int fork_panic_always(void *arg)
{
    (void)arg;
    weft_panic("in a piece");
}

/* Not with one worker, where it panics by itself: the pieces below it have not begun, and do not
 * any more. */
static int fork_panic_with_others(void *arg)
{
    struct fork_panic_frame *frame = *(struct fork_panic_frame **)arg;
    weft_piece pieces[3];
    weft_scope scope;
    EXPECT_EQ(weft_defer(fork_panic_note, &frame->deferred), 0);
    weft_fork(&pieces[0], fork_panic_count, &frame->runs);
    weft_scope_open(&scope);
    weft_fork(&pieces[1], fork_panic_count, &frame->runs);
    weft_fork(&pieces[2], fork_panic_always, NULL);
    (void)weft_yield(); /* a thief who has panicked by now has cancelled us */
    frame->rc = weft_join(&pieces[2]);
    (void)weft_join(&pieces[1]);
    (void)weft_scope_close(&scope);
    (void)weft_join(&pieces[0]);
    return frame->rc;
}

static int fork_panic_with_others_main(void *arg)
{
    size_t workers = *(size_t *)arg;
    for (int i = 0; i < (workers > 1 ? 100 : 3); i++) {
        struct fork_panic_frame frame = {.rc = 1}, *at = &frame;
        weft_scope scope;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, fork_panic_with_others, &at), 0);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
        EXPECT_EQ(a_load(&frame.deferred, relaxed), 1);
        EXPECT(frame.rc == 1 || frame.rc == -WEFT_EPANIC); /* here, or by a thief */
        EXPECT(a_load(&frame.runs, relaxed) <= 2);
        EXPECT(workers > 1 || (frame.rc == 1 && a_load(&frame.runs, relaxed) == 0));
    }
    return 5;
}

TEST(fork_panic_in_the_forker)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        EXPECT_EQ(weft_run_with(fork_panic_with_others_main, &workers,
                                &(weft_options){.workers = workers, .virtual_clock = true,
                                                .panic = WEFT_PANIC_TASK}), 5);
    }
}

/* ---- the forker panics while a thief has a piece of it, which lies in its frame ---- */

static int fork_panic_slowly(void *arg)
{
    struct fork_panic_frame *frame = arg;
    if (!probe_is_stolen()) {
        return 99;
    }
    a_store(&frame->runs, 1, relaxed);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    a_store(&frame->runs, 2, release);
    return 0;
}

static void fork_panic_look(void *arg)
{
    EXPECT_EQ(a_load(&((struct fork_panic_frame *)arg)->runs, acquire), 2);
}

static int fork_panic_meanwhile(void *arg)
{
    struct fork_panic_frame frame = {0};
    weft_piece piece, later;
    (void)arg;
    EXPECT_EQ(weft_defer(fork_panic_look, &frame), 0);
    for (;;) { /* until a thief has the first one */
        weft_fork(&piece, fork_panic_slowly, &frame);
        weft_fork(&later, fork_panic_count, &frame.deferred);
        EXPECT(weft_sleep(WEFT_MS) <= 0);
        if (a_load(&frame.runs, relaxed) > 0) {
            weft_panic("while a piece runs");
        }
        (void)weft_join(&later);
        (void)weft_join(&piece);
    }
}

static int fork_panic_meanwhile_main(void *arg)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    EXPECT_EQ(weft_go(&scope, fork_panic_meanwhile, arg), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
    return 5;
}

/* It ends after the piece has. */
TEST(fork_panic_waits_for_what_was_stolen)
{
    EXPECT_EQ(fork_panic_run(fork_panic_meanwhile_main, 4), 5);
}

/* ---- what it leaves behind ends before the join ---- */

struct fork_panic_mess {
    ATOMIC(uint32_t) deferred, children;
};

static int fork_panic_child(void *arg)
{
    struct fork_panic_mess *mess = *(struct fork_panic_mess **)arg;
    weft_scope shield;
    EXPECT_EQ(weft_sleep(3600 * WEFT_SECOND), -WEFT_ECANCELED);
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    a_add(&mess->children, 1, relaxed);
    return weft_scope_close(&shield);
}

static int fork_panic_messily(void *arg)
{
    struct fork_panic_mess *mess = arg;
    weft_scope outer, inner;
    if (!probe_is_stolen()) {
        return 99;
    }
    EXPECT_EQ(weft_defer(fork_panic_note, &mess->deferred), 0);
    weft_scope_open(&outer);
    EXPECT_EQ(weft_go(&outer, fork_panic_child, &mess), 0);
    EXPECT_EQ(weft_defer(fork_panic_note, &mess->deferred), 0);
    weft_scope_open(&inner);
    EXPECT_EQ(weft_go(&inner, fork_panic_child, &mess), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_panic("with two scopes open");
}

static int fork_panic_messy_forker(void *arg)
{
    struct fork_panic_mess mess = {0};
    (void)arg;
    EXPECT_EQ(fork_panic_until_stolen(fork_panic_messily, &mess), -WEFT_EPANIC);
    EXPECT_EQ(a_load(&mess.children, relaxed), 2);
    EXPECT_EQ(a_load(&mess.deferred, relaxed), 2);
    return 0;
}

static int fork_panic_messy_main(void *arg)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fork_panic_messy_forker, arg), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
    return 5;
}

TEST(fork_panic_is_told_when_all_has_ended)
{
    EXPECT_EQ(fork_panic_run(fork_panic_messy_main, 4), 5);
}

/* ---- the forker's panic cancels what it had opened, and so the pieces forked in there ---- */

static int fork_panic_naps(void *arg)
{
    struct fork_panic_frame *frame = arg;
    if (!probe_is_stolen()) {
        return 99;
    }
    a_store(&frame->runs, 1, relaxed);
    return weft_sleep(3600 * WEFT_SECOND);
}

static int fork_panic_over_naps(void *arg)
{
    struct fork_panic_frame frame = {0};
    (void)arg;
    for (;;) { /* until a thief has it */
        weft_piece piece;
        weft_scope scope;
        weft_scope_open(&scope);
        weft_fork(&piece, fork_panic_naps, &frame);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        if (a_load(&frame.runs, relaxed) > 0) {
            weft_panic("while a piece sleeps");
        }
        (void)weft_join(&piece);
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

static int fork_panic_over_naps_main(void *arg)
{
    int64_t start = weft_now();
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fork_panic_over_naps, arg), 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
    EXPECT(weft_now() - start < 60 * WEFT_SECOND);
    return 5;
}

TEST(fork_panic_cancels_pieces_of_its_scopes)
{
    EXPECT_EQ(fork_panic_run(fork_panic_over_naps_main, 4), 5);
}

/* ---- that ends the process: who did it ---- */

PANIC_TASK_TEST(fork_panic_names_the_piece, "in a piece")
{
    weft_piece piece;
    weft_fork(&piece, fork_panic_always, NULL);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    (void)weft_join(&piece);
}

static int fork_panic_stolen_or_else(void *arg)
{
    (void)arg;
    if (!probe_is_stolen()) {
        return 99;
    }
    weft_panic("as a thief's task");
}

static int fork_panic_named_main(void *arg)
{
    return fork_panic_until_stolen(fork_panic_stolen_or_else, arg);
}

PANIC_TEST(fork_panic_names_the_stolen_piece, "task 'piece': as a thief's task")
{
    (void)weft_run_with(fork_panic_named_main, NULL,
                        &(weft_options){.workers = 4, .virtual_clock = true});
}
