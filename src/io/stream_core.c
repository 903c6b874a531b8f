/* stream_core.c - bytes in order: the buffers between a caller and whatever carries the bytes.
 *
 * Each side is used by one task at a time, so there is no lock; a call notes its place in
 * `user` while it is in, and a second one that finds it there panics with both names.  The note is
 * a plain load and store: two that come in the same instant may be missed, one that sleeps never.
 *
 * A buffer must not be held while a stream is idle: ten thousand of them wait for their next
 * request at any time.  Yet whether a read will sleep is not known before, and what it reads into
 * must be there while it sleeps.  So a read with nothing left over goes into SMALL bytes within
 * the stream itself; a small request fits.  If it came back full there is more, and only then a
 * large buffer is taken, kept as long as reads fill it to the brim, and given back as soon as it
 * is empty after one that did not.  Rejected: to wait for readiness first and then take a buffer,
 * as many loops do (one more operation for each request, where this one has none).
 *
 * What is written is gathered in a buffer that exists from the first byte to the flush.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/stream_core.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/panic.h"
#include "base/stat.h"
#include "core/park.h"
#include "weft/err.h"

#define STREAM_MAGIC       UINT32_C(0x6d727473)
#define STREAM_BUFFER      (16 * 1024)
#define STREAM_BUFFER_MAX  ((size_t)1 << 30)
#define STREAM_LINE        (64 * 1024)
#define STREAM_SMALL       512  /* read into it when nothing is known */
#define STREAM_FIRST       1000 /* bytes of an out buffer at first: malloc keeps such at hand */
#define STREAM_PRINT_STACK 256

struct stream_side {
    char *data;        /* bytes start to end of it are there */
    size_t cap;        /* and one more behind, for the byte 0 of a last line */
    size_t start, end;
    ATOMIC(const void *) user; /* where the call was made that is in; NULL: none is */
    struct weft__stat calls, bytes; /* of the carrier */
};

struct weft_stream {
    uint32_t magic;
    const weft_stream_ops *ops;
    void *state;
    size_t buffer_size, line_max;
    size_t gather_max; /* bytes that are held back when written */
    struct stream_side in, out;
    size_t scanned;    /* bytes from in.start on that hold no end of a line */
    bool is_busy;      /* the last read of the carrier filled what it was given */
    bool is_ended;     /* and this one found the end */
    bool is_closed;    /* no more is written */
    bool is_dirty;     /* the carrier has been written to since it was last flushed */
    int failure;       /* of a write */
    char small[STREAM_SMALL + 1];
};

/* ---- sides ---- */

static void stream_expect(const weft_stream *s)
{
    WEFT_CHECK(s != NULL);
    WEFT_CHECK(s->magic == STREAM_MAGIC);
}

static size_t stream_held(const struct stream_side *side)
{
    return side->end - side->start;
}

static size_t stream_small(const weft_stream *s)
{
    return weft__min(s->buffer_size, (size_t)STREAM_SMALL);
}

/* Alone from here to stream_end_call. */
static void stream_occupy(struct stream_side *side, const char *what, const void *site)
{
    const void *other = a_load(&side->user, relaxed);
    if (WEFT_UNLIKELY(other != NULL)) {
        weft__panic_sites(what, "called at", site, "and at", other);
    }
    a_store(&side->user, site, relaxed);
    WEFT_CHECK(side->start <= side->end);
    WEFT_CHECK(side->end <= side->cap);
}

static void stream_end_call(struct stream_side *side)
{
    a_store(&side->user, NULL, relaxed);
}

/* 0, or -WEFT_ECANCELED: the call does nothing. */
static int stream_begin_call(weft_stream *s, struct stream_side *side, const char *what,
                             const void *site)
{
    stream_expect(s);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, s, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    stream_occupy(side, what, site);
    return 0;
}

static int stream_begin_read(weft_stream *s, const void *site)
{
    return stream_begin_call(s, &s->in, "a stream is read by two at once", site);
}

