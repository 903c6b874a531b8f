/* epoll.c - an echo server of one thread on bare epoll: what there is to save, somebody saved.
 *
 * Level-triggered, one recv and one send for each message, nothing kept for a connection but what
 * a client has not taken.  It has no other notion: no second CPU, no deadline, no cancel.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <sys/epoll.h>

#include "common/socket.h"

#define EVENTS_MAX 1024

struct conn {
    int fd;
    size_t from, to; /* of buffer: what could not be sent yet */
    char buffer[ECHO_BUFFER];
};

static int poller;

static void watch(struct conn *c, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    bench_ok(epoll_ctl(poller, how, c->fd, &event), "epoll_ctl");
}

static void conn_close(struct conn *c)
{
    close(c->fd);
    free(c);
}

/* True when all is sent; false, too, when the connection is gone. */
static int conn_flush(struct conn *c)
{
    ssize_t n = send(c->fd, c->buffer + c->from, c->to - c->from, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        conn_close(c);
        return 0;
    }
    c->from += n > 0 ? (size_t)n : 0;
    return c->from == c->to;
}

static void conn_read(struct conn *c)
{
    ssize_t n = recv(c->fd, c->buffer, sizeof c->buffer, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    n = send(c->fd, c->buffer, (size_t)(c->to = (size_t)n), MSG_NOSIGNAL);
    if (n == (ssize_t)c->to)
        return;
    if (n < 0 && errno != EAGAIN) {
        conn_close(c);
        return;
    }
    c->from = n > 0 ? (size_t)n : 0;
    watch(c, EPOLL_CTL_MOD, EPOLLOUT);
}

static void conn_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct conn *c;

    if (fd < 0)
        return;
    c = malloc(sizeof *c);
    bench_ok(!c, "malloc");
    c->fd = fd;
    bench_no_delay(fd);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    struct conn listener = {.fd = bench_listen(args.n, SOCK_STREAM | SOCK_NONBLOCK)};
    static struct epoll_event events[EVENTS_MAX];

    poller = epoll_create1(0);
    bench_ok(poller < 0, "epoll_create1");
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;

            if (c == &listener)
                conn_accept(listener.fd);
            else if (!(events[i].events & EPOLLOUT))
                conn_read(c);
            else if (conn_flush(c))
                watch(c, EPOLL_CTL_MOD, EPOLLIN);
        }
    }
}
