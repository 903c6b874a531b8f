/* http_server.h - a server: its options with their defaults, its connections, its counters.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_HTTP_SERVER_H
#define WEFT_HTTP_HTTP_SERVER_H

#include "http/exchange.h"
#include "weft/wait.h"

struct weft_http_server {
    weft_http_handler handler;
    void *arg;
    weft_http_options options; /* with the defaults filled in */
    int64_t tick_ns;
    ATOMIC(int64_t) now;       /* of the last tick: what is due is measured by it */
    ATOMIC(bool) is_draining;
    weft_event drain;

    weft_mutex lock;           /* of what follows */
    struct http_conn *conns;
    weft_sem room;             /* for connections */

    ATOMIC(uint64_t) connections, requests, open, refused, timed_out, handler_errors;
};

#endif
