/* libuv.c - an echo server on libuv's loop: callbacks, one thread.
 *
 * What is read goes back by uv_try_write, as its users do it; the rest, if any, by uv_write.
 *
 * SPDX-License-Identifier: MIT
 */
#include <uv.h>

#include "common/socket.h"

struct conn {
    uv_tcp_t tcp; /* the first, so that its address is the connection's */
    uv_write_t write;
    char buffer[ECHO_BUFFER];
};

static void on_close(uv_handle_t *handle)
{
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buf)
{
    struct conn *c = (struct conn *)handle;

    (void)wanted;
    *ret_buf = uv_buf_init(c->buffer, sizeof c->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_write(uv_write_t *write, int status)
{
    if (status == 0)
        uv_read_start(write->handle, on_alloc, on_read);
    else if (!uv_is_closing((uv_handle_t *)write->handle))
        uv_close((uv_handle_t *)write->handle, on_close);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = (struct conn *)stream;
    uv_buf_t out;
    int sent;

    if (n == 0)
        return;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    out = uv_buf_init(buf->base, (unsigned)n);
    sent = uv_try_write(stream, &out, 1);
    if (sent == n)
        return;
    sent = sent > 0 ? sent : 0;
    out = uv_buf_init(buf->base + sent, (unsigned)(n - sent));
    uv_read_stop(stream);
    bench_ok(uv_write(&c->write, stream, &out, 1, on_write), "uv_write");
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct conn *c = malloc(sizeof *c);

    bench_ok(status, "listen");
    bench_ok(!c, "malloc");
    uv_tcp_init(listener->loop, &c->tcp);
    bench_ok(uv_accept(listener, (uv_stream_t *)&c->tcp), "uv_accept");
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    struct sockaddr_in addr = bench_loopback(args.n);
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;

    uv_tcp_init(loop, &listener);
    bench_ok(uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0), "bind");
    bench_ok(uv_listen((uv_stream_t *)&listener, 4096, on_connection), "listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
