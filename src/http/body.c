/* body.c - the bytes of a body, as they are framed: by length, by chunks, by the end.
 *
 * Chunks are taken apart here and not by llhttp, for two reasons: a reader that is called for the
 * next bytes can let the stream read straight into its caller's buffer, where a parser that calls
 * back cannot; and the llhttp of Debian 12 takes a bare CR or LF for an end of line in places where
 * others do not (decisions/0026).  http_fuzz.c holds both against each other.
 *
 * What a chunk's size may drag along (extensions, trailers) is bounded by what the body itself has
 * brought, so that a peer cannot keep us reading at no cost to itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/body.h"

#include "http/chars.h"
#include "http/head.h"
#include "weft/err.h"
#include "weft/scope.h"

#define BODY_LINE_MAX    1024  /* of a chunk's size with its extensions, of a trailer */
#define BODY_FRAMING_MAX 16384 /* of all of them, and five for each byte of the body */

void weft__http_body_init(struct http_body *body, weft_stream *stream, int64_t size,
                          uint64_t size_max)
{
    *body = (struct http_body){.stream = stream, .size_max = size_max};
    if (size == HTTP_BODY_CHUNKED) {
        body->is_chunked = true;
        body->state = HTTP_BODY_SIZE;
    } else if (size == HTTP_BODY_TO_CLOSE) {
        body->state = HTTP_BODY_REST;
    } else {
        body->left = size;
        body->state = size > 0 ? HTTP_BODY_DATA : HTTP_BODY_DONE;
    }
    if (size >= 0 && (uint64_t)size > size_max)
        body->error = -EMSGSIZE;
}

/* Sleeps.  Shows the next line without taking it: its length without CR LF, which stand there. */
static ssize_t body_line(struct http_body *body, const char **ret_line)
{
    size_t want = 2;

    for (;;) {
        const void *data;
        ssize_t n = weft_stream_peek(body->stream, want, &data);
        if (n < 0)
            return n;
        const char *lf = memchr(data, '\n', (size_t)n);
        if (lf != NULL) {
            size_t size = (size_t)(lf - (const char *)data);
            if (size == 0 || lf[-1] != '\r' || size > BODY_LINE_MAX ||
                memchr(data, '\r', size - 1) != NULL)
                return -EBADMSG;
            *ret_line = data;
            return (ssize_t)size - 1;
        }
        if ((size_t)n > BODY_LINE_MAX)
            return -EBADMSG;
        if ((size_t)n < want)
            return -EPIPE;
        want = (size_t)n + 1;
    }
}

static int body_took_line(struct http_body *body, size_t size)
{
    weft_stream_skip(body->stream, size + 2);
    body->framing += size + 2;
    return body->framing > BODY_FRAMING_MAX + 5 * body->taken ? -EBADMSG : 0;
}

