/* client_test.c - asking: bodies both ways, redirects, kept connections, servers that misbehave.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/http_probe.h"

#include <unistd.h>

/* ---- a server that says what it was asked ---- */

static int client_say_body(weft_http_request *request)
{
    char buffer[1000];
    ssize_t n;
    int rc = weft_http_begin(request, 200, "text/plain", -1);

    while (rc == 0 && (n = weft_http_read(request, buffer, sizeof buffer)) != 0)
        rc = n < 0 ? (int)n : weft_http_write(request, buffer, (size_t)n);
    return rc;
}

static int client_redirect(weft_http_request *request, int status, const char *to)
{
    EXPECT_EQ(weft_http_add_header(request, "Location", to), 0);
    return weft_http_send_text(request, status, "over there");
}

static const char *client_or(const weft_http_request *request, const char *name)
{
    const char *value = weft_http_get_header(request, name);

    return value != NULL ? value : "-";
}

static int client_serve(weft_http_request *request, void *arg)
{
    const char *path = request->path;

    (void)arg;
    if (strcmp(path, "/body") == 0)
        return client_say_body(request);
    if (strcmp(path, "/a") == 0)
        return client_redirect(request, 302, "/b?c");
    if (strcmp(path, "/b") == 0)
        return client_redirect(request, 301, "end");
    if (strcmp(path, "/loop") == 0)
        return client_redirect(request, 307, "/loop");
    if (strcmp(path, "/elsewhere") == 0)
        return client_redirect(request, 307, request->query);
    if (strcmp(path, "/bad") == 0)
        return client_redirect(request, 302, "gopher://x");
    if (strcmp(path, "/none") == 0)
        return weft_http_send(request, 204, NULL, NULL, 0);
    return weft_http_send_text(request, 200, "%s %s %s %s %s", request->method, request->target,
                               client_or(request, "user-agent"), client_or(request, "x-own"),
                               client_or(request, "cookie"));
}

static weft_http_client *client_open(size_t redirects_max)
{
    weft_http_client *client;

    const weft_http_client_options options = {
        .redirects_max = redirects_max, .user_agent = "test", .idle_ns = 3600 * WEFT_SECOND};

    EXPECT_EQ(weft_http_client_new(&options, &client), 0);
    return client;
}

static const char *client_at(const struct probe_server *p, const char *path)
{
    static char url[256];

    snprintf(url, sizeof url, "%s%s", p->url, path);
    return url;
}

IO_TEST(client_gets_at_once)
{
    struct probe_server p;
    weft_http_reply *reply;

    probe_open(&p, client_serve, NULL, NULL);
    EXPECT_EQ(weft_http_get(NULL, client_at(&p, "/x?y"), 0, &reply), 0);
    EXPECT_EQ(reply->status, 200);
    EXPECT_STR(reply->body, "GET /x?y weft/" WEFT_VERSION " - -");
    EXPECT_STR(weft_http_reply_header(reply, "content-type"), "text/plain; charset=utf-8");
    weft_http_reply_close(reply);
    EXPECT_EQ(weft_http_get(NULL, client_at(&p, "/none"), 0, &reply), 0);
    EXPECT_EQ(reply->status, 204);
    EXPECT_EQ(reply->body_length, 0);
    EXPECT_STR(reply->body, "");
    weft_http_reply_close(reply);
    EXPECT_EQ(weft_http_get(NULL, client_at(&p, "/x"), 5, &reply), -EMSGSIZE);
    EXPECT_EQ(weft_http_get(NULL, "https://127.0.0.1/", 0, &reply), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_http_get(NULL, "nonsense", 0, &reply), -WEFT_EINVAL);
    probe_close(&p, 0);
}

