/* waitfd_test.c - waiting for descriptors of others, and pipes, on each back end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/fault.h"
#include "io/wait_probe.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/run.h"
#include "weft/scope.h"
#include "weft/task.h"
#include "weft/time.h"

enum { WAITFD_READ_END = WEFT_FD_READ | WEFT_FD_HANGUP };

struct waitfd {
    int fd;
    unsigned events;
    int rc;
    ATOMIC(uint32_t) has_ended;
};

static int waitfd_waiter(void *arg)
{
    struct waitfd *wait = *(struct waitfd **)arg;

    wait->rc = weft_wait_fd(wait->fd, wait->events);
    a_store(&wait->has_ended, 1, release);
    return 0;
}

/* Starts one that waits, and returns when it does. */
static void waitfd_start(weft_scope *scope, struct waitfd *wait)
{
    size_t before = probe_waiting(wait->fd);

    EXPECT_EQ(weft_go(scope, waitfd_waiter, &wait), 0);
    probe_await_waiting(wait->fd, before + 1);
    EXPECT_EQ(a_load(&wait->has_ended, acquire), 0);
}

IO_TEST(waitfd_of_our_pipe)
{
    int ends[2];
    char byte;
    weft_scope scope;

    EXPECT_EQ(weft_pipe(ends), 0);
    EXPECT_EQ(weft_wait_fd(ends[1], WEFT_FD_WRITE), WEFT_FD_WRITE);
    weft_scope_open(&scope);
    struct waitfd wait = {.fd = ends[0], .events = WEFT_FD_READ}, *pwait = &wait;
    EXPECT_EQ(weft_go(&scope, waitfd_waiter, &pwait), 0);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_write(ends[1], "x", 1), 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(wait.rc, WEFT_FD_READ);
    EXPECT_EQ(weft_wait_fd(ends[0], WEFT_FD_READ), WEFT_FD_READ); /* nothing was taken */
    EXPECT_EQ(weft_read(ends[0], &byte, 1), 1);
    EXPECT_EQ(weft_close(ends[1]), 0);
    EXPECT(weft_wait_fd(ends[0], WEFT_FD_READ) & WEFT_FD_HANGUP);
    EXPECT_EQ(weft_close(ends[0]), 0);
}

IO_TEST(waitfd_of_what_cannot_be)
{
    int ends[2];

    EXPECT_EQ(weft_pipe(ends), 0);
    EXPECT_EQ(weft_wait_fd(ends[0], 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_wait_fd(ends[0], WEFT_FD_HANGUP), -WEFT_EINVAL);
    EXPECT_EQ(weft_wait_fd(ends[0], 1U << 20), -WEFT_EINVAL);
    EXPECT_EQ(weft_wait_fd(-1, WEFT_FD_READ), -EBADF);
    EXPECT_EQ(weft_wait_fd(999, WEFT_FD_READ), -EBADF); /* a lower one may come to be the ring's */
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_close(ends[1]), 0);
}

/* Each of its kinds, more than once, by several tasks at once. */
IO_TEST_KERNEL(waitfd_of_others_descriptors)
{
    for (int round = 0; round < 6; round++) {
        int event = eventfd(0, EFD_CLOEXEC | (round % 2 ? EFD_NONBLOCK : 0));
        uint64_t one = 1;
        struct waitfd waits[3];
        weft_scope scope;

        weft_scope_open(&scope);
        for (int i = 0; i < 3; i++) {
            waits[i] = (struct waitfd){.fd = event, .events = WEFT_FD_READ};
            waitfd_start(&scope, &waits[i]);
        }
        EXPECT_EQ(weft_wait_fd(event, WEFT_FD_READ | WEFT_FD_WRITE), WEFT_FD_WRITE);
        EXPECT_EQ(write(event, &one, sizeof one), sizeof one);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(waits[i].rc, WEFT_FD_READ);
        EXPECT_EQ(weft_wait_fd(event, WEFT_FD_READ), WEFT_FD_READ);
        EXPECT_EQ(read(event, &one, sizeof one), sizeof one);
        EXPECT_EQ(close(event), 0); /* by another library: the number is free for the next */
    }
}

IO_TEST_REAL(waitfd_of_a_timer)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec soon = {.it_value = {0, 2000000}};

    EXPECT_EQ(timerfd_settime(timer, 0, &soon, NULL), 0);
    EXPECT_EQ(weft_wait_fd(timer, WEFT_FD_READ), WEFT_FD_READ);
    EXPECT_EQ(weft_close(timer), 0);
}

