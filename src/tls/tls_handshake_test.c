/* tls_handshake_test.c - whom a client believes, what is agreed on, what failures say.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/tls_probe.h"

/* ---- what to trust and what to show ---- */

TEST(tls_options_that_are_wrong)
{
    struct probe_files f;
    weft_tls *tls = NULL;
    const char *why = NULL;
    probe_files_make(&f, &probe_good);
    EXPECT_EQ(weft_tls_server(NULL, &tls, &why), -WEFT_EINVAL);
    EXPECT_STR(why, "a server needs a certificate and its key");
    weft_tls_options o = {.cert_file = "/nowhere/cert.pem"};
    EXPECT_EQ(weft_tls_server(&o, &tls, &why), -ENOENT);
    EXPECT(strncmp(why, "ENOENT", 6) == 0);
    o.cert_file = f.cert;
    EXPECT_EQ(weft_tls_server(&o, &tls, &why), -WEFT_EINVAL); /* no key in it */
    o.key_file = f.other_key;
    EXPECT_EQ(weft_tls_server(&o, &tls, &why), -WEFT_EINVAL);
    EXPECT_STR(why, "key values mismatch");
    o.key_file = f.cert;
    EXPECT_EQ(weft_tls_server(&o, &tls, NULL), -WEFT_EINVAL);
    o.key_file = f.key;
    o.verify_client = true;
    EXPECT_EQ(weft_tls_server(&o, &tls, &why), -WEFT_EINVAL);
    static const char *const lists[] = {"", ",", "a,", ",a", "a,,b"};
    o.verify_client = false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        o.alpn = lists[i];
        EXPECT_EQ(weft_tls_server(&o, &tls, &why), -WEFT_EINVAL);
        EXPECT_EQ(weft_tls_client(&(weft_tls_options){.alpn = lists[i]}, &tls, &why),
                  -WEFT_EINVAL);
    }
    EXPECT_EQ(weft_tls_client(&(weft_tls_options){.ca_file = f.key}, &tls, &why), -WEFT_EINVAL);
    EXPECT_EQ(weft_tls_client(&(weft_tls_options){.key_file = f.key}, &tls, &why), -WEFT_EINVAL);
    EXPECT(tls == NULL);
    probe_fail_at(1);
    EXPECT_EQ(weft_tls_client(NULL, &tls, &why), -WEFT_ENOMEM);
    EXPECT(probe_has_failed());
    EXPECT_EQ(weft_tls_client(NULL, &tls, &why), 0); /* with the system's authorities */
    weft_tls_free(tls);
    weft_tls_free(NULL);
    probe_files_remove(&f);
}