static int stream_begin_write(weft_stream *s, const void *site)
{
    return stream_begin_call(s, &s->out, "a stream is written to by two at once", site);
}

static void stream_set_done(size_t *ret_done, size_t done)
{
    if (ret_done) {
        *ret_done = done;
    }
}

/* ---- open ---- */

static int stream_make(const weft_stream_ops *ops, void *state, const weft_stream_options *options,
                       weft_stream **ret_stream)
{
    WEFT_CHECK(ops != NULL && ops->close != NULL);
    WEFT_CHECK(ret_stream != NULL);
    weft_stream *s = weft__alloc(sizeof *s);
    if (!s) {
        return -WEFT_ENOMEM;
    }
    memset(s, 0, offsetof(weft_stream, small));
    s->magic = STREAM_MAGIC;
    s->ops = ops;
    s->state = state;
    s->buffer_size = options && options->buffer_size ? options->buffer_size : STREAM_BUFFER;
    s->buffer_size = weft__min(s->buffer_size, STREAM_BUFFER_MAX);
    s->line_max = options && options->line_max ? options->line_max : STREAM_LINE;
    s->line_max = weft__min(s->line_max, STREAM_BUFFER_MAX);
    s->gather_max = s->buffer_size;
    s->in.data = s->small;
    s->in.cap = stream_small(s);
    *ret_stream = s;
    return 0;
}

int weft_stream_open(const weft_stream_ops *ops, void *state, const weft_stream_options *options,
                     weft_stream **ret_stream)
{
    return stream_make(ops, state, options, ret_stream);
}

int weft__stream_open_unbuffered(const weft_stream_ops *ops, void *state, weft_stream **ret_stream)
{
    int rc = stream_make(ops, state, NULL, ret_stream);
    if (rc == 0) {
        (*ret_stream)->gather_max = 0;
    }
    return rc;
}

/* ---- reading: the buffer ---- */

static void stream_consume(weft_stream *s, size_t size)
{
    WEFT_CHECK(size <= stream_held(&s->in));
    s->in.start += size;
    s->scanned = 0;
}

/* The empty side's large buffer, if it has one, is given back. */
static void stream_drop_large(weft_stream *s)
{
    WEFT_CHECK(s->in.start == s->in.end);
    s->in.start = s->in.end = s->scanned = 0;
    if (s->in.data != s->small) {
        weft__free(s->in.data);
        s->in.data = s->small;
        s->in.cap = stream_small(s);
    }
}

/* What is there moves into a buffer of cap bytes. */
static int stream_move(weft_stream *s, size_t cap)
{
    struct stream_side *in = &s->in;
    WEFT_CHECK(cap >= stream_held(in));
    char *data = weft__alloc(cap + 1);
    if (!data) {
        return -WEFT_ENOMEM;
    }
    memcpy(data, in->data + in->start, stream_held(in));
    if (in->data != s->small) {
        weft__free(in->data);
    }
    in->data = data;
    in->cap = cap;
    in->end -= in->start;
    in->start = 0;
    return 0;
}

/* Room for at least one byte behind what is there, and for `want` bytes with it. */
static int stream_make_room(weft_stream *s, size_t want)
{
    struct stream_side *in = &s->in;
    size_t cap = in->cap;
    if (stream_held(in) == 0) {
        if (!s->is_busy) {
            stream_drop_large(s);
        }
        in->start = in->end = s->scanned = 0;
        cap = s->is_busy ? weft__max(in->cap, s->buffer_size) : in->cap;
    }
    want = weft__max(want, stream_held(in) + 1);
    if (want > cap) {
        cap = cap < s->buffer_size ? s->buffer_size : weft__min(2 * cap, s->line_max + 2);
        cap = weft__max(cap, want);
    }
    if (cap > in->cap) {
        int rc = stream_move(s, cap);
        return rc < 0 && want <= in->cap ? 0 : rc;
    }
    if (in->end == in->cap || want > in->cap - in->start) {
        memmove(in->data, in->data + in->start, stream_held(in));
        in->end -= in->start;
        in->start = 0;
    }
    return 0;
}

