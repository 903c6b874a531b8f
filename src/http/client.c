/* client.c - asking: a request out, the head of its reply in, the body as it is read.
 *
 * A request that fails on a kept connection before any byte of its reply has come may have met a
 * server that was just closing it.  It is sent again on a fresh one, if doing it twice is the same
 * as doing it once (RFC 9110, 9.2.2) and its body lies in memory.
 *
 * Where writing the request fails, the reply is looked for all the same: a server that has refused
 * a large body says so and closes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "http/arena.h"
#include "http/body.h"
#include "http/chars.h"
#include "http/head.h"
#include "http/pool.h"
#include "weft/err.h"

#define CLIENT_SIZE_MAX    ((size_t)64 * 1024 * 1024)
#define CLIENT_COUNT_MAX   1000      /* headers of a reply */
#define CLIENT_INTERIM_MAX 16        /* replies 1xx before the reply */
#define CLIENT_DROP_MAX    (64 * 1024) /* of the body of a redirect, so that its connection stays */
#define CLIENT_PIECE       16384
#define CLIENT_REDIRECTS   5

struct client_reply {
    weft_http_reply reply;
    weft_http_client *client;
    struct http_link *link; /* NULL: it has been let go */
    struct http_arena arena;
    struct http_head head;
    struct http_body body;
    char *all;              /* reply.body, if it was read at once */
};

/* What is asked for, as it changes with redirects. */
struct client_ask {
    const weft_http_ask *ask;
    const char *method;
    struct http_url url;
    bool is_elsewhere; /* another host than the one that was asked for: it gets no secrets */
};

/* ---- the request ---- */

static bool client_is_ours(const char *name)
{
    return chars_is_word(name, "host") || chars_is_word(name, "connection") ||
           chars_is_word(name, "content-length") || chars_is_word(name, "transfer-encoding");
}

static bool client_is_secret(const char *name)
{
    return chars_is_word(name, "authorization") || chars_is_word(name, "cookie") ||
           chars_is_word(name, "proxy-authorization");
}

static int client_look(const weft_http_ask *ask)
{
    if (ask == NULL || ask->url == NULL || (ask->body == NULL && ask->body_size > 0) ||
        (ask->body != NULL && ask->body_stream != NULL))
        return -WEFT_EINVAL;
    if (ask->method != NULL && (!chars_is_token_text(ask->method) ||
                                strcmp(ask->method, "CONNECT") == 0))
        return -WEFT_EINVAL;
    for (size_t i = 0; i < ask->header_count; i++) {
        const weft_http_header *header = &ask->headers[i];
        if (!chars_is_token_text(header->name) || !chars_is_value_text(header->value) ||
            client_is_ours(header->name))
            return -WEFT_EINVAL;
    }
    return 0;
}

/* Sleeps.  The head of the request, into the stream's buffer. */
static int client_write_head(struct client_reply *r, const struct client_ask *a)
{
    const weft_http_ask *ask = a->ask;
    weft_stream *stream = r->link->stream;
    bool has_agent = false;

    int rc = weft_stream_print(stream, "%s %s HTTP/1.1\r\nHost: %s\r\n", a->method, a->url.target,
                               a->url.authority);
    for (size_t i = 0; rc == 0 && i < ask->header_count; i++) {
        const weft_http_header *header = &ask->headers[i];
        has_agent |= chars_is_word(header->name, "user-agent");
        if (!a->is_elsewhere || !client_is_secret(header->name))
            rc = weft_stream_print(stream, "%s: %s\r\n", header->name, header->value);
    }
    if (rc == 0 && !has_agent)
        rc = weft_stream_print(stream, "User-Agent: %s\r\n", r->client->options.user_agent);
    if (rc == 0 && ask->body_stream != NULL)
        rc = weft_stream_print(stream, "Transfer-Encoding: chunked\r\n");
    else if (rc == 0 && (ask->body != NULL || strcmp(a->method, "POST") == 0 ||
                         strcmp(a->method, "PUT") == 0 || strcmp(a->method, "PATCH") == 0))
        rc = weft_stream_print(stream, "Content-Length: %zu\r\n", ask->body_size);
    return rc != 0 ? rc : weft_stream_write(stream, "\r\n", 2, NULL);
}

/* Sleeps.  A stream, in chunks; *ret_source is the code of reading it, not the server's. */
static int client_write_chunks(weft_stream *to, weft_stream *from, int *ret_source)
{
    char buffer[CLIENT_PIECE];
    int rc = 0;

    while (rc == 0) {
        ssize_t n = weft_stream_read(from, buffer, sizeof buffer);
        if (n < 0)
            return *ret_source = (int)n;
        if (n == 0)
            return weft_stream_write(to, "0\r\n\r\n", 5, NULL);
        rc = weft_stream_print(to, "%zx\r\n", (size_t)n);
        if (rc == 0)
            rc = weft_stream_write(to, buffer, (size_t)n, NULL);
        if (rc == 0)
            rc = weft_stream_write(to, "\r\n", 2, NULL);
    }
    return rc;
}