IO_TEST(client_keeps_its_connection)
{
    struct probe_server p;
    weft_http_client *client = client_open(0);
    weft_http_reply *reply;

    probe_open(&p, client_serve, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(weft_http_get(client, client_at(&p, "/x"), 0, &reply), 0);
        weft_http_reply_close(reply);
    }
    EXPECT_EQ(probe_counts(&p).connections, 1);
    /* One whose body was not read cannot be kept. */
    EXPECT_EQ(weft_http_fetch(client, &(weft_http_ask){.url = client_at(&p, "/x")}, &reply), 0);
    weft_http_reply_close(reply);
    EXPECT_EQ(weft_http_get(client, client_at(&p, "/x"), 0, &reply), 0);
    weft_http_reply_close(reply);
    EXPECT_EQ(probe_counts(&p).connections, 2);
    weft_http_client_free(client);
    probe_close(&p, 0);
}

IO_TEST(client_sends_bodies)
{
    enum { SIZE = 30000 };
    struct probe_server p;
    weft_http_client *client = client_open(0);
    weft_http_reply *reply;
    weft_stream *stream;
    char *much = malloc(SIZE);

    for (size_t i = 0; i < SIZE; i++)
        much[i] = (char)(i * 7 + i / 1000);
    probe_open(&p, client_serve, NULL, NULL);
    weft_http_ask ask = {.url = client_at(&p, "/body"), .body = much, .body_size = 1000};
    EXPECT_EQ(weft_http_fetch(client, &ask, &reply), 0);
    EXPECT_EQ(reply->body_size, -1);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    EXPECT_EQ(reply->body_length, 1000);
    EXPECT_EQ(memcmp(reply->body, much, 1000), 0);
    weft_http_reply_close(reply);
    EXPECT_EQ(weft_stream_mem(much, SIZE, &stream), 0);
    ask = (weft_http_ask){.url = client_at(&p, "/body"), .method = "PUT", .body_stream = stream};
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_http_fetch(client, &ask, &reply), 0);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    EXPECT_EQ(reply->body_length, SIZE);
    EXPECT_EQ(memcmp(reply->body, much, SIZE), 0);
    weft_http_reply_close(reply);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_stream_close(stream);
    EXPECT_EQ(probe_counts(&p).connections, 1);
    weft_http_client_free(client);
    free(much);
    probe_close(&p, 0);
}

IO_TEST(client_sends_headers_and_no_nonsense)
{
    static const weft_http_header own[] = {{"X-Own", "yes"}, {"User-Agent", "me"}};
    static const weft_http_header bad[][1] = {{{"A", "b\r\nC: d"}}, {{"A b", "c"}}, {{"Host", "x"}},
                                              {{"Content-Length", "1"}}, {{"", "x"}}};
    struct probe_server p;
    weft_http_client *client = client_open(0);
    weft_http_reply *reply;

    probe_open(&p, client_serve, NULL, NULL);
    const char *url = client_at(&p, "/x");
    EXPECT_EQ(weft_http_fetch(client, &(weft_http_ask){.url = url, .headers = own,
                                                       .header_count = 2}, &reply), 0);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    EXPECT_STR(reply->body, "GET /x me yes -");
    weft_http_reply_close(reply);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(bad); i++)
        EXPECT_EQ(weft_http_fetch(client, &(weft_http_ask){.url = url, .headers = bad[i],
                                                           .header_count = 1}, &reply),
                  -WEFT_EINVAL);
    EXPECT_EQ(weft_http_fetch(client, &(weft_http_ask){.url = url, .method = "A B"}, &reply),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_http_fetch(client, &(weft_http_ask){.url = url, .body_size = 1}, &reply),
              -WEFT_EINVAL);
    weft_http_client_free(client);
    probe_close(&p, 0);
}

