/* https_test.c - http over TLS: the two libraries together, over sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/sanitize.h"
#include "http/http_probe.h"
#include "tls/tls_probe.h"

/* A server that has shown `cert`, and a client that trusts who has signed that. */
struct https {
    struct probe tls;
    struct probe_server server;
    weft_http_client *client;
    char url[100];
    int logged_code;           /* of the last handshake that failed at the server, */
    const char *logged_words;  /* and why */
    ATOMIC(int) logged_count;
};

static int https_say(weft_http_request *request, void *arg)
{
    (void)arg;
    return weft_http_send_text(request, 200, "%s %s", request->method, request->target);
}

static int https_echo(weft_http_request *request, void *arg)
{
    char *data;
    size_t size;
    int rc = weft_http_read_all(request, 1 << 20, &data, &size);

    (void)arg;
    return rc != 0 ? rc : weft_http_send(request, 200, NULL, data, size);
}

static void https_log(void *arg, const weft_http_event *event)
{
    struct https *h = arg;

    if (strcmp(event->what, "handshake") == 0) {
        h->logged_code = event->code;
        h->logged_words = weft_tls_wrap_error();
        a_add(&h->logged_count, 1, release); /* pairs with the acquire of who waits for it */
    }
}

static void https_open(struct https *h, const struct probe_cert *cert, weft_http_handler handler)
{
    const int64_t hour = 3600 * WEFT_SECOND; /* a virtual clock may jump */
    probe_make(&h->tls, cert, NULL, NULL);
    probe_open(&h->server, handler, NULL,
               &(weft_http_options){.first_byte_ns = hour, .header_ns = hour, .body_ns = hour,
                                    .write_ns = hour, .idle_ns = hour, .drain_ns = hour,
                                    .wrap = weft_tls_wrap, .wrap_arg = h->tls.server,
                                    .log = https_log, .log_arg = h});
    EXPECT_EQ(weft_http_client_new(&(weft_http_client_options){.idle_ns = hour,
                                                               .tls = weft_tls_wrap,
                                                               .tls_arg = h->tls.client},
                                   &h->client),
              0);
    snprintf(h->url, sizeof h->url, "https://%s/", h->server.where);
}

static void https_close(struct https *h)
{
    weft_http_client_free(h->client);
    probe_close(&h->server, 0);
    probe_free(&h->tls);
}

IO_TEST(https_is_got_over_a_kept_connection)
{
    struct https h = {0};
    weft_http_reply *reply;
    weft_tls_counts counts;

    https_open(&h, NULL, https_say);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(weft_http_get(h.client, h.url, 0, &reply), 0);
        EXPECT_EQ(reply->status, 200);
        EXPECT_STR(reply->body, "GET /");
        weft_http_reply_close(reply);
    }
    EXPECT_EQ(probe_counts(&h.server).connections, 1);
    EXPECT_EQ(probe_counts(&h.server).requests, 5);
    weft_tls_stats(h.tls.server, &counts);
    EXPECT_EQ(counts.completed, 1);
    EXPECT(weft_tls_wrap_error() == NULL);
    https_close(&h);
}

IO_TEST(https_carries_bodies)
{
    enum { SIZE = 100000 };
    struct https h = {0};
    weft_http_reply *reply;
    char *much = malloc(SIZE);

    for (size_t i = 0; i < SIZE; i++)
        much[i] = (char)(i * 7 + i / 1000);
    https_open(&h, NULL, https_echo);
    weft_http_ask ask = {.url = h.url, .body = much, .body_size = SIZE};
    EXPECT_EQ(weft_http_fetch(h.client, &ask, &reply), 0);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    EXPECT_EQ(reply->body_length, SIZE);
    EXPECT_EQ(memcmp(reply->body, much, SIZE), 0);
    weft_http_reply_close(reply);
    https_close(&h);
    free(much);
}

/* ---- who is not who he should be ---- */

/* The handshake at the server has failed, too. */
static void https_await_log(struct https *h)
{
    while (a_load(&h->logged_count, acquire) == 0)
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

IO_TEST(https_refuses_another_host)
{
    static const struct probe_cert other = {"DNS:example.org", -PROBE_DAY, PROBE_DAY, false};
    struct https h = {0};
    weft_http_reply *reply;

    https_open(&h, &other, https_say);
    EXPECT_EQ(weft_http_get(h.client, h.url, 0, &reply), -EACCES);
    EXPECT_STR(weft_tls_wrap_error(), "IP address mismatch");
    https_await_log(&h);
    EXPECT_EQ(h.logged_code, -EPROTO);
    EXPECT(h.logged_words != NULL && strstr(h.logged_words, "alert") != NULL);
    EXPECT_EQ(probe_counts(&h.server).requests, 0);
    https_close(&h);
}

IO_TEST(https_refuses_a_stranger)
{
    static const struct probe_cert own = {"IP:127.0.0.1", -PROBE_DAY, PROBE_DAY, true};
    struct https h = {0};
    weft_http_reply *reply;

    https_open(&h, &own, https_say);
    EXPECT_EQ(weft_http_get(h.client, h.url, 0, &reply), -EACCES);
    EXPECT(weft_tls_wrap_error() != NULL);
    https_close(&h);
}

/* Plain http at a server of https: told in the log, and the next one is served. */
IO_TEST(https_is_not_http)
{
    struct https h = {0};
    weft_http_reply *reply;

    https_open(&h, NULL, https_say);
    EXPECT(weft_http_get(h.client, h.server.url, 0, &reply) < 0);
    https_await_log(&h);
    EXPECT_EQ(h.logged_code, -EPROTO);
    EXPECT_STR(h.logged_words, "http request");
    EXPECT_EQ(weft_http_get(h.client, h.url, 0, &reply), 0);
    weft_http_reply_close(reply);
    https_close(&h);
}

/* ---- many at once ---- */

struct https_job {
    struct https *h;
    int number;
};

static int https_ask_some(void *arg)
{
    const struct https_job *job = arg;
    weft_http_reply *reply;
    char url[120], body[40];

    for (int i = 0; i < TEST_FEWER(20); i++) {
        snprintf(url, sizeof url, "%s%d/%d", job->h->url, job->number, i);
        snprintf(body, sizeof body, "GET /%d/%d", job->number, i);
        EXPECT_EQ(weft_http_get(job->h->client, url, 0, &reply), 0);
        EXPECT_STR(reply->body, body);
        weft_http_reply_close(reply);
    }
    return 0;
}

IO_TEST_FREE(https_pool_is_for_many_tasks)
{
    enum { TASKS = 10 };
    struct https h = {0};
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer sees libcrypto's copies, and not what orders them");
    }
    weft_scope scope;

    https_open(&h, NULL, https_say);
    weft_scope_open(&scope);
    for (int i = 0; i < TASKS; i++)
        EXPECT_EQ(weft_go(&scope, https_ask_some, &((struct https_job){&h, i})), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_http_counts counts = probe_counts(&h.server);
    EXPECT(counts.connections <= counts.requests);
    EXPECT_EQ(counts.requests, TASKS * TEST_FEWER(20));
    https_close(&h);
}

PANIC_TEST(https_wrap_of_the_other_side, "check failed")
{
    weft_stream *stream, *ret;
    weft_tls *tls;

    EXPECT_EQ(weft_stream_mem("x", 1, &stream), 0);
    EXPECT_EQ(weft_tls_client(&(weft_tls_options){.trust_anybody = true}, &tls, NULL), 0);
    EXPECT(weft_tls_wrap(tls, stream, NULL, &ret) < 0);
}