static bool body_is_readable(char c)
{
    return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

/* The end of the token or quoted text that begins at `at`; `at` itself if there is none.  Nobody
 * needs more than plain letters between the quotes. */
static const char *body_word_end(const char *at, const char *end)
{
    const char *p = at;

    if (p == end || *p != '"') {
        while (p < end && chars_is_token(*p))
            p++;
        return p;
    }
    for (p++; p < end && *p >= ' ' && *p != 0x7f && *p != '"' && *p != '\\'; p++)
        ;
    return p < end && *p == '"' ? p + 1 : at;
}

/* What follows a size: ";name", ";name=word", any number of them, and no spaces. */
static bool body_is_extension(const char *at, const char *end)
{
    while (at < end) {
        const char *name = at + 1, *word = body_word_end(name, end);
        if (*at != ';' || word == name || *name == '"')
            return false;
        at = word;
        if (at < end && *at == '=') {
            at = body_word_end(word + 1, end);
            if (at == word + 1)
                return false;
        }
    }
    return true;
}

static bool body_is_field(const char *line, ssize_t size)
{
    ssize_t n = 0;

    while (n < size && chars_is_token(line[n]))
        n++;
    if (n == 0 || n == size || line[n] != ':')
        return false;
    if ((n == 14 && chars_is_same(line, "content-length", 14)) ||
        (n == 17 && chars_is_same(line, "transfer-encoding", 17)))
        return false; /* too late to frame anything; somebody else might still believe it */
    while (n < size && body_is_readable(line[n]))
        n++;
    return n == size;
}

/* "1a3", or "1a3;name=value". */
static int body_take_size(struct http_body *body)
{
    const char *line;
    ssize_t size = body_line(body, &line);
    int64_t left = 0;
    ssize_t n = 0;

    if (size < 0)
        return (int)size;
    for (; n < size && chars_hex(line[n]) >= 0; n++) {
        if (n == 15)
            return -EBADMSG;
        left = left * 16 + chars_hex(line[n]);
    }
    if (n == 0 || !body_is_extension(line + n, line + size))
        return -EBADMSG;
    if ((uint64_t)left > body->size_max - body->taken)
        return -EMSGSIZE;
    body->left = left;
    body->state = left > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER;
    return body_took_line(body, (size_t)size);
}

static int body_take_crlf(struct http_body *body)
{
    const char *line;
    ssize_t size = body_line(body, &line);

    if (size != 0)
        return size < 0 ? (int)size : -EBADMSG;
    body->state = HTTP_BODY_SIZE;
    return body_took_line(body, 0);
}

/* Trailers are looked at for their form alone, and forgotten. */
static int body_take_trailer(struct http_body *body)
{
    const char *line;
    ssize_t size = body_line(body, &line);

    if (size < 0)
        return (int)size;
    if (size == 0)
        body->state = HTTP_BODY_DONE;
    else if (!body_is_field(line, size))
        return -EBADMSG;
    return body_took_line(body, (size_t)size);
}

/* Bytes that are there in any case: of a length, of a chunk. */
static ssize_t body_take_data(struct http_body *body, void *buffer, size_t size)
{
    ssize_t n = weft_stream_read(body->stream, buffer, weft__min(size, (size_t)body->left));

    if (n <= 0)
        return n < 0 ? n : -EPIPE;
    body->left -= n;
    if (body->left == 0)
        body->state = body->is_chunked ? HTTP_BODY_CRLF : HTTP_BODY_DONE;
    return n;
}

static ssize_t body_take_rest(struct http_body *body, void *buffer, size_t size)
{
    ssize_t n = weft_stream_read(body->stream, buffer, size);

    if (n == 0)
        body->state = HTTP_BODY_DONE;
    else if (n > 0 && (uint64_t)n > body->size_max - body->taken)
        return -EMSGSIZE;
    return n;
}

static ssize_t body_step(struct http_body *body, void *buffer, size_t size)
{
    switch (body->state) {
    case HTTP_BODY_DATA:
        return body_take_data(body, buffer, size);
    case HTTP_BODY_REST:
        return body_take_rest(body, buffer, size);
    case HTTP_BODY_SIZE:
        return body_take_size(body);
    case HTTP_BODY_CRLF:
        return body_take_crlf(body);
    case HTTP_BODY_TRAILER:
        return body_take_trailer(body);
    default:
        return 0;
    }
}

ssize_t weft__http_body_read(struct http_body *body, void *buffer, size_t size)
{
    if (size == 0)
        return body->error;
    for (;;) {
        if (body->error != 0)
            return body->error;
        if (body->state == HTTP_BODY_DONE)
            return 0;
        ssize_t n = body_step(body, buffer, size);
        if (n > 0) {
            body->taken += (uint64_t)n;
            return n;
        }
        if (n < 0 && n != -WEFT_ECANCELED)
            body->error = (int)n;
        if (n < 0)
            return n;
    }
}

void weft__http_abandon(weft_stream *stream)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    weft_stream_close(stream);
    weft_scope_close(&scope);
}