/* As poll(2) has it. */
IO_TEST_KERNEL(waitfd_of_a_file_is_always_ready)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    EXPECT(fd >= 0);
    EXPECT_EQ(weft_wait_fd(fd, WEFT_FD_READ), WEFT_FD_READ);
    EXPECT_EQ(weft_close(fd), 0);
}

IO_TEST_KERNEL(waitfd_cancelled)
{
    for (int round = 0; round < 20; round++) {
        int event = eventfd(0, EFD_CLOEXEC);
        uint64_t one = 1;
        struct waitfd wait = {.fd = event, .events = WEFT_FD_READ};
        weft_scope scope;

        weft_scope_open(&scope);
        waitfd_start(&scope, &wait);
        if (round % 2)
            EXPECT_EQ(write(event, &one, sizeof one), sizeof one); /* whichever is faster */
        weft_scope_cancel(&scope);
        int rc = weft_scope_close(&scope);
        EXPECT(wait.rc == -WEFT_ECANCELED || (round % 2 && wait.rc == WEFT_FD_READ));
        EXPECT(rc == -WEFT_ECANCELED || wait.rc == WEFT_FD_READ);
        EXPECT_EQ(weft_close(event), 0);
    }
}

/* T44: closed by Weft while others wait for it. */
IO_TEST_KERNEL(waitfd_closed)
{
    int event = eventfd(0, EFD_CLOEXEC);
    struct waitfd waits[3];
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        waits[i] = (struct waitfd){.fd = event, .events = WEFT_FD_READ};
        waitfd_start(&scope, &waits[i]);
    }
    EXPECT_EQ(weft_close(event), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(waits[i].rc, -EBADF);
}

TEST(waitfd_of_a_plain_thread)
{
    int ends[2];

    EXPECT_EQ(weft_pipe(ends), 0);
    EXPECT_EQ(weft_wait_fd(ends[1], WEFT_FD_WRITE), WEFT_FD_WRITE);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(weft_wait_fd(ends[0], WEFT_FD_READ), WEFT_FD_READ);
    EXPECT_EQ(weft_close(ends[1]), 0);
    EXPECT_EQ(weft_wait_fd(ends[0], WEFT_FD_READ), WAITFD_READ_END);
    EXPECT_EQ(weft_close(ends[0]), 0);
}

/* ---- pipes ---- */

IO_TEST_KERNEL(pipe_is_ours_alone)
{
    int ends[2], none[2] = {-7, -7};
    struct rlimit few, before;

    EXPECT_EQ(weft_pipe(ends), 0);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(fcntl(ends[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        EXPECT_EQ(fcntl(ends[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    }
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){1, before.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_EQ(weft_pipe(none), -EMFILE);
    EXPECT_EQ(none[0], -7);
    EXPECT_EQ(none[1], -7);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_close(ends[1]), 0);
}

struct pipe_player {
    int in, out;
    int turns;
};

static int pipe_player(void *arg)
{
    const struct pipe_player *player = arg;
    int ball;

    for (int i = 0; i < player->turns; i++) {
        EXPECT_EQ(weft_read_full(player->in, &ball, sizeof ball, NULL), 0);
        ball++;
        EXPECT_EQ(weft_write_all(player->out, &ball, sizeof ball, NULL), 0);
    }
    return 0;
}

/* Two play ball over two pipes; and a read that waits is the one to get the end. */
IO_TEST(pipe_ping_pong)
{
    int there[2], back[2], ball = 0, turns = TEST_FEWER(500);
    weft_scope scope;

    EXPECT_EQ(weft_pipe(there), 0);
    EXPECT_EQ(weft_pipe(back), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, pipe_player, &(struct pipe_player){there[0], back[1], turns}), 0);
    EXPECT_EQ(weft_write_all(there[1], &ball, sizeof ball, NULL), 0);
    for (int i = 1; i < turns; i++) {
        EXPECT_EQ(weft_read_full(back[0], &ball, sizeof ball, NULL), 0);
        EXPECT_EQ(ball, 2 * i - 1);
        ball++;
        EXPECT_EQ(weft_write_all(there[1], &ball, sizeof ball, NULL), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(back[1]), 0);
    EXPECT_EQ(weft_read_full(back[0], &ball, sizeof ball, NULL), 0);
    EXPECT_EQ(ball, 2 * turns - 1);
    EXPECT_EQ(weft_read(back[0], &ball, sizeof ball), 0);
    EXPECT_EQ(weft_close(back[0]), 0);
    EXPECT_EQ(weft_close(there[0]), 0);
    EXPECT_EQ(weft_close(there[1]), 0);
}
