/* stream_test.c - streams over memory, pairs, descriptors, and an awkward carrier.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/rng.h"
#include "tests/test.h"
#include "weft/net.h"
#include "weft/stream.h"

/* ---- an awkward carrier: moves as few bytes as it likes, fails when it is told to ---- */

struct toy {
    const char *data;
    size_t size, at;
    char written[4096];
    size_t written_size;
    struct weft__rng rng;
    size_t chunk_max;
    int fail_read, fail_write; /* the code, given once */
    bool is_closed, is_write_closed;
};

static int toy_fail(int *code)
{
    int rc = *code;
    *code = 0;
    return rc;
}

static ssize_t toy_stream_read(void *state, void *buffer, size_t size)
{
    struct toy *t = state;
    if (t->fail_read) {
        return toy_fail(&t->fail_read);
    }
    size_t n = 1 + (size_t)weft__rng_below(&t->rng, t->chunk_max);
    n = n < size ? n : size;
    n = n < t->size - t->at ? n : t->size - t->at;
    memcpy(buffer, t->data + t->at, n);
    t->at += n;
    return (ssize_t)n;
}

static ssize_t toy_stream_write(void *state, const void *data, size_t size)
{
    struct toy *t = state;
    EXPECT(!t->is_write_closed);
    if (t->fail_write) {
        return toy_fail(&t->fail_write);
    }
    size_t n = 1 + (size_t)weft__rng_below(&t->rng, t->chunk_max);
    n = n < size ? n : size;
    EXPECT(t->written_size + n <= sizeof t->written);
    memcpy(t->written + t->written_size, data, n);
    t->written_size += n;
    return (ssize_t)n;
}

static int toy_stream_close_write(void *state)
{
    ((struct toy *)state)->is_write_closed = true;
    return 0;
}

static int toy_stream_close(void *state)
{
    EXPECT(!((struct toy *)state)->is_closed);
    ((struct toy *)state)->is_closed = true;
    return 0;
}

static const weft_stream_ops toy_ops = {.name = "toy",
                                        .read = toy_stream_read,
                                        .write = toy_stream_write,
                                        .close_write = toy_stream_close_write,
                                        .close = toy_stream_close};

static weft_stream *toy_open(struct toy *t, const char *data, size_t size, size_t chunk_max,
                             size_t buffer_size)
{
    weft_stream *s;
    memset(t, 0, sizeof *t);
    t->data = data;
    t->size = size;
    t->chunk_max = chunk_max;
    weft__rng_seed(&t->rng, chunk_max);
    weft_stream_options options = {.buffer_size = buffer_size};
    EXPECT_EQ(weft_stream_open(&toy_ops, t, &options, &s), 0);
    return s;
}

/* ---- reading ---- */

TEST(stream_reads_memory)
{
    weft_stream *s;
    char buffer[16];
    EXPECT_EQ(weft_stream_mem("hello, world", 12, &s), 0);
    EXPECT_EQ(weft_stream_read(s, buffer, 5), 5);
    EXPECT(memcmp(buffer, "hello", 5) == 0);
    EXPECT_EQ(weft_stream_read(s, buffer, 0), 0);
    EXPECT_EQ(weft_stream_read(s, buffer, 16), 7);
    EXPECT(memcmp(buffer, ", world", 7) == 0);
    EXPECT_EQ(weft_stream_read(s, buffer, 16), 0);
    EXPECT_EQ(weft_stream_read(s, buffer, 16), 0);
    EXPECT_EQ(weft_stream_get_fd(s), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_stream_close(s), 0);
    EXPECT_EQ(weft_stream_close(NULL), 0);
}

