/* respond.c - what a handler replies: heads, bodies, chunks, and the end that every reply gets.
 *
 * A head is put together in the request's arena and handed to the stream in one piece, with a small
 * body behind it; the stream gathers until the exchange flushes.  Nothing goes through printf.
 *
 * Whether the connection may go on must be known before the head is sent, as the head says so.  It
 * may not when too much of the request's body is still to come: to read that would cost more than
 * a new connection.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "http/chars.h"
#include "http/exchange.h"
#include "http/http_server.h"
#include "weft/err.h"

#define RESPOND_GATHER    4096 /* bodies up to that are written together with the head */
#define RESPOND_HEAD_ROOM 256  /* of a head: all but its type and what the handler added */
#define RESPOND_TEXT_MAX  1024
#define RESPOND_SMALL     384 /* a reply that needs no memory, such as that there is none */

static struct http_conn *respond_conn(weft_http_request *request)
{
    return container_of(request, struct http_conn, request);
}

/* ---- bytes to the client, with a time limit for each piece ---- */

int weft__http_put(struct http_conn *conn, const void *data, size_t size)
{
    weft__http_conn_phase(conn, CONN_WRITE, conn->server->options.write_ns);
    int rc = weft_stream_write(conn->stream, data, size, NULL);
    weft__http_conn_phase(conn, CONN_HANDLER, -1);
    return rc;
}

int weft__http_flush(struct http_conn *conn)
{
    weft__http_conn_phase(conn, CONN_WRITE, conn->server->options.write_ns);
    int rc = weft_stream_flush(conn->stream);
    weft__http_conn_phase(conn, CONN_HANDLER, -1);
    return rc;
}

/* ---- the head ---- */

static bool respond_is_reserved(const char *name)
{
    return chars_is_word(name, "content-length") || chars_is_word(name, "transfer-encoding") ||
           chars_is_word(name, "date") || chars_is_word(name, "trailer");
}

int weft_http_add_header(weft_http_request *request, const char *name, const char *value)
{
    struct http_conn *conn = respond_conn(request);

    if (conn->reply != CONN_UNSENT)
        return -WEFT_EBUSY;
    if (!chars_is_token_text(name) || !chars_is_value_text(value) || respond_is_reserved(name))
        return -WEFT_EINVAL;
    if (chars_is_word(name, "connection")) {
        conn->closes |= chars_has_word(value, "close");
        return chars_is_word(value, "close") ? 0 : -WEFT_EINVAL;
    }
    size_t name_size = strlen(name), value_size = strlen(value);
    size_t size = name_size + value_size + 4;
    if (size > conn->extra_room - conn->extra_size) {
        size_t room = 2 * (conn->extra_size + size);
        char *extra = weft__http_take(&conn->arena, room);
        if (extra == NULL)
            return -WEFT_ENOMEM;
        if (conn->extra_size > 0)
            memcpy(extra, conn->extra, conn->extra_size);
        conn->extra = extra;
        conn->extra_room = room;
    }
    char *at = chars_put(conn->extra + conn->extra_size, name, name_size);
    at = chars_put(CHARS_PUT(at, ": "), value, value_size);
    CHARS_PUT(at, "\r\n");
    conn->extra_size += size;
    return 0;
}

static const char *respond_date(struct http_conn *conn)
{
    int64_t now = (int64_t)time(NULL);

    if (now != conn->date_second || conn->date[0] == '\0') {
        weft_http_date(now, conn->date);
        conn->date_second = now;
    }
    return conn->date;
}

/* Bytes of the request's body that would have to be read before the next request. */
static bool respond_may_keep(const struct http_conn *conn)
{
    if (conn->body.state == HTTP_BODY_DONE)
        return true;
    if (!conn->continued || conn->body.error != 0)
        return false;
    return conn->body.is_chunked ||
           (uint64_t)conn->body.left <= conn->server->options.body_drop_max;
}