/* One read of the carrier, straight to where the bytes are wanted. */
static ssize_t stream_carry_in(weft_stream *s, void *buffer, size_t size)
{
    if (s->is_ended) {
        return 0;
    }
    if (!s->ops->read) {
        return -WEFT_ENOTSUP;
    }
    ssize_t n = s->ops->read(s->state, buffer, size);
    if (n < 0) {
        return n;
    }
    WEFT_CHECK((size_t)n <= size);
    s->is_ended = n == 0;
    s->is_busy = (size_t)n == size;
    weft__stat_add(&s->in.calls, 1);
    weft__stat_add(&s->in.bytes, (uint64_t)n);
    return n;
}

/* Reads once, so that there may be `want` bytes in all.  Bytes read, 0 at the end, or a code. */
static ssize_t stream_fill(weft_stream *s, size_t want)
{
    struct stream_side *in = &s->in;
    if (s->is_ended) {
        return 0;
    }
    int rc = stream_make_room(s, want);
    if (rc < 0) {
        return rc;
    }
    WEFT_CHECK(in->end < in->cap);
    ssize_t n = stream_carry_in(s, in->data + in->end, in->cap - in->end);
    if (n > 0) {
        in->end += (size_t)n;
    }
    return n;
}

/* ---- reading ---- */

static ssize_t stream_get(weft_stream *s, void *buffer, size_t size)
{
    struct stream_side *in = &s->in;
    if (stream_held(in) == 0) {
        if (size >= (s->is_busy ? s->buffer_size : stream_small(s))) {
            stream_drop_large(s);
            return stream_carry_in(s, buffer, size);
        }
        ssize_t n = stream_fill(s, 1);
        if (n <= 0) {
            return n;
        }
    }
    size = weft__min(size, stream_held(in));
    memcpy(buffer, in->data + in->start, size);
    stream_consume(s, size);
    return (ssize_t)size;
}

ssize_t weft_stream_read(weft_stream *stream, void *buffer, size_t size)
{
    WEFT_CHECK(buffer != NULL || size == 0);
    int rc = stream_begin_read(stream, __builtin_return_address(0));
    if (rc < 0) {
        return rc;
    }
    ssize_t n = size > 0 ? stream_get(stream, buffer, size) : 0;
    stream_end_call(&stream->in);
    return n;
}

int weft_stream_read_full(weft_stream *stream, void *buffer, size_t size, size_t *ret_done)
{
    WEFT_CHECK(buffer != NULL || size == 0);
    size_t done = 0;
    int rc = stream_begin_read(stream, __builtin_return_address(0));
    if (rc == 0) {
        while (done < size && rc == 0) {
            ssize_t n = stream_get(stream, (char *)buffer + done, size - done);
            rc = n > 0 ? 0 : n == 0 ? -WEFT_EPIPE : (int)n;
            done += n > 0 ? (size_t)n : 0;
        }
        stream_end_call(&stream->in);
    }
    stream_set_done(ret_done, done);
    return rc;
}

/* The line of `size` bytes that begins what is there, `taken` with its end. */
static ssize_t stream_line_is(weft_stream *s, size_t size, size_t taken, char **ret_line)
{
    if (size > s->line_max) {
        return -EMSGSIZE;
    }
    char *line = s->in.data + s->in.start;
    line[size] = 0; /* there is a byte behind the buffer, too */
    stream_consume(s, taken);
    *ret_line = line;
    return (ssize_t)size;
}