/* Reads all in steps of every kind and compares. */
static void toy_read_all(weft_stream *s, const char *data, size_t size, struct weft__rng *rng)
{
    static char buffer[70000];
    const void *shown;
    size_t at = 0, done;
    while (at < size) {
        size_t want = 1 + (size_t)weft__rng_below(rng, weft__rng_below(rng, 2) ? 40 : 3000);
        want = want < size - at ? want : size - at;
        ssize_t n = 0;
        switch (weft__rng_below(rng, 3)) {
        case 0:
            n = weft_stream_read(s, buffer, want);
            EXPECT(n > 0 && (size_t)n <= want);
            EXPECT(memcmp(buffer, data + at, (size_t)n) == 0);
            break;
        case 1:
            EXPECT_EQ(weft_stream_read_full(s, buffer, want, &done), 0);
            EXPECT_EQ(done, want);
            EXPECT(memcmp(buffer, data + at, want) == 0);
            n = (ssize_t)want;
            break;
        default:
            n = weft_stream_peek(s, want, &shown);
            EXPECT(n > 0);
            EXPECT(memcmp(shown, data + at, (size_t)n) == 0);
            n = (ssize_t)weft__rng_below(rng, (uint64_t)n + 1);
            weft_stream_skip(s, (size_t)n);
        }
        at += (size_t)n;
    }
    EXPECT_EQ(weft_stream_read_full(s, buffer, 3, &done), -WEFT_EPIPE);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(weft_stream_peek(s, 3, &shown), 0);
}

TEST(stream_reads_in_any_steps)
{
    static char data[60000];
    static struct toy toy;
    struct weft__rng rng;
    weft__rng_seed(&rng, 7);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)weft__rng_next(&rng);
    }
    for (int i = 0; i < 60; i++) {
        size_t chunk_max = (size_t[]){1, 7, 511, 512, 513, 5000, 100000}[i % 7];
        size_t buffer_size = (size_t[]){0, 1, 2, 100, 512, 600, 4096, 20000}[i % 8];
        size_t live = weft__alloc_live();
        weft_stream *s = toy_open(&toy, data, sizeof data, chunk_max, buffer_size);
        toy_read_all(s, data, sizeof data, &rng);
        weft_stream_counts counts;
        weft_stream_stats(s, &counts);
        EXPECT_EQ(counts.bytes_read, sizeof data);
        EXPECT_EQ(weft_stream_close(s), 0);
        EXPECT(toy.is_closed);
        EXPECT_EQ(weft__alloc_live(), live);
    }
}

TEST(stream_full_tells_what_it_read)
{
    static struct toy toy;
    char buffer[64];
    size_t done = 99;
    weft_stream *s = toy_open(&toy, "abcdef", 6, 2, 0);
    EXPECT_EQ(weft_stream_read_full(s, buffer, 10, &done), -WEFT_EPIPE);
    EXPECT_EQ(done, 6);
    EXPECT(memcmp(buffer, "abcdef", 6) == 0);
    EXPECT_EQ(weft_stream_read_full(s, buffer, 0, NULL), 0);
    EXPECT_EQ(weft_stream_close(s), 0);
}

TEST(stream_read_fails_and_goes_on)
{
    static struct toy toy;
    char *line, buffer[8];
    weft_stream *s = toy_open(&toy, "one\ntwo\n", 8, 2, 0);
    EXPECT_EQ(weft_stream_read(s, buffer, 1), 1);
    toy.fail_read = -EIO;
    EXPECT_EQ(weft_stream_line(s, &line), -EIO);
    EXPECT_EQ(weft_stream_line(s, &line), 2); /* what had come before is there */
    EXPECT_STR(line, "ne");
    EXPECT_EQ(weft_stream_line(s, &line), 3);
    EXPECT_STR(line, "two");
    EXPECT_EQ(weft_stream_close(s), 0);
}

TEST(stream_peek_goes_no_further_than_its_buffer)
{
    static struct toy toy;
    static char data[5000];
    const void *shown;
    weft_stream *s = toy_open(&toy, data, sizeof data, 100000, 1000);
    EXPECT_EQ(weft_stream_peek(s, 0, &shown), 0);
    EXPECT_EQ(weft_stream_peek(s, 1, &shown), 512);
    EXPECT_EQ(weft_stream_peek(s, 4000, &shown), 1000);
    EXPECT_EQ(weft_stream_close(s), 0);
}