static char *respond_put_head(struct http_conn *conn, char *at, const char *type, int64_t size)
{
    const char *reason = weft_http_reason(conn->status);

    at = CHARS_PUT(at, "HTTP/1.1 ");
    at = chars_put_number(at, (uint64_t)conn->status);
    *at++ = ' ';
    at = chars_put(at, reason, strlen(reason));
    at = CHARS_PUT(at, "\r\nDate: ");
    at = chars_put(at, respond_date(conn), WEFT_HTTP_DATE_MAX - 1);
    if (type != NULL) {
        at = CHARS_PUT(at, "\r\nContent-Type: ");
        at = chars_put(at, type, strlen(type));
    }
    if (conn->is_chunked) {
        at = CHARS_PUT(at, "\r\nTransfer-Encoding: chunked");
    } else if (size >= 0 && conn->status != 204 && conn->status != 304) {
        at = CHARS_PUT(at, "\r\nContent-Length: ");
        at = chars_put_number(at, (uint64_t)size);
    }
    at = CHARS_PUT(at, "\r\n");
    if (conn->extra_size > 0)
        at = chars_put(at, conn->extra, conn->extra_size);
    if (conn->closes)
        at = CHARS_PUT(at, "Connection: close\r\n");
    else if (conn->request.minor == 0)
        at = CHARS_PUT(at, "Connection: keep-alive\r\n");
    return CHARS_PUT(at, "\r\n");
}

/* Sleeps.  The head, and with it the first bytes of the body. */
static int respond_begin(struct http_conn *conn, int status, const char *type, int64_t size,
                         const void *data, size_t data_size)
{
    if (conn->reply != CONN_UNSENT)
        return -WEFT_EBUSY;
    if (status < 200 || status > 599 || size < -1 || (type != NULL && !chars_is_value_text(type)))
        return -WEFT_EINVAL;
    bool is_bare = status == 204 || status == 304;
    conn->status = status;
    conn->has_body = !is_bare && !conn->request.is_head;
    conn->is_chunked = size < 0 && !is_bare && conn->request.minor >= 1;
    conn->left = size;
    conn->closes |= (size < 0 && !is_bare && conn->request.minor == 0) || !respond_may_keep(conn);
    if (!conn->has_body)
        data_size = 0;
    size_t room = RESPOND_HEAD_ROOM + conn->extra_size + (type != NULL ? strlen(type) : 0);
    char small[RESPOND_SMALL], *head = weft__http_take(&conn->arena, room + data_size);
    if (head == NULL) {
        if (room + data_size > sizeof small)
            return -WEFT_ENOMEM;
        head = small;
    }
    char *end = respond_put_head(conn, head, type, size);
    HTTP_CHECK((size_t)(end - head) <= room);
    if (data_size > 0)
        end = chars_put(end, data, data_size);
    int rc = weft__http_put(conn, head, (size_t)(end - head));
    if (rc == 0)
        conn->reply = CONN_SENDING;
    return rc;
}

int weft_http_begin(weft_http_request *request, int status, const char *type, int64_t size)
{
    return respond_begin(respond_conn(request), status, type, size, NULL, 0);
}

/* ---- the body ---- */

static int respond_put_chunk(struct http_conn *conn, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char text[20], *at = text + sizeof text;

    *--at = '\n';
    *--at = '\r';
    for (size_t n = size; n > 0; n >>= 4)
        *--at = digits[n & 15];
    int rc = weft__http_put(conn, at, (size_t)(text + sizeof text - at));
    if (rc == 0)
        rc = weft__http_put(conn, data, size);
    return rc != 0 ? rc : weft__http_put(conn, "\r\n", 2);
}

int weft_http_write(weft_http_request *request, const void *data, size_t size)
{
    struct http_conn *conn = respond_conn(request);
    int rc = conn->reply == CONN_UNSENT ? weft_http_begin(request, 200, NULL, -1) : 0;

    if (rc != 0 || conn->reply == CONN_SENT)
        return rc != 0 ? rc : -WEFT_EBUSY;
    if (conn->left >= 0) {
        if (size > (uint64_t)conn->left)
            return -EMSGSIZE;
        conn->left -= (int64_t)size;
    }
    if (!conn->has_body || size == 0)
        return 0;
    return conn->is_chunked ? respond_put_chunk(conn, data, size)
                            : weft__http_put(conn, data, size);
}

int weft_http_flush(weft_http_request *request)
{
    return weft__http_flush(respond_conn(request));
}

