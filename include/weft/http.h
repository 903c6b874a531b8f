/* http.h - HTTP/1.1: a server whose handlers are plain functions, and a client.
 *
 *     static int hello(weft_http_request *request, void *arg)
 *     {
 *         (void)arg;
 *         return weft_http_send(request, 200, "text/plain", "Hello, world\n", 13);
 *     }
 *
 *     int listener = weft_listen(":8080", NULL);
 *     int rc = weft_http_serve(listener, hello, NULL, NULL);
 *
 * A library of its own: link weft-http beside weft.  It stands on streams (stream.h), so it runs
 * over sockets, TLS and memory.  Each connection is a task; a handler runs in it and may sleep.
 *
 * Messages are read strictly (RFC 9110, RFC 9112): both a Content-Length and a Transfer-Encoding,
 * a bare CR or LF, a folded header, a chunk that is not one are refused with 400 and the connection
 * is closed, because who is in between may have read them otherwise.  Every size and every time has
 * a limit, and each limit is an option.
 *
 * Texts handed out are ended by a byte 0.  Where a code is returned it is negative; what stream.h
 * and net.h return is passed on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_H
#define WEFT_HTTP_H

#include "weft/api.h"
#include "weft/stream.h"

WEFT_BEGIN_DECLS

typedef struct weft_http_header {
    const char *name, *value;
} weft_http_header;

/* Puts another stream around a fresh connection, TLS say, and owns `plain` from then on, whatever
 * happens.  host is whom the client wants to reach, and NULL in a server.  0 or a code. */
typedef int (*weft_http_wrap)(void *arg, weft_stream *plain, const char *host,
                              weft_stream **ret_stream);

/* Never sleeps.  The words for a status: "Not Found"; "Unknown" when it has none. */
WEFT_API const char *weft_http_reason(int status);

/* Never sleeps.  The media type by the end of a file's name; "application/octet-stream" for what is
 * not known. */
WEFT_API const char *weft_http_type(const char *path);

#define WEFT_HTTP_DATE_MAX 30 /* bytes of a date as text, the 0 included */

/* Never sleep.  Seconds since 1970 as "Sun, 06 Nov 1994 08:49:37 GMT", and back; -WEFT_EINVAL for
 * what is no date of that form or of the two older ones. */
WEFT_API void weft_http_date(int64_t seconds, char ret_text[WEFT_HTTP_DATE_MAX]);
WEFT_API int64_t weft_http_date_parse(const char *text);

/* ---- server: what a handler gets ---- */

/* A request, and the way to its reply.  Valid until the handler returns, in its task only. */
typedef struct weft_http_request {
    const char *method;   /* "GET" */
    const char *target;   /* as it was sent: "/a%20b/../c?x=1" */
    const char *path;     /* "/c": decoded, without "." and "..", always from "/" on; or "*" */
    const char *query;    /* "x=1", not decoded; "" if there is none */
    const char *host;     /* of the Host header, "" if an old client sent none */
    const weft_http_header *headers;
    size_t header_count;
    int64_t body_size;    /* 0: no body; -1: it comes in chunks, nobody knows how many */
    bool is_head;         /* a HEAD: reply as to a GET, the body is left out by itself */
    int minor;            /* 1: HTTP/1.1, 0: HTTP/1.0 */
    int fd;               /* the connection, for weft_sock_peer; -1 if it has none */
} weft_http_request;

/* Runs in the connection's task.  0, or a negative code: the client gets 500 (for -WEFT_ENOMEM
 * 503) if nothing was sent yet, else the connection is closed.  So it is when nothing was sent and
 * 0 returned. */
typedef int (*weft_http_handler)(weft_http_request *request, void *arg);

/* Never sleeps.  The value of the first header of that name (any case), or NULL. */
WEFT_API const char *weft_http_get_header(const weft_http_request *request, const char *name);

