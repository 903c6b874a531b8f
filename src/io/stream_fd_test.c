/* stream_fd_test.c - streams over sockets, pipes and files, on each back end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "tests/test.h"

struct fd_job {
    weft_stream *stream;
    size_t size;
    uint64_t seed;
};

static char fd_byte(size_t at)
{
    return (char)(at * 13 + (at >> 9));
}

static int fd_send(void *arg)
{
    struct fd_job *job = arg;
    struct weft__rng rng;
    char data[5000];
    weft__rng_seed(&rng, job->seed);
    for (size_t at = 0; at < job->size;) {
        size_t n = 1 + (size_t)weft__rng_below(&rng, sizeof data);
        n = n < job->size - at ? n : job->size - at;
        for (size_t i = 0; i < n; i++) {
            data[i] = fd_byte(at + i);
        }
        EXPECT_EQ(weft_stream_write(job->stream, data, n, NULL), 0);
        if (weft__rng_below(&rng, 4) == 0) {
            EXPECT_EQ(weft_stream_flush(job->stream), 0);
        }
        at += n;
    }
    EXPECT_EQ(weft_stream_close_write(job->stream), 0);
    return 0;
}

static int fd_receive(void *arg)
{
    struct fd_job *job = arg;
    struct weft__rng rng;
    char data[6000];
    size_t at = 0;
    weft__rng_seed(&rng, job->seed);
    for (;;) {
        ssize_t n = weft_stream_read(job->stream, data, 1 + weft__rng_below(&rng, sizeof data));
        EXPECT(n >= 0);
        for (ssize_t i = 0; i < n; i++) {
            EXPECT_EQ(data[i], fd_byte(at + (size_t)i));
        }
        at += (size_t)n;
        if (n == 0) {
            break;
        }
    }
    EXPECT_EQ(at, job->size);
    return 0;
}

IO_TEST(stream_socket_carries_both_ways)
{
    int fds[2];
    weft_stream *s[2];
    weft_scope scope;
    size_t size = test_is_steered ? 20000 : 1000000;
    EXPECT_EQ(weft_socketpair(fds), 0);
    weft_scope_open(&scope);
    for (size_t i = 0; i < 2; i++) {
        EXPECT_EQ(weft_stream_fd(fds[i], &s[i]), 0);
        EXPECT_EQ(weft_stream_get_fd(s[i]), fds[i]);
        EXPECT_EQ(weft_go(&scope, fd_send, &(struct fd_job){s[i], size, i}), 0);
        EXPECT_EQ(weft_go(&scope, fd_receive, &(struct fd_job){s[i], size, 5 + i}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_close(s[1]), 0);
}

static int fd_lines(void *arg)
{
    weft_stream *in = *(weft_stream **)arg;
    char *line, expected[32];
    for (int i = 0; i < 200; i++) {
        snprintf(expected, sizeof expected, "line %d", i);
        EXPECT_EQ(weft_stream_line(in, &line), strlen(expected));
        EXPECT_STR(line, expected);
    }
    EXPECT_EQ(weft_stream_line(in, &line), -WEFT_EPIPE);
    return weft_stream_close(in);
}

IO_TEST(stream_pipe_carries_lines)
{
    int fds[2];
    weft_stream *in, *out;
    weft_scope scope;
    EXPECT_EQ(weft_pipe(fds), 0);
    EXPECT_EQ(weft_stream_fd(fds[0], &in), 0);
    EXPECT_EQ(weft_stream_fd(fds[1], &out), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fd_lines, &in), 0);
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(weft_stream_print(out, "line %d\n", i), 0);
        if (i % 7 == 0) {
            EXPECT_EQ(weft_stream_flush(out), 0);
        }
    }
    EXPECT_EQ(weft_stream_close_write(out), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_stream_close(out), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* T37, T40 for streams: a read that is cancelled takes nothing, a write says what it took. */
IO_TEST(stream_socket_cancelled)
{
    static char data[3000000];
    int fds[2];
    weft_stream *s[2];
    weft_scope scope;
    char *line;
    size_t done, total = 0;
    EXPECT_EQ(weft_socketpair(fds), 0);
    EXPECT_EQ(weft_stream_fd(fds[0], &s[0]), 0);
    EXPECT_EQ(weft_stream_fd(fds[1], &s[1]), 0);
    EXPECT_EQ(weft_stream_print(s[0], "half"), 0);
    EXPECT_EQ(weft_stream_flush(s[0]), 0);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_line(s[1], &line), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_stream_print(s[0], " a line\n"), 0);
    EXPECT_EQ(weft_stream_flush(s[0]), 0);
    EXPECT_EQ(weft_stream_line(s[1], &line), 11);
    EXPECT_STR(line, "half a line");
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_write(s[0], data, sizeof data, &done), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_stream_close(s[0]), 0); /* a cancel is no failure, and nothing is gathered */
    for (;;) {
        ssize_t n = weft_stream_read(s[1], data, 100000);
        EXPECT(n >= 0);
        total += (size_t)n;
        if (n == 0) {
            break;
        }
    }
    EXPECT_EQ(total, done);
    EXPECT_EQ(weft_stream_close(s[1]), 0);
}

IO_TEST(stream_socket_peer_is_gone)
{
    int fds[2];
    weft_stream *s[2];
    char byte;
    EXPECT_EQ(weft_socketpair(fds), 0);
    EXPECT_EQ(weft_stream_fd(fds[0], &s[0]), 0);
    EXPECT_EQ(weft_stream_fd(fds[1], &s[1]), 0);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_read(s[1], &byte, 1), 0);
    EXPECT_EQ(weft_stream_print(s[1], "x"), 0);
    EXPECT_EQ(weft_stream_flush(s[1]), -EPIPE);
    EXPECT_EQ(weft_stream_close(s[1]), -EPIPE);
}

static int fd_wait_for_one(void *arg)
{
    weft_stream *s = *(weft_stream **)arg;
    char *line;
    EXPECT_EQ(weft_stream_line(s, &line), 4); /* the large one, and then nothing */
    return weft_stream_line(s, &line) == -WEFT_EPIPE ? 0 : -EIO;
}

/* Streams whose readers wait hold no buffer, but what lies in them. */
IO_TEST_FREE(stream_sockets_that_wait_hold_nothing)
{
    enum { COUNT = 50 };
    weft_stream *s[COUNT], *peers[COUNT];
    weft_scope scope;
    int fds[2];
    weft_scope_open(&scope);
    for (int i = 0; i < COUNT; i++) {
        EXPECT_EQ(weft_socketpair(fds), 0);
        EXPECT_EQ(weft_stream_fd(fds[0], &s[i]), 0);
        EXPECT_EQ(weft_stream_fd(fds[1], &peers[i]), 0);
        EXPECT_EQ(weft_go(&scope, fd_wait_for_one, &s[i]), 0);
    }
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    size_t live = weft__alloc_live();
    for (int i = 0; i < COUNT; i++) {
        EXPECT_EQ(weft_stream_print(peers[i], "four\n"), 0);
        EXPECT_EQ(weft_stream_flush(peers[i]), 0);
    }
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    EXPECT(weft__alloc_live() < live + 10); /* the driver may have come to one more seat */
    for (int i = 0; i < COUNT; i++) {
        EXPECT_EQ(weft_stream_close(peers[i]), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < COUNT; i++) {
        EXPECT_EQ(weft_stream_close(s[i]), 0);
    }
}