IO_TEST(client_follows_if_so_asked)
{
    static const weft_http_header secret[] = {{"Cookie", "secret"}};
    struct probe_server p, other;
    weft_http_client *client = client_open(3), *stays = client_open(0);
    weft_http_reply *reply;
    char url[200];

    probe_open(&p, client_serve, NULL, NULL);
    EXPECT_EQ(weft_http_get(client, client_at(&p, "/a"), 0, &reply), 0);
    EXPECT_STR(reply->body, "GET /end test - -");
    EXPECT_STR(reply->url, client_at(&p, "/end"));
    weft_http_reply_close(reply);
    EXPECT_EQ(probe_counts(&p).connections, 1);
    EXPECT_EQ(weft_http_get(client, client_at(&p, "/loop"), 0, &reply), -ELOOP);
    EXPECT_EQ(weft_http_get(client, client_at(&p, "/bad"), 0, &reply), -EBADMSG);
    EXPECT_EQ(weft_http_get(stays, client_at(&p, "/a"), 0, &reply), 0);
    EXPECT_EQ(reply->status, 302);
    weft_http_reply_close(reply);
    weft_http_ask post = {.url = client_at(&p, "/a"), .body = "x", .body_size = 1};
    EXPECT_EQ(weft_http_fetch(client, &post, &reply), 0);
    EXPECT_EQ(reply->status, 302); /* a POST is not made a GET behind your back */
    weft_http_reply_close(reply);

    /* Secrets go to the host that was asked for, and to no other. */
    probe_open(&other, client_serve, NULL, NULL);
    snprintf(url, sizeof url, "%s/elsewhere?%s/x", p.url, other.url);
    weft_http_ask ask = {.url = url, .headers = secret, .header_count = 1};
    EXPECT_EQ(weft_http_fetch(client, &ask, &reply), 0);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    EXPECT_STR(reply->body, "GET /x test - -");
    weft_http_reply_close(reply);
    ask.url = client_at(&p, "/elsewhere?/x");
    EXPECT_EQ(weft_http_fetch(client, &ask, &reply), 0);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    EXPECT_STR(reply->body, "GET /x test - secret");
    weft_http_reply_close(reply);
    weft_http_client_free(client);
    weft_http_client_free(stays);
    probe_close(&other, 0);
    probe_close(&p, 0);
}

/* ---- servers that misbehave ---- */

/* Says its part to each connection once a request has come, and closes it. */
struct client_rogue {
    int listener;
    const char *const *says; /* to one connection after the other; NULL: closes without a word */
    size_t count, heard;
};

static int client_be_rogue(void *arg)
{
    struct client_rogue *rogue = *(struct client_rogue **)arg;

    while (rogue->heard < rogue->count) {
        int fd = weft_accept(rogue->listener, NULL);
        if (fd < 0)
            return 0;
        probe_await(fd, "\r\n\r\n");
        const char *says = rogue->says[rogue->heard++];
        if (says != NULL)
            EXPECT_EQ(weft_write_all(fd, says, strlen(says), NULL), 0);
        weft_close(fd);
    }
    return 0;
}

static int client_meet(weft_http_client *client, const weft_http_ask *like, const char *const *says,
                       size_t count, weft_http_reply **ret_reply)
{
    struct client_rogue rogue = {.listener = weft_listen("127.0.0.1:0", NULL), .says = says,
                                 .count = count}, *at = &rogue;
    weft_addr addr;
    char url[80];
    weft_scope scope;

    EXPECT(rogue.listener >= 0);
    EXPECT_EQ(weft_sock_here(rogue.listener, &addr), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", weft_addr_port(&addr));
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, client_be_rogue, &at), 0);
    weft_http_ask ask = *like;
    ask.url = url;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = weft_http_fetch(client, &ask, ret_reply);
        if (rc == 0)
            rc = weft_http_reply_all(*ret_reply, 0);
        if (rc == 0 && i + 1 < count)
            weft_http_reply_close(*ret_reply);
    }
    weft_scope_cancel(&scope);
    weft_scope_close(&scope);
    weft_close(rogue.listener);
    return rc;
}