/* Never sleeps.  Memory that lives as long as the request; NULL if there is none. */
WEFT_API void *weft_http_alloc(weft_http_request *request, size_t size);

/* Sleeps.  The next bytes of the body; 0: its end.  Tells a client that waits for it to go on (100
 * Continue).  -EMSGSIZE: larger than body_size_max; -EBADMSG: a wrong chunk; -EPIPE: cut short;
 * -WEFT_ECANCELED: too slow, among others.  Return the code: the client gets 413, 400 or 408. */
WEFT_API WEFT_MUST_USE ssize_t weft_http_read(weft_http_request *request, void *buffer,
                                              size_t size);

/* Sleeps.  All of the body, at most size_max bytes (else -EMSGSIZE), a byte 0 behind it; lives as
 * long as the request.  0 or a code. */
WEFT_API WEFT_MUST_USE int weft_http_read_all(weft_http_request *request, size_t size_max,
                                              char **ret_data, size_t *ret_size);

/* Never sleeps.  Adds a header to the reply, before it begins; the texts are copied.  0,
 * -WEFT_ENOMEM, -WEFT_EINVAL (no token, or a control byte in the value; Date and the headers that
 * frame the body are not yours to set, Connection but to "close"), -WEFT_EBUSY (it has begun). */
WEFT_API int weft_http_add_header(weft_http_request *request, const char *name, const char *value);

/* Sleep.  A whole reply, as one write if it is small.  type may be NULL.  send_text: a printf, as
 * text/plain.  0 or a code: -WEFT_EBUSY when a reply has begun, -WEFT_EINVAL: no such status. */
WEFT_API int weft_http_send(weft_http_request *request, int status, const char *type,
                            const void *data, size_t size);
WEFT_API int weft_http_send_text(weft_http_request *request, int status, const char *format, ...)
    WEFT_PRINTF(3, 4);

/* Sleeps.  An open file, which stays yours, from the file to the socket within the kernel where
 * that can be: with Last-Modified, ETag, If-Modified-Since, If-None-Match, If-Range and Range of
 * one part.  type may be NULL. */
WEFT_API int weft_http_send_file(weft_http_request *request, int fd, const char *type);

/* Sleeps.  The file below the directory `root` (a descriptor, which stays yours) that the request's
 * path names, as above; a directory's index.html; or 404, 403, 405.  No ".." and no link leads out
 * of it.  0 or a code; -WEFT_ENOTSUP before Linux 5.6. */
WEFT_API int weft_http_send_path(weft_http_request *request, int root);

/* A reply in pieces.  begin: size is that of the body, -1: not known, then it goes in chunks.  What
 * is written waits in the stream's buffer until that is full, flushed, or the handler returns.
 * Sleep.  0 or a code; write: -EMSGSIZE when it is more than was promised. */
WEFT_API int weft_http_begin(weft_http_request *request, int status, const char *type,
                             int64_t size);
WEFT_API WEFT_MUST_USE int weft_http_write(weft_http_request *request, const void *data,
                                           size_t size);
WEFT_API WEFT_MUST_USE int weft_http_flush(weft_http_request *request);

/* ---- server: the whole ---- */

/* What went wrong with a connection; nobody else hears of it. */
typedef struct weft_http_event {
    const char *what;  /* "handler failed", "request refused", "reply cut short", "timed out",
                        * "accept", "handshake": of the wrap */
    int status;        /* what the client was told, 0: nothing */
    int code;          /* the code behind it, or 0 */
    const char *path;  /* of the request, or "" */
} weft_http_event;

