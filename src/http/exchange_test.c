/* exchange_test.c - a server's connection over streams in memory: framing, limits, replies.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/http_server.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/time.h"

enum { EXCHANGE_ROOM = 256 * 1024 };

static char exchange_reply[EXCHANGE_ROOM];

/* What a server says to these bytes, and then the end. */
static const char *exchange_with(weft_http_handler handler, const weft_http_options *options,
                                 const char *request, size_t size)
{
    weft_http_server *server;
    weft_stream *ends[2];
    size_t done = 0;

    EXPECT_EQ(weft_http_server_new(handler, NULL, options, &server), 0);
    EXPECT_EQ(weft_stream_pair(EXCHANGE_ROOM, ends), 0);
    EXPECT_EQ(weft_stream_write(ends[0], request, size, NULL), 0);
    EXPECT_EQ(weft_stream_close_write(ends[0]), 0);
    (void)weft_http_server_attend(server, ends[1]);
    int rc = weft_stream_read_full(ends[0], exchange_reply, sizeof exchange_reply - 1, &done);
    EXPECT_EQ(rc, -WEFT_EPIPE);
    exchange_reply[done] = '\0';
    weft_stream_close(ends[0]);
    weft_http_server_free(server);
    return exchange_reply;
}

static const char *exchange_text(weft_http_handler handler, const char *request)
{
    return exchange_with(handler, NULL, request, strlen(request));
}

static size_t exchange_count(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static void exchange_expect(const char *text, const char *part, bool is_there)
{
    if ((strstr(text, part) != NULL) != is_there)
        test_fail(__FILE__, __LINE__, "%s \"%s\" in \"%s\"", is_there ? "no" : "a", part, text);
}

/* ---- handlers ---- */

static int exchange_say_path(weft_http_request *request, void *arg)
{
    (void)arg;
    return weft_http_send(request, 200, "text/plain", request->path, strlen(request->path));
}

/* Gives the body back, and in between says how long it was. */
static int exchange_say_body(weft_http_request *request, void *arg)
{
    char *data;
    size_t size;
    int rc = weft_http_read_all(request, 100000, &data, &size);

    (void)arg;
    return rc != 0 ? rc : weft_http_send_text(request, 200, "%zu:%s", size, data);
}

static int exchange_say_in_pieces(weft_http_request *request, void *arg)
{
    int rc = weft_http_begin(request, 200, NULL, -1);

    (void)arg;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_http_write(request, "0123456789abcdef!", 17);
    return rc;
}

static int exchange_say_nothing(weft_http_request *request, void *arg)
{
    (void)request, (void)arg;
    return 0;
}

static int exchange_fail(weft_http_request *request, void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_http_add_header(request, "X-Half", "done"), 0);
    return -EIO;
}

/* ---- framing ---- */

