/* tls_fuzz.c - any bytes for a handshake, on the server's side and on the client's.
 *
 * For libFuzzer: clang -fsanitize=fuzzer,address, linked with both static libraries and OpenSSL.
 * The first byte chooses the side; with its upper half the rest comes in small pieces.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "tls/tls_inside.h"
#include "weft/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_peer {
    const uint8_t *data;
    size_t size, at, piece;
};

static ssize_t fuzz_peer_read(void *state, void *buffer, size_t size)
{
    struct fuzz_peer *f = state;
    size_t n = f->size - f->at;
    n = n < size ? n : size;
    n = n < f->piece ? n : f->piece;
    memcpy(buffer, f->data + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

static ssize_t fuzz_peer_write(void *state, const void *data, size_t size)
{
    (void)state;
    (void)data;
    return (ssize_t)size;
}

static int fuzz_peer_close(void *state)
{
    (void)state;
    return 0;
}

static const weft_stream_ops fuzz_peer_ops = {
    .name = "fuzz", .read = fuzz_peer_read, .write = fuzz_peer_write, .close = fuzz_peer_close};

/* Of the environment: WEFT_FUZZ_CERT, a certificate with its key; see tests/tls_openssl.sh. */
static weft_tls *fuzz_tls(bool is_server)
{
    static weft_tls *tls[2];
    weft_tls_options options = {.trust_anybody = true, .cert_file = getenv("WEFT_FUZZ_CERT")};
    if (!tls[is_server]) {
        int rc = is_server ? weft_tls_server(&options, &tls[1], NULL)
                           : weft_tls_client(&options, &tls[0], NULL);
        TLS_CHECK(rc == 0);
    }
    return tls[is_server];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_stream *under, *stream;
    if (size < 1) {
        return 0;
    }
    struct fuzz_peer peer = {data + 1, size - 1, 0, data[0] & 0x80 ? 3 : 4096};
    bool is_server = data[0] & 1;
    TLS_CHECK(weft_stream_open(&fuzz_peer_ops, &peer, NULL, &under) == 0);
    int rc = is_server ? weft_tls_accept(fuzz_tls(true), under, &stream, NULL)
                       : weft_tls_connect(fuzz_tls(false), under, "example.org", &stream, NULL);
    TLS_CHECK(rc < 0); /* bytes that were there before we spoke complete no handshake */
    return 0;
}
