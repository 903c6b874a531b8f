/* http_server_test.c - a server with sockets: its time limits, its drain, its room for connections.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/atomic.h"
#include "http/http_probe.h"

static const char serve_get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static int serve_hello(weft_http_request *request, void *arg)
{
    (void)arg;
    return weft_http_send(request, 200, "text/plain", "Hello, world\n", 13);
}

static int serve_body(weft_http_request *request, void *arg)
{
    char *data;
    size_t size;
    int rc = weft_http_read_all(request, SIZE_MAX / 4, &data, &size);

    (void)arg;
    return rc != 0 ? rc : weft_http_send_text(request, 200, "%zu", size);
}

/* Sleeps for a second for each digit in the path. */
static int serve_slowly(weft_http_request *request, void *arg)
{
    int rc = weft_sleep((int64_t)(strlen(request->path) - 1) * WEFT_SECOND);

    (void)arg;
    return rc != 0 ? rc : weft_http_send_text(request, 200, "slept");
}

static int serve_megabytes(weft_http_request *request, void *arg)
{
    static const char zeros[65536];
    int rc = weft_http_begin(request, 200, NULL, 512 * (int64_t)sizeof zeros);

    (void)arg;
    for (int i = 0; i < 512 && rc == 0; i++)
        rc = weft_http_write(request, zeros, sizeof zeros);
    return rc;
}

/* ---- times ---- */

IO_TEST(serve_who_says_nothing_is_let_go)
{
    struct probe_server p;
    char text[64];

    probe_open(&p, serve_hello, NULL, &(weft_http_options){.first_byte_ns = WEFT_SECOND});
    int64_t begin = weft_now();
    EXPECT_EQ(probe_rest(probe_send(&p, ""), text, sizeof text), 0);
    EXPECT(weft_now() - begin >= WEFT_SECOND);
    probe_close(&p, 0);
}

/* One byte of a head now and then does not keep a connection ("slowloris"). */
IO_TEST(serve_slow_heads_are_given_up)
{
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_hello, NULL, &(weft_http_options){.header_ns = 2 * WEFT_SECOND});
    int fd = probe_send(&p, "GET / HTTP/1.1\r\n");
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++) {
        EXPECT_EQ(weft_sleep(WEFT_SECOND / 10), 0);
        rc = weft_write_all(fd, "A", 1, NULL);
        if (probe_counts(&p).timed_out > 0)
            break;
    }
    EXPECT_EQ(probe_counts(&p).timed_out, 1);
    if (probe_rest(fd, text, sizeof text) > 0)
        EXPECT(strncmp(text, "HTTP/1.1 408", 12) == 0);
    probe_close(&p, 0);
}

IO_TEST(serve_slow_bodies_are_given_up)
{
    const weft_http_options quick = {.body_ns = 2 * WEFT_SECOND, .body_rate_min = 1000};
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_body, NULL, &quick);
    int fd = probe_send(&p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    EXPECT(probe_rest(fd, text, sizeof text) > 0);
    EXPECT(strncmp(text, "HTTP/1.1 408", 12) == 0);
    EXPECT(strstr(text, "Connection: close") != NULL);
    probe_close(&p, 0);
}

/* Says in *arg how much of the body it has. */
static int serve_body_told(weft_http_request *request, void *arg)
{
    ATOMIC(uint64_t) *got = arg;
    char buffer[1000];
    ssize_t n;

    while ((n = weft_http_read(request, buffer, sizeof buffer)) > 0)
        a_add(got, (uint64_t)n, relaxed);
    return n < 0 ? (int)n : weft_http_send_text(request, 200, "all");
}

/* Slower than body_ns in all, but at more than the least rate: a piece each second, after the one
 * before has come. */
IO_TEST(serve_long_bodies_may_take_their_time)
{
    weft_http_options quick = probe_patient();
    ATOMIC(uint64_t) got = 0;
    struct probe_server p;
    char piece[3000], text[512];

    quick.body_ns = 2 * WEFT_SECOND;
    quick.body_rate_min = 1000;
    memset(piece, 'x', sizeof piece);
    probe_open(&p, serve_body_told, &got, &quick);
    int fd = probe_send(&p, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                            "Content-Length: 24000\r\n\r\n");
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(weft_write_all(fd, piece, sizeof piece, NULL), 0);
        while (a_load(&got, relaxed) < (uint64_t)(i + 1) * sizeof piece)
            EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    }
    EXPECT(probe_rest(fd, text, sizeof text) > 0);
    EXPECT(strncmp(text, "HTTP/1.1 200", 12) == 0);
    probe_close(&p, 0);
}

