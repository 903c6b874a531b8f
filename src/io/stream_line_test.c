/* stream_line_test.c - lines: however their bytes come, they are those of a plain split.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include <string.h>

#include "base/rng.h"
#include "tests/test.h"
#include "weft/stream.h"

#define LINE_DATA_MAX 4000

struct piecemeal {
    const char *data;
    size_t size, at, chunk_max;
    struct weft__rng rng;
};

static ssize_t piecemeal_read(void *state, void *buffer, size_t size)
{
    struct piecemeal *p = state;
    size_t n = 1 + (size_t)weft__rng_below(&p->rng, p->chunk_max);
    n = n < size ? n : size;
    n = n < p->size - p->at ? n : p->size - p->at;
    memcpy(buffer, p->data + p->at, n);
    p->at += n;
    return (ssize_t)n;
}

static int piecemeal_close(void *state)
{
    (void)state;
    return 0;
}

static const weft_stream_ops piecemeal_ops = {
    .name = "piecemeal", .read = piecemeal_read, .close = piecemeal_close};

/* The length of the line at `at`, and where the next begins. */
static size_t line_reference(const char *data, size_t size, size_t at, size_t *ret_next)
{
    const char *end = memchr(data + at, '\n', size - at);
    if (!end) {
        *ret_next = size;
        return size - at;
    }
    size_t len = (size_t)(end - data) - at;
    *ret_next = at + len + 1;
    return len > 0 && end[-1] == '\r' ? len - 1 : len;
}

static void line_compare(const char *data, size_t size, size_t chunk_max, size_t buffer_size,
                         size_t line_max)
{
    struct piecemeal p = {data, size, 0, chunk_max, {{0}}};
    weft_stream_options options = {.buffer_size = buffer_size, .line_max = line_max};
    weft_stream *s;
    char *line;
    size_t at = 0;
    weft__rng_seed(&p.rng, chunk_max * 1000 + size);
    EXPECT_EQ(weft_stream_open(&piecemeal_ops, &p, &options, &s), 0);
    while (at < size) {
        size_t next, len = line_reference(data, size, at, &next);
        ssize_t n = weft_stream_line(s, &line);
        if (len > line_max) {
            static char rest[LINE_DATA_MAX];
            EXPECT_EQ(n, -EMSGSIZE);
            EXPECT_EQ(weft_stream_line(s, &line), -EMSGSIZE);
            EXPECT_EQ(weft_stream_read_full(s, rest, next - at, NULL), 0); /* nothing was taken */
            EXPECT(memcmp(rest, data + at, next - at) == 0);
        } else {
            EXPECT_EQ(n, len);
            EXPECT(memcmp(line, data + at, len) == 0);
            EXPECT_EQ(line[len], 0);
        }
        at = next;
    }
    EXPECT_EQ(weft_stream_line(s, &line), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_line(s, &line), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_close(s), 0);
}

TEST(stream_lines_are_those_of_a_plain_split)
{
    static char data[LINE_DATA_MAX];
    struct weft__rng rng;
    weft__rng_seed(&rng, 11);
    for (int round = 0; round < TEST_ROUNDS(3000, 200000); round++) {
        size_t size = (size_t)weft__rng_below(&rng, sizeof data);
        uint64_t rare = 2 + weft__rng_below(&rng, 300);
        for (size_t i = 0; i < size; i++) {
            uint64_t roll = weft__rng_below(&rng, rare);
            data[i] = roll == 0 ? '\n' : roll == 1 ? '\r' : (char)weft__rng_next(&rng);
        }
        size_t chunk_max = (size_t[]){1, 2, 5, 100, 511, 10000}[weft__rng_below(&rng, 6)];
        size_t buffer_size = (size_t[]){1, 3, 16, 512, 700, 16384}[weft__rng_below(&rng, 6)];
        size_t line_max = (size_t[]){1, 2, 10, 100, 509, 5000}[weft__rng_below(&rng, 6)];
        line_compare(data, size, chunk_max, buffer_size, line_max);
    }
}

/* The limit is of the line, not of its end. */
TEST(stream_line_of_just_the_limit)
{
    line_compare("0123456789\r\nab\n", 15, 1, 0, 10);
    line_compare("0123456789\nab", 13, 3, 0, 10);
    line_compare("0123456789", 10, 3, 0, 10);
    line_compare("0123456789\r", 11, 3, 0, 10);
    line_compare("01234567890\r\nab\n", 16, 1, 0, 10);
    line_compare("\r\n\n\r\r\n", 6, 1, 0, 10);
}

TEST(stream_lines_between_other_reads)
{
    weft_stream *s;
    char *line, body[5];
    const void *shown;
    EXPECT_EQ(weft_stream_mem("Length: 5\r\n\r\nhellonext\n", 23, &s), 0);
    EXPECT_EQ(weft_stream_line(s, &line), 9);
    EXPECT_STR(line, "Length: 5");
    EXPECT_EQ(weft_stream_line(s, &line), 0);
    EXPECT_STR(line, "");
    EXPECT_EQ(weft_stream_read_full(s, body, 5, NULL), 0);
    EXPECT(memcmp(body, "hello", 5) == 0);
    EXPECT_EQ(weft_stream_peek(s, 1, &shown), 5);
    weft_stream_skip(s, 1);
    EXPECT_EQ(weft_stream_line(s, &line), 3);
    EXPECT_STR(line, "ext");
    EXPECT_EQ(weft_stream_close(s), 0);
}

/* A long line that comes byte by byte is not searched anew each time: this would take minutes. */
TEST(stream_long_line_in_single_bytes)
{
    static char data[1 << 20];
    weft_stream *s;
    char *line;
    memset(data, 'x', sizeof data);
    struct piecemeal p = {data, sizeof data, 0, 1, {{0}}};
    weft__rng_seed(&p.rng, 1);
    weft_stream_options options = {.line_max = sizeof data};
    EXPECT_EQ(weft_stream_open(&piecemeal_ops, &p, &options, &s), 0);
    EXPECT_EQ(weft_stream_line(s, &line), sizeof data);
    EXPECT_EQ(line[sizeof data], 0);
    EXPECT_EQ(weft_stream_close(s), 0);
}