IO_TEST(client_meets_nonsense)
{
    static const struct {
        const char *says;
        int code;
        bool has_reply;
    } cases[] = {
        {"hello\r\n\r\n", -EBADMSG, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", -EBADMSG, false},
        {"HTTP/1.1 101 Go\r\n\r\n", -EBADMSG, false},
        {"HTTP/1.1 200 OK\r\nA", -EBADMSG, false},
        {NULL, -EPIPE, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", -EPIPE, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", -EPIPE, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", -EBADMSG, true},
        {"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hint\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
         0, true},
    };
    weft_http_client *client = client_open(0);

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        weft_http_reply *reply = NULL;
        int rc = client_meet(client, &(weft_http_ask){.method = "GET"}, &cases[i].says, 1, &reply);
        if (rc != cases[i].code && !(rc == -ECONNRESET && cases[i].code == -EPIPE))
            test_fail(__FILE__, __LINE__, "case %zu: %d", i, rc);
        EXPECT_EQ(reply != NULL, cases[i].has_reply);
        if (rc == 0)
            EXPECT_STR(reply->body, "hello");
        weft_http_reply_close(reply);
    }
    weft_http_client_free(client);
}

/* A kept connection that the server has closed meanwhile is noticed, or the request sent again. */
IO_TEST(client_replaces_a_connection_that_died)
{
    static const char *const says[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
                                       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"};
    weft_http_client *client = client_open(0);
    weft_http_reply *reply = NULL;

    EXPECT_EQ(client_meet(client, &(weft_http_ask){.method = "GET"}, says, 2, &reply), 0);
    EXPECT_STR(reply->body, "b");
    weft_http_reply_close(reply);
    weft_http_client_free(client);
}

/* ---- cancelled ---- */

static int client_never(weft_http_request *request, void *arg)
{
    (void)request, (void)arg;
    return weft_sleep(1000 * WEFT_SECOND);
}

struct client_patience {
    const struct probe_server *p;
    weft_scope *scope;
};

/* Once the request is there; before, a virtual clock may jump. */
static int client_lose_patience(void *arg)
{
    const struct client_patience *patience = arg;

    probe_reaches(patience->p, 1, 1);
    weft_scope_deadline(patience->scope, weft_after(WEFT_SECOND));
    return 0;
}

IO_TEST(client_deadline_is_the_scopes)
{
    struct probe_server p;
    weft_http_options options = probe_patient();
    weft_http_client *client = client_open(0);
    weft_http_reply *reply;
    weft_scope scope;

    options.drain_ns = WEFT_SECOND;
    probe_open(&p, client_never, NULL, &options);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, client_lose_patience, &((struct client_patience){&p, &scope})), 0);
    EXPECT_EQ(weft_http_get(client, p.url, 0, &reply), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    weft_http_client_free(client);
    probe_close(&p, -WEFT_ETIMEDOUT);
}

/* ---- the pool ---- */

struct client_job {
    const struct probe_server *p;
    weft_http_client *client;
};

static int client_ask_some(void *arg)
{
    const struct client_job *job = arg;
    weft_http_reply *reply;
    char url[100];

    snprintf(url, sizeof url, "%s/x", job->p->url);
    for (int i = 0; i < TEST_FEWER(30); i++) {
        EXPECT_EQ(weft_http_get(job->client, url, 0, &reply), 0);
        EXPECT_STR(reply->body, "GET /x test - -");
        weft_http_reply_close(reply);
    }
    return 0;
}

IO_TEST_FREE(client_is_for_many_tasks)
{
    struct probe_server p;
    weft_http_client *client = client_open(0);
    weft_scope scope;

    probe_open(&p, client_serve, NULL, NULL);
    weft_scope_open(&scope);
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(weft_go(&scope, client_ask_some, &((struct client_job){&p, client})), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_http_client_free(client);
    probe_close(&p, 0);
}

IO_TEST(client_forgets_what_is_idle_too_long)
{
    struct probe_server p;
    weft_http_client *client;
    weft_http_reply *reply;

    probe_open(&p, client_serve, NULL, NULL);
    const weft_http_client_options quick = {.idle_ns = WEFT_SECOND};
    EXPECT_EQ(weft_http_client_new(&quick, &client), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft_http_get(client, p.url, 0, &reply), 0);
        weft_http_reply_close(reply);
        EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), 0);
    }
    EXPECT_EQ(probe_counts(&p).connections, 3);
    weft_http_client_free(client);
    probe_close(&p, 0);
}