IO_TEST(serve_slow_handlers_are_given_up)
{
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_slowly, NULL, &(weft_http_options){.handler_ns = 3 * WEFT_SECOND});
    int fd = probe_send(&p, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                            "GET /123456 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(probe_rest(fd, text, sizeof text) > 0);
    EXPECT(strncmp(text, "HTTP/1.1 200", 12) == 0);
    EXPECT(strstr(text, "HTTP/1.1 503") != NULL);
    probe_close(&p, 0);
}

IO_TEST(serve_idle_connections_are_closed)
{
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_hello, NULL, &(weft_http_options){.idle_ns = WEFT_SECOND});
    int64_t begin = weft_now();
    int fd = probe_send(&p, serve_get);
    EXPECT(probe_rest(fd, text, sizeof text) > 0);
    EXPECT(strstr(text, "Hello, world\n") != NULL);
    EXPECT(weft_now() - begin >= WEFT_SECOND);
    EXPECT_EQ(probe_counts(&p).timed_out, 0);
    probe_close(&p, 0);
}

/* One that does not read holds up itself alone. */
IO_TEST(serve_clients_that_do_not_read_are_given_up)
{
    weft_http_options options = probe_patient();
    struct probe_server p;
    weft_http_reply *reply;

    options.write_ns = 200 * WEFT_SECOND; /* and not so little that who reads is given up, too */
    probe_open(&p, serve_megabytes, NULL, &options);
    int fd = probe_send(&p, serve_get);
    while (probe_counts(&p).timed_out == 0)
        EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(weft_http_get(NULL, p.url, 0, &reply), 0);
    EXPECT_EQ(reply->body_length, 512 * 65536);
    weft_http_reply_close(reply);
    weft_close(fd);
    probe_close(&p, 0);
}

/* ---- room ---- */

IO_TEST(serve_no_more_connections_than_there_is_room_for)
{
    weft_http_options options = probe_patient();
    struct probe_server p;
    char text[512];

    options.connections_max = 2;
    probe_open(&p, serve_hello, NULL, &options);
    int first = probe_send(&p, serve_get), second = probe_send(&p, serve_get);
    probe_await(first, "Hello, world\n");
    probe_await(second, "Hello, world\n");
    int third = probe_send(&p, "GET / HTTP/1.0\r\n\r\n"); /* waits in the backlog */
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(probe_counts(&p).connections, 2);
    weft_close(second);
    EXPECT(probe_rest(third, text, sizeof text) > 0);
    EXPECT_EQ(probe_counts(&p).connections, 3);
    weft_close(first);
    probe_close(&p, 0);
}

static int serve_one_get(void *arg)
{
    const struct probe_server *p = *(const struct probe_server **)arg;
    weft_http_reply *reply;

    for (int i = 0; i < TEST_FEWER(20); i++) {
        EXPECT_EQ(weft_http_get(NULL, p->url, 0, &reply), 0);
        EXPECT_EQ(reply->status, 200);
        EXPECT_EQ(reply->body_length, 13);
        weft_http_reply_close(reply);
    }
    return 0;
}

IO_TEST_FREE(serve_many_at_once)
{
    struct probe_server p;
    const struct probe_server *at = &p;
    weft_scope scope;
    int idle[10];

    probe_open(&p, serve_hello, NULL, NULL);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(idle); i++)
        idle[i] = probe_send(&p, i % 2 ? "GE" : "");
    weft_scope_open(&scope);
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(weft_go(&scope, serve_one_get, &at), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(idle); i++)
        weft_close(idle[i]);
    EXPECT_EQ(probe_counts(&p).handler_errors, 0);
    probe_close(&p, 0);
}

/* ---- the end ---- */

