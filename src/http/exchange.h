/* exchange.h - one connection of a server: its request, its reply, its times.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_EXCHANGE_H
#define WEFT_HTTP_EXCHANGE_H

#include "base/atomic.h"
#include "http/arena.h"
#include "http/body.h"
#include "http/head.h"
#include "weft/http.h"
#include "weft/scope.h"
#include "weft/sync.h"

/* What a connection is doing, for those that look at its time. */
enum conn_phase {
    CONN_FIRST = 0, /* waits for the first byte of all */
    CONN_IDLE,      /* waits for the next request */
    CONN_HEAD,      /* some of a head is there */
    CONN_HANDLER,
    CONN_BODY,      /* the handler waits for the body */
    CONN_WRITE,     /* the client is to take a piece of the reply */
    CONN_CLOSING    /* nothing more is read; also what the sweeper makes of FIRST and IDLE */
};

enum conn_reply {
    CONN_UNSENT = 0,
    CONN_SENDING, /* the head is out, or in the stream's buffer */
    CONN_SENT
};

struct http_conn {
    weft_http_request request;
    struct weft_http_server *server;
    weft_stream *stream;
    bool is_plain; /* the stream adds nothing to what request.fd carries */
    struct http_arena arena;
    struct http_head head;
    struct http_body body;
    int64_t body_begun; /* when the handler first asked for it, 0: not yet */

    /* the reply */
    enum conn_reply reply;
    int status;
    bool is_chunked, has_body; /* has_body: it is really sent, not that of a HEAD or 304 */
    bool continued;            /* 100 was sent, or need not be */
    bool closes;               /* the connection ends after this reply */
    int64_t left;              /* bytes promised and not yet written; -1: no promise */
    char *extra;               /* headers of the handler, as they are sent */
    size_t extra_size, extra_room;
    int64_t date_second;
    char date[WEFT_HTTP_DATE_MAX];

    /* for the sweeper, in http_server.c */
    struct http_conn *next, *prev;
    weft_scope scope;
    ATOMIC(int) phase;
    ATOMIC(int64_t) due;         /* time of the phase; WEFT_NEVER */
    ATOMIC(int64_t) handler_due; /* of the whole request */
    ATOMIC(int) late;            /* the sweeper has ended it in this phase, + 1 */
    uint64_t requests;
};

/* What is on for a while, and when that is too long.  `for_ns` < 0: not at all. */
void weft__http_conn_phase(struct http_conn *conn, enum conn_phase phase, int64_t for_ns);

/* Sleeps.  Requests and replies until the connection is to be closed.  0 or a code. */
int weft__http_talk(struct http_conn *conn);

/* Sleeps.  A reply to what was no request, or too much of one; the connection is to be closed. */
void weft__http_refuse(struct http_conn *conn, int status, int code);

/* Sleeps.  Tells a client that it was too slow, if that can still be told; in a scope that is not
 * cancelled. */
void weft__http_tell_late(struct http_conn *conn);

/* Sleeps.  Closes for writing and waits a moment for the client to do so, too: bytes that nobody
 * reads would else make the kernel take back the reply (RFC 9112, 9.6). */
void weft__http_linger(struct http_conn *conn);

/* ---- respond.c ---- */

/* Sleeps.  The end of a reply, whatever the handler has left of it.  0: the connection may go on;
 * 1: it may not; or a code. */
int weft__http_finish(struct http_conn *conn, int handler_code);

/* Sleeps.  A whole reply of ours, without what the handler had prepared; the connection is to be
 * closed.  0 or a code. */
int weft__http_send_error(struct http_conn *conn, int status);

/* Sleeps.  Hands on what the stream gathered, within write_ns. */
int weft__http_flush(struct http_conn *conn);

/* Sleeps.  Writes to the stream, within write_ns. */
int weft__http_put(struct http_conn *conn, const void *data, size_t size);

void weft__http_log(struct http_conn *conn, const char *what, int status, int code);

#endif