/* The line, if its end is there, or is known to be too far away; else -WEFT_EAGAIN. */
static ssize_t stream_find_line(weft_stream *s, char **ret_line)
{
    const char *line = s->in.data + s->in.start;
    size_t held = stream_held(&s->in);
    const char *end = memchr(line + s->scanned, '\n', held - s->scanned);
    if (end) {
        size_t size = (size_t)(end - line);
        bool has_return = size > 0 && line[size - 1] == '\r';
        return stream_line_is(s, size - has_return, size + 1, ret_line);
    }
    s->scanned = held;
    bool may_fit = held <= s->line_max || (held == s->line_max + 1 && line[held - 1] == '\r');
    return may_fit ? -WEFT_EAGAIN : -EMSGSIZE;
}

static ssize_t stream_get_line(weft_stream *s, char **ret_line)
{
    for (;;) {
        ssize_t n = stream_find_line(s, ret_line);
        if (n != -WEFT_EAGAIN) {
            return n;
        }
        n = stream_fill(s, 0);
        if (n < 0) {
            return n;
        }
        if (n == 0) {
            size_t held = stream_held(&s->in);
            return held > 0 ? stream_line_is(s, held, held, ret_line) : -WEFT_EPIPE;
        }
    }
}

ssize_t weft_stream_line(weft_stream *stream, char **ret_line)
{
    WEFT_CHECK(ret_line != NULL);
    int rc = stream_begin_read(stream, __builtin_return_address(0));
    if (rc < 0) {
        return rc;
    }
    ssize_t n = stream_get_line(stream, ret_line);
    stream_end_call(&stream->in);
    return n;
}

ssize_t weft_stream_peek(weft_stream *stream, size_t size, const void **ret_data)
{
    WEFT_CHECK(ret_data != NULL);
    int rc = stream_begin_read(stream, __builtin_return_address(0));
    if (rc < 0) {
        return rc;
    }
    ssize_t n = 1;
    size = weft__min(size, stream->buffer_size);
    while (n > 0 && stream_held(&stream->in) < size) {
        n = stream_fill(stream, size);
    }
    if (n >= 0) {
        *ret_data = stream->in.data + stream->in.start;
        n = (ssize_t)stream_held(&stream->in);
    }
    stream_end_call(&stream->in);
    return n;
}

void weft_stream_skip(weft_stream *stream, size_t size)
{
    stream_expect(stream);
    stream_occupy(&stream->in, "a stream is read by two at once", __builtin_return_address(0));
    stream_consume(stream, size);
    stream_end_call(&stream->in);
}

/* ---- writing ---- */

/* All of it to the carrier, in as many steps as it takes. */
static int stream_carry_out(weft_stream *s, const void *data, size_t size, size_t *ret_done)
{
    *ret_done = 0;
    if (!s->ops->write) {
        return -WEFT_ENOTSUP;
    }
    while (*ret_done < size) {
        s->is_dirty = true;
        ssize_t n = s->ops->write(s->state, (const char *)data + *ret_done, size - *ret_done);
        if (n < 0) {
            s->failure = n == -WEFT_ECANCELED ? 0 : (int)n;
            return (int)n;
        }
        WEFT_CHECK(n > 0 && (size_t)n <= size - *ret_done);
        *ret_done += (size_t)n;
        weft__stat_add(&s->out.calls, 1);
        weft__stat_add(&s->out.bytes, (uint64_t)n);
    }
    return 0;
}

static void stream_drop_out(weft_stream *s)
{
    weft__free(s->out.data);
    s->out.data = NULL;
    s->out.cap = s->out.start = s->out.end = 0;
}

static int stream_push(weft_stream *s)
{
    size_t done;
    if (s->failure < 0 || stream_held(&s->out) == 0) {
        return s->failure;
    }
    int rc = stream_carry_out(s, s->out.data + s->out.start, stream_held(&s->out), &done);
    s->out.start += done;
    if (rc == 0) {
        stream_drop_out(s);
    }
    return rc;
}

