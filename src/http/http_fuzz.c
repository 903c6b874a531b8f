/* http_fuzz.c - any bytes as a head, chunks, a url, a connection; llhttp is the other judge.
 *
 * For libFuzzer; the corpus is tests/corpus/http.  The first byte says what the others are.
 *
 * What our reader of chunks takes, llhttp must take, to the same bytes and with the same end: the
 * other way round need not hold, because ours is stricter.  A head must be found and judged alike
 * whether it comes at once or byte by byte.
 *
 * SPDX-License-Identifier: MIT
 */
#include <llhttp/llhttp.h>
#include <stdlib.h>

#include "http/body.h"
#include "http/chars.h"
#include "http/head.h"
#include "http/url.h"
#include "weft/err.h"
#include "weft/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_SIZE = 4096 };

static const struct http_head_limits fuzz_limits = {512, 2048, 20};

/* ---- heads ---- */

static void fuzz_target(struct http_arena *arena, const struct http_head *head)
{
    struct http_target target;

    if (weft__http_target(arena, head->target, false, &target) != 0)
        return;
    HTTP_CHECK(target.path[0] == '/');
    HTTP_CHECK(strstr(target.path, "/../") == NULL);
    HTTP_CHECK(strstr(target.path, "/./") == NULL);
    HTTP_CHECK(strstr(target.path, "//") == NULL);
    size_t size = strlen(target.path);
    HTTP_CHECK(size < 3 || strcmp(target.path + size - 3, "/..") != 0);
}

static void fuzz_head(const char *data, size_t size, bool is_request)
{
    struct http_arena arena = {0};
    struct http_head_scan whole = {0}, bytes = {0};
    struct http_head head;
    ssize_t end = weft__http_head_find(&whole, data, size, &fuzz_limits), slow = 0;

    for (size_t n = 1; n <= size && slow == 0; n++)
        slow = weft__http_head_find(&bytes, data, n, &fuzz_limits);
    HTTP_CHECK((end > 0) == (slow > 0));
    HTTP_CHECK(end <= 0 || end == slow);
    if (end > 0) {
        size_t head_size = (size_t)end - whole.skip;
        char *text = weft__http_take_copy(&arena, data + whole.skip, head_size);
        int rc = is_request ? weft__http_head_request(&arena, text, head_size, &head)
                            : weft__http_head_reply(&arena, text, head_size, false, &head);
        if (rc == 0) {
            HTTP_CHECK(head.count <= fuzz_limits.count_max);
            for (size_t i = 0; i < head.count; i++) {
                HTTP_CHECK(chars_is_token_text(head.headers[i].name));
                HTTP_CHECK(strpbrk(head.headers[i].value, "\r\n") == NULL);
            }
            if (is_request)
                fuzz_target(&arena, &head);
        }
    }
    weft__http_arena_fini(&arena);
}

/* ---- chunks ---- */

struct fuzz_body {
    char bytes[FUZZ_SIZE];
    size_t size;
    bool is_whole;
};

static int fuzz_on_body(llhttp_t *p, const char *at, size_t size)
{
    struct fuzz_body *body = p->data;

    HTTP_CHECK(size <= sizeof body->bytes - body->size);
    memcpy(body->bytes + body->size, at, size);
    body->size += size;
    return 0;
}

static int fuzz_on_end(llhttp_t *p)
{
    ((struct fuzz_body *)p->data)->is_whole = true;
    return HPE_PAUSED;
}