TASK_TEST(http_says_what_was_asked)
{
    const char *reply = exchange_text(exchange_say_path, "GET /a%41 HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT(strncmp(reply, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0);
    exchange_expect(reply, "\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n/aA", true);
    exchange_expect(reply, "Connection:", false);
}

TASK_TEST(http_answers_pipelined_requests_in_order)
{
    static char request[64 * 100], *at;
    char want[32];

    at = request;
    for (int i = 0; i < 100; i++)
        at += sprintf(at, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    const char *reply = exchange_text(exchange_say_path, request);
    for (int i = 0; i < 100; i++) {
        snprintf(want, sizeof want, "\r\n\r\n/%d", i);
        reply = strstr(reply, want);
        EXPECT(reply != NULL);
    }
}

TASK_TEST(http_leaves_out_the_body_of_a_head)
{
    const char *reply = exchange_text(exchange_say_path, "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n"
                                                         "GET /d HTTP/1.1\r\nHost: a\r\n\r\n");

    exchange_expect(reply, "Content-Length: 4\r\n\r\nHTTP/1.1 200 OK", true);
    reply = exchange_text(exchange_say_in_pieces, "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n");
    exchange_expect(reply, "Transfer-Encoding: chunked\r\n\r\n", true);
    exchange_expect(reply, "0123", false);
}

TASK_TEST(http_old_clients_get_no_chunks)
{
    const char *reply = exchange_text(exchange_say_in_pieces, "GET / HTTP/1.0\r\n\r\n");

    exchange_expect(reply, "chunked", false);
    exchange_expect(reply, "Connection: close\r\n\r\n0123456789abcdef!0123456789abcdef!", true);
    reply = exchange_text(exchange_say_path, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    exchange_expect(reply, "Connection: keep-alive", true);
}

TASK_TEST(http_replies_in_chunks)
{
    const char *reply = exchange_text(exchange_say_in_pieces, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    exchange_expect(reply, "\r\n\r\n11\r\n0123456789abcdef!\r\n11\r\n0123456789abcdef!\r\n11\r\n"
                           "0123456789abcdef!\r\n0\r\n\r\n", true);
}

TASK_TEST(http_reads_bodies)
{
    static const struct {
        const char *head, *body, *reply;
    } cases[] = {
        {"Content-Length: 5", "hello", "5:hello"},
        {"Content-Length: 0", "", "0:"},
        {"X: y", "", "0:"},
        {"Transfer-Encoding: chunked", "0\r\n\r\n", "0:"},
        {"Transfer-Encoding: chunked", "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
         "11:hello world"},
        {"Transfer-Encoding: Chunked", "00A\r\n0123456789\r\n000\r\nX: y\r\n\r\n", "10:0123456789"},
    };
    static char request[1024];

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        snprintf(request, sizeof request, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s"
                 "GET / HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].head, cases[i].body);
        const char *reply = exchange_text(exchange_say_body, request);
        exchange_expect(reply, cases[i].reply, true);
        EXPECT_EQ(exchange_count(reply, "200 OK"), 2);
        /* A handler that does not read it leaves it to us. */
        reply = exchange_text(exchange_say_path, request);
        EXPECT_EQ(exchange_count(reply, "200 OK"), 2);
    }
}

TASK_TEST(http_refuses_bad_chunks)
{
    static const char *const bodies[] = {
        "5\r\nhelloX\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
        "5\rX\nhello\r\n0\r\n\r\n", "5;\x01\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX y\r\n\r\n", "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        "5;a= b\r\nhello\r\n0\r\n\r\n", "5;\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\nGET", "5\r\nhello\r\n0\r\n\rX\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n", "5\r\nhel", "5\r\nhello", "5", "",
    };
    static char request[1024];

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(bodies); i++) {
        snprintf(request, sizeof request,
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        const char *reply = exchange_text(exchange_say_body, request);
        if (strncmp(reply, "HTTP/1.1 400", 12) != 0 || exchange_count(reply, "HTTP/1.1") != 1)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, reply);
        exchange_expect(reply, "Connection: close", true);
    }
}

TASK_TEST(http_one_request_is_not_taken_for_two)
{
    const char *reply = exchange_text(exchange_say_path,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT(strncmp(reply, "HTTP/1.1 400", 12) == 0);
    exchange_expect(reply, "evil", false);
    EXPECT_EQ(exchange_count(reply, "HTTP/1.1"), 1);
}

TASK_TEST(http_says_go_on_when_the_body_is_wanted)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                                  "Content-Length: 2\r\n\r\nhi";
    const char *reply = exchange_text(exchange_say_body, request);

    EXPECT(strncmp(reply, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", 37) == 0);
    reply = exchange_text(exchange_say_path, request); /* which does not want it */
    exchange_expect(reply, "100 Continue", false);
    exchange_expect(reply, "Connection: close", true);
    reply = exchange_text(exchange_say_path, "GET / HTTP/1.1\r\nHost: a\r\n"
                                             "Expect: miracles\r\n\r\n");
    EXPECT(strncmp(reply, "HTTP/1.1 417", 12) == 0);
}

/* ---- replies that do not come, or not whole ---- */

TASK_TEST(http_handlers_that_fail)
{
    const char *reply = exchange_text(exchange_fail, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT(strncmp(reply, "HTTP/1.1 500", 12) == 0);
    exchange_expect(reply, "X-Half", false);
    reply = exchange_text(exchange_say_nothing, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(strncmp(reply, "HTTP/1.1 500", 12) == 0);
}

static int exchange_lack_memory(weft_http_request *request, void *arg)
{
    (void)arg;
    return weft_http_alloc(request, SIZE_MAX) == NULL ? -WEFT_ENOMEM : 0;
}

TASK_TEST(http_handlers_without_memory)
{
    const char *reply = exchange_text(exchange_lack_memory, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT(strncmp(reply, "HTTP/1.1 503 Service Unavailable\r\n", 34) == 0);
}

static int exchange_promise_more(weft_http_request *request, void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_http_begin(request, 200, NULL, 10), 0);
    EXPECT_EQ(weft_http_write(request, "01234567890", 11), -EMSGSIZE);
    EXPECT_EQ(weft_http_write(request, "0123", 4), 0);
    return weft_http_flush(request);
}

static int exchange_break_off(weft_http_request *request, void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_http_write(request, "0123", 4), 0);
    EXPECT_EQ(weft_http_flush(request), 0);
    return -EIO;
}

/* What is not whole must not look whole. */
TASK_TEST(http_replies_cut_short_end_the_connection)
{
    static const char twice[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                                "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const char *reply = exchange_text(exchange_promise_more, twice);

    EXPECT_EQ(exchange_count(reply, "HTTP/1.1"), 1);
    reply = exchange_text(exchange_break_off, twice);
    EXPECT_EQ(exchange_count(reply, "HTTP/1.1"), 1);
    exchange_expect(reply, "0\r\n\r\n", false);
}

static int exchange_add_headers(weft_http_request *request, void *arg)
{
    (void)arg;
    EXPECT_EQ(weft_http_add_header(request, "A", "b\r\nC: d"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_add_header(request, "A b", "c"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_add_header(request, "", "c"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_add_header(request, "content-Length", "5"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_add_header(request, "Transfer-Encoding", "chunked"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_add_header(request, "Connection", "upgrade"), -WEFT_EINVAL);
    for (int i = 0; i < 300; i++)
        EXPECT_EQ(weft_http_add_header(request, "X-Some", "header of a certain length"), 0);
    EXPECT_EQ(weft_http_add_header(request, "Connection", "close"), 0);
    EXPECT_EQ(weft_http_send(request, 99, NULL, NULL, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_send(request, 200, "a\r\nb", NULL, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_send(request, 204, NULL, NULL, 0), 0);
    EXPECT_EQ(weft_http_send(request, 200, NULL, NULL, 0), -WEFT_EBUSY);
    EXPECT_EQ(weft_http_write(request, "a", 1), -WEFT_EBUSY);
    EXPECT_EQ(weft_http_add_header(request, "A", "b"), -WEFT_EBUSY);
    return 0;
}

TASK_TEST(http_headers_of_a_reply)
{
    const char *reply = exchange_text(exchange_add_headers, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT(strncmp(reply, "HTTP/1.1 204", 12) == 0);
    EXPECT_EQ(exchange_count(reply, "X-Some: header of a certain length\r\n"), 300);
    EXPECT_EQ(exchange_count(reply, "Connection: close\r\n\r\n"), 1);
    exchange_expect(reply, "Content-Length", false);
}

static int exchange_say_much(weft_http_request *request, void *arg)
{
    static char much[100000];

    (void)arg;
    memset(much, 'x', sizeof much);
    return weft_http_send(request, 200, NULL, much, sizeof much);
}

TASK_TEST(http_large_replies)
{
    const char *reply = exchange_text(exchange_say_much, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                                                         "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const char *first = strstr(reply, "\r\n\r\n") + 4;

    EXPECT_EQ(strspn(first, "x"), 100000);
    EXPECT_EQ(strspn(strstr(first, "\r\n\r\n") + 4, "x"), 100000);
}

/* ---- limits ---- */

TASK_TEST(http_limits_of_size)
{
    const weft_http_options small = {.request_line_max = 40, .header_size_max = 200,
                                     .header_count_max = 3, .body_size_max = 10};
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
        {"GET /0123456789012345678901234567890123456789 HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        {"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\nE: f\r\n\r\n", 431},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", 200},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890", 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "a\r\n0123456789\r\n0\r\n\r\n", 200},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "a\r\n0123456789\r\n1\r\n0\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n", 413},
    };
    char many[400];

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        const char *reply = exchange_with(exchange_say_body, &small, cases[i].text,
                                          strlen(cases[i].text));
        if (atoi(reply + 9) != cases[i].status)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, reply);
    }
    int n = snprintf(many, sizeof many, "GET / HTTP/1.1\r\nHost: a\r\nA: %0250d\r\n\r\n", 0);
    EXPECT_EQ(atoi(exchange_with(exchange_say_body, &small, many, (size_t)n) + 9), 431);
}

TASK_TEST(http_large_heads_fit_when_allowed)
{
    const weft_http_options large = {.request_line_max = 60000, .header_size_max = 100000};
    static char request[100000];
    int n = snprintf(request, sizeof request,
                     "GET /%050000d HTTP/1.1\r\nHost: a\r\nA: %030000d\r\n\r\n", 7, 8);
    const char *reply = exchange_with(exchange_say_path, &large, request, (size_t)n);

    EXPECT(strncmp(reply, "HTTP/1.1 200", 12) == 0);
    exchange_expect(reply, "Content-Length: 50001\r\n", true);
}

TASK_TEST(http_requests_of_a_connection)
{
    const weft_http_options two = {.requests_max = 2};
    static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "GET /c HTTP/1.1\r\nHost: a\r\n\r\n";
    const char *reply = exchange_with(exchange_say_path, &two, request, sizeof request - 1);

    EXPECT_EQ(exchange_count(reply, "200 OK"), 2);
    EXPECT_EQ(exchange_count(reply, "Connection: close"), 1);
}

TASK_TEST(http_a_body_nobody_reads_is_dropped_if_small)
{
    const weft_http_options small = {.body_drop_max = 10};
    static const char few[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
                              "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char more[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"
                               "0123456789aGET /b HTTP/1.1\r\nHost: a\r\n\r\n";

    const char *reply = exchange_with(exchange_say_path, &small, few, sizeof few - 1);
    EXPECT_EQ(exchange_count(reply, "200 OK"), 2);
    reply = exchange_with(exchange_say_path, &small, more, sizeof more - 1);
    EXPECT_EQ(exchange_count(reply, "200 OK"), 1);
    exchange_expect(reply, "Connection: close", true);
}

TASK_TEST(http_garbage_is_refused_once)
{
    static const char *const texts[] = {"\x16\x03\x01", "hello\r\n\r\n", "GET / HTTP/1.1\r\nHost",
                                        "GET", "\r", "GET / HTTP/9.9\r\n\r\n",
                                        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(texts); i++) {
        const char *reply = exchange_text(exchange_say_path, texts[i]);
        EXPECT_EQ(exchange_count(reply, "HTTP/1.1"), 1);
        EXPECT(reply[9] == '4' || reply[9] == '5');
    }
    EXPECT_STR(exchange_text(exchange_say_path, ""), "");
    EXPECT_STR(exchange_text(exchange_say_path, "\r\n"), "");
}