PANIC_TEST(stream_skip_of_more_than_is_there, "check failed")
{
    weft_stream *s;
    EXPECT_EQ(weft_stream_mem("abc", 3, &s), 0);
    weft_stream_skip(s, 1);
}

/* Who waits with nothing in the buffers holds none. */
TEST(stream_idle_holds_no_buffer)
{
    static struct toy toy;
    static char data[3000], buffer[100];
    weft_stream *s = toy_open(&toy, data, sizeof data, 2000, 0);
    size_t live = weft__alloc_live();
    const void *shown;
    EXPECT(weft_stream_peek(s, 1000, &shown) >= 1000);
    EXPECT_EQ(weft__alloc_live(), live + 1);
    EXPECT_EQ(weft_stream_write(s, "abc", 3, NULL), 0);
    EXPECT_EQ(weft__alloc_live(), live + 2);
    EXPECT_EQ(weft_stream_flush(s), 0);
    EXPECT_EQ(weft__alloc_live(), live + 1);
    while (weft_stream_read(s, buffer, sizeof buffer) > 0) {
    }
    toy.at = 0;
    EXPECT_EQ(weft_stream_close(s), 0);
    s = toy_open(&toy, data, 400, 2000, 0); /* a small request needs none at any time */
    EXPECT_EQ(weft_stream_peek(s, 1, &shown), 400);
    EXPECT_EQ(weft__alloc_live(), live);
    EXPECT_EQ(weft_stream_close(s), 0);
}

/* ---- writing ---- */

static void toy_write_all(weft_stream *s, const char *data, size_t size, struct weft__rng *rng)
{
    size_t at = 0, done;
    while (at < size) {
        size_t n = (size_t)weft__rng_below(rng, 300);
        n = n < size - at ? n : size - at;
        EXPECT_EQ(weft_stream_write(s, data + at, n, &done), 0);
        EXPECT_EQ(done, n);
        at += n;
        if (weft__rng_below(rng, 9) == 0) {
            EXPECT_EQ(weft_stream_flush(s), 0);
        }
    }
}

TEST(stream_writes_in_any_steps)
{
    static char data[4000];
    static struct toy toy;
    struct weft__rng rng;
    weft__rng_seed(&rng, 8);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)weft__rng_next(&rng);
    }
    for (int i = 0; i < 60; i++) {
        size_t chunk_max = (size_t[]){1, 7, 100, 10000}[i % 4];
        size_t buffer_size = (size_t[]){0, 1, 2, 100, 1000, 1001, 4000}[i % 7];
        weft_stream *s = toy_open(&toy, NULL, 0, chunk_max, buffer_size);
        toy_write_all(s, data, sizeof data, &rng);
        EXPECT_EQ(i % 2 ? weft_stream_flush(s) : weft_stream_close_write(s), 0);
        EXPECT_EQ(toy.written_size, sizeof data);
        EXPECT(memcmp(toy.written, data, sizeof data) == 0);
        EXPECT_EQ(weft_stream_close(s), 0);
    }
}

TEST(stream_gathers_until_flush)
{
    static struct toy toy;
    weft_stream *s = toy_open(&toy, NULL, 0, 100, 0);
    weft_stream_counts counts;
    EXPECT_EQ(weft_stream_print(s, "%s=%d;", "a", 1), 0);
    EXPECT_EQ(weft_stream_print(s, "%s", ""), 0);
    EXPECT_EQ(toy.written_size, 0);
    EXPECT_EQ(weft_stream_flush(s), 0);
    EXPECT_EQ(toy.written_size, 4);
    EXPECT_EQ(weft_stream_print(s, "%0300d|%s", 7, "end"), 0); /* longer than the stack has */
    EXPECT_EQ(weft_stream_close(s), 0);
    EXPECT_EQ(toy.written_size, 4 + 304);
    EXPECT(memcmp(toy.written, "a=1;0", 5) == 0);
    EXPECT(memcmp(toy.written + 4 + 299, "7|end", 5) == 0);
    s = toy_open(&toy, NULL, 0, 100000, 64);
    static char data[1000];
    EXPECT_EQ(weft_stream_write(s, "x", 1, NULL), 0);
    EXPECT_EQ(weft_stream_write(s, data, sizeof data, NULL), 0); /* straight, after the first */
    weft_stream_stats(s, &counts);
    EXPECT_EQ(counts.writes, 2);
    EXPECT_EQ(counts.bytes_written, 1001);
    EXPECT_EQ(weft_stream_close(s), 0);
}

