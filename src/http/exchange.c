/* exchange.c - one connection of a server: read a head, call the handler, see to the rest, again.
 *
 * Times.  A scope with a deadline for each step of each request would arm a timer three times for
 * what is over in microseconds.  Instead a connection writes down what it is doing and until when;
 * the server's sweeper (http_server.c) looks at all of them a few times a second and cancels the
 * scope of one that is late, which ends whatever call it is in.  There is no clock to be read for
 * it either: times are counted from the sweeper's last tick.
 *
 * A request that begins while its idle connection is being closed: the connection and the sweeper
 * settle by the phase, in one exchange, who was first, so that no handler runs for a client that is
 * not answered.
 *
 * A reply is flushed when no further request is in the buffer: pipelined requests are answered in
 * one write.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/exchange.h"

#include "http/chars.h"
#include "http/http_server.h"
#include "http/url.h"
#include "weft/err.h"
#include "weft/time.h"

#define CONN_LINGER_NS   (2 * WEFT_SECOND)
#define CONN_LINGER_SIZE (1024 * 1024) /* bytes that are read and forgotten meanwhile */
#define CONN_LATE_NS     (1 * WEFT_SECOND)
#define CONN_MANY        256 /* beyond, one that is idle keeps no block of its arena */

static int64_t conn_due(const struct http_conn *conn, int64_t for_ns)
{
    const struct weft_http_server *server = conn->server;
    int64_t now = a_load(&server->now, relaxed);

    if (for_ns < 0 || for_ns > WEFT_NEVER - now - server->tick_ns)
        return WEFT_NEVER;
    return now + server->tick_ns + for_ns;
}

void weft__http_conn_phase(struct http_conn *conn, enum conn_phase phase, int64_t for_ns)
{
    a_store(&conn->due, conn_due(conn, for_ns), relaxed);
    a_store(&conn->phase, phase, release); /* pairs with the acquire of the sweeper */
}

void weft__http_log(struct http_conn *conn, const char *what, int status, int code)
{
    const weft_http_options *o = &conn->server->options;

    if (o->log != NULL)
        o->log(o->log_arg, &(weft_http_event){what, status, code, conn->request.path});
}

void weft__http_refuse(struct http_conn *conn, int status, int code)
{
    a_add(&conn->server->refused, 1, relaxed);
    weft__http_log(conn, "request refused", status, code);
    if (weft__http_send_error(conn, status) == 0)
        weft__http_linger(conn);
}

void weft__http_tell_late(struct http_conn *conn)
{
    int phase = a_load(&conn->late, relaxed) - 1;
    int status = phase == CONN_HEAD || phase == CONN_BODY ? 408 : phase == CONN_HANDLER ? 503 : 0;
    weft_scope scope;

    a_add(&conn->server->timed_out, 1, relaxed);
    weft__http_log(conn, "timed out", conn->reply == CONN_UNSENT ? status : 0, -WEFT_ETIMEDOUT);
    if (status == 0 || conn->reply != CONN_UNSENT)
        return;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(CONN_LATE_NS));
    (void)weft__http_send_error(conn, status);
    weft_scope_close(&scope);
}

void weft__http_linger(struct http_conn *conn)
{
    const void *data;
    size_t dropped = 0;
    weft_scope scope;

    weft__http_conn_phase(conn, CONN_CLOSING, -1);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(CONN_LINGER_NS));
    ssize_t n = weft_stream_close_write(conn->stream);
    while (n >= 0 && dropped < CONN_LINGER_SIZE) {
        n = weft_stream_peek(conn->stream, 1, &data);
        if (n <= 0)
            break;
        weft_stream_skip(conn->stream, (size_t)n);
        dropped += (size_t)n;
    }
    weft_scope_close(&scope);
}

/* ---- reading a head ---- */