/* Sleeps.  0 or a code of the connection, or in *ret_source of the body's stream. */
static int client_write(struct client_reply *r, const struct client_ask *a, int *ret_source)
{
    const weft_http_ask *ask = a->ask;
    weft_stream *stream = r->link->stream;
    int rc = client_write_head(r, a);

    if (rc == 0 && ask->body_stream != NULL)
        rc = client_write_chunks(stream, ask->body_stream, ret_source);
    else if (rc == 0 && ask->body_size > 0)
        rc = weft_stream_write(stream, ask->body, ask->body_size, NULL);
    return rc != 0 ? rc : weft_stream_flush(stream);
}

/* ---- the reply ---- */

/* Sleeps.  Reads heads until one that is no interim reply.  0 or a code. */
static int client_read_head(struct client_reply *r, const struct client_ask *a)
{
    const struct http_head_limits limits = {r->client->options.header_size_max,
                                            r->client->options.header_size_max, CLIENT_COUNT_MAX};

    for (int interim = 0; interim < CLIENT_INTERIM_MAX; interim++) {
        char *text;
        size_t size;
        int rc = weft__http_head_take(r->link->stream, &r->arena, &limits, &text, &size);
        if (rc == 0)
            rc = weft__http_head_reply(&r->arena, text, size, strcmp(a->method, "HEAD") == 0,
                                       &r->head);
        if (rc > 0)
            return rc == 503 ? -WEFT_ENOMEM : rc == 400 ? -EBADMSG : -EMSGSIZE;
        if (rc < 0)
            return rc;
        if (r->head.status >= 200)
            return 0;
        if (r->head.status == 101) /* nobody asked for another protocol */
            break;
    }
    return -EBADMSG;
}

static bool client_is_safe_twice(const struct client_ask *a)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(methods); i++) {
        if (strcmp(a->method, methods[i]) == 0)
            return a->ask->body_stream == NULL;
    }
    return false;
}

static bool client_is_gone(int code)
{
    return code == -EPIPE || code == -ECONNRESET || code == -EPROTO;
}

/* Sleeps.  Lets go of the connection: to the pool, if it can carry another request. */
static void client_let_go(struct client_reply *r)
{
    struct http_link *link = r->link;

    r->link = NULL;
    if (link == NULL)
        return;
    if (r->head.keeps && r->body.state == HTTP_BODY_DONE && r->body.error == 0)
        weft__http_link_put(r->client, link);
    else
        weft__http_link_abandon(link);
}

/* Sleeps.  One request and the head of its reply, on one connection. */
static int client_once(struct client_reply *r, const struct client_ask *a)
{
    int source = 0;
    int written = client_write(r, a, &source);

    if (source != 0 || (written != 0 && !client_is_gone(written)))
        return source != 0 ? source : written;
    int rc = client_read_head(r, a);
    if (rc != 0)
        return written != 0 && client_is_gone(rc) ? written : rc;
    r->head.keeps &= written == 0;
    weft__http_body_init(&r->body, r->link->stream, r->head.body_size, UINT64_MAX);
    return 0;
}

/* Sleeps.  The same, on a fresh connection if the one that was kept is dead. */
static int client_ask_one(struct client_reply *r, const struct client_ask *a)
{
    for (bool is_fresh = false;; is_fresh = true) {
        int rc = weft__http_link_get(r->client, &a->url, is_fresh, &r->link);
        if (rc != 0)
            return rc;
        bool was_used = r->link->is_used;
        rc = client_once(r, a);
        if (rc == 0)
            return 0;
        weft__http_link_abandon(r->link);
        r->link = NULL;
        if (!was_used || !client_is_gone(rc) || !client_is_safe_twice(a))
            return rc;
    }
}

/* ---- redirects ---- */

static const char *client_location(const struct client_reply *r, const struct client_ask *a)
{
    int status = r->head.status;

    if (r->client->options.redirects_max == 0 ||
        (strcmp(a->method, "GET") != 0 && strcmp(a->method, "HEAD") != 0))
        return NULL;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        return NULL;
    return weft__http_header_find(r->head.headers, r->head.count, "Location");
}

/* Sleeps.  Reads to the end what little there is, so that the connection may be used again. */
static void client_drop_body(struct client_reply *r)
{
    char buffer[4096];
    size_t dropped = 0;
    ssize_t n = 1;

    while (n > 0 && dropped <= CLIENT_DROP_MAX) {
        n = weft__http_body_read(&r->body, buffer, sizeof buffer);
        dropped += n > 0 ? (size_t)n : 0;
    }
}