TEST(stream_says_a_failed_write_again)
{
    static struct toy toy;
    size_t done = 99;
    weft_stream *s = toy_open(&toy, "in", 2, 10, 16);
    EXPECT_EQ(weft_stream_write(s, "0123456789", 10, NULL), 0);
    toy.fail_write = -EIO;
    EXPECT_EQ(weft_stream_write(s, "0123456789", 10, &done), -EIO);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(weft_stream_write(s, "", 0, &done), -EIO);
    EXPECT_EQ(weft_stream_flush(s), -EIO);
    EXPECT_EQ(weft_stream_print(s, "x"), -EIO);
    EXPECT_EQ(weft_stream_close_write(s), -EIO);
    char buffer[4];
    EXPECT_EQ(weft_stream_read(s, buffer, 2), 2);
    EXPECT_EQ(weft_stream_close(s), -EIO);
    EXPECT_EQ(toy.written_size, 0);
    EXPECT(toy.is_closed);
}

TEST(stream_close_write_is_the_last)
{
    static struct toy toy;
    weft_stream *s = toy_open(&toy, "in", 2, 10, 0);
    EXPECT_EQ(weft_stream_write(s, "out", 3, NULL), 0);
    EXPECT_EQ(weft_stream_close_write(s), 0);
    EXPECT_EQ(weft_stream_close_write(s), 0);
    EXPECT(toy.is_write_closed);
    EXPECT_EQ(toy.written_size, 3);
    EXPECT_EQ(weft_stream_write(s, "x", 1, NULL), -WEFT_EPIPE);
    char buffer[4];
    EXPECT_EQ(weft_stream_read(s, buffer, 4), 2);
    EXPECT_EQ(weft_stream_close(s), 0);
}

TEST(stream_memory_gathers)
{
    weft_stream *s;
    size_t size;
    static char data[100000];
    EXPECT_EQ(weft_stream_mem(NULL, 0, &s), 0);
    EXPECT_EQ(weft_stream_print(s, "HTTP/1.1 %d OK\r\n", 200), 0);
    const char *written = weft_stream_written(s, &size);
    EXPECT_EQ(size, 17);
    EXPECT(memcmp(written, "HTTP/1.1 200 OK\r\n", 17) == 0);
    memset(data, 'x', sizeof data);
    EXPECT_EQ(weft_stream_write(s, data, sizeof data, NULL), 0);
    written = weft_stream_written(s, &size);
    EXPECT_EQ(size, 17 + sizeof data);
    EXPECT(written[17] == 'x' && written[size - 1] == 'x');
    EXPECT_EQ(weft_stream_close(s), 0);
}

/* ---- memory fails ---- */

