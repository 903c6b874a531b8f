/* head.h - the head of a message: where it ends, what it says, how its body is framed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_HEAD_H
#define WEFT_HTTP_HEAD_H

#include "http/arena.h"
#include "weft/http.h"

struct http_head_limits {
    size_t line_max, size_max, count_max; /* of the first line, of all of it, of its headers */
};

/* How far a search for the end has come; all zero at the beginning. */
struct http_head_scan {
    size_t skip;  /* an empty line before the head, which is no part of it */
    size_t line;  /* where the present line begins */
    size_t seen;  /* so far there is no LF in it */
    size_t lines; /* whole ones */
};

/* Goes on with data, which begins as before and has more at its end.  n > 0: the head ends there,
 * with its empty line.  0: it needs more.  -400, -414, -431: so refused. */
ssize_t weft__http_head_find(struct http_head_scan *scan, const char *data, size_t size,
                             const struct http_head_limits *limits);

/* Sleeps.  Reads a head from the stream into the arena: *ret_text of *ret_size bytes, without an
 * empty line before it.  0; 400, 414, 431, 503 (no memory); -EPIPE: the stream has ended before the
 * first byte; or the stream's code. */
int weft__http_head_take(weft_stream *stream, struct http_arena *arena,
                         const struct http_head_limits *limits, char **ret_text, size_t *ret_size);

#define HTTP_BODY_CHUNKED   INT64_C(-1)
#define HTTP_BODY_TO_CLOSE  INT64_C(-2) /* of a reply that does not say */

struct http_head {
    const char *method, *target; /* of a request */
    const char *host;            /* its header, or NULL */
    int status;                  /* of a reply */
    int minor;
    bool keeps;                  /* the connection may go on after this message */
    bool expects_continue, expects_more; /* Expect: 100-continue; something else */
    int64_t body_size;           /* or one of HTTP_BODY_ */
    weft_http_header *headers;
    size_t count;
};

/* text[0 .. size) is a head that was found, in memory of the arena: it is cut into texts.  0; or
 * the status by which it is to be refused: 400, 501, 503 (no memory), 505. */
int weft__http_head_request(struct http_arena *arena, char *text, size_t size,
                            struct http_head *ret);

/* The same for a reply, whatever its status; is_head: it answers a HEAD.  0; 400: that is no HTTP;
 * 503: no memory. */
int weft__http_head_reply(struct http_arena *arena, char *text, size_t size, bool is_head,
                          struct http_head *ret);

/* The value of the first header of that name, or NULL. */
const char *weft__http_header_find(const weft_http_header *headers, size_t count, const char *name);

#endif
