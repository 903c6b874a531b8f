/* head_test.c - heads of messages: what is taken, what is refused, in one piece and byte by byte.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/head.h"

#include "http/url.h"
#include "tests/test.h"
#include "weft/err.h"

static const struct http_head_limits head_usual = {8192, 16384, 100};

/* Finds and parses; `step` more bytes are shown at a time.  0 or a status; -1: needs more. */
static int head_try_steps(struct http_arena *arena, const char *text, size_t step,
                          const struct http_head_limits *limits, struct http_head *ret)
{
    struct http_head_scan scan = {0};
    size_t size = strlen(text), shown = 0;
    ssize_t end = 0;

    while (end == 0 && shown < size) {
        shown = weft__min(shown + step, size);
        end = weft__http_head_find(&scan, text, shown, limits);
    }
    if (end <= 0)
        return end < 0 ? (int)-end : -1;
    char *copy = weft__http_take_copy(arena, text + scan.skip, (size_t)end - scan.skip);
    return weft__http_head_request(arena, copy, (size_t)end - scan.skip, ret);
}

static int head_try(struct http_arena *arena, const char *text, struct http_head *ret)
{
    struct http_head other;
    int whole = head_try_steps(arena, text, strlen(text), &head_usual, ret);
    int bytes = head_try_steps(arena, text, 1, &head_usual, &other);

    EXPECT_EQ(whole, bytes);
    return whole;
}

TEST(head_of_a_usual_request)
{
    struct http_arena arena = {0};
    struct http_head head;

    EXPECT_EQ(head_try(&arena, "GET /a?b=c HTTP/1.1\r\nHost: x.org:80\r\nAccept:  a, b \r\n"
                               "Empty:\r\n\r\n", &head), 0);
    EXPECT_STR(head.method, "GET");
    EXPECT_STR(head.target, "/a?b=c");
    EXPECT_STR(head.host, "x.org:80");
    EXPECT_EQ(head.minor, 1);
    EXPECT_EQ(head.count, 3);
    EXPECT_STR(head.headers[1].name, "Accept");
    EXPECT_STR(head.headers[1].value, "a, b");
    EXPECT_STR(head.headers[2].value, "");
    EXPECT_EQ(head.body_size, 0);
    EXPECT(head.keeps);
    EXPECT(weft__http_header_find(head.headers, head.count, "ACCEPT") == head.headers[1].value);
    EXPECT(weft__http_header_find(head.headers, head.count, "none") == NULL);
    weft__http_arena_fini(&arena);
}

TEST(head_says_what_becomes_of_the_connection)
{
    static const struct {
        const char *text;
        bool keeps;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Foo , CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct http_arena arena = {0};
        struct http_head head;
        EXPECT_EQ(head_try(&arena, cases[i].text, &head), 0);
        EXPECT_EQ(head.keeps, cases[i].keeps);
        weft__http_arena_fini(&arena);
    }
}

/* Each may be read in two ways, or by others in another. */
TEST(head_that_smuggles_is_refused)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
         "Transfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
         "Content-Length: 5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\x01: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: y\x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505},
        {"GET /\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\n", 400},
        {"FROB / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"\x16\x03\x01\x02 hello", 400},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct http_arena arena = {0};
        struct http_head head;
        int status = head_try(&arena, cases[i].text, &head);
        if (status != cases[i].status)
            test_fail(__FILE__, __LINE__, "case %zu: %d, not %d: %s", i, status, cases[i].status,
                      cases[i].text);
        weft__http_arena_fini(&arena);
    }
}

/* strlen would end at it. */
TEST(head_with_a_byte_0_is_refused)
{
    static const char texts[][64] = {"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
                                     "GET /abb HTTP/1.1\r\nHost: a\0\r\n\r\n",
                                     "GET /abb HTTP/1.1\r\nHo\0t: a\r\n\r\n"};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(texts); i++) {
        struct http_arena arena = {0};
        struct http_head_scan scan = {0};
        struct http_head head;
        ssize_t end = weft__http_head_find(&scan, texts[i], 63, &head_usual);
        EXPECT(end > 0);
        char *copy = weft__http_take_copy(&arena, texts[i], (size_t)end);
        EXPECT_EQ(weft__http_head_request(&arena, copy, (size_t)end, &head), 400);
        weft__http_arena_fini(&arena);
    }
}

