/* tls_probe.h - what the tests of TLS share: an authority of their own, and pairs of ends.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TLS_TLS_PROBE_H
#define WEFT_TLS_TLS_PROBE_H

#include <weft.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "tests/test.h"
#include "tls/tls_alloc.h"
#include "tls/tls_inside.h"
#include "weft/tls.h"

#define PROBE_DAY (24L * 60 * 60)

/* Three files of PEM, until probe_files_remove. */
struct probe_files {
    char dir[40];
    char ca[60], cert[60], key[60], other_key[60];
};

struct probe_cert {
    const char *names;  /* "DNS:example.org,IP:127.0.0.1" */
    long from, until;   /* seconds from now */
    bool is_self_signed;
};

static inline void probe_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    EXPECT(extension != NULL);
    EXPECT_EQ(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline X509 *probe_sign(const struct probe_cert *want, const char *name, EVP_PKEY *key,
                               X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    EXPECT(cert != NULL);
    EXPECT_EQ(X509_set_version(cert, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), want->from);
    X509_gmtime_adj(X509_getm_notAfter(cert), want->until);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
    if (want->names) {
        probe_extend(cert, issuer ? issuer : cert, NID_subject_alt_name, want->names);
    } else {
        probe_extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    }
    EXPECT(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

static inline void probe_put(const char *path, X509 *cert, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    EXPECT(file != NULL);
    EXPECT_EQ(cert ? PEM_write_X509(file, cert)
                   : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL),
              1);
    EXPECT_EQ(fclose(file), 0);
}

static inline void probe_files_make(struct probe_files *f, const struct probe_cert *want)
{
    static const struct probe_cert authority = {NULL, -PROBE_DAY, PROBE_DAY, false};
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    EXPECT(ca_key != NULL && key != NULL);
    strcpy(f->dir, "/tmp/weft-tls-XXXXXX");
    EXPECT(mkdtemp(f->dir) != NULL);
    snprintf(f->ca, sizeof f->ca, "%s/ca.pem", f->dir);
    snprintf(f->cert, sizeof f->cert, "%s/cert.pem", f->dir);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->dir);
    snprintf(f->other_key, sizeof f->other_key, "%s/other.pem", f->dir);
    X509 *ca = probe_sign(&authority, "Weft's tests", ca_key, NULL, ca_key);
    X509 *cert = want->is_self_signed ? probe_sign(want, "example.org", key, NULL, key)
                                      : probe_sign(want, "example.org", key, ca, ca_key);
    probe_put(f->ca, ca, NULL);
    probe_put(f->cert, cert, NULL);
    probe_put(f->key, NULL, key);
    probe_put(f->other_key, NULL, ca_key);
    X509_free(ca);
    X509_free(cert);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

static inline void probe_files_remove(const struct probe_files *f)
{
    EXPECT_EQ(unlink(f->ca), 0);
    EXPECT_EQ(unlink(f->cert), 0);
    EXPECT_EQ(unlink(f->key), 0);
    EXPECT_EQ(unlink(f->other_key), 0);
    EXPECT_EQ(rmdir(f->dir), 0);
}

static const struct probe_cert probe_good = {"DNS:example.org,DNS:*.example.net,IP:127.0.0.1",
                                             -PROBE_DAY, PROBE_DAY, false};

struct probe {
    weft_tls *client, *server;
};

/* Both with what is said more in `more`, which may be NULL; files are filled in. */
static inline void probe_make(struct probe *p, const struct probe_cert *cert,
                              const weft_tls_options *client, const weft_tls_options *server)
{
    struct probe_files files;
    const char *why = "nothing";
    weft_tls_options c = client ? *client : (weft_tls_options){0};
    weft_tls_options s = server ? *server : (weft_tls_options){0};
    probe_files_make(&files, cert ? cert : &probe_good);
    c.ca_file = files.ca;
    s.cert_file = files.cert;
    s.key_file = files.key;
    if (s.verify_client) {
        s.ca_file = files.ca;
    }
    if (c.cert_file) { /* anything: the server's own */
        c.cert_file = files.cert;
        c.key_file = files.key;
    }
    int rc = weft_tls_client(&c, &p->client, &why);
    if (rc < 0) {
        test_fail(__FILE__, __LINE__, "weft_tls_client: %d: %s", rc, why);
    }
    rc = weft_tls_server(&s, &p->server, &why);
    if (rc < 0) {
        test_fail(__FILE__, __LINE__, "weft_tls_server: %d: %s", rc, why);
    }
    probe_files_remove(&files);
}

static inline void probe_free(struct probe *p)
{
    weft_tls_free(p->client);
    weft_tls_free(p->server);
}

/* ---- allocations that fail ---- */

static ATOMIC(int64_t) probe_allocations_left; /* until the one that fails; below 0: none does */

static bool probe_allocation_fails(void)
{
    return a_sub(&probe_allocations_left, 1, relaxed) == 1;
}

/* The n-th allocation from now on fails. */
static inline void probe_fail_at(int64_t nth)
{
    a_store(&probe_allocations_left, nth, relaxed);
    weft__tls_alloc_fails = probe_allocation_fails;
}

/* True: it came to that.  No other task uses TLS any more. */
static inline bool probe_has_failed(void)
{
    weft__tls_alloc_fails = NULL;
    return a_load(&probe_allocations_left, relaxed) <= 0;
}

/* ---- the two ends of a connection ---- */

struct probe_side {
    struct probe *p;
    weft_stream *under;
    const char *host; /* NULL: the server's side */
    weft_stream **ret;
    int *ret_code;
    const char **ret_why;
};

static inline int probe_shake(void *arg)
{
    struct probe_side *s = arg;
    *s->ret_code = s->host
                       ? weft_tls_connect(s->p->client, s->under, s->host, s->ret, s->ret_why)
                       : weft_tls_accept(s->p->server, s->under, s->ret, s->ret_why);
    return 0;
}

struct probe_ends {
    weft_stream *client, *server;
    int client_code, server_code;
    const char *client_why, *server_why;
};

/* Sleeps.  The handshake over these two. */
static inline void probe_ends_over(struct probe *p, weft_stream *under[2], const char *host,
                                   struct probe_ends *e)
{
    weft_scope scope;
    memset(e, 0, sizeof *e);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_shake,
                      &(struct probe_side){p, under[0], host, &e->client, &e->client_code,
                                           &e->client_why}),
              0);
    EXPECT_EQ(weft_go(&scope, probe_shake,
                      &(struct probe_side){p, under[1], NULL, &e->server, &e->server_code,
                                           &e->server_why}),
              0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

static inline void probe_ends_make(struct probe *p, size_t capacity, const char *host,
                                   struct probe_ends *e)
{
    weft_stream *under[2];
    EXPECT_EQ(weft_stream_pair(capacity, under), 0);
    probe_ends_over(p, under, host, e);
}

static inline void probe_ends_expect_good(const struct probe_ends *e)
{
    if (e->client_code < 0 || e->server_code < 0) {
        test_fail(__FILE__, __LINE__, "client %d: %s; server %d: %s", e->client_code,
                  e->client_why ? e->client_why : "-", e->server_code,
                  e->server_why ? e->server_why : "-");
    }
}

static inline int probe_end_close(void *arg)
{
    return weft_stream_close(*(weft_stream **)arg);
}

/* Sleeps.  Both at once, as each waits for the other's farewell. */
static inline void probe_ends_close(struct probe_ends *e)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, probe_end_close, &e->client), 0);
    EXPECT_EQ(weft_go(&scope, probe_end_close, &e->server), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

#endif