/* Every allocation of a little conversation fails once: nothing is lost but what is told. */
TEST(stream_without_memory)
{
    static char data[3000], buffer[3000];
    memset(data, 'd', sizeof data);
    for (uint64_t nth = 1; nth < 20; nth++) {
        static struct toy toy;
        weft_stream *s = toy_open(&toy, data, sizeof data, 700, 2000);
        size_t live = weft__alloc_live(), done = 0, read = 0;
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), nth);
        EXPECT_EQ(weft_stream_write(s, data, 100, NULL), 0); /* goes straight, then */
        EXPECT_EQ(weft_stream_write(s, data, 1500, &done), 0);
        EXPECT_EQ(done, 1500);
        EXPECT_EQ(weft_stream_flush(s), 0);
        const void *shown;
        ssize_t n = weft_stream_peek(s, 1200, &shown);
        EXPECT(n >= 1200 || n == -WEFT_ENOMEM);
        int rc = weft_stream_read_full(s, buffer, sizeof buffer, &read);
        EXPECT_EQ(rc, 0);
        EXPECT_EQ(read, sizeof buffer);
        EXPECT(memcmp(buffer, data, sizeof buffer) == 0);
        bool is_over = weft__fault_disarm() < nth;
        EXPECT_EQ(toy.written_size, 1600);
        EXPECT_EQ(weft_stream_close(s), 0);
        EXPECT_EQ(weft__alloc_live(), live - 1);
        if (is_over) {
            return;
        }
    }
    EXPECT(false);
}

TEST(stream_open_without_memory)
{
    size_t live = weft__alloc_live();
    for (uint64_t nth = 1; nth <= 3; nth++) {
        weft_stream *s[2] = {NULL, NULL};
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), nth);
        EXPECT_EQ(weft_stream_pair(0, s), -WEFT_ENOMEM);
        weft__fault_disarm();
        EXPECT(s[0] == NULL && s[1] == NULL);
        EXPECT_EQ(weft__alloc_live(), live);
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), nth);
        int rc = weft_stream_mem("x", 1, &s[0]);
        weft__fault_disarm();
        EXPECT_EQ(rc, nth <= 2 ? -WEFT_ENOMEM : 0);
        EXPECT_EQ(weft_stream_close(s[0]), 0);
        EXPECT_EQ(weft__alloc_live(), live);
    }
    int fds[2];
    EXPECT_EQ(pipe(fds), 0);
    weft_stream *s;
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT_EQ(weft_stream_fd(fds[0], &s), -WEFT_ENOMEM); /* and is closed */
    weft__fault_disarm();
    EXPECT_EQ(close(fds[0]), -1);
    EXPECT_EQ(close(fds[1]), 0);
    EXPECT_EQ(weft_stream_fd(-ENOENT, &s), -ENOENT);
    size_t done;
    EXPECT_EQ(weft_stream_mem("x", 1, &s), 0);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT_EQ(weft_stream_write(s, "abc", 3, &done), -WEFT_ENOMEM);
    weft__fault_disarm();
    EXPECT_EQ(done, 0);
    EXPECT_EQ(weft_stream_close(s), -WEFT_ENOMEM);
}

/* ---- pairs ---- */

struct pair_job {
    weft_stream *stream;
    size_t size;
    uint64_t seed;
};