static void fuzz_chunks(const char *data, size_t size)
{
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const llhttp_settings_t settings = {.on_body = fuzz_on_body,
                                               .on_message_complete = fuzz_on_end};
    struct fuzz_body ours = {.size = 0}, theirs = {.size = 0};
    struct http_body body;
    weft_stream *stream;
    llhttp_t parser;
    const void *rest;

    if (weft_stream_mem(data, size, &stream) != 0)
        return;
    weft__http_body_init(&body, stream, HTTP_BODY_CHUNKED, FUZZ_SIZE);
    ssize_t n = 1;
    while (n > 0) {
        n = weft__http_body_read(&body, ours.bytes + ours.size, 1 + ours.size % 7);
        ours.size += n > 0 ? (size_t)n : 0;
    }
    ssize_t left = weft_stream_peek(stream, 0, &rest);
    weft_stream_close(stream);
    if (n != 0)
        return;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &theirs;
    HTTP_CHECK(llhttp_execute(&parser, head, sizeof head - 1) == HPE_OK);
    llhttp_errno_t code = llhttp_execute(&parser, data, size);
    if (code != HPE_PAUSED && memchr(data, ';', size) != NULL)
        return; /* of a chunk's extensions llhttp takes less than RFC 9112 allows */
    HTTP_CHECK(code == HPE_PAUSED);
    HTTP_CHECK(theirs.is_whole);
    HTTP_CHECK(ours.size == theirs.size);
    HTTP_CHECK(memcmp(ours.bytes, theirs.bytes, ours.size) == 0);
    /* What follows is the next request: both must see the same one.  llhttp stops a byte early. */
    size_t taken = (size_t)(llhttp_get_error_pos(&parser) - data);
    HTTP_CHECK(left < 0 || (size_t)left > size || taken <= size);
}

/* ---- urls and dates ---- */

static void fuzz_url(const char *text)
{
    struct http_arena arena = {0};
    struct http_url url, next;
    char date[WEFT_HTTP_DATE_MAX];

    int64_t when = weft_http_date_parse(text);
    if (when >= 0) {
        weft_http_date(when, date);
        HTTP_CHECK(weft_http_date_parse(date) == when);
    }
    if (weft__http_url(&arena, text, &url) == 0) {
        HTTP_CHECK(url.target[0] == '/');
        HTTP_CHECK(url.host[0] != '\0');
        HTTP_CHECK(strpbrk(url.target, "\r\n \t") == NULL);
        HTTP_CHECK(strpbrk(url.authority, "\r\n \t@/") == NULL);
        HTTP_CHECK(weft__http_url(&arena, url.whole, &next) == 0);
        HTTP_CHECK(strcmp(url.where, next.where) == 0);
    }
    if (weft__http_url(&arena, "http://a/b/c?d", &url) == 0)
        (void)weft__http_url_from(&arena, &url, text, &next);
    weft__http_arena_fini(&arena);
}

/* ---- a connection ---- */

struct fuzz_connection {
    const char *data;
    size_t size;
};

static int fuzz_serve(weft_http_request *request, void *arg)
{
    char *body;
    size_t size;
    int rc = request->path[1] == 'b' ? weft_http_read_all(request, 1000, &body, &size) : 0;

    (void)arg;
    return rc != 0 ? rc : weft_http_send(request, 200, "text/plain", request->path, 1);
}

static int fuzz_connect(void *arg)
{
    const struct fuzz_connection *c = arg;
    const weft_http_options options = {.request_line_max = 512, .header_size_max = 2048,
                                       .body_size_max = 1000};
    weft_http_server *server;
    weft_stream *stream;

    if (weft_http_server_new(fuzz_serve, NULL, &options, &server) != 0)
        return 0;
    if (weft_stream_mem(c->data, c->size, &stream) == 0)
        (void)weft_http_server_attend(server, stream);
    weft_http_server_free(server);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[FUZZ_SIZE];

    if (size == 0 || size >= sizeof text)
        return -1;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 8) {
    case 0:
        fuzz_url(text);
        break;
    case 1:
        fuzz_head(text, size - 1, false);
        break;
    case 2:
    case 3:
    case 4:
        fuzz_chunks(text, size - 1);
        break;
    case 5:
        (void)weft_run_with(fuzz_connect, &(struct fuzz_connection){text, size - 1},
                            &(weft_options){.workers = 1, .virtual_clock = true, .quiet = true,
                                            .leave_signals = true});
        break;
    default:
        fuzz_head(text, size - 1, true);
        break;
    }
    return 0;
}
