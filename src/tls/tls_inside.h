/* tls_inside.h - what the files of libweft-tls share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TLS_TLS_INSIDE_H
#define WEFT_TLS_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "weft/err.h"
#include "weft/task.h"
#include "weft/tls.h"

/* One fact each.  Weft's own check is not for guests. */
#define TLS_CHECK(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            weft_panic("%s:%d: check failed: %s", __FILE__, __LINE__, #cond);                      \
        }                                                                                          \
    } while (0)

struct weft_tls {
    SSL_CTX *ctx; /* counts its users: each connection has a part in it */
    bool is_server, verifies;
    int64_t farewell_ns;
    size_t alpn_size;
    unsigned char alpn[WEFT_TLS_ALPN_MAX + 1]; /* as on the wire: each with its length before it */
};

/* ---- tls_error.c ---- */

/* Never sleeps.  The code of what OpenSSL has just said of a connection (of files, if ssl is NULL),
 * and its words; the thread's queue of errors is empty then. */
int weft__tls_explain(const SSL *ssl, const char **ret_why);

/* ---- tls_stream.c ---- */

/* Never sleeps.  What a stream of TLS stands on; for tests. */
SSL *weft__tls_ssl(const weft_stream *stream);

#endif