TEST(head_knows_its_limits)
{
    const struct http_head_limits few = {20, 60, 2};
    struct http_arena arena = {0};
    struct http_head head;

    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD:\r\n\r\n", 431},
        {"GET /0123456 HTTP/1.1\r\n", 414},
        {"GET /0123456789012345678901234567890", 414},
        {"GET / HTTP/1.1\r\nHost: a\r\nB: 012345678901234567890123456789012345", 431},
        {"GET / HTTP/1.1\r\nHost: a\r\nB: 01234567890123456789012345678\r\n\r\n", 431},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        EXPECT_EQ(head_try_steps(&arena, cases[i].text, 1, &few, &head), cases[i].status);
        EXPECT_EQ(head_try_steps(&arena, cases[i].text, 99, &few, &head), cases[i].status);
    }
    weft__http_arena_fini(&arena);
}

TEST(head_of_a_reply)
{
    static const struct {
        const char *text;
        bool is_head;
        int status, refused;
        int64_t body_size;
        bool keeps;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, 0, 5, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 200, 0, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", false, 200, 0, HTTP_BODY_TO_CLOSE, false},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, 200, 0, 0, true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, 304, 0, 0, true},
        {"HTTP/1.1 204 No\r\n\r\n", false, 204, 0, 0, true},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, 100, 0, 0, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, 0, HTTP_BODY_CHUNKED,
         true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, 0, 5, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false, 0,
         400, 0, false},
        {"HTTP/2.0 200 OK\r\n\r\n", false, 0, 400, 0, false},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, 0, 400, 0, false},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct http_arena arena = {0};
        struct http_head head;
        size_t size = strlen(cases[i].text);
        char *copy = weft__http_take_copy(&arena, cases[i].text, size);
        int rc = weft__http_head_reply(&arena, copy, size, cases[i].is_head, &head);
        if (rc != cases[i].refused)
            test_fail(__FILE__, __LINE__, "case %zu: %d", i, rc);
        if (rc == 0) {
            EXPECT_EQ(head.status, cases[i].status);
            EXPECT_EQ(head.body_size, cases[i].body_size);
            EXPECT_EQ(head.keeps, cases[i].keeps);
        }
        weft__http_arena_fini(&arena);
    }
}

/* ---- targets ---- */

