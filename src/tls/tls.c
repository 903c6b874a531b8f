/* tls.c - whom to trust and what to show: OpenSSL's context, filled once from files.
 *
 * Reading the system's authorities takes some 20 ms and is done by OpenSSL itself, so it runs as a
 * call that may block.  Its errors are read there, on that thread.
 *
 * What is set for all: no renegotiation, so that after the handshake writing never waits for
 * reading; a peer is told nothing of sessions but tickets, so that a server keeps no memory of its
 * clients; a key with a password is refused, where OpenSSL would ask at the terminal.
 *
 * SPDX-License-Identifier: MIT
 */
#include <openssl/err.h>
#include <string.h>

#include "tls/tls_alloc.h"
#include "tls/tls_inside.h"
#include "weft/time.h"

/* ---- ALPN ---- */

/* "h2,http/1.1" as it is on the wire.  0 or -WEFT_EINVAL. */
static int tls_set_alpn(weft_tls *tls, const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size > WEFT_TLS_ALPN_MAX) {
        return -WEFT_EINVAL;
    }
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != ',') {
            tls->alpn[i + 1] = (unsigned char)text[i];
            continue;
        }
        if (i == start) { /* an empty name */
            return -WEFT_EINVAL;
        }
        tls->alpn[start] = (unsigned char)(i - start);
        start = i + 1;
    }
    tls->alpn_size = size + 1;
    return 0;
}

/* The server's choice: the best of its own that the client has offered, too. */
static int tls_choose_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *arg)
{
    const weft_tls *tls = arg;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, ret_size, tls->alpn, (unsigned)tls->alpn_size, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* as RFC 7301 wants it */
    }
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- the context ---- */

/* What weft_blocking carries to the other thread and back. */
struct tls_order {
    const weft_tls_options *options;
    bool is_server;
    weft_tls *tls;
    const char *why;
};

static int tls_no_password(char *buffer, int size, int writes, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writes;
    (void)arg;
    return -1;
}

static int tls_say(struct tls_order *order, int code, const char *why)
{
    order->why = why;
    return code;
}

static int tls_load_shown(SSL_CTX *ctx, struct tls_order *order)
{
    const weft_tls_options *o = order->options;
    const char *key_file = o->key_file ? o->key_file : o->cert_file;
    if (!o->cert_file) {
        return order->is_server || o->key_file
                   ? tls_say(order, -WEFT_EINVAL, "a server needs a certificate and its key")
                   : 0;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, o->cert_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        return weft__tls_explain(NULL, &order->why);
    }
    return 0;
}

static int tls_load_trusted(SSL_CTX *ctx, struct tls_order *order)
{
    const weft_tls_options *o = order->options;
    if (order->is_server && !o->ca_file) {
        return tls_say(order, -WEFT_EINVAL, "clients are verified by a ca_file, which is missing");
    }
    int ok = o->ca_file ? SSL_CTX_load_verify_file(ctx, o->ca_file)
                        : SSL_CTX_set_default_verify_paths(ctx);
    if (ok != 1) {
        return weft__tls_explain(NULL, &order->why);
    }
    if (order->is_server) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(o->ca_file);
        if (!names) {
            return weft__tls_explain(NULL, &order->why);
        }
        SSL_CTX_set_client_CA_list(ctx, names); /* takes them */
    }
    return 0;
}

static int tls_fill(struct tls_order *order)
{
    const weft_tls_options *o = order->options;
    weft_tls *tls = order->tls;
    SSL_CTX *ctx = tls->ctx;
    tls->is_server = order->is_server;
    tls->verifies = order->is_server ? o->verify_client : !o->trust_anybody;
    tls->farewell_ns = o->farewell_ns == 0 ? WEFT_SECOND : o->farewell_ns;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, tls_no_password);
    int version_min = o->version_min ? (int)o->version_min : WEFT_TLS_1_2;
    if (SSL_CTX_set_min_proto_version(ctx, version_min) != 1 ||
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"weft", 4) != 1) {
        return weft__tls_explain(NULL, &order->why);
    }
    int need = order->is_server ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                : SSL_VERIFY_PEER;
    SSL_CTX_set_verify(ctx, tls->verifies ? need : SSL_VERIFY_NONE, NULL);
    if (o->alpn && tls_set_alpn(tls, o->alpn) < 0) {
        return tls_say(order, -WEFT_EINVAL, "alpn is not a list of names with commas between");
    }
    if (o->alpn && order->is_server) {
        SSL_CTX_set_alpn_select_cb(ctx, tls_choose_alpn, tls);
    } else if (o->alpn && SSL_CTX_set_alpn_protos(ctx, tls->alpn, (unsigned)tls->alpn_size) != 0) {
        return weft__tls_explain(NULL, &order->why);
    }
    int rc = tls_load_shown(ctx, order);
    return rc == 0 && tls->verifies ? tls_load_trusted(ctx, order) : rc;
}

/* On a thread that may block. */
static int tls_make(void *arg)
{
    struct tls_order *order = arg;
    weft_tls *tls = order->tls = weft__tls_alloc_zero(sizeof *tls);
    ERR_clear_error();
    if (!tls) {
        return -WEFT_ENOMEM;
    }
    tls->ctx = SSL_CTX_new(order->is_server ? TLS_server_method() : TLS_client_method());
    int rc = tls->ctx ? tls_fill(order) : weft__tls_explain(NULL, &order->why);
    ERR_clear_error(); /* not every success leaves the queue empty */
    if (rc < 0) {
        weft_tls_free(tls);
    }
    return rc;
}

static int tls_new(const weft_tls_options *options, bool is_server, weft_tls **ret_tls,
                   const char **ret_why)
{
    static const weft_tls_options defaults;
    TLS_CHECK(ret_tls != NULL);
    struct tls_order order = {.options = options ? options : &defaults, .is_server = is_server};
    int rc = weft_blocking(tls_make, &order);
    if (rc == 0) {
        *ret_tls = order.tls;
    } else if (ret_why) {
        *ret_why = order.why ? order.why : weft_strerror(rc);
    }
    return rc;
}

int weft_tls_client(const weft_tls_options *options, weft_tls **ret_tls, const char **ret_why)
{
    return tls_new(options, false, ret_tls, ret_why);
}

int weft_tls_server(const weft_tls_options *options, weft_tls **ret_tls, const char **ret_why)
{
    return tls_new(options, true, ret_tls, ret_why);
}

void weft_tls_free(weft_tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->ctx);
        weft__tls_free(tls);
    }
}

void weft_tls_stats(const weft_tls *tls, weft_tls_counts *ret)
{
    TLS_CHECK(tls != NULL);
    SSL_CTX *ctx = tls->ctx;
    bool is_server = tls->is_server;
    long begun = is_server ? SSL_CTX_sess_accept(ctx) : SSL_CTX_sess_connect(ctx);
    long good = is_server ? SSL_CTX_sess_accept_good(ctx) : SSL_CTX_sess_connect_good(ctx);
    *ret = (weft_tls_counts){.handshakes = (uint64_t)begun,
                             .completed = (uint64_t)good,
                             .resumed = (uint64_t)SSL_CTX_sess_hits(ctx)};
}