TASK_TEST(tls_options_in_a_cancelled_scope)
{
    weft_scope scope;
    weft_tls *tls;
    const char *why;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_tls_client(NULL, &tls, &why), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* ---- the handshake ---- */

TASK_TEST(tls_says_hello)
{
    struct probe p;
    struct probe_ends e;
    char *line, subject[WEFT_TLS_SUBJECT_MAX];
    weft_tls_counts counts;
    probe_make(&p, NULL, NULL, NULL);
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT_EQ(weft_stream_print(e.client, "hello\n"), 0);
    EXPECT_EQ(weft_stream_flush(e.client), 0);
    EXPECT_EQ(weft_stream_line(e.server, &line), 5);
    EXPECT_STR(line, "hello");
    EXPECT_EQ(weft_stream_print(e.server, "and you\n"), 0);
    EXPECT_EQ(weft_stream_flush(e.server), 0);
    EXPECT_EQ(weft_stream_line(e.client, &line), 7);
    EXPECT_STR(weft_tls_version(e.client), "TLSv1.3");
    EXPECT_STR(weft_tls_cipher(e.client), weft_tls_cipher(e.server));
    EXPECT(weft_tls_alpn(e.client) == NULL);
    EXPECT(weft_tls_error(e.client) == NULL);
    EXPECT_EQ(weft_tls_peer_subject(e.client, subject, sizeof subject), 14);
    EXPECT_STR(subject, "CN=example.org");
    EXPECT_EQ(weft_tls_peer_subject(e.client, subject, 14), -ENOSPC);
    EXPECT_EQ(weft_tls_peer_subject(e.server, subject, sizeof subject), -ENOENT);
    EXPECT_EQ(weft_stream_get_fd(e.client), -WEFT_ENOTSUP);
    weft_tls_stats(p.client, &counts);
    EXPECT_EQ(counts.handshakes, 1);
    EXPECT_EQ(counts.completed, 1);
    weft_tls_stats(p.server, &counts);
    EXPECT_EQ(counts.completed, 1);
    probe_free(&p); /* the streams go on */
    EXPECT_EQ(weft_stream_print(e.client, "bye\n"), 0);
    EXPECT_EQ(weft_stream_flush(e.client), 0);
    EXPECT_EQ(weft_stream_line(e.server, &line), 3);
    probe_ends_close(&e);
}

struct tls_case {
    struct probe_cert cert;
    const char *host;
    const char *why; /* NULL: all is well */
};

static const struct tls_case tls_cases[] = {
    {{"DNS:example.org", -PROBE_DAY, PROBE_DAY, false}, "example.org", NULL},
    {{"DNS:example.org", -PROBE_DAY, PROBE_DAY, false}, "example.org.", NULL},
    {{"DNS:example.org", -PROBE_DAY, PROBE_DAY, false}, "EXAMPLE.org", NULL},
    {{"DNS:*.example.net", -PROBE_DAY, PROBE_DAY, false}, "www.example.net", NULL},
    {{"IP:127.0.0.1", -PROBE_DAY, PROBE_DAY, false}, "127.0.0.1", NULL},
    {{"IP:::1", -PROBE_DAY, PROBE_DAY, false}, "::1", NULL},
    {{"DNS:*.example.net", -PROBE_DAY, PROBE_DAY, false}, "a.b.example.net", "hostname mismatch"},
    {{"DNS:w*.example.net", -PROBE_DAY, PROBE_DAY, false}, "www.example.net", "hostname mismatch"},
    {{"DNS:example.com", -PROBE_DAY, PROBE_DAY, false}, "example.org", "hostname mismatch"},
    {{"DNS:127.0.0.1", -PROBE_DAY, PROBE_DAY, false}, "127.0.0.1", "IP address mismatch"},
    {{"DNS:example.org", -2 * PROBE_DAY, -PROBE_DAY, false},
     "example.org",
     "certificate has expired"},
    {{"DNS:example.org", PROBE_DAY, 2 * PROBE_DAY, false},
     "example.org",
     "certificate is not yet valid"},
    {{"DNS:example.org", -PROBE_DAY, PROBE_DAY, true}, "example.org", "self-signed certificate"},
};

TASK_TEST(tls_client_verifies)
{
    for (size_t i = 0; i < sizeof tls_cases / sizeof *tls_cases; i += test_is_steered ? 8 : 1) {
        const struct tls_case *t = &tls_cases[i];
        struct probe p;
        struct probe_ends e;
        probe_make(&p, &t->cert, NULL, NULL);
        probe_ends_make(&p, 0, t->host, &e);
        if (t->why) {
            EXPECT_EQ(e.client_code, -EACCES);
            EXPECT_STR(e.client_why, t->why);
            EXPECT_EQ(e.server_code, -EPROTO); /* told by an alert */
            EXPECT(strstr(e.server_why, "alert") != NULL);
        } else {
            probe_ends_expect_good(&e);
            probe_ends_close(&e);
        }
        probe_free(&p);
    }
}

TASK_TEST(tls_client_that_trusts_anybody)
{
    struct probe p;
    struct probe_ends e;
    weft_tls_options trusting = {.trust_anybody = true};
    probe_make(&p, &tls_cases[12].cert, &trusting, NULL);
    probe_ends_make(&p, 0, "elsewhere.example", &e);
    probe_ends_expect_good(&e);
    probe_ends_close(&e);
    probe_free(&p);
}

TASK_TEST(tls_client_without_a_name)
{
    struct probe p;
    char host[300];
    probe_make(&p, NULL, NULL, NULL);
    weft_stream *under[2], *stream;
    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = 0;
    const char *const hosts[] = {NULL, "", ".", host};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const char *why = NULL;
        EXPECT_EQ(weft_stream_pair(0, under), 0);
        EXPECT_EQ(weft_tls_connect(p.client, under[0], hosts[i], &stream, &why), -WEFT_EINVAL);
        EXPECT_STR(why, "no name to verify");
        EXPECT_EQ(weft_stream_read(under[1], host, 1), 0); /* and the other was closed */
        EXPECT_EQ(weft_stream_close(under[1]), 0);
    }
    probe_free(&p);
}

