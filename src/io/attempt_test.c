/* attempt_test.c - one try of an operation, on descriptors that would wait if they were let.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/driver.h"
#include "tests/test.h"
#include "weft/net.h"

static ssize_t attempt_it(enum weft__io_code code, int fd, void *buffer, size_t size)
{
    return weft__outside_kernel.attempt(&(struct weft__io_op){
        .code = code, .fd = fd, .buffer = buffer, .size = size, .offset = -1});
}

/* The test would be stopped by its timeout, were one of the calls to wait. */
static void attempt_on_pipe(int from, int to)
{
    static char much[300 * 1024];
    size_t in = 0, out = 0;
    ssize_t n;
    EXPECT_EQ(attempt_it(WEFT__IO_READ, from, much, sizeof much), -EAGAIN);
    while ((n = attempt_it(WEFT__IO_WRITE, to, much, sizeof much)) != -EAGAIN) {
        EXPECT(n > 0);
        in += (size_t)n;
    }
    EXPECT(in >= 4096);
    while ((n = attempt_it(WEFT__IO_READ, from, much, sizeof much)) != -EAGAIN) {
        EXPECT(n > 0);
        out += (size_t)n;
    }
    EXPECT_EQ(in, out);
    EXPECT_EQ(close(to), 0);
    EXPECT_EQ(attempt_it(WEFT__IO_READ, from, much, sizeof much), 0);
    EXPECT_EQ(close(from), 0);
}

TEST(attempt_pipe_that_waits)
{
    int fds[2];
    EXPECT_EQ(pipe(fds), 0);
    attempt_on_pipe(fds[0], fds[1]);
    EXPECT_EQ(weft__outside_kernel.pipe(fds), 0);
    attempt_on_pipe(fds[0], fds[1]);
}

/* Named ones do not know how to say that they would wait. */
TEST(attempt_fifo_that_waits)
{
    char dir[] = "/tmp/weft-attempt-XXXXXX", path[64];
    EXPECT(mkdtemp(dir) != NULL);
    strcpy(path, dir);
    strcat(path, "/fifo");
    EXPECT_EQ(mkfifo(path, 0600), 0);
    int both = open(path, O_RDWR | O_CLOEXEC);
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CLOEXEC);
    EXPECT(both >= 0 && from >= 0 && to >= 0);
    EXPECT_EQ(close(both), 0);
    attempt_on_pipe(from, to);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(rmdir(dir), 0);
}

TEST(attempt_terminal_that_waits)
{
    char got[8];
    int side = posix_openpt(O_RDWR | O_NOCTTY);
    if (side < 0 || grantpt(side) != 0 || unlockpt(side) != 0) {
        SKIP("no terminals here");
    }
    int tty = open(ptsname(side), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT(tty >= 0);
    EXPECT_EQ(attempt_it(WEFT__IO_READ, tty, got, sizeof got), -EAGAIN);
    EXPECT_EQ(write(side, "line\n", 5), 5);
    EXPECT_EQ(attempt_it(WEFT__IO_READ, tty, got, sizeof got), 5);
    EXPECT_EQ(attempt_it(WEFT__IO_WRITE, tty, got, 5), 5);
    EXPECT_EQ(close(tty), 0);
    EXPECT_EQ(close(side), 0);
}

TEST(attempt_listener_that_waits)
{
    weft_addr addr = {.size = sizeof addr.raw}, peer;
    int ears = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), value;
    EXPECT(ears >= 0);
    addr.raw.ss_family = AF_UNIX; /* the kernel finds it a name */
    EXPECT_EQ(weft__outside_kernel.bind(ears, (struct sockaddr *)&addr.raw, sizeof(sa_family_t)),
              0);
    EXPECT_EQ(weft__outside_kernel.listen(ears, 0), 0);
    EXPECT_EQ(weft__outside_kernel.sockname(ears, &addr.raw, &addr.size), 0);
    EXPECT_EQ(attempt_it(WEFT__IO_ACCEPT, ears, &peer, 0), -EAGAIN);
    int client = weft__outside_kernel.socket(AF_UNIX, SOCK_STREAM, 0);
    int next = weft__outside_kernel.socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(client >= 0 && next >= 0);
    EXPECT_EQ(attempt_it(WEFT__IO_CONNECT, client, &addr.raw, addr.size), 0);
    EXPECT_EQ(attempt_it(WEFT__IO_CONNECT, next, &addr.raw, addr.size), -EAGAIN); /* backlog */
    int server = (int)attempt_it(WEFT__IO_ACCEPT, ears, &peer, 0);
    EXPECT(server >= 0);
    EXPECT_EQ(weft__outside_kernel.get_option(server, SOL_SOCKET, SO_TYPE, &value), 0);
    EXPECT_EQ(value, SOCK_STREAM);
    EXPECT_EQ(attempt_it(WEFT__IO_ACCEPT, ears, NULL, 0), -EAGAIN);
    int fds[] = {ears, client, next, server};
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft__outside_kernel.close(fds[i]), 0);
    }
}

TEST(attempt_file)
{
    char path[] = "/tmp/weft-attempt-XXXXXX", got[4];
    int fd = mkstemp(path);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, "abc", 3), 3);
    struct weft__io_op op = {
        .code = WEFT__IO_READ, .fd = fd, .buffer = got, .size = 4, .offset = 1};
    ssize_t n = weft__outside_kernel.attempt(&op);
    EXPECT(n == 2 || n == -EAGAIN); /* -EAGAIN: this file system cannot tell */
    op = (struct weft__io_op){.code = WEFT__IO_FSYNC, .fd = fd};
    EXPECT_EQ(weft__outside_kernel.attempt(&op), -EAGAIN);
    op = (struct weft__io_op){.code = WEFT__IO_OPEN, .path = path};
    EXPECT_EQ(weft__outside_kernel.attempt(&op), -EAGAIN);
    EXPECT_EQ(attempt_it(WEFT__IO_RECV, fd, got, 4), -ENOTSOCK);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(attempt_it(WEFT__IO_READ, 987, got, 4), -EBADF);
}