static int pair_sender(void *arg)
{
    struct pair_job *job = arg;
    struct weft__rng rng;
    char data[700];
    weft__rng_seed(&rng, job->seed);
    for (size_t at = 0; at < job->size;) {
        size_t n = 1 + (size_t)weft__rng_below(&rng, sizeof data);
        n = n < job->size - at ? n : job->size - at;
        for (size_t i = 0; i < n; i++) {
            data[i] = (char)((at + i) * 31);
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

static int pair_receiver(void *arg)
{
    struct pair_job *job = arg;
    struct weft__rng rng;
    char data[900];
    size_t at = 0;
    weft__rng_seed(&rng, job->seed);
    for (;;) {
        ssize_t n = weft_stream_read(job->stream, data, 1 + weft__rng_below(&rng, sizeof data));
        EXPECT(n >= 0);
        for (ssize_t i = 0; i < n; i++) {
            EXPECT_EQ(data[i], (char)((at + (size_t)i) * 31));
        }
        at += (size_t)n;
        if (n == 0) {
            break;
        }
    }
    EXPECT_EQ(at, job->size);
    return 0;
}

/* Both ways at once, so each stream is read by one task and written to by another. */
static void pair_both_ways(size_t capacity, size_t size)
{
    weft_stream *s[2];
    weft_scope scope;
    EXPECT_EQ(weft_stream_pair(capacity, s), 0);
    weft_scope_open(&scope);
    for (size_t i = 0; i < 2; i++) {
        EXPECT_EQ(weft_go(&scope, pair_sender, &(struct pair_job){s[i], size, i}), 0);
        EXPECT_EQ(weft_go(&scope, pair_receiver, &(struct pair_job){s[i], size, 5 + i}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_close(s[1]), 0);
}

TASK_TEST(stream_pair_carries_both_ways)
{
    pair_both_ways(0, test_is_steered ? 3000 : 100000);
    pair_both_ways(1, test_is_steered ? 60 : 3000);
    pair_both_ways(700, test_is_steered ? 2000 : 50000);
}

TASK_TEST(stream_pair_with_a_thread)
{
    weft_stream *s[2];
    weft_scope scope;
    EXPECT_EQ(weft_stream_pair(100, s), 0);
    weft_scope_open(&scope);
    weft_task_options own = {.on = WEFT_THREAD};
    struct pair_job job = {s[0], 20000, 1};
    EXPECT_EQ(weft_go_with(&scope, pair_sender, &job, sizeof job, test_is_steered ? NULL : &own),
              0);
    EXPECT_EQ(pair_receiver(&(struct pair_job){s[1], 20000, 2}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_close(s[1]), 0);
}

TASK_TEST(stream_pair_is_closed)
{
    weft_stream *s[2];
    char buffer[8];
    EXPECT_EQ(weft_stream_pair(4, s), 0);
    EXPECT_EQ(weft_stream_write(s[0], "abc", 3, NULL), 0);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_read(s[1], buffer, 8), 3);
    EXPECT_EQ(weft_stream_read(s[1], buffer, 8), 0);
    EXPECT_EQ(weft_stream_write(s[1], "abc", 3, NULL), 0); /* gathered */
    EXPECT_EQ(weft_stream_flush(s[1]), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_close(s[1]), -WEFT_EPIPE);
}

static int pair_close_later(void *arg)
{
    weft_stream **s = arg;
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    EXPECT_EQ(weft_stream_close(*s), 0);
    return 0;
}

TASK_TEST(stream_pair_close_wakes_the_other)
{
    weft_stream *s[2];
    weft_scope scope;
    char buffer[64];
    for (int writes = 0; writes < 2; writes++) {
        EXPECT_EQ(weft_stream_pair(4, s), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, pair_close_later, &s[0]), 0);
        if (writes) {
            memset(buffer, 'x', sizeof buffer);
            EXPECT_EQ(weft_stream_write(s[1], buffer, sizeof buffer, NULL), 0);
            EXPECT_EQ(weft_stream_flush(s[1]), -WEFT_EPIPE);
        } else {
            EXPECT_EQ(weft_stream_read(s[1], buffer, sizeof buffer), 0);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(weft_stream_close(s[1]), writes ? -WEFT_EPIPE : 0);
    }
}

/* ---- cancel ---- */

TASK_TEST(stream_cancelled_before)
{
    weft_stream *s[2];
    char buffer[8], *line;
    const void *shown;
    size_t done = 9;
    EXPECT_EQ(weft_stream_pair(0, s), 0);
    EXPECT_EQ(weft_stream_write(s[0], "a line\n", 7, NULL), 0);
    EXPECT_EQ(weft_stream_flush(s[0]), 0);
    EXPECT_EQ(weft_stream_peek(s[1], 1, &shown), 7);
    EXPECT_EQ(weft_stream_write(s[1], "kept", 4, NULL), 0);
    int64_t before = weft_now();
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_stream_read(s[1], buffer, 8), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_line(s[1], &line), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_peek(s[1], 1, &shown), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_read_full(s[1], buffer, 8, &done), -WEFT_ECANCELED);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(weft_stream_write(s[1], "x", 1, &done), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_flush(s[1]), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_close_write(s[1]), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_copy(s[0], s[1], 0, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_line(s[1], &line), 6);
    EXPECT_STR(line, "a line");
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_stream_close(s[1]), -WEFT_ECANCELED); /* "kept" was not sent */
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_now(), before);
    EXPECT_EQ(weft_stream_read(s[0], buffer, 8), 0);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_stream_close(s[0]), 0); /* nothing was to be sent */
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

TASK_TEST(stream_cancelled_in_a_line)
{
    weft_stream *s[2];
    char *line, buffer[8];
    const void *shown;
    size_t done;
    weft_scope scope;
    EXPECT_EQ(weft_stream_pair(0, s), 0);
    EXPECT_EQ(weft_stream_write(s[0], "half", 4, NULL), 0);
    EXPECT_EQ(weft_stream_flush(s[0]), 0);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_line(s[1], &line), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_peek(s[1], 5, &shown), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_stream_write(s[0], " a line\nmore", 12, NULL), 0);
    EXPECT_EQ(weft_stream_flush(s[0]), 0);
    EXPECT_EQ(weft_stream_line(s[1], &line), 11);
    EXPECT_STR(line, "half a line");
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_read_full(s[1], buffer, 8, &done), -WEFT_ECANCELED);
    EXPECT_EQ(done, 4);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_close(s[1]), 0);
}

