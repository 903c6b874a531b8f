/* http_fault_test.c - the n-th allocation fails, or all from there on: a reply of 503, or a code.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/atomic.h"
#include "http/arena.h"
#include "http/http_probe.h"

static ATOMIC(int64_t) fault_left; /* allocations until the one that fails */

static bool fault_is_now(void)
{
    return a_sub(&fault_left, 1, relaxed) == 1;
}

static bool fault_has_come(void)
{
    return a_sub(&fault_left, 1, relaxed) <= 1;
}

static void fault_begin(weft__http_alloc_fn *fails, int64_t nth)
{
    a_store(&fault_left, nth, relaxed);
    a_store(&weft__http_alloc_fails, fails, release);
}

/* True: it came to that. */
static bool fault_end(void)
{
    a_store(&weft__http_alloc_fails, NULL, release);
    return a_load(&fault_left, relaxed) <= 0;
}

/* Asks for memory wherever a handler can. */
static int fault_handle(weft_http_request *request, void *arg)
{
    static const char text[] = "a header that the arena's first block does not hold many of";
    char *data;
    size_t size;
    int rc = weft_http_read_all(request, 1 << 20, &data, &size);

    (void)arg;
    for (int i = 0; rc == 0 && i < 80; i++)
        rc = weft_http_add_header(request, "X-Own", text);
    if (rc == 0 && weft_http_alloc(request, 5000) == NULL)
        rc = -WEFT_ENOMEM;
    return rc != 0 ? rc : weft_http_send_text(request, 200, "%s%1500s", data, "");
}

/* One request by hand.  There is a reply in any case. */
static bool fault_ask(const struct probe_server *p)
{
    static const char post[] = "POST /a%20b?c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    static char text[20000];
    size_t size = probe_rest(probe_send(p, post), text, sizeof text);
    bool is_good = strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0;

    EXPECT(size > 0 && (is_good || strncmp(text, "HTTP/1.1 503 ", 13) == 0));
    if (is_good)
        EXPECT(strstr(text, "\r\n\r\nabc ") != NULL);
    return is_good;
}

static void fault_each(weft__http_alloc_fn *fails)
{
    struct probe_server p;
    int64_t nth = 0;
    bool has_failed = true;

    probe_open(&p, fault_handle, NULL, NULL);
    while (has_failed) {
        EXPECT(++nth < 50);
        fault_begin(fails, nth);
        bool is_good = fault_ask(&p);
        has_failed = fault_end();
        EXPECT_EQ(is_good, !has_failed);
    }
    EXPECT(nth > 5);
    EXPECT(fault_ask(&p));
    probe_close(&p, 0);
}

IO_TEST(server_without_memory)
{
    fault_each(fault_is_now);
    fault_each(fault_has_come);
}

/* ---- a client, whose server is in the same process and lacks the memory as often ---- */

static int fault_fetch(const struct probe_server *p)
{
    static const weft_http_header own[] = {{"X-Own", "yes"}};
    const weft_http_client_options options = {.redirects_max = 1};
    weft_http_ask ask = {.url = p->url, .body = "abc", .body_size = 3, .headers = own,
                         .header_count = 1};
    weft_http_client *client;
    weft_http_reply *reply;
    int rc = weft_http_client_new(&options, &client);

    if (rc != 0)
        return rc;
    for (int i = 0; rc == 0 && i < 2; i++) { /* the second over a kept connection */
        rc = weft_http_fetch(client, &ask, &reply);
        if (rc == 0) {
            rc = weft_http_reply_all(reply, 0);
            EXPECT(reply->status == 200 || reply->status == 503);
            if (rc == 0 && reply->status == 503)
                rc = -WEFT_ENOMEM;
            weft_http_reply_close(reply);
        }
    }
    weft_http_client_free(client);
    return rc;
}

IO_TEST(client_without_memory)
{
    struct probe_server p;
    bool has_failed = true;

    probe_open(&p, fault_handle, NULL, NULL);
    for (int64_t nth = 1; has_failed; nth++) {
        EXPECT(nth < 100);
        fault_begin(fault_is_now, nth);
        int rc = fault_fetch(&p);
        has_failed = fault_end();
        bool is_told = rc == -WEFT_ENOMEM || rc == -EPIPE || rc == -ECONNRESET;
        if (has_failed ? !is_told : rc != 0)
            test_fail(__FILE__, __LINE__, "allocation %lld: %d", (long long)nth, rc);
    }
    EXPECT_EQ(fault_fetch(&p), 0);
    probe_close(&p, 0);
}
