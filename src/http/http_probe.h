/* http_probe.h - what the tests of this room share: a server on a port of this machine, and bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_PROBE_H
#define WEFT_HTTP_PROBE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/http.h"
#include "weft/io.h"
#include "weft/net.h"
#include "weft/scope.h"
#include "weft/task.h"
#include "weft/time.h"

struct probe_server {
    weft_http_server *server;
    int listener, code;
    char where[64], url[80];
    weft_scope scope; /* of the server */
    weft_scope own;   /* of the test, which a cancel of the server does not reach */
};

WEFT_UNUSED static int probe_run(void *arg)
{
    struct probe_server *p = *(struct probe_server **)arg;

    p->code = weft_http_server_run(p->server, p->listener);
    return 0;
}

/* For a test to change what it is about.  A virtual clock may jump while bytes are under way in the
 * kernel: by a tick of the server's for each millisecond. */
WEFT_UNUSED static weft_http_options probe_patient(void)
{
    return (weft_http_options){.idle_ns = 3600 * WEFT_SECOND,
                               .first_byte_ns = 3600 * WEFT_SECOND,
                               .header_ns = 3600 * WEFT_SECOND,
                               .body_ns = 3600 * WEFT_SECOND,
                               .write_ns = 3600 * WEFT_SECOND,
                               .drain_ns = 3600 * WEFT_SECOND};
}

WEFT_UNUSED static void probe_open(struct probe_server *p, weft_http_handler handler, void *arg,
                                   const weft_http_options *options)
{
    const weft_http_options patient = probe_patient();
    weft_addr addr;

    options = options != NULL ? options : &patient;
    EXPECT_EQ(weft_http_server_new(handler, arg, options, &p->server), 0);
    p->listener = weft_listen("127.0.0.1:0", NULL);
    EXPECT(p->listener >= 0);
    EXPECT_EQ(weft_sock_here(p->listener, &addr), 0);
    snprintf(p->where, sizeof p->where, "127.0.0.1:%d", weft_addr_port(&addr));
    snprintf(p->url, sizeof p->url, "http://%s", p->where);
    weft_scope_open(&p->scope);
    EXPECT_EQ(weft_go(&p->scope, probe_run, &p), 0);
    weft_scope_open_with(&p->own, &(weft_scope_options){.name = "test", .shield = true});
}

/* Drains it, and waits for its end. */
WEFT_UNUSED static void probe_close(struct probe_server *p, int code)
{
    weft_http_counts counts;

    weft_http_drain(p->server);
    weft_scope_close(&p->own);
    weft_scope_close(&p->scope);
    EXPECT_EQ(p->code, code);
    weft_http_server_stats(p->server, &counts);
    EXPECT_EQ(counts.open, 0);
    weft_close(p->listener);
    weft_http_server_free(p->server);
}

WEFT_UNUSED static weft_http_counts probe_counts(const struct probe_server *p)
{
    weft_http_counts counts;

    weft_http_server_stats(p->server, &counts);
    return counts;
}

/* Until the server has accepted, and read, so many. */
WEFT_UNUSED static void probe_reaches(const struct probe_server *p, uint64_t connections,
                                      uint64_t requests)
{
    while (probe_counts(p).connections < connections || probe_counts(p).requests < requests)
        EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
}

/* A connection that has sent these bytes. */
WEFT_UNUSED static int probe_send(const struct probe_server *p, const char *text)
{
    int fd = weft_connect(p->where, NULL);

    EXPECT(fd >= 0);
    EXPECT_EQ(weft_write_all(fd, text, strlen(text), NULL), 0);
    return fd;
}

/* All that comes until the end; the connection is closed.  A reset counts as the end. */
WEFT_UNUSED static size_t probe_rest(int fd, char *ret_text, size_t size)
{
    size_t done = 0;
    int rc = weft_read_full(fd, ret_text, size - 1, &done);

    EXPECT(rc == -WEFT_EPIPE || rc == -ECONNRESET);
    ret_text[done] = '\0';
    weft_close(fd);
    return done;
}

/* Reads until this text has come. */
WEFT_UNUSED static void probe_await(int fd, const char *end)
{
    char text[4096];
    size_t size = 0;

    while (size < strlen(end) || memcmp(text + size - strlen(end), end, strlen(end)) != 0) {
        EXPECT(size < sizeof text);
        EXPECT_EQ(weft_read(fd, text + size++, 1), 1);
    }
}

#endif