/* T40 for streams: what is told to have been taken is what the peer reads in the end. */
TASK_TEST(stream_cancelled_write_loses_nothing)
{
    weft_stream *s[2];
    static char data[40000], buffer[80000];
    size_t done, total;
    weft_scope scope;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 7 % 251);
    }
    EXPECT_EQ(weft_stream_pair(1000, s), 0);
    EXPECT_EQ(weft_stream_write(s[0], data, 500, NULL), 0);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_write(s[0], data + 500, sizeof data - 500, &done), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(done, 500); /* the rest of the ring, after the first 500 */
    total = 500 + done;
    EXPECT_EQ(weft_stream_write(s[0], data + total, 700, &done), 0); /* no failure: goes on */
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_stream_flush(s[0]), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_stream_read_full(s[1], buffer, 900, NULL), 0);
    EXPECT_EQ(weft_stream_flush(s[0]), 0);
    EXPECT_EQ(weft_stream_close(s[0]), 0);
    EXPECT_EQ(weft_stream_read_full(s[1], buffer + 900, sizeof buffer - 900, &done), -WEFT_EPIPE);
    EXPECT_EQ(done, 800);
    EXPECT(memcmp(buffer, data, 1700) == 0);
    EXPECT_EQ(weft_stream_close(s[1]), 0);
}

/* ---- copy ---- */

TASK_TEST(stream_copies)
{
    static char data[50000];
    weft_stream *from, *to;
    size_t size;
    uint64_t done;
    memset(data, 'c', sizeof data);
    EXPECT_EQ(weft_stream_mem(data, sizeof data, &from), 0);
    EXPECT_EQ(weft_stream_mem(NULL, 0, &to), 0);
    EXPECT_EQ(weft_stream_print(to, ">"), 0);
    EXPECT_EQ(weft_stream_copy(to, from, 1000, &done), 0);
    EXPECT_EQ(done, 1000);
    (void)weft_stream_written(to, &size);
    EXPECT_EQ(size, 1001);
    EXPECT_EQ(weft_stream_copy(to, from, 0, &done), 0);
    EXPECT_EQ(done, sizeof data - 1000);
    EXPECT_EQ(weft_stream_copy(to, from, 0, NULL), 0);
    (void)weft_stream_written(to, &size);
    EXPECT_EQ(size, sizeof data + 1);
    EXPECT_EQ(weft_stream_close(from), 0);
    EXPECT_EQ(weft_stream_close(to), 0);
}

static int copy_loop(void *arg)
{
    weft_stream **s = arg;
    return weft_stream_copy(s[0], s[1], 0, NULL);
}

