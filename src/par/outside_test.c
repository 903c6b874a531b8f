/* outside_test.c - pieces and bodies that read and write, and who does so beside them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "par/kinds_probe.h"

#define OUTSIDE_PATH "/tmp/weft-outside-test-%d"

/* Under schedules, where each call of the outside is a point, a third of the kinds will do. */
#define OUTSIDE_STEP (test_is_steered ? 3 : 1)

/* ---- pieces that read what their forker writes ---- */

struct outside_line {
    int ends[2];
    int64_t value;
};

static int outside_read_line(void *arg)
{
    struct outside_line *line = arg;
    return weft_read_full(line->ends[0], &line->value, sizeof line->value, NULL);
}

IO_TEST(outside_pieces_read)
{
    enum { OUTSIDE_LINES = 5 };
    for (int64_t round = 0; round < TEST_FEWER(50); round++) {
        struct outside_line lines[OUTSIDE_LINES];
        weft_piece pieces[OUTSIDE_LINES];
        for (int i = 0; i < OUTSIDE_LINES; i++) {
            EXPECT_EQ(i % 2 ? weft_pipe(lines[i].ends) : weft_socketpair(lines[i].ends), 0);
            weft_fork(&pieces[i], outside_read_line, &lines[i]);
        }
        for (int i = 0; i < OUTSIDE_LINES; i++) {
            int64_t value = round * i;
            EXPECT_EQ(weft_write_all(lines[i].ends[1], &value, sizeof value, NULL), 0);
        }
        for (int i = OUTSIDE_LINES; i-- > 0;) {
            EXPECT_EQ(weft_join(&pieces[i]), 0);
            EXPECT_EQ(lines[i].value, round * i);
            EXPECT_EQ(weft_close(lines[i].ends[0]), 0);
            EXPECT_EQ(weft_close(lines[i].ends[1]), 0);
        }
    }
}

/* A tree whose leaves write to their parents. */
WEFT_PIECE(int64_t, outside_tree, int64_t, depth)
{
    int64_t left = 1, right = 1;
    int ends[2];
    if (depth == 0) {
        return 1;
    }
    EXPECT_EQ(weft_pipe(ends), 0);
    WEFT_FORK(piece, outside_tree, depth - 1);
    EXPECT_EQ(weft_write(ends[1], &depth, sizeof depth), (ssize_t)sizeof depth);
    right = WEFT_CALL(outside_tree, depth - 1);
    EXPECT_EQ(weft_read_full(ends[0], &left, sizeof left, NULL), 0);
    EXPECT_EQ(left, depth);
    left = WEFT_JOIN(piece);
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_close(ends[1]), 0);
    return left + right;
}

IO_TEST(outside_tree_of_pipes)
{
    int64_t depth = test_is_steered ? 2 : 7;
    EXPECT_EQ(outside_tree(depth), INT64_C(1) << depth);
}

/* ---- bodies ---- */

static int outside_there_and_back(struct kinds *k, int64_t index)
{
    int ends[2];
    int64_t value = -1;
    (void)k;
    EXPECT_EQ(index % 2 ? weft_pipe(ends) : weft_socketpair(ends), 0);
    EXPECT_EQ(weft_write_all(ends[1], &index, sizeof index, NULL), 0);
    EXPECT_EQ(weft_read_full(ends[0], &value, sizeof value, NULL), 0);
    EXPECT_EQ(value, index);
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_close(ends[1]), 0);
    return 0;
}

IO_TEST(outside_bodies_write_and_read)
{
    struct kinds *k = kinds_new(outside_there_and_back, NULL);
    for (int kind = 0; kind < KINDS_N; kind += OUTSIDE_STEP) {
        EXPECT_EQ(kinds_run(k, (enum kinds_kind)kind), 0);
    }
    free(k);
}

static int outside_at_place(struct kinds *k, int64_t index)
{
    int fd = *(int *)k->arg;
    int64_t value = -1;
    off_t at = (off_t)(index % k->n * (int64_t)sizeof value);
    EXPECT_EQ(weft_pwrite(fd, &index, sizeof index, at), (ssize_t)sizeof index);
    EXPECT_EQ(weft_pread(fd, &value, sizeof value, at), (ssize_t)sizeof value);
    EXPECT_EQ(value, index);
    return 0;
}

IO_TEST(outside_bodies_use_a_file)
{
    char path[64];
    (void)snprintf(path, sizeof path, OUTSIDE_PATH, (int)getpid());
    int fd = weft_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_unlink(path), 0);
    struct kinds *k = kinds_new(outside_at_place, &fd);
    for (int kind = 0; kind < KINDS_SORT; kind += OUTSIDE_STEP) {
        EXPECT_EQ(kinds_run(k, (enum kinds_kind)kind), 0);
    }
    EXPECT_EQ(weft_close(fd), 0);
    free(k);
}

/* ---- stopped while they wait for the outside ---- */

static int outside_waits(struct kinds *k, int64_t index)
{
    int64_t value;
    (void)index;
    return weft_read_full(*(int *)k->arg, &value, sizeof value, NULL);
}

IO_TEST(outside_bodies_are_cancelled)
{
    int ends[2];
    struct kinds *k = kinds_new(outside_waits, ends);
    EXPECT_EQ(weft_socketpair(ends), 0);
    for (int kind = 0; kind < KINDS_SORT_BY; kind += OUTSIDE_STEP) {
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after(5 * WEFT_MS));
        EXPECT_EQ(kinds_run(k, (enum kinds_kind)kind), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    }
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_close(ends[1]), 0);
    free(k);
}

