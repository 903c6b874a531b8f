/* tls_stream.c - a stream over a stream: what is written is sealed, what is read is opened.
 *
 * OpenSSL sees memory only.  Its BIO takes from `fed`, which is the buffer of the stream below,
 * shown by peek and taken as far as it was used, and puts what is to be sent at the end of
 * `sealed`.  Between a call of it and the look at its error nothing sleeps: the queue of errors is
 * the OS thread's, and a task may wake on another.
 *
 * Two tasks use a connection, one that reads and one that writes.  Only the reader reads below,
 * with no lock; OpenSSL's own state has `lock`, held for no longer than a call of it; who writes
 * below has out_lock:
 *
 *     reader:  peek below   lock { SSL_read }    skip what was used
 *     writer:               lock { SSL_write }   out_lock { sealed -> sending -> write below }
 *
 * A reader has something to send at times (the answer to a change of keys, an alert).  It must not
 * wait for a writer that waits for a peer that waits for us to read, so it only tries out_lock; and
 * who leaves out_lock looks for what has been sealed meanwhile.
 *
 * What has been sealed cannot be taken back: a write that is cancelled after that has happened, and
 * its bytes lie in `sending` until the next write or flush.
 *
 * Rejected: OpenSSL's own memory BIOs (two copies more); a BIO that reads from the stream below
 * itself (it would sleep inside OpenSSL, see above).
 *
 * SPDX-License-Identifier: MIT
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/tls_alloc.h"
#include "tls/tls_inside.h"
#include "weft/scope.h"
#include "weft/sync.h"

#define CONN_MAGIC       UINT32_C(0x6e6c7374)
#define CONN_SEAL_MAX    (64 * 1024)  /* bytes sealed in one go */
#define CONN_RECORD      (16 * 1024)  /* bytes of one record, by the protocol */
#define CONN_SEALED_MAX  (128 * 1024) /* bytes that wait to be sent; only answers to a peer that
                                       * asks and asks, and does not read, come to so many */
#define CONN_DISCARD_MAX (256 * 1024) /* bytes that a close reads past on its way to the farewell */
#define CONN_HOST_MAX    255
#define CONN_WANTS       1000 /* a result: more bytes from below */

struct conn_bytes {
    char *data;
    size_t start, end, cap;
};

struct conn {
    uint32_t magic;
    weft_stream *under;
    weft_mutex lock;             /* guards what follows */
    SSL *ssl;
    const char *fed;
    size_t fed_size;
    struct conn_bytes sealed;
    bool has_no_memory;          /* sealed could not grow, or was not allowed to */
    bool is_ended;               /* the peer has said its farewell */
    bool has_said_farewell;
    int failure;                 /* the first; never changes then, and neither does why */
    const char *why;
    weft_mutex out_lock;         /* guards sending, and writing below */
    struct conn_bytes sending;
    int64_t farewell_ns;         /* all that follows: since the handshake */
    const char *version, *cipher;
    X509 *peer;
    char alpn[WEFT_TLS_ALPN_MAX + 1];
};

/* ---- bytes ---- */

static bool conn_bytes_add(struct conn_bytes *b, const void *data, size_t size)
{
    if (size > b->cap - b->end) {
        size_t cap = b->end + size > 2 * b->cap ? b->end + size : 2 * b->cap;
        char *larger = weft__tls_alloc_larger(b->data, cap);
        if (!larger) {
            return false;
        }
        b->data = larger;
        b->cap = cap;
    }
    memcpy(b->data + b->end, data, size);
    b->end += size;
    return true;
}

static void conn_bytes_free(struct conn_bytes *b)
{
    weft__tls_free(b->data);
    *b = (struct conn_bytes){NULL, 0, 0, 0};
}

/* ---- the BIO: OpenSSL's view of below ---- */

static CRYPTO_ONCE conn_bio_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *conn_bio_method; /* NULL: no memory */

