/* url.h - the target of a request, taken apart and made safe; urls of the client.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_URL_H
#define WEFT_HTTP_URL_H

#include "http/arena.h"

struct http_target {
    const char *path;  /* decoded, without dots; "/" first, or "*" */
    const char *query; /* behind the '?', as it was; "" */
    const char *host;  /* of a target in absolute form; NULL */
};

/* 0; or 400, 503 (no memory).  is_options: "*" is allowed. */
int weft__http_target(struct http_arena *arena, const char *target, bool is_options,
                      struct http_target *ret);

struct http_url {
    bool is_tls;
    const char *host;      /* of the address, without brackets */
    const char *authority; /* for the Host header: "host" or "host:port", as in the url */
    const char *where;     /* for weft_connect: "host:port" */
    const char *target;    /* path and query, at least "/" */
    const char *whole;
};

/* 0, -WEFT_EINVAL, -WEFT_ENOMEM.  A fragment is left out; user and password are refused. */
int weft__http_url(struct http_arena *arena, const char *text, struct http_url *ret);

/* The url that a Location header means, seen from `base`.  0 or a code. */
int weft__http_url_from(struct http_arena *arena, const struct http_url *base, const char *location,
                        struct http_url *ret);

#endif