/* ---- files ---- */

static int client_serve_file(weft_http_request *request, void *arg)
{
    return weft_http_send_file(request, *(int *)arg, "text/plain");
}

struct client_part {
    const char *name, *value;
    int status;
    int64_t from, size;
};

static void client_get_part(weft_http_client *client, const struct probe_server *p,
                            const struct client_part *part, const char *all)
{
    weft_http_header header = {part->name, part->value};
    weft_http_ask ask = {.url = p->url, .headers = &header, .header_count = part->name != NULL};
    weft_http_reply *reply;

    EXPECT_EQ(weft_http_fetch(client, &ask, &reply), 0);
    EXPECT_EQ(weft_http_reply_all(reply, 0), 0);
    if (reply->status != part->status)
        test_fail(__FILE__, __LINE__, "%s: %d", part->value, reply->status);
    EXPECT_EQ(reply->body_length, part->size);
    EXPECT_EQ(memcmp(reply->body, all + part->from, (size_t)part->size), 0);
    weft_http_reply_close(reply);
}

static void client_get_parts(int size)
{
    const struct client_part parts[] = {
        {NULL, NULL, 200, 0, size},
        {"Range", "bytes=0-0", 206, 0, 1},
        {"Range", "bytes=1-", 206, 1, size - 1},
        {"Range", "bytes=-5", 206, size - 5, 5},
        {"Range", "bytes=5-99999999", 206, 5, size - 5},
        {"Range", "bytes=-99999999", 206, 0, size},
        {"Range", "bytes=99999999-", 416, 0, 0},
        {"Range", "bytes=-0", 416, 0, 0},
        {"Range", "bytes=5-4", 200, 0, size},
        {"Range", "bytes=1-2,4-5", 200, 0, size},
        {"Range", "lines=1-2", 200, 0, size},
        {"Range", "bytes=", 200, 0, size},
        {"Range", "by", 200, 0, size},
        {"Range", "bytes=99999999999999999999-", 200, 0, size},
        {"If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT", 304, 0, 0},
        {"If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200, 0, size},
        {"If-Modified-Since", "some day", 200, 0, size},
        {"If-None-Match", "*", 304, 0, 0},
        {"If-None-Match", "\"x\", W/\"y\"", 200, 0, size},
    };
    weft_http_client *client = client_open(0);
    struct probe_server p;
    char path[] = "/tmp/weft-http-XXXXXX", *all = malloc((size_t)size);
    int file = mkstemp(path);

    for (int i = 0; i < size; i++)
        all[i] = (char)('a' + i % 26);
    EXPECT(file >= 0);
    EXPECT_EQ(weft_write_all(file, all, (size_t)size, NULL), 0);
    EXPECT_EQ(remove(path), 0);
    probe_open(&p, client_serve_file, &file, NULL);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(parts); i++)
        client_get_part(client, &p, &parts[i], all);
    weft_http_reply *reply;
    EXPECT_EQ(weft_http_fetch(client, &(weft_http_ask){.method = "HEAD", .url = p.url}, &reply), 0);
    EXPECT_EQ(atoi(weft_http_reply_header(reply, "content-length")), size);
    char tag[64];
    snprintf(tag, sizeof tag, "\"z\", %s", weft_http_reply_header(reply, "etag"));
    weft_http_reply_close(reply);
    client_get_part(client, &p, &(struct client_part){"If-None-Match", tag, 304, 0, 0}, all);
    EXPECT_EQ(probe_counts(&p).connections, 1);
    weft_http_client_free(client);
    probe_close(&p, 0);
    close(file);
    free(all);
}

IO_TEST_REAL(client_gets_a_small_file)
{
    client_get_parts(1000);
}

IO_TEST_REAL(client_gets_a_large_file)
{
    client_get_parts(3 * 1024 * 1024 + 17);
}