/* All zero means: the defaults.  The status in brackets is what the client gets beyond a limit. */
typedef struct weft_http_options {
    size_t request_line_max;    /* [414] 0: 8 KB */
    size_t header_size_max;     /* [431] request line and headers together; 0: 16 KB */
    size_t header_count_max;    /* [431] 0: 100 */
    uint64_t body_size_max;     /* [413] 0: 64 MB */
    uint64_t body_drop_max;     /* of a body that nobody read; beyond, we close; 0: 256 KB */
    size_t connections_max;     /* no more are accepted; 0: 10,000 */
    uint64_t requests_max;      /* of one connection, then it is closed; 0: 1,000,000 */
    int64_t first_byte_ns;      /* from the accept to the first byte; 0: 20 s */
    int64_t header_ns;          /* [408] from the first byte to the end of the headers; 0: 20 s */
    int64_t body_ns;            /* [408] for a body to come, and a second more for each ... */
    uint64_t body_rate_min;     /* ... so many bytes of it; 0 and 0: 20 s, 1,000 bytes */
    int64_t write_ns;           /* for one piece of a reply to be taken by the client; 0: 60 s */
    int64_t idle_ns;            /* between two requests; 0: 60 s */
    int64_t handler_ns;         /* [503] a whole request, its body and reply too; 0: no limit */
    int64_t drain_ns;           /* what still runs when drained is cancelled after that; 0: 10 s */
    bool drain_on_cancel;       /* a cancel of weft_http_serve's caller begins a drain */
    weft_http_wrap wrap;        /* weft_tls_wrap, say; NULL: plain */
    void *wrap_arg;
    void (*log)(void *arg, const weft_http_event *event); /* NULL: nobody is told; must not sleep */
    void *log_arg;
} weft_http_options;

typedef struct weft_http_counts {
    uint64_t connections, requests; /* so far */
    uint64_t open;                  /* connections now */
    uint64_t refused;               /* requests answered by a limit, or for being no HTTP */
    uint64_t timed_out;             /* connections that a time limit ended */
    uint64_t handler_errors;
} weft_http_counts;

typedef struct weft_http_server weft_http_server;

/* Sleeps.  Serves a socket that listens, which stays yours, until the caller is cancelled or the
 * server is drained, and all connections have ended.  Times are kept to an eighth of the shortest
 * limit, at best 10 ms and at worst a second.  0: drained; -WEFT_ETIMEDOUT: drained, and something
 * had to be cut off; -WEFT_ECANCELED; or the code of weft_accept. */
WEFT_API WEFT_MUST_USE int weft_http_serve(int listener, weft_http_handler handler, void *arg,
                                           const weft_http_options *options);

/* The same in steps, for who wants to drain it or see its counters.  new: never sleeps; options are
 * copied; 0 or -WEFT_ENOMEM or -WEFT_EINVAL.  run: as weft_http_serve, once.  free: never sleeps,
 * NULL is allowed; not while it runs. */
WEFT_API WEFT_MUST_USE int weft_http_server_new(weft_http_handler handler, void *arg,
                                                const weft_http_options *options,
                                                weft_http_server **ret_server);
WEFT_API WEFT_MUST_USE int weft_http_server_run(weft_http_server *server, int listener);
WEFT_API void weft_http_server_free(weft_http_server *server);

/* Sleeps.  Serves one connection, whatever carries it, to its end; the stream is the server's.
 * Time limits hold while weft_http_server_run runs.  0 or the code that ended it. */
WEFT_API int weft_http_server_attend(weft_http_server *server, weft_stream *stream);

/* Never sleeps.  No more connections, no more requests; what runs is finished, within drain_ns, and
 * weft_http_server_run returns.  Any task or thread. */
WEFT_API void weft_http_drain(weft_http_server *server);

/* Never sleeps. */
WEFT_API void weft_http_server_stats(const weft_http_server *server, weft_http_counts *ret_counts);

/* ---- client ---- */

typedef struct weft_http_client weft_http_client;

typedef struct weft_http_client_options {
    size_t idle_max;          /* connections kept, in all; 0: 64 */
    size_t idle_per_host_max; /* 0: 8 */
    int64_t idle_ns;          /* one that has been idle longer is not used again; 0: 30 s */
    size_t header_size_max;   /* of a reply: -EMSGSIZE; 0: 64 KB */
    size_t redirects_max;     /* followed for GET and HEAD; 0: none */
    const char *user_agent;   /* NULL: "weft/" and the version */
    weft_http_wrap tls;       /* for https: weft_tls_wrap; NULL: -WEFT_ENOTSUP */
    void *tls_arg;
} weft_http_client_options;