static int client_follow(struct client_reply *r, struct client_ask *a, const char *location)
{
    struct http_url url;
    int rc = weft__http_url_from(&r->arena, &a->url, location, &url);

    if (rc != 0)
        return rc == -WEFT_EINVAL ? -EBADMSG : rc;
    client_drop_body(r);
    client_let_go(r);
    if (strcmp(url.where, a->url.where) != 0 || url.is_tls != a->url.is_tls)
        a->is_elsewhere = true;
    a->url = url;
    return 0;
}

/* Sleeps. */
static int client_ask_all(struct client_reply *r, struct client_ask *a)
{
    for (size_t hops = 0;; hops++) {
        int rc = client_ask_one(r, a);
        if (rc != 0)
            return rc;
        const char *location = client_location(r, a);
        if (location == NULL)
            return 0;
        if (hops == r->client->options.redirects_max)
            return -ELOOP;
        rc = client_follow(r, a, location);
        if (rc != 0)
            return rc;
    }
}

/* ---- the calls ---- */

int weft_http_fetch(weft_http_client *client, const weft_http_ask *ask,
                    weft_http_reply **ret_reply)
{
    int rc = client_look(ask);

    if (rc != 0)
        return rc;
    struct client_reply *r = weft__http_alloc_zero(sizeof *r);
    if (r == NULL)
        return -WEFT_ENOMEM;
    bool has_body = ask->body != NULL || ask->body_stream != NULL;
    struct client_ask a = {.ask = ask,
                           .method = ask->method != NULL ? ask->method : has_body ? "POST" : "GET"};
    r->client = client;
    rc = weft__http_url(&r->arena, ask->url, &a.url);
    if (rc == 0)
        rc = client_ask_all(r, &a);
    if (rc != 0) {
        r->head.keeps = false;
        weft_http_reply_close(&r->reply);
        return rc;
    }
    r->reply = (weft_http_reply){.status = r->head.status,
                                 .headers = r->head.headers,
                                 .header_count = r->head.count,
                                 .body_size = weft__max(r->head.body_size, INT64_C(-1)),
                                 .url = a.url.whole};
    *ret_reply = &r->reply;
    return 0;
}

ssize_t weft_http_reply_read(weft_http_reply *reply, void *buffer, size_t size)
{
    struct client_reply *r = container_of(reply, struct client_reply, reply);

    if (r->link == NULL)
        return r->body.error;
    return weft__http_body_read(&r->body, buffer, size);
}

int weft_http_reply_all(weft_http_reply *reply, size_t size_max)
{
    struct client_reply *r = container_of(reply, struct client_reply, reply);
    size_t room = 0, size = reply->body_length;

    size_max = size_max != 0 ? size_max : CLIENT_SIZE_MAX;
    if (r->head.body_size > 0 && (uint64_t)r->head.body_size > size_max)
        return -EMSGSIZE;
    for (;;) {
        if (size + 1 >= room) {
            size_t wider = r->head.body_size >= 0 && room == 0 ? (size_t)r->head.body_size + 2
                                                               : 2 * room + CLIENT_PIECE;
            char *all = weft__http_grow(r->all, weft__max(wider, size + 2));
            if (all == NULL)
                return -WEFT_ENOMEM;
            r->all = reply->body = all;
            room = weft__max(wider, size + 2);
        }
        ssize_t n = weft_http_reply_read(reply, r->all + size, room - size - 1);
        if (n > 0 && (size_t)n > size_max - size)
            n = -EMSGSIZE;
        size += n > 0 ? (size_t)n : 0;
        r->all[size] = '\0';
        reply->body_length = size;
        if (n <= 0)
            return (int)n;
    }
}

const char *weft_http_reply_header(const weft_http_reply *reply, const char *name)
{
    return weft__http_header_find(reply->headers, reply->header_count, name);
}

void weft_http_reply_close(weft_http_reply *reply)
{
    if (reply == NULL)
        return;
    struct client_reply *r = container_of(reply, struct client_reply, reply);
    client_let_go(r);
    weft__http_release(r->all);
    weft__http_arena_fini(&r->arena);
    weft__http_release(r);
}

int weft_http_get(weft_http_client *client, const char *url, size_t size_max,
                  weft_http_reply **ret_reply)
{
    const weft_http_client_options alone = {.redirects_max = CLIENT_REDIRECTS};
    weft_http_client *own = NULL;
    weft_http_reply *reply;
    int rc = client == NULL ? weft_http_client_new(&alone, &own) : 0;

    if (rc == 0)
        rc = weft_http_fetch(client != NULL ? client : own, &(weft_http_ask){.url = url}, &reply);
    if (rc == 0) {
        rc = weft_http_reply_all(reply, size_max);
        client_let_go(container_of(reply, struct client_reply, reply));
        if (rc == 0)
            *ret_reply = reply;
        else
            weft_http_reply_close(reply);
    }
    weft_http_client_free(own);
    return rc;
}