/* The carrier, too, keeps nothing back. */
static int stream_push_all(weft_stream *s)
{
    int rc = stream_push(s);
    if (rc < 0 || !s->is_dirty || !s->ops->flush) {
        return rc;
    }
    rc = s->ops->flush(s->state);
    s->failure = rc == -WEFT_ECANCELED ? 0 : rc;
    s->is_dirty = rc < 0;
    return rc;
}

/* Room for size bytes more.  False: no memory. */
static bool stream_make_out(weft_stream *s, size_t size)
{
    struct stream_side *out = &s->out;
    size_t want = stream_held(out) + size;
    WEFT_CHECK(want <= s->gather_max);
    if (want > out->cap) {
        size_t cap = want > STREAM_FIRST ? s->gather_max
                                         : weft__min(s->gather_max, (size_t)STREAM_FIRST);
        char *data = weft__alloc(cap);
        if (!data) {
            return false;
        }
        if (out->data) {
            memcpy(data, out->data + out->start, stream_held(out));
        }
        weft__free(out->data);
        out->data = data;
        out->cap = cap;
    } else if (size > out->cap - out->end) {
        memmove(out->data, out->data + out->start, stream_held(out));
    } else {
        return true;
    }
    out->end -= out->start;
    out->start = 0;
    return true;
}

static int stream_put(weft_stream *s, const void *data, size_t size, size_t *ret_done)
{
    *ret_done = 0;
    if (s->failure < 0 || s->is_closed) {
        return s->failure < 0 ? s->failure : -WEFT_EPIPE;
    }
    if (size > s->gather_max - stream_held(&s->out)) {
        int rc = stream_push(s);
        if (rc < 0) {
            return rc;
        }
    }
    if (size < s->gather_max && stream_make_out(s, size)) {
        if (size > 0) {
            memcpy(s->out.data + s->out.end, data, size);
        }
        s->out.end += size;
        *ret_done = size;
        return 0;
    }
    int rc = stream_push(s); /* there may be something, when there was no memory for more */
    return rc < 0 ? rc : stream_carry_out(s, data, size, ret_done);
}

int weft_stream_write(weft_stream *stream, const void *data, size_t size, size_t *ret_done)
{
    WEFT_CHECK(data != NULL || size == 0);
    size_t done = 0;
    int rc = stream_begin_write(stream, __builtin_return_address(0));
    if (rc == 0) {
        rc = stream_put(stream, data, size, &done);
        stream_end_call(&stream->out);
    }
    stream_set_done(ret_done, done);
    return rc;
}

static int stream_print_long(weft_stream *s, size_t size, const char *format, va_list args)
{
    size_t done;
    char *text = weft__alloc(size + 1);
    if (!text) {
        return -WEFT_ENOMEM;
    }
    int n = vsnprintf(text, size + 1, format, args);
    int rc = n < 0 || (size_t)n > size ? -WEFT_EINVAL : stream_put(s, text, (size_t)n, &done);
    weft__free(text);
    return rc;
}

int weft_stream_print(weft_stream *stream, const char *format, ...)
{
    char text[STREAM_PRINT_STACK];
    size_t done;
    va_list args;
    WEFT_CHECK(format != NULL);
    int rc = stream_begin_write(stream, __builtin_return_address(0));
    if (rc < 0) {
        return rc;
    }
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) {
        rc = -WEFT_EINVAL;
    } else if ((size_t)n < sizeof text) {
        rc = stream_put(stream, text, (size_t)n, &done);
    } else {
        va_start(args, format);
        rc = stream_print_long(stream, (size_t)n, format, args);
        va_end(args);
    }
    stream_end_call(&stream->out);
    return rc;
}

int weft_stream_flush(weft_stream *stream)
{
    int rc = stream_begin_write(stream, __builtin_return_address(0));
    if (rc == 0) {
        rc = stream_push_all(stream);
        stream_end_call(&stream->out);
    }
    return rc;
}