static int conn_bio_read(BIO *bio, char *ret_data, int size)
{
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (c->fed_size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = (size_t)size < c->fed_size ? (size_t)size : c->fed_size;
    memcpy(ret_data, c->fed, n);
    c->fed += n;
    c->fed_size -= n;
    return (int)n;
}

static int conn_bio_write(BIO *bio, const char *data, int size)
{
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (c->sealed.end > CONN_SEALED_MAX ||
        (size > 0 && !conn_bytes_add(&c->sealed, data, (size_t)size))) {
        c->has_no_memory = true;
        return -1;
    }
    return size;
}

static long conn_bio_control(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH;
}

static void conn_bio_define(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft stream");
    if (method) {
        BIO_meth_set_read(method, conn_bio_read);
        BIO_meth_set_write(method, conn_bio_write);
        BIO_meth_set_ctrl(method, conn_bio_control);
    }
    conn_bio_method = method;
}

static BIO *conn_bio_new(struct conn *c)
{
    if (!CRYPTO_THREAD_run_once(&conn_bio_once, conn_bio_define) || !conn_bio_method) {
        return NULL;
    }
    BIO *bio = BIO_new(conn_bio_method);
    if (bio) {
        BIO_set_data(bio, c);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* ---- what OpenSSL says; under the lock ---- */

static int conn_fail(struct conn *c, int code, const char *why)
{
    if (c->failure == 0) {
        c->failure = code;
        c->why = why;
    }
    return c->failure;
}

/* Right after a call of OpenSSL that returned no success.  CONN_WANTS, 0: the end, or a code. */
static int conn_judge(struct conn *c, int result)
{
    const char *why;
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return CONN_WANTS;
    case SSL_ERROR_ZERO_RETURN:
        c->is_ended = true;
        return 0;
    default:
        break;
    }
    int rc = weft__tls_explain(c->ssl, &why);
    return c->has_no_memory ? conn_fail(c, -WEFT_ENOMEM, weft_strerror(-WEFT_ENOMEM))
                            : conn_fail(c, rc, why);
}

/* From what is fed.  Bytes, or as conn_judge. */
static ssize_t conn_open(struct conn *c, void *buffer, size_t size)
{
    if (c->failure < 0 || c->is_ended) {
        return c->failure;
    }
    if (c->fed_size == 0 && !SSL_has_pending(c->ssl)) {
        return CONN_WANTS;
    }
    ERR_clear_error();
    int n = SSL_read(c->ssl, buffer, size < INT32_MAX ? (int)size : INT32_MAX);
    return n > 0 ? n : conn_judge(c, n);
}

/* Bytes, or a code. */
static ssize_t conn_seal(struct conn *c, const char *data, size_t size)
{
    size_t done = 0;
    if (c->failure < 0) {
        return c->failure;
    }
    size = size < CONN_SEAL_MAX ? size : CONN_SEAL_MAX;
    while (done < size) {
        size_t left = size - done;
        ERR_clear_error();
        int n = SSL_write(c->ssl, data + done, left < CONN_RECORD ? (int)left : CONN_RECORD);
        if (n <= 0) {
            int rc = conn_judge(c, n);
            return rc < 0 ? rc : conn_fail(c, -EPROTO, "the peer wants to begin anew");
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* ---- sending ---- */

/* 1: something has been sealed that is not being sent.  Or a code. */
static int conn_has_sealed(struct conn *c)
{
    int rc = weft_mutex_lock(&c->lock);
    if (rc == 0) {
        rc = c->sealed.end > 0;
        weft_mutex_unlock(&c->lock);
    }
    return rc;
}

/* Sleeps.  The caller has out_lock.  All that is sealed goes to the stream below. */
static int conn_drain(struct conn *c)
{
    struct conn_bytes *sending = &c->sending;
    for (;;) {
        size_t done = 0;
        if (sending->start == sending->end) {
            conn_bytes_free(sending);
            int rc = weft_mutex_lock(&c->lock);
            if (rc < 0) {
                return rc;
            }
            *sending = c->sealed;
            c->sealed = (struct conn_bytes){NULL, 0, 0, 0};
            weft_mutex_unlock(&c->lock);
            if (sending->start == sending->end) {
                return 0;
            }
        }
        int rc = weft_stream_write(c->under, sending->data + sending->start,
                                   sending->end - sending->start, &done);
        sending->start += done;
        if (rc < 0) {
            return rc;
        }
    }
}

enum conn_send { CONN_WRITER, CONN_FLUSHER, CONN_READER };

/* Sleeps.  Sends what is sealed.  The reader leaves it to another one who is at it. */
static int conn_send(struct conn *c, enum conn_send who)
{
    int rc;
    do {
        rc = who == CONN_READER ? weft_mutex_try_lock(&c->out_lock) : weft_mutex_lock(&c->out_lock);
        if (rc < 0) {
            return who == CONN_READER ? 0 : rc;
        }
        rc = conn_drain(c);
        if (rc == 0 && who != CONN_WRITER) {
            rc = weft_stream_flush(c->under);
        }
        weft_mutex_unlock(&c->out_lock);
    } while (rc == 0 && conn_has_sealed(c) == 1);
    return rc;
}

/* ---- one step: bytes from below, and what OpenSSL makes of them ---- */

enum conn_deed { CONN_SHAKE, CONN_READ };

static ssize_t conn_do(struct conn *c, enum conn_deed deed, void *buffer, size_t size)
{
    if (deed == CONN_READ) {
        ssize_t n = conn_open(c, buffer, size);
        if (n == CONN_WANTS) {
            (void)SSL_free_buffers(c->ssl); /* a ticket that was read leaves one, to write with */
        }
        return n;
    }
    ERR_clear_error();
    int n = SSL_do_handshake(c->ssl);
    if (n != 1) {
        n = conn_judge(c, n);
    }
    return n != 0 ? n : conn_fail(c, -EPROTO, "the peer said farewell in the handshake");
}

static int conn_is_cut(struct conn *c)
{
    int rc = weft_mutex_lock(&c->lock);
    if (rc == 0) {
        rc = conn_fail(c, -EPROTO, "the peer is gone without a farewell");
        weft_mutex_unlock(&c->lock);
    }
    return rc;
}

/* Sleeps.  Until it has come to something: bytes or 1, 0 at the end, or a code. */
static ssize_t conn_step(struct conn *c, enum conn_deed deed, void *buffer, size_t size)
{
    const void *shown = NULL;
    ssize_t have = 0;
    for (;;) {
        ssize_t n = weft_mutex_lock(&c->lock);
        if (n < 0) {
            return n;
        }
        c->fed = shown;
        c->fed_size = (size_t)have;
        n = conn_do(c, deed, buffer, size);
        size_t used = (size_t)have - c->fed_size;
        bool has_sealed = c->sealed.end > 0;
        c->fed = NULL;
        c->fed_size = 0;
        weft_mutex_unlock(&c->lock);
        weft_stream_skip(c->under, used);
        if (has_sealed) {
            int rc = conn_send(c, CONN_READER);
            if (rc < 0 && n == CONN_WANTS) {
                return rc;
            }
        }
        if (n != CONN_WANTS) {
            return n;
        }
        have = weft_stream_peek(c->under, 1, &shown);
        if (have <= 0) {
            return have < 0 ? have : conn_is_cut(c);
        }
    }
}

/* ---- the stream's carrier ---- */

static ssize_t conn_read(void *state, void *buffer, size_t size)
{
    return conn_step(state, CONN_READ, buffer, size);
}

/* Of a connection that is over nothing more is sent: it might wait for a peer for ever. */
static int conn_is_over(struct conn *c)
{
    int rc = weft_mutex_lock(&c->lock);
    if (rc == 0) {
        rc = c->failure;
        weft_mutex_unlock(&c->lock);
    }
    return rc;
}

static ssize_t conn_write(void *state, const void *data, size_t size)
{
    struct conn *c = state;
    ssize_t n = conn_is_over(c);
    if (n == 0) {
        n = conn_send(c, CONN_WRITER); /* what an earlier one has left */
    }
    if (n == 0) {
        n = weft_mutex_lock(&c->lock);
    }
    if (n < 0) {
        return n;
    }
    n = conn_seal(c, data, size);
    weft_mutex_unlock(&c->lock);
    if (n > 0) {
        (void)conn_send(c, CONN_WRITER); /* if it fails, the next call will say so */
    }
    return n;
}

static int conn_flush(void *state)
{
    int rc = conn_is_over(state);
    return rc < 0 ? rc : conn_send(state, CONN_FLUSHER);
}

static int conn_close_write(void *state)
{
    struct conn *c = state;
    int rc = weft_mutex_lock(&c->lock);
    if (rc < 0) {
        return rc;
    }
    if (!c->has_said_farewell && c->failure == 0) {
        ERR_clear_error();
        int n = SSL_shutdown(c->ssl);
        c->has_said_farewell = n >= 0 || conn_judge(c, n) == CONN_WANTS;
    }
    rc = c->failure;
    weft_mutex_unlock(&c->lock);
    return rc < 0 ? rc : conn_send(c, CONN_FLUSHER);
}

static void conn_free(struct conn *c)
{
    SSL_free(c->ssl);
    X509_free(c->peer);
    conn_bytes_free(&c->sealed);
    conn_bytes_free(&c->sending);
    weft_mutex_fini(&c->out_lock);
    weft_mutex_fini(&c->lock);
    c->magic = 0;
    weft__tls_free(c);
}

/* Sleeps.  Reads past what the peer still sends, until it says farewell too.  Else a close would be
 * told by the kernel as a reset, if bytes lie there unread (tickets, which each server sends, are
 * enough), and the peer could lose what it has not read yet. */
static void conn_await_farewell(struct conn *c)
{
    char past[512];
    ssize_t n = 1;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(c->farewell_ns));
    for (size_t total = 0; n > 0 && total < CONN_DISCARD_MAX; total += n > 0 ? (size_t)n : 0) {
        n = conn_step(c, CONN_READ, past, sizeof past);
    }
    (void)weft_scope_close(&scope);
}

/* A plain thread sleeps in the kernel, where no deadline reaches it. */
static bool conn_may_wait(const struct conn *c)
{
    return c->farewell_ns > 0 && strcmp(weft_task_name(), "thread") != 0;
}

/* Nobody else uses it any more.  What was written has been flushed, or the caller knows: what can
 * fail here is the farewell, which is no loss. */
static int conn_close(void *state)
{
    struct conn *c = state;
    int rc = c->failure == 0 && !weft_cancelled() ? conn_close_write(c) : -WEFT_ECANCELED;
    if (rc == 0 && !c->is_ended && conn_may_wait(c)) {
        conn_await_farewell(c);
    }
    int closed = weft_stream_close(c->under);
    conn_free(c);
    return rc == 0 ? closed : 0;
}

static int conn_get_fd(void *state)
{
    return weft_stream_get_fd(((struct conn *)state)->under);
}

static const weft_stream_ops conn_ops = {
    .name = "tls",
    .read = conn_read,
    .write = conn_write,
    .flush = conn_flush,
    .close_write = conn_close_write,
    .close = conn_close,
    .get_fd = conn_get_fd,
};

/* ---- connect and accept ---- */

/* What the server must prove to be.  0 or a code. */
static int conn_set_host(struct conn *c, const weft_tls *tls, const char *host)
{
    char name[CONN_HOST_MAX + 1];
    size_t size = host ? strlen(host) : 0;
    if (size > 0 && host[size - 1] == '.') {
        size--; /* "example.org." is a name of DNS, and certificates say "example.org" */
    }
    if (size == 0 || size > CONN_HOST_MAX) {
        return host || tls->verifies ? conn_fail(c, -WEFT_EINVAL, "no name to verify") : 0;
    }
    memcpy(name, host, size);
    name[size] = 0;
    X509_VERIFY_PARAM *param = SSL_get0_param(c->ssl);
    ERR_clear_error();
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    ERR_clear_error(); /* a name is no address: that is no error */
    if (!is_address) {
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (X509_VERIFY_PARAM_set1_host(param, name, size) != 1 ||
            SSL_set_tlsext_host_name(c->ssl, name) != 1) {
            return conn_judge(c, -1);
        }
    }
    return 0;
}

static int conn_make_ssl(struct conn *c, const weft_tls *tls, const char *host)
{
    BIO *bio = NULL;
    ERR_clear_error();
    c->ssl = SSL_new(tls->ctx);
    if (c->ssl) {
        bio = conn_bio_new(c);
    }
    ERR_clear_error();
    if (!bio) {
        return conn_fail(c, -WEFT_ENOMEM, weft_strerror(-WEFT_ENOMEM));
    }
    SSL_set_bio(c->ssl, bio, bio);
    if (tls->is_server) {
        SSL_set_accept_state(c->ssl);
        return 0;
    }
    SSL_set_connect_state(c->ssl);
    return conn_set_host(c, tls, host);
}

/* Nobody else knows it yet. */
static void conn_note(struct conn *c)
{
    const unsigned char *alpn;
    unsigned size;
    SSL_get0_alpn_selected(c->ssl, &alpn, &size);
    if (size > 0) {
        memcpy(c->alpn, alpn, size < WEFT_TLS_ALPN_MAX ? size : WEFT_TLS_ALPN_MAX);
    }
    c->version = SSL_get_version(c->ssl);
    c->cipher = SSL_get_cipher_name(c->ssl);
    c->peer = SSL_get1_peer_certificate(c->ssl);
}

static int conn_begin(struct conn *c, const weft_tls *tls, const char *host)
{
    int rc = conn_make_ssl(c, tls, host);
    if (rc < 0) {
        return rc;
    }
    ssize_t n = conn_step(c, CONN_SHAKE, NULL, 0);
    if (n < 0) {
        return (int)n;
    }
    conn_note(c);
    return conn_send(c, CONN_FLUSHER);
}

static int conn_new(weft_tls *tls, weft_stream *under, const char *host, weft_stream **ret_stream,
                    const char **ret_why)
{
    TLS_CHECK(tls != NULL);
    TLS_CHECK(under != NULL);
    TLS_CHECK(ret_stream != NULL);
    const char *why = NULL;
    struct conn *c = weft__tls_alloc_zero(sizeof *c);
    int rc = -WEFT_ENOMEM;
    if (c) {
        c->magic = CONN_MAGIC;
        c->under = under;
        c->farewell_ns = tls->farewell_ns;
        weft_mutex_init(&c->lock);
        weft_mutex_init(&c->out_lock);
        rc = conn_begin(c, tls, host);
        why = c->why;
        if (rc == 0) {
            rc = weft_stream_open(&conn_ops, c, NULL, ret_stream);
        }
    }
    if (rc < 0) {
        (void)weft_stream_close(under);
        if (c) {
            conn_free(c);
        }
        if (ret_why) {
            *ret_why = why ? why : weft_strerror(rc);
        }
    }
    return rc;
}

int weft_tls_connect(weft_tls *tls, weft_stream *under, const char *host, weft_stream **ret_stream,
                     const char **ret_why)
{
    TLS_CHECK(tls != NULL && !tls->is_server);
    return conn_new(tls, under, host, ret_stream, ret_why);
}

int weft_tls_accept(weft_tls *tls, weft_stream *under, weft_stream **ret_stream,
                    const char **ret_why)
{
    TLS_CHECK(tls != NULL && tls->is_server);
    return conn_new(tls, under, NULL, ret_stream, ret_why);
}

/* ---- what is known of a connection ---- */

static struct conn *conn_of(const weft_stream *stream)
{
    TLS_CHECK(weft_stream_carrier(stream) == &conn_ops);
    struct conn *c = weft_stream_state(stream);
    TLS_CHECK(c->magic == CONN_MAGIC);
    return c;
}

SSL *weft__tls_ssl(const weft_stream *stream)
{
    return conn_of(stream)->ssl;
}

const char *weft_tls_error(const weft_stream *stream)
{
    return conn_of(stream)->why;
}

const char *weft_tls_alpn(const weft_stream *stream)
{
    const struct conn *c = conn_of(stream);
    return c->alpn[0] ? c->alpn : NULL;
}

const char *weft_tls_version(const weft_stream *stream)
{
    return conn_of(stream)->version;
}

const char *weft_tls_cipher(const weft_stream *stream)
{
    return conn_of(stream)->cipher;
}

int weft_tls_peer_subject(const weft_stream *stream, char *ret_text, size_t size)
{
    const struct conn *c = conn_of(stream);
    if (!c->peer) {
        return -ENOENT;
    }
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    int rc = -WEFT_ENOMEM;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(c->peer), 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &text);
        rc = n >= 0 && (size_t)n < size ? (int)n : -ENOSPC;
    }
    if (rc >= 0) {
        memcpy(ret_text, text, (size_t)rc);
        ret_text[rc] = 0;
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}