/* Sleeps.  1: the first byte of a request is there.  0: the client has gone, or we close. */
static int conn_wait(struct http_conn *conn)
{
    const weft_http_options *o = &conn->server->options;
    int phase = conn->requests == 0 ? CONN_FIRST : CONN_IDLE;
    const void *data;

    weft__http_conn_phase(conn, (enum conn_phase)phase,
                          phase == CONN_FIRST ? o->first_byte_ns : o->idle_ns);
    if (conn->requests > 0 && a_load(&conn->server->is_draining, acquire))
        return 0; /* the sweeper looks again, should that be said from now on */
    ssize_t n = weft_stream_peek(conn->stream, 1, &data);
    if (n <= 0)
        return (int)n;
    a_store(&conn->due, conn_due(conn, o->header_ns), relaxed);
    return a_cas(&conn->phase, &phase, CONN_HEAD, acq_rel, acquire) ? 1 : 0;
}

/* Sleeps.  Reads a head and takes it apart.  0; a status that refuses it; or a code. */
static int conn_head(struct http_conn *conn)
{
    const weft_http_options *o = &conn->server->options;
    const struct http_head_limits limits = {o->request_line_max, o->header_size_max,
                                            o->header_count_max};
    char *text;
    size_t size;
    int rc = weft__http_head_take(conn->stream, &conn->arena, &limits, &text, &size);

    return rc != 0 ? rc : weft__http_head_request(&conn->arena, text, size, &conn->head);
}

/* What the handler sees.  0, or a status that refuses it. */
static int conn_fill(struct http_conn *conn)
{
    const struct http_head *head = &conn->head;
    weft_http_request *request = &conn->request;
    struct http_target target;
    bool is_options = strcmp(head->method, "OPTIONS") == 0;

    if (strcmp(head->method, "CONNECT") == 0)
        return 501;
    int status = weft__http_target(&conn->arena, head->target, is_options, &target);
    if (status != 0)
        return status;
    request->method = head->method;
    request->target = head->target;
    request->path = target.path;
    request->query = target.query;
    request->host = target.host != NULL ? target.host : head->host != NULL ? head->host : "";
    request->headers = head->headers;
    request->header_count = head->count;
    request->body_size = head->body_size;
    request->is_head = strcmp(head->method, "HEAD") == 0;
    request->minor = head->minor;
    return head->expects_more ? 417 : 0;
}

/* Everything of the request before. */
static void conn_forget(struct http_conn *conn)
{
    int fd = conn->request.fd;

    if (a_load(&conn->server->open, relaxed) > CONN_MANY)
        weft__http_arena_fini(&conn->arena);
    else
        weft__http_arena_reset(&conn->arena);
    conn->request = (weft_http_request){.method = "", .target = "", .path = "", .query = "",
                                        .host = "", .minor = 1, .fd = fd};
    conn->reply = CONN_UNSENT;
    conn->closes = false;
    conn->extra = NULL;
    conn->extra_size = conn->extra_room = 0;
    conn->body = (struct http_body){.state = HTTP_BODY_DONE};
    conn->body_begun = 0;
    a_store(&conn->handler_due, WEFT_NEVER, relaxed);
}

/* Sleeps.  One request and its reply.  0: and so on; 1: that was the last; or a code. */
static int conn_turn(struct http_conn *conn)
{
    struct weft_http_server *server = conn->server;
    const weft_http_options *o = &server->options;
    int rc = conn_wait(conn);

    if (rc <= 0)
        return rc < 0 ? rc : 1;
    rc = conn_head(conn);
    if (rc == 0)
        rc = conn_fill(conn);
    conn->requests++;
    a_add(&server->requests, 1, relaxed);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        weft__http_refuse(conn, rc, 0);
        return 1;
    }
    if (conn->head.body_size > 0 && (uint64_t)conn->head.body_size > o->body_size_max) {
        weft__http_refuse(conn, 413, 0);
        return 1;
    }
    weft__http_body_init(&conn->body, conn->stream, conn->head.body_size, o->body_size_max);
    conn->continued = !conn->head.expects_continue || conn->head.body_size == 0;
    conn->closes = !conn->head.keeps || conn->requests >= o->requests_max ||
                   a_load(&server->is_draining, acquire);
    if (o->handler_ns > 0)
        a_store(&conn->handler_due, conn_due(conn, o->handler_ns), relaxed);
    weft__http_conn_phase(conn, CONN_HANDLER, -1);
    return weft__http_finish(conn, server->handler(&conn->request, server->arg));
}