TEST(target_is_made_safe)
{
    static const struct {
        const char *target, *path, *query;
        int status;
    } cases[] = {
        {"/", "/", "", 0},
        {"/a/b?c=d&e", "/a/b", "c=d&e", 0},
        {"/a%20b", "/a b", "", 0},
        {"/a/./b/../c", "/a/c", "", 0},
        {"/a/..", "/", "", 0},
        {"/a/.", "/a/", "", 0},
        {"//a///b", "/a/b", "", 0},
        {"/a/b/", "/a/b/", "", 0},
        {"/%2e%2e/a", NULL, NULL, 400},
        {"/a/%2e%2e/b", "/b", "", 0},
        {"/a%2f..%2fb", "/b", "", 0},
        {"/../a", NULL, NULL, 400},
        {"/..", NULL, NULL, 400},
        {"/a/../..", NULL, NULL, 400},
        {"/...", "/...", "", 0},
        {"/a%00b", NULL, NULL, 400},
        {"/a%0", NULL, NULL, 400},
        {"/a%zz", NULL, NULL, 400},
        {"/a%", NULL, NULL, 400},
        {"/a#b", NULL, NULL, 400},
        {"a", NULL, NULL, 400},
        {"*", NULL, NULL, 400},
        {"http://x.org/a?b", "/a", "b", 0},
        {"http://x.org", "/", "", 0},
        {"http://x.org?b", "/", "b", 0},
        {"http:///a", NULL, NULL, 400},
        {"http://u@x/a", NULL, NULL, 400},
        {"ftp://x/a", NULL, NULL, 400},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct http_arena arena = {0};
        struct http_target target;
        int status = weft__http_target(&arena, cases[i].target, false, &target);
        if (status != cases[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d", cases[i].target, status);
        if (status == 0) {
            EXPECT_STR(target.path, cases[i].path);
            EXPECT_STR(target.query, cases[i].query);
        }
        weft__http_arena_fini(&arena);
    }
}

TEST(url_is_taken_apart)
{
    static const struct {
        const char *text, *host, *where, *target;
    } cases[] = {
        {"http://a.org", "a.org", "a.org:80", "/"},
        {"HTTP://a.org/", "a.org", "a.org:80", "/"},
        {"https://a.org:8443/x?y#z", "a.org", "a.org:8443", "/x?y"},
        {"https://a.org?y", "a.org", "a.org:443", "/?y"},
        {"http://[::1]:80/a", "::1", "[::1]:80", "/a"},
        {"http://[::1]/a", "::1", "[::1]:80", "/a"},
        {"http://a:/a", "a", "a:80", "/a"},
        {"http://", NULL, NULL, NULL},
        {"http:///a", NULL, NULL, NULL},
        {"http://a b/", NULL, NULL, NULL},
        {"http://u:p@a/", NULL, NULL, NULL},
        {"http://a:8x/", NULL, NULL, NULL},
        {"http://[::1/", NULL, NULL, NULL},
        {"http://a/\r\nX: y", NULL, NULL, NULL},
        {"ftp://a/", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct http_arena arena = {0};
        struct http_url url;
        int rc = weft__http_url(&arena, cases[i].text, &url);
        if (rc != (cases[i].host != NULL ? 0 : -WEFT_EINVAL))
            test_fail(__FILE__, __LINE__, "%s: %d", cases[i].text, rc);
        if (rc == 0) {
            EXPECT_STR(url.host, cases[i].host);
            EXPECT_STR(url.where, cases[i].where);
            EXPECT_STR(url.target, cases[i].target);
        }
        weft__http_arena_fini(&arena);
    }
}

TEST(url_seen_from_another)
{
    static const struct {
        const char *location, *whole;
    } cases[] = {
        {"/x", "http://a.org:81/x"},       {"x", "http://a.org:81/b/x"},
        {"?x", "http://a.org:81/b/c?x"},   {"//b.org/x", "http://b.org/x"},
        {"https://b/", "https://b/"},      {"../x", "http://a.org:81/b/../x"},
    };

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct http_arena arena = {0};
        struct http_url base, url;
        EXPECT_EQ(weft__http_url(&arena, "http://a.org:81/b/c?d", &base), 0);
        EXPECT_EQ(weft__http_url_from(&arena, &base, cases[i].location, &url), 0);
        EXPECT_STR(url.whole, cases[i].whole);
        weft__http_arena_fini(&arena);
    }
}

/* ---- dates, types ---- */

TEST(date_goes_both_ways)
{
    static const int64_t seconds[] = {0, 1, 784111777, 951782400, 951868800, 1709164800,
                                      4102444799};
    char text[WEFT_HTTP_DATE_MAX];

    weft_http_date(784111777, text);
    EXPECT_STR(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(weft_http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    EXPECT_EQ(weft_http_date_parse("Sun Nov  6 08:49:37 1994"), 784111777);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(seconds); i++) {
        weft_http_date(seconds[i], text);
        EXPECT_EQ(weft_http_date_parse(text), seconds[i]);
    }
    for (int64_t t = 0; t < INT64_C(4102444800); t += 86399 * 13) {
        weft_http_date(t, text);
        EXPECT_EQ(weft_http_date_parse(text), t);
    }
    EXPECT_EQ(weft_http_date_parse(""), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_date_parse("yesterday"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_date_parse("Sun, 06 Nov 1994 08:49:37"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_date_parse("Sun, 06 Nov 1994 28:49:37 GMT"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_date_parse("Sun,"), -WEFT_EINVAL);
    EXPECT_EQ(weft_http_date_parse("Sun Nov"), -WEFT_EINVAL);
    weft_http_date(INT64_MAX, text);
    EXPECT_STR(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    weft_http_date(INT64_MIN, text);
    EXPECT_STR(text, "Mon, 01 Jan 0001 00:00:00 GMT");
}

TEST(words_for_statuses_and_types)
{
    EXPECT_STR(weft_http_reason(200), "OK");
    EXPECT_STR(weft_http_reason(404), "Not Found");
    EXPECT_STR(weft_http_reason(599), "Unknown");
    EXPECT_STR(weft_http_type("/a.b/c.HTML"), "text/html; charset=utf-8");
    EXPECT_STR(weft_http_type("/a.html/c"), "application/octet-stream");
    EXPECT_STR(weft_http_type(""), "application/octet-stream");
}