TASK_TEST(tls_server_verifies)
{
    struct probe p;
    struct probe_ends e;
    char byte, subject[WEFT_TLS_SUBJECT_MAX];
    weft_tls_options strict = {.verify_client = true}, shows = {.cert_file = "its own"};
    probe_make(&p, NULL, &shows, &strict);
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT_EQ(weft_tls_peer_subject(e.server, subject, sizeof subject), 14);
    probe_ends_close(&e);
    probe_free(&p);
    probe_make(&p, NULL, NULL, &strict);
    probe_ends_make(&p, 0, "example.org", &e);
    EXPECT_EQ(e.server_code, -EACCES);
    EXPECT_STR(e.server_why, "no certificate was shown");
    EXPECT_EQ(e.client_code, 0); /* in TLS 1.3 it hears of that only when it reads */
    EXPECT_EQ(weft_stream_read(e.client, &byte, 1), -EPROTO);
    EXPECT(strstr(weft_tls_error(e.client), "certificate required") != NULL);
    EXPECT_EQ(weft_stream_read(e.client, &byte, 1), -EPROTO);
    EXPECT_EQ(weft_stream_close(e.client), 0);
    probe_free(&p);
}

/* ---- ALPN ---- */

TASK_TEST(tls_alpn_is_agreed_on)
{
    struct probe p;
    struct probe_ends e;
    weft_tls_options client = {.alpn = "http/1.1,h2"}, server = {.alpn = "spdy/1,h2,http/1.1"};
    probe_make(&p, NULL, &client, &server);
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT_STR(weft_tls_alpn(e.client), "h2"); /* the server's choice */
    EXPECT_STR(weft_tls_alpn(e.server), "h2");
    probe_ends_close(&e);
    probe_free(&p);
    probe_make(&p, NULL, &client, NULL); /* a server that does not know it */
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT(weft_tls_alpn(e.client) == NULL);
    probe_ends_close(&e);
    probe_free(&p);
    server.alpn = "spdy/1,h";
    probe_make(&p, NULL, &client, &server);
    probe_ends_make(&p, 0, "example.org", &e);
    EXPECT_EQ(e.client_code, -EPROTO);
    EXPECT_EQ(e.server_code, -EPROTO);
    EXPECT(strstr(e.client_why, "no application protocol") != NULL);
    probe_free(&p);
}

/* ---- no TLS at all ---- */

TASK_TEST(tls_garbage_for_a_handshake)
{
    static const char *const texts[] = {"GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\xff\xff\x01",
                                        "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "\x80\x2e\x01",
                                        ""};
    struct probe p;
    probe_make(&p, NULL, NULL, NULL);
    for (int is_server = 0; is_server < 2; is_server++) {
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            weft_stream *under[2], *stream;
            const char *why = NULL;
            EXPECT_EQ(weft_stream_pair(0, under), 0);
            EXPECT_EQ(weft_stream_write(under[1], texts[i], strlen(texts[i]), NULL), 0);
            EXPECT_EQ(weft_stream_close_write(under[1]), 0);
            EXPECT_EQ(is_server
                          ? weft_tls_accept(p.server, under[0], &stream, &why)
                          : weft_tls_connect(p.client, under[0], "example.org", &stream, &why),
                      -EPROTO);
            EXPECT(why != NULL);
            EXPECT_EQ(weft_stream_close(under[1]), 0);
        }
    }
    probe_free(&p);
}

PANIC_TEST(tls_question_of_another_stream, "check failed")
{
    weft_stream *stream;
    EXPECT_EQ(weft_stream_mem("x", 1, &stream), 0);
    (void)weft_tls_version(stream);
}

/* ---- memory ---- */

TASK_TEST(tls_handshake_without_memory)
{
    struct probe p;
    probe_make(&p, NULL, NULL, NULL);
    bool is_over = false;
    for (int64_t nth = 1; !is_over; nth++) {
        struct probe_ends e;
        EXPECT(nth < 50);
        probe_fail_at(nth);
        probe_ends_make(&p, 0, "example.org", &e);
        is_over = !probe_has_failed();
        EXPECT(is_over || e.client_code < 0 || e.server_code < 0);
        if (e.client_code == 0) {
            (void)weft_stream_close(e.client);
        } else {
            EXPECT(e.client_why != NULL);
        }
        if (e.server_code == 0) {
            (void)weft_stream_close(e.server);
        }
    }
    probe_free(&p);
}