int weft_http_send(weft_http_request *request, int status, const char *type, const void *data,
                   size_t size)
{
    struct http_conn *conn = respond_conn(request);
    size_t together = size <= RESPOND_GATHER ? size : 0;
    int rc = respond_begin(conn, status, type, (int64_t)size, data, together);

    if (rc == 0 && together < size && conn->has_body)
        rc = weft__http_put(conn, data, size);
    if (rc == 0) {
        conn->left = 0;
        conn->reply = CONN_SENT;
    }
    return rc;
}

int weft_http_send_text(weft_http_request *request, int status, const char *format, ...)
{
    char text[RESPOND_TEXT_MAX], *all = text;
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return -WEFT_EINVAL;
    if ((size_t)n >= sizeof text) {
        all = weft_http_alloc(request, (size_t)n + 1);
        if (all == NULL)
            return -WEFT_ENOMEM;
        va_start(args, format);
        (void)vsnprintf(all, (size_t)n + 1, format, args);
        va_end(args);
    }
    return weft_http_send(request, status, "text/plain; charset=utf-8", all, (size_t)n);
}

/* ---- the end ---- */

int weft__http_send_error(struct http_conn *conn, int status)
{
    const char *reason = weft_http_reason(status);
    char text[64];

    conn->extra_size = 0;
    conn->closes = true;
    int n = snprintf(text, sizeof text, "%d %s\n", status, reason);
    int rc = weft_http_send(&conn->request, status, "text/plain", text, (size_t)n);
    return rc != 0 ? rc : weft__http_flush(conn);
}

/* Sleeps.  The handler has sent nothing: what the client is told.  Who let go of a body that was
 * wrong or too much is not blamed for it; for a lack of memory neither is the client. */
static int respond_instead(struct http_conn *conn, int code)
{
    struct weft_http_server *server = conn->server;
    bool is_poor = code == -WEFT_ENOMEM || (code < 0 && conn->body.error == -WEFT_ENOMEM);
    int broken = code < 0 && !is_poor ? conn->body.error : 0;
    int status = is_poor ? 503 : broken == -EMSGSIZE ? 413 : broken == 0 ? 500 : 400;

    a_add(broken != 0 ? &server->refused : &server->handler_errors, 1, relaxed);
    weft__http_log(conn, broken != 0 ? "request refused" : "handler failed", status, code);
    return weft__http_send_error(conn, status);
}

/* Sleeps.  Reads what the handler has left of the body. */
static int respond_drop_body(struct http_conn *conn)
{
    char buffer[4096];
    uint64_t dropped = 0;

    while (conn->body.state != HTTP_BODY_DONE) {
        ssize_t n = weft_http_read(&conn->request, buffer, sizeof buffer);
        dropped += n > 0 ? (uint64_t)n : 0;
        if (n < 0 || dropped > conn->server->options.body_drop_max) {
            conn->closes = true;
            return n == -WEFT_ECANCELED ? (int)n : 0;
        }
    }
    return 0;
}

int weft__http_finish(struct http_conn *conn, int handler_code)
{
    int rc = 0;

    if (a_load(&conn->late, acquire) != 0)
        return -WEFT_ECANCELED;
    if (conn->reply == CONN_UNSENT)
        rc = respond_instead(conn, handler_code < 0 ? handler_code : 0);
    else if (handler_code < 0 || (conn->reply == CONN_SENDING && conn->left > 0)) {
        a_add(&conn->server->handler_errors, 1, relaxed);
        weft__http_log(conn, handler_code < 0 ? "handler failed" : "reply cut short",
                       conn->status, handler_code < 0 ? handler_code : -EPIPE);
        if (conn->reply == CONN_SENDING && conn->left != 0)
            return handler_code < 0 ? handler_code : -EPIPE;
    }
    if (rc == 0 && conn->reply == CONN_SENDING && conn->is_chunked && conn->has_body)
        rc = weft__http_put(conn, "0\r\n\r\n", 5);
    if (rc != 0)
        return rc;
    conn->reply = CONN_SENT;
    if (conn->body.state != HTTP_BODY_DONE) {
        rc = weft__http_flush(conn); /* the client may wait for it before it goes on */
        if (rc == 0 && !conn->closes)
            rc = respond_drop_body(conn);
        if (rc == 0 && conn->closes)
            weft__http_linger(conn);
    } else if (conn->closes) {
        rc = weft__http_flush(conn);
    }
    return rc != 0 ? rc : conn->closes;
}
