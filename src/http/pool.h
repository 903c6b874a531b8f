/* pool.h - connections of a client, kept for the next request to the same place.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_POOL_H
#define WEFT_HTTP_POOL_H

#include "base/base.h"
#include "http/url.h"
#include "weft/http.h"
#include "weft/sync.h"

struct http_link {
    struct http_link *next;
    weft_stream *stream;
    bool is_tls;
    bool is_used;       /* it has carried a request before */
    int64_t idle_since;
    char where[];
};

struct weft_http_client {
    weft_http_client_options options; /* with the defaults filled in */
    weft_mutex lock;                  /* of what follows */
    struct http_link *idle;           /* the latest first */
    size_t idle_count;
};

/* Sleeps.  A connection to where the url leads, of those kept or a fresh one.  0 or a code. */
int weft__http_link_get(weft_http_client *client, const struct http_url *url, bool is_fresh,
                        struct http_link **ret_link);

/* Sleeps, to close another.  Keeps it. */
void weft__http_link_put(weft_http_client *client, struct http_link *link);

/* Sleeps, but for nobody.  One that is broken, or has more to say than we want to hear.  NULL is
 * allowed. */
void weft__http_link_abandon(struct http_link *link);

#endif