/* What runs is finished, and says that it was the last; who is idle is let go; nobody new comes. */
IO_TEST(serve_drains)
{
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_slowly, NULL, NULL);
    int idle = probe_send(&p, serve_get), fresh = probe_send(&p, "");
    probe_await(idle, "slept");
    int busy = probe_send(&p, "GET /123 HTTP/1.1\r\nHost: a\r\n\r\n"
                              "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    probe_reaches(&p, 3, 2);
    weft_http_drain(p.server);
    EXPECT(probe_rest(busy, text, sizeof text) > 0);
    EXPECT(strstr(text, "slept") != NULL);
    EXPECT(strstr(strstr(text, "slept") + 5, "HTTP/1.1") == NULL);
    EXPECT_EQ(probe_rest(idle, text, sizeof text), 0);
    EXPECT_EQ(probe_rest(fresh, text, sizeof text), 0);
    probe_close(&p, 0);
}

IO_TEST(serve_drains_so_long_and_no_longer)
{
    weft_http_options options = probe_patient();
    struct probe_server p;
    char text[512];

    options.drain_ns = WEFT_SECOND;
    probe_open(&p, serve_slowly, NULL, &options);
    int busy = probe_send(&p, "GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n");
    probe_reaches(&p, 1, 1);
    weft_http_drain(p.server);
    EXPECT_EQ(probe_rest(busy, text, sizeof text), 0);
    probe_close(&p, -WEFT_ETIMEDOUT);
}

IO_TEST(serve_ends_when_cancelled)
{
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_slowly, NULL, NULL);
    int busy = probe_send(&p, "GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n");
    probe_reaches(&p, 1, 1);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(probe_rest(busy, text, sizeof text), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0); /* it has ended before it is told to drain, too */
    probe_close(&p, -WEFT_ECANCELED);
}

IO_TEST(serve_drains_when_cancelled_if_so_asked)
{
    weft_http_options options = probe_patient();
    struct probe_server p;
    char text[512];

    options.drain_on_cancel = true;
    probe_open(&p, serve_slowly, NULL, &options);
    int busy = probe_send(&p, "GET /123 HTTP/1.1\r\nHost: a\r\n\r\n");
    probe_reaches(&p, 1, 1);
    weft_scope_cancel(&p.scope);
    EXPECT(probe_rest(busy, text, sizeof text) > 0);
    EXPECT(strstr(text, "slept") != NULL);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    probe_close(&p, -WEFT_ECANCELED);
}

IO_TEST(serve_drained_before_it_runs)
{
    weft_http_server *server;
    int listener = weft_listen("127.0.0.1:0", NULL);

    EXPECT_EQ(weft_http_server_new(serve_hello, NULL, NULL, &server), 0);
    weft_http_drain(server);
    EXPECT_EQ(weft_http_server_run(server, listener), 0);
    weft_http_server_free(server);
    weft_close(listener);
}

static void serve_note(void *arg, const weft_http_event *event)
{
    *(int *)arg = event->code;
}

IO_TEST(serve_says_why_it_ended)
{
    int code = 0;

    EXPECT_EQ(weft_http_serve(-1, serve_hello, NULL,
                              &(weft_http_options){.log = serve_note, .log_arg = &code}), -EBADF);
    EXPECT_EQ(code, -EBADF);
    EXPECT_EQ(weft_http_serve(0, NULL, NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_serve(0, serve_hello, NULL, &(weft_http_options){.idle_ns = -1}),
              -WEFT_EINVAL);
}

/* ---- clients that go ---- */

/* At every byte of a request and of its reply. */
IO_TEST_FREE(serve_clients_may_vanish_at_any_byte)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "5\r\nhello\r\n0\r\n\r\n";
    struct probe_server p;
    char text[512];

    probe_open(&p, serve_body, NULL, NULL);
    for (size_t n = 0; n < sizeof request; n++) {
        int fd = weft_connect(p.where, NULL);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_write_all(fd, request, n, NULL), 0);
        if (n % 2)
            weft_shutdown(fd, SHUT_WR); /* half of them still listen */
        if (n % 2 && probe_rest(fd, text, sizeof text) > 0)
            EXPECT(strncmp(text, "HTTP/1.1 ", 9) == 0);
        else if (n % 2 == 0)
            weft_close(fd);
    }
    probe_close(&p, 0);
}