static int outside_hangs_up(void *arg)
{
    EXPECT_EQ(weft_sleep(5 * WEFT_MS), 0);
    return weft_close(*(int *)arg);
}

/* The other side goes: all that wait are told, and the loop says why it ended. */
IO_TEST(outside_bodies_see_the_end)
{
    for (int kind = 0; kind < KINDS_SORT; kind += OUTSIDE_STEP) {
        int ends[2];
        struct kinds *k = kinds_new(outside_waits, ends);
        weft_scope scope;
        EXPECT_EQ(weft_socketpair(ends), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go_with(&scope, outside_hangs_up, &ends[1], sizeof ends[1], NULL), 0);
        EXPECT_EQ(kinds_run(k, (enum kinds_kind)kind), -EPIPE);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(weft_close(ends[0]), 0);
        free(k);
    }
}

/* ---- beside a loop that computes ---- */

struct outside_talk {
    int ends[2];
    ATOMIC(int64_t) rounds;
};

static int outside_echo(void *arg)
{
    struct outside_talk *talk = *(struct outside_talk **)arg;
    int64_t value;
    while (weft_read_full(talk->ends[0], &value, sizeof value, NULL) == 0) {
        EXPECT_EQ(weft_write_all(talk->ends[0], &value, sizeof value, NULL), 0);
    }
    return weft_close(talk->ends[0]);
}

static int outside_speak(void *arg)
{
    struct outside_talk *talk = *(struct outside_talk **)arg;
    for (int64_t i = 0; i < 10; i++) {
        int64_t value = -1;
        EXPECT_EQ(weft_write_all(talk->ends[1], &i, sizeof i, NULL), 0);
        EXPECT_EQ(weft_read_full(talk->ends[1], &value, sizeof value, NULL), 0);
        EXPECT_EQ(value, i);
        a_add(&talk->rounds, 1, release);
    }
    return weft_close(talk->ends[1]);
}

static int outside_burns(struct kinds *k, int64_t index)
{
    (void)k;
    (void)index;
    probe_work(500);
    return 0;
}

/* It would never end if the loop kept its worker for itself: two tasks talk meanwhile, and it goes
 * on until they have said all they have to say. */
IO_TEST_FREE(outside_beside_loops)
{
    struct kinds *k = kinds_new(outside_burns, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        struct outside_talk talk = {.rounds = 0}, *at = &talk;
        weft_scope scope;
        if (kind == KINDS_FOR_STATIC) {
            continue; /* each part is one call, as long as that takes */
        }
        EXPECT_EQ(weft_socketpair(talk.ends), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, outside_echo, &at), 0);
        EXPECT_EQ(weft_go(&scope, outside_speak, &at), 0);
        while (a_load(&talk.rounds, acquire) < 10) {
            EXPECT_EQ(kinds_run(k, kind), 0);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
    free(k);
}

static int outside_until_said(int64_t from, int64_t to, void *arg)
{
    struct outside_talk *talk = arg;
    probe_work(10 * (int)(to - from));
    return a_load(&talk->rounds, acquire) < 10 ? 0 : -7;
}

/* The same beside one call that does not end by itself. */
IO_TEST_FREE(outside_beside_one_loop)
{
    static const weft_for_options ways[] = {
        {0, WEFT_FOR_ADAPTIVE}, {1, WEFT_FOR_ADAPTIVE}, {1000, WEFT_FOR_STATIC},
        {1, WEFT_FOR_DYNAMIC}, {1000, WEFT_FOR_DYNAMIC},
    };
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(ways); i++) {
        struct outside_talk talk = {.rounds = 0}, *at = &talk;
        weft_scope scope;
        EXPECT_EQ(weft_socketpair(talk.ends), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, outside_echo, &at), 0);
        EXPECT_EQ(weft_go(&scope, outside_speak, &at), 0);
        EXPECT_EQ(weft_for_with(0, INT64_MAX, outside_until_said, &talk, &ways[i]), -7);
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* ---- a forker that waits for the outside with pieces outstanding ---- */

static int outside_count(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, relaxed);
    return 0;
}

IO_TEST(outside_forker_reads)
{
    struct outside_talk talk = {.rounds = 0}, *at = &talk;
    ATOMIC(uint32_t) count = 0;
    weft_scope scope;
    EXPECT_EQ(weft_socketpair(talk.ends), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, outside_echo, &at), 0);
    for (int64_t i = 0; i < TEST_FEWER(200); i++) {
        weft_piece pieces[3];
        int64_t value = -1;
        for (int p = 0; p < 3; p++) {
            weft_fork(&pieces[p], outside_count, &count);
            EXPECT_EQ(weft_write_all(talk.ends[1], &i, sizeof i, NULL), 0);
            EXPECT_EQ(weft_read_full(talk.ends[1], &value, sizeof value, NULL), 0);
            EXPECT_EQ(value, i);
        }
        for (int p = 3; p-- > 0;) {
            EXPECT_EQ(weft_join(&pieces[p]), 0);
        }
    }
    EXPECT_EQ(weft_close(talk.ends[1]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&count, relaxed), 3 * TEST_FEWER(200));
}