int weft_stream_close_write(weft_stream *stream)
{
    int rc = stream_begin_write(stream, __builtin_return_address(0));
    if (rc < 0) {
        return rc;
    }
    if (!stream->is_closed) {
        rc = stream_push_all(stream);
        if (rc == 0) {
            rc = stream->ops->close_write ? stream->ops->close_write(stream->state)
                                          : -WEFT_ENOTSUP;
        }
        stream->is_closed = rc == 0;
    }
    stream_end_call(&stream->out);
    return rc;
}

/* ---- the rest ---- */

/* Bytes go from one's reading buffer straight to the other's carrier: each that has come is handed
 * on before the next read, which may sleep. */
static int stream_copy_some(weft_stream *to, weft_stream *from, uint64_t size_max, size_t *ret_done)
{
    *ret_done = 0;
    int rc = stream_push_all(to);
    if (rc < 0) {
        return rc;
    }
    if (stream_held(&from->in) == 0) {
        ssize_t n = stream_fill(from, 1);
        if (n <= 0) {
            return (int)n;
        }
    }
    size_t size = stream_held(&from->in);
    if (size > size_max) {
        size = (size_t)size_max;
    }
    rc = to->is_closed ? -WEFT_EPIPE
                       : stream_carry_out(to, from->in.data + from->in.start, size, ret_done);
    stream_consume(from, *ret_done);
    return rc;
}

/* Both sides are the caller's. */
static int stream_copy_all(weft_stream *to, weft_stream *from, uint64_t size_max,
                           uint64_t *ret_done)
{
    size_t done = 1;
    int rc = 0;
    while (rc == 0 && done > 0 && *ret_done < size_max) {
        rc = stream_copy_some(to, from, size_max - *ret_done, &done);
        *ret_done += done;
    }
    return rc;
}

int weft_stream_copy(weft_stream *to, weft_stream *from, uint64_t size_max, uint64_t *ret_done)
{
    const void *site = __builtin_return_address(0);
    uint64_t done = 0;
    int rc = stream_begin_read(from, site);
    if (rc == 0) {
        rc = stream_begin_write(to, site);
        if (rc == 0) {
            rc = stream_copy_all(to, from, size_max > 0 ? size_max : UINT64_MAX, &done);
            stream_end_call(&to->out);
        }
        stream_end_call(&from->in);
    }
    if (ret_done) {
        *ret_done = done;
    }
    return rc;
}

int weft_stream_close(weft_stream *stream)
{
    const void *site = __builtin_return_address(0);
    if (!stream) {
        return 0;
    }
    stream_expect(stream);
    stream_occupy(&stream->in, "a stream is closed while it is read", site);
    stream_occupy(&stream->out, "a stream is closed while it is written to", site);
    int rc = stream->is_closed ? 0 : stream_push_all(stream);
    int closed = stream->ops->close(stream->state);
    stream->magic = 0;
    if (stream->in.data != stream->small) {
        weft__free(stream->in.data);
    }
    weft__free(stream->out.data);
    weft__free(stream);
    return rc < 0 ? rc : closed;
}

int weft_stream_get_fd(const weft_stream *stream)
{
    stream_expect(stream);
    return stream->ops->get_fd ? stream->ops->get_fd(stream->state) : -WEFT_ENOTSUP;
}

void *weft_stream_state(const weft_stream *stream)
{
    stream_expect(stream);
    return stream->state;
}

const weft_stream_ops *weft_stream_carrier(const weft_stream *stream)
{
    stream_expect(stream);
    return stream->ops;
}

void weft_stream_stats(const weft_stream *stream, weft_stream_counts *ret)
{
    stream_expect(stream);
    weft_stream *s = (weft_stream *)(uintptr_t)stream;
    *ret = (weft_stream_counts){.reads = weft__stat_read(&s->in.calls),
                                .bytes_read = weft__stat_read(&s->in.bytes),
                                .writes = weft__stat_read(&s->out.calls),
                                .bytes_written = weft__stat_read(&s->out.bytes)};
}