/* A proxy hands on what has come, before it waits for more. */
TASK_TEST(stream_copy_is_prompt)
{
    weft_stream *a[2], *b[2];
    weft_scope scope;
    char buffer[8];
    EXPECT_EQ(weft_stream_pair(0, a), 0);
    EXPECT_EQ(weft_stream_pair(0, b), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, copy_loop, &((struct { weft_stream *s[2]; }){{b[0], a[1]}})), 0);
    EXPECT_EQ(weft_go(&scope, copy_loop, &((struct { weft_stream *s[2]; }){{a[1], b[0]}})), 0);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(weft_stream_print(a[0], "ping"), 0);
        EXPECT_EQ(weft_stream_flush(a[0]), 0);
        EXPECT_EQ(weft_stream_read_full(b[1], buffer, 4, NULL), 0);
        EXPECT_EQ(weft_stream_print(b[1], "pong"), 0);
        EXPECT_EQ(weft_stream_flush(b[1]), 0);
        EXPECT_EQ(weft_stream_read_full(a[0], buffer, 4, NULL), 0);
        EXPECT(memcmp(buffer, "pong", 4) == 0);
    }
    EXPECT_EQ(weft_stream_close(a[0]), 0);
    EXPECT_EQ(weft_stream_close(b[1]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stream_close(a[1]), 0);
    EXPECT_EQ(weft_stream_close(b[0]), 0);
}

/* ---- mistakes ---- */

static int read_one(void *arg)
{
    char byte;
    return (int)weft_stream_read(*(weft_stream **)arg, &byte, 1);
}

PANIC_TASK_TEST(stream_read_by_two, "a stream is read by two at once")
{
    weft_stream *s[2];
    weft_scope scope;
    EXPECT_EQ(weft_stream_pair(0, s), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, read_one, &s[0]), 0);
    EXPECT_EQ(weft_go(&scope, read_one, &s[0]), 0);
    (void)weft_scope_close(&scope);
}

PANIC_TASK_TEST(stream_closed_while_read, "a stream is closed while it is read")
{
    weft_stream *s[2];
    weft_scope scope;
    EXPECT_EQ(weft_stream_pair(0, s), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, read_one, &s[0]), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    (void)weft_stream_close(s[0]);
}

PANIC_TEST(stream_written_of_another_kind, "check failed")
{
    weft_stream *s[2];
    size_t size;
    EXPECT_EQ(weft_stream_pair(0, s), 0);
    (void)weft_stream_written(s[0], &size);
}

/* ---- descriptors, from a plain thread ---- */

TEST(stream_over_descriptors)
{
    char *line, path[] = "/tmp/weft-stream-XXXXXX";
    weft_stream *in, *out;
    int fds[2], fd;
    EXPECT_EQ(pipe(fds), 0);
    EXPECT_EQ(weft_stream_fd(fds[0], &in), 0);
    EXPECT_EQ(weft_stream_fd(fds[1], &out), 0);
    EXPECT_EQ(weft_stream_get_fd(in), fds[0]);
    EXPECT_EQ(weft_stream_print(out, "through a pipe\nend"), 0);
    EXPECT_EQ(weft_stream_close_write(out), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_stream_close(out), 0);
    EXPECT_EQ(weft_stream_line(in, &line), 14);
    EXPECT_STR(line, "through a pipe");
    EXPECT_EQ(weft_stream_line(in, &line), 3);
    EXPECT_EQ(weft_stream_line(in, &line), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_close(in), 0);
    EXPECT((fd = mkstemp(path)) >= 0);
    EXPECT_EQ(weft_stream_fd(fd, &out), 0);
    for (int i = 0; i < 5000; i++) {
        EXPECT_EQ(weft_stream_print(out, "line %d\n", i), 0);
    }
    EXPECT_EQ(weft_stream_close(out), 0);
    EXPECT_EQ(weft_stream_fd(weft_open(path, O_RDONLY, 0), &in), 0);
    EXPECT_EQ(unlink(path), 0);
    for (int i = 0; i < 5000; i++) {
        EXPECT(weft_stream_line(in, &line) > 0);
        EXPECT_EQ(atoi(line + 5), i);
    }
    EXPECT_EQ(weft_stream_line(in, &line), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_close(in), 0);
}