/* Never sleeps.  A client keeps connections for the next request; any number of tasks may use it at
 * once.  The texts are kept by pointer.  0, -WEFT_ENOMEM, -WEFT_EINVAL. */
WEFT_API WEFT_MUST_USE int weft_http_client_new(const weft_http_client_options *options,
                                                weft_http_client **ret_client);

/* Sleeps, to close what is idle.  Not before the last reply is closed.  NULL is allowed. */
WEFT_API void weft_http_client_free(weft_http_client *client);

/* What to ask.  All zero but the url: a GET. */
typedef struct weft_http_ask {
    const char *method;       /* NULL: GET, or POST when there is a body */
    const char *url;          /* "http://host:port/path?query" */
    const weft_http_header *headers; /* but Host, Connection, and those that frame the body */
    size_t header_count;
    const void *body;         /* in memory, */
    size_t body_size;
    weft_stream *body_stream; /* or read to its end, sent in chunks; stays yours */
} weft_http_ask;

/* A reply, of which the headers have come. */
typedef struct weft_http_reply {
    int status;
    const weft_http_header *headers;
    size_t header_count;
    int64_t body_size;        /* -1: not known */
    const char *url;          /* whose reply it is, after redirects */
    char *body;               /* after weft_http_reply_all: a byte 0 stands behind it */
    size_t body_length;
} weft_http_reply;

/* Sleeps.  Sends a request and waits for the head of the reply, whatever its status.  All of the
 * body is written before the reply is read: with a server whose reply has to be taken before it
 * reads on, both would wait for each other.  A deadline is the scope's.  A connection of the pool
 * that turns out to be dead is replaced by a new one, unless the request is one that must not be
 * sent twice.
 *
 * 0                 *ret_reply is to be closed by weft_http_reply_close
 * -WEFT_EINVAL      no such url, method or header
 * -EBADMSG          that was not HTTP
 * -EMSGSIZE         a head too large
 * -ELOOP            too many redirects
 * -EPIPE            the connection ended before the reply
 * -WEFT_ENOTSUP     https, and the client has no `tls`; what that returns is passed on
 * -WEFT_ECANCELED, -WEFT_ENOMEM, what weft_connect returns
 */
WEFT_API WEFT_MUST_USE int weft_http_fetch(weft_http_client *client, const weft_http_ask *ask,
                                           weft_http_reply **ret_reply);

/* Sleeps.  The next bytes of the body; 0: its end; -EPIPE: it was cut short; -EBADMSG. */
WEFT_API WEFT_MUST_USE ssize_t weft_http_reply_read(weft_http_reply *reply, void *buffer,
                                                    size_t size);

/* Sleeps.  All of the body into reply->body; -EMSGSIZE beyond size_max (0: 64 MB).  0 or a code. */
WEFT_API WEFT_MUST_USE int weft_http_reply_all(weft_http_reply *reply, size_t size_max);

/* Never sleeps.  The value of the first header of that name, or NULL. */
WEFT_API const char *weft_http_reply_header(const weft_http_reply *reply, const char *name);

/* Sleeps, to close a connection that cannot be kept.  NULL is allowed. */
WEFT_API void weft_http_reply_close(weft_http_reply *reply);

/* Sleeps.  All at once: a url's reply with all of its body.  client may be NULL: one for this call
 * alone, which follows 5 redirects and knows no https.  0, whatever the status, or a code;
 * *ret_reply is to be closed. */
WEFT_API WEFT_MUST_USE int weft_http_get(weft_http_client *client, const char *url, size_t size_max,
                                         weft_http_reply **ret_reply);

WEFT_END_DECLS

#endif
