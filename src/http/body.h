/* body.h - the bytes of a body, as they are framed: by length, by chunks, by the end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_BODY_H
#define WEFT_HTTP_BODY_H

#include "base/base.h"
#include "weft/stream.h"

enum http_body_state {
    HTTP_BODY_DATA = 0, /* left bytes of it, or of the chunk */
    HTTP_BODY_SIZE,     /* a chunk's size comes */
    HTTP_BODY_CRLF,     /* the end of a chunk */
    HTTP_BODY_TRAILER,
    HTTP_BODY_REST,     /* all until the stream ends */
    HTTP_BODY_DONE
};

struct http_body {
    weft_stream *stream;
    enum http_body_state state;
    bool is_chunked;
    int64_t left;
    uint64_t taken, size_max; /* bytes so far; of a body that does not say its size beforehand */
    uint64_t framing;         /* bytes of sizes, extensions and trailers */
    int error;                /* sticky */
};

/* size: as in http_head.body_size. */
void weft__http_body_init(struct http_body *body, weft_stream *stream, int64_t size,
                          uint64_t size_max);

/* Sleeps.  The next bytes, at least one; 0: the end.  -EPIPE: the stream ended first; -EBADMSG: no
 * chunk; -EMSGSIZE: more than size_max; what the stream says.  A cancel may be followed by another
 * call. */
ssize_t weft__http_body_read(struct http_body *body, void *buffer, size_t size);

/* Sleeps, but for nobody: closes a stream without flushing it and without a farewell.  Who does not
 * take what was written would else hold us up. */
void weft__http_abandon(weft_stream *stream);

#endif
