/* tls.h - streams that nobody else can read or change: TLS 1.2 and 1.3, by OpenSSL.
 *
 *     weft_tls *tls;
 *     weft_stream *stream;
 *     const char *why;
 *     int rc = weft_tls_client(NULL, &tls, &why);                 once, for all connections
 *     ...
 *     rc = weft_stream_fd(weft_connect("example.org:443", NULL), &stream);
 *     if (rc == 0)
 *         rc = weft_tls_connect(tls, stream, "example.org", &stream, &why);
 *     if (rc < 0)
 *         return weft_fail(rc, why);                              "certificate has expired"
 *     ... weft_stream_print, weft_stream_flush, weft_stream_line, weft_stream_close ...
 *
 * A library of its own: link with -lweft-tls (pkg-config weft-tls, CMake weft::tls); `weft run` and
 * `weft build` do so for who includes this.
 *
 * A client verifies its server: the chain up to an authority that it trusts, the dates, and the
 * host's name.  A stream of TLS is a stream as any other: one task may read while another writes.
 *
 * The end: a peer that has said its farewell (close_notify) is at its end: 0.  One that is just
 * gone may have been cut off by somebody in between: -EPROTO, once all that it sent has been read.
 *
 * A handshake waits for as long as the peer lets it: put it into a scope with a deadline.  It needs
 * some 16 KB of stack, so no WEFT_STACK_DENSE.
 *
 * Where ret_why is asked for (it may be NULL), a failure sets it to words for people: static text,
 * never NULL.  Codes, beside those of the stream below:
 *
 * -EACCES           the peer's certificate is not good enough
 * -EPROTO           the peer does not speak TLS, or not what is asked for; or it refuses us
 * -WEFT_ECANCELED   cancelled; of a handshake: the connection is of no more use
 * -WEFT_ENOMEM
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TLS_H
#define WEFT_TLS_H

#include "weft/api.h"
#include "weft/stream.h"

WEFT_BEGIN_DECLS

/* Whom to trust, what to show: shared by any number of connections. */
typedef struct weft_tls weft_tls;

enum weft_tls_version {
    WEFT_TLS_1_2 = 0x0303,
    WEFT_TLS_1_3 = 0x0304
};

/* All zero means: the defaults.  Files are PEM. */
typedef struct weft_tls_options {
    const char *ca_file;     /* trust the authorities in it; NULL: the system's */
    const char *cert_file;   /* the certificate to show, and after it those up to the authority; a
                              * server must have one, a client may */
    const char *key_file;    /* its private key; NULL: in cert_file, too */
    const char *alpn;        /* protocols to offer, or to choose from, the best first:
                              * "h2,http/1.1"; NULL: none is spoken of */
    enum weft_tls_version version_min; /* 0: WEFT_TLS_1_2 */
    bool trust_anybody;      /* a client that does not verify: then anyone may be in between */
    bool verify_client;      /* a server whose clients must show a certificate of ca_file's */
    int64_t farewell_ns;     /* a close waits so long for the peer's farewell; 0: 1 s, < 0: not */
} weft_tls_options;

typedef struct weft_tls_counts {
    uint64_t handshakes, completed; /* begun, and come to a good end */
    uint64_t resumed;               /* of those: by a ticket of an earlier one */
} weft_tls_counts;

#define WEFT_TLS_SUBJECT_MAX 512
#define WEFT_TLS_ALPN_MAX    255 /* bytes in all of weft_tls_options.alpn */

/* Sleep, for the files.  options may be NULL for a client.
 *
 * 0, or the system's code for a file that cannot be read; -WEFT_EINVAL: a file holds no
 * certificate, no key, or a key to another certificate; a server has none; alpn is malformed */
WEFT_API WEFT_MUST_USE int weft_tls_client(const weft_tls_options *options, weft_tls **ret_tls,
                                           const char **ret_why);
WEFT_API WEFT_MUST_USE int weft_tls_server(const weft_tls_options *options, weft_tls **ret_tls,
                                           const char **ret_why);

/* Never sleeps.  Streams that were made with it go on.  NULL is allowed. */
WEFT_API void weft_tls_free(weft_tls *tls);

/* Never sleeps.  Any thread. */
WEFT_API void weft_tls_stats(const weft_tls *tls, weft_tls_counts *ret);

/* Sleep.  The handshake of a client, or server, over a connected stream, which is the new one's
 * from then on, also when that fails: it is then closed.  `host` is the name or address that the
 * server must prove to have, and is told (SNI); NULL only with trust_anybody. */
WEFT_API WEFT_MUST_USE int weft_tls_connect(weft_tls *tls, weft_stream *under, const char *host,
                                            weft_stream **ret_stream, const char **ret_why);
WEFT_API WEFT_MUST_USE int weft_tls_accept(weft_tls *tls, weft_stream *under,
                                           weft_stream **ret_stream, const char **ret_why);

/* Sleeps.  Both in one function of the shape that weft/http.h takes, its argument a weft_tls: with
 * a host it connects, without one it accepts; a weft_tls of the other side panics.  Codes as above.
 *
 *     weft_http_options o = {.wrap = weft_tls_wrap, .wrap_arg = server_tls};
 *     weft_http_client_options c = {.tls = weft_tls_wrap, .tls_arg = client_tls};
 */
WEFT_API WEFT_MUST_USE int weft_tls_wrap(void *tls, weft_stream *under, const char *host,
                                         weft_stream **ret_stream);

/* Never sleeps.  Why the last weft_tls_wrap that failed in this task did: static text; NULL: none
 * has.  Ask when weft_http_fetch has failed, or in a server's log, told of a "handshake".  (Where
 * there is no memory to note it: why one before did.) */
WEFT_API const char *weft_tls_wrap_error(void);

/* ---- of a stream that weft_tls_connect or weft_tls_accept has made; others panic ---- */

/* Never sleeps.  Why a call on it that this task has made failed: static text; NULL: none did, or
 * the failure is not of TLS but of the stream below. */
WEFT_API const char *weft_tls_error(const weft_stream *stream);

/* Never sleeps.  The protocol that was agreed on, NULL if none; the stream's. */
WEFT_API const char *weft_tls_alpn(const weft_stream *stream);

/* Never sleep.  "TLSv1.3"; "TLS_AES_256_GCM_SHA384".  Static text. */
WEFT_API const char *weft_tls_version(const weft_stream *stream);
WEFT_API const char *weft_tls_cipher(const weft_stream *stream);

/* Never sleeps.  Whom the peer's certificate is for: "CN=example.org,O=..." (RFC 2253).  Its
 * length; -ENOENT: it has shown none; -ENOSPC. */
WEFT_API int weft_tls_peer_subject(const weft_stream *stream, char *ret_text, size_t size);

WEFT_END_DECLS

#endif
