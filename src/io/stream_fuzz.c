/* stream_fuzz.c - lines of any bytes, in any pieces, against a plain split.
 *
 * For libFuzzer: clang -fsanitize=fuzzer,address, linked with the static library.  The first four
 * bytes choose the sizes; the rest are the data, and how they are cut.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "weft/err.h"
#include "weft/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_source {
    const uint8_t *data;
    size_t size, at;
};

static ssize_t fuzz_source_read(void *state, void *buffer, size_t size)
{
    struct fuzz_source *f = state;
    if (f->at == f->size) {
        return 0;
    }
    size_t n = 1 + f->data[f->at] % 40;
    n = weft__min(weft__min(n, size), f->size - f->at);
    memcpy(buffer, f->data + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

static int fuzz_source_close(void *state)
{
    (void)state;
    return 0;
}

static const weft_stream_ops fuzz_source_ops = {
    .name = "fuzz", .read = fuzz_source_read, .close = fuzz_source_close};

/* The next line is what a plain split says.  Returns where it ends. */
static size_t fuzz_expect_line(weft_stream *s, const uint8_t *data, size_t size, size_t line_max)
{
    static char rest[1 << 16];
    char *line;
    const uint8_t *end = memchr(data, '\n', size);
    size_t taken = end ? (size_t)(end - data) + 1 : size;
    size_t len = end ? taken - 1 : taken;
    len -= end && len > 0 && data[len - 1] == '\r';
    ssize_t n = weft_stream_line(s, &line);
    if (len > line_max) {
        WEFT_CHECK(n == -EMSGSIZE);
        WEFT_CHECK(weft_stream_read_full(s, rest, taken, NULL) == 0);
        WEFT_CHECK(memcmp(rest, data, taken) == 0);
    } else {
        WEFT_CHECK(n == (ssize_t)len);
        WEFT_CHECK(memcmp(line, data, len) == 0);
        WEFT_CHECK(line[len] == 0);
    }
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 1 << 16) {
        return 0;
    }
    weft_stream_options options = {.buffer_size = 1 + (size_t)data[0] * 8,
                                   .line_max = 1 + (size_t)data[1] * data[2]};
    struct fuzz_source source = {data + 4, size - 4, 0};
    weft_stream *s;
    char *line;
    WEFT_CHECK(weft_stream_open(&fuzz_source_ops, &source, &options, &s) == 0);
    for (size_t at = 4; at < size;) {
        at += fuzz_expect_line(s, data + at, size - at, options.line_max);
    }
    WEFT_CHECK(weft_stream_line(s, &line) == -WEFT_EPIPE);
    return weft_stream_close(s);
}