int weft__http_talk(struct http_conn *conn)
{
    const void *data;
    int rc;

    do {
        conn_forget(conn);
        rc = conn_turn(conn);
        /* Someone who has sent the next request already gets both replies at once. */
        if (rc == 0 && weft_stream_peek(conn->stream, 0, &data) <= 0)
            rc = weft__http_flush(conn);
    } while (rc == 0);
    return rc < 0 ? rc : 0;
}

/* ---- what a handler asks ---- */

const char *weft_http_get_header(const weft_http_request *request, const char *name)
{
    return weft__http_header_find(request->headers, request->header_count, name);
}

void *weft_http_alloc(weft_http_request *request, size_t size)
{
    return weft__http_take(&container_of(request, struct http_conn, request)->arena, size);
}

/* Sleeps.  A client that asked whether to send the body is told to. */
static int conn_continue(struct http_conn *conn)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (conn->continued || conn->reply != CONN_UNSENT)
        return 0;
    conn->continued = true;
    int rc = weft__http_put(conn, go_on, sizeof go_on - 1);
    return rc != 0 ? rc : weft__http_flush(conn);
}

ssize_t weft_http_read(weft_http_request *request, void *buffer, size_t size)
{
    struct http_conn *conn = container_of(request, struct http_conn, request);
    const weft_http_options *o = &conn->server->options;
    int64_t for_ns = o->body_ns;
    int rc = conn_continue(conn);

    if (rc != 0)
        return rc;
    if (conn->body.state == HTTP_BODY_DONE || conn->body.error != 0)
        return conn->body.error;
    if (conn->body.taken / o->body_rate_min < (uint64_t)(WEFT_NEVER / WEFT_SECOND / 4))
        for_ns += (int64_t)(conn->body.taken / o->body_rate_min) * WEFT_SECOND;
    if (conn->body_begun == 0)
        conn->body_begun = a_load(&conn->server->now, relaxed);
    for_ns -= a_load(&conn->server->now, relaxed) - conn->body_begun;
    weft__http_conn_phase(conn, CONN_BODY, weft__max(for_ns, INT64_C(0)));
    ssize_t n = weft__http_body_read(&conn->body, buffer, size);
    if (n != -WEFT_ECANCELED)
        weft__http_conn_phase(conn, CONN_HANDLER, -1);
    return n;
}

int weft_http_read_all(weft_http_request *request, size_t size_max, char **ret_data,
                       size_t *ret_size)
{
    struct http_conn *conn = container_of(request, struct http_conn, request);
    size_t room = conn->head.body_size >= 0 ? (size_t)conn->head.body_size : HTTP_ARENA_FIRST;
    size_t size = 0;

    if (conn->head.body_size > 0 && (uint64_t)conn->head.body_size > size_max)
        return conn->body.error = -EMSGSIZE;
    char *data = weft__http_take(&conn->arena, room + 1);
    while (data != NULL) {
        char more;
        ssize_t n = size < room ? weft_http_read(request, data + size, room - size)
                                : weft_http_read(request, &more, 1);
        if (n < 0)
            return (int)n;
        if (n == 0) {
            data[size] = '\0';
            *ret_data = data;
            *ret_size = size;
            return 0;
        }
        if (size + (size_t)n > size_max)
            return conn->body.error = -EMSGSIZE;
        if (size == room) {
            char *wider = weft__http_take(&conn->arena, 2 * room + 1);
            if (wider != NULL)
                wider[size] = more;
            data = wider != NULL ? memcpy(wider, data, size) : NULL;
            room *= 2;
        }
        size += (size_t)n;
    }
    return -WEFT_ENOMEM;
}
