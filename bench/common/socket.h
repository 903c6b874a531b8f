/* socket.h - the sockets of the servers that are written in bare C.
 *
 * A server is called `program CASE WORKERS PORT` and serves 127.0.0.1:PORT until it is killed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_SOCKET_H
#define BENCH_SOCKET_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bench.h"

#define ECHO_BUFFER 512 /* bytes that each connection of each peer can hold; messages have 64 */

static inline struct sockaddr_in bench_loopback(long port)
{
    struct sockaddr_in addr;

    memset(&addr, 0, sizeof addr);
    addr.sin_family = AF_INET;
    addr.sin_port = htons((uint16_t)port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return addr;
}

/* type: SOCK_STREAM, perhaps with SOCK_NONBLOCK. */
static inline int bench_listen(long port, int type)
{
    struct sockaddr_in addr = bench_loopback(port);
    int fd = socket(AF_INET, type, 0), one = 1;

    bench_ok(fd < 0, "socket");
    bench_ok(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "SO_REUSEADDR");
    bench_ok(bind(fd, (struct sockaddr *)&addr, sizeof addr), "bind");
    bench_ok(listen(fd, 4096), "listen");
    return fd;
}

static inline void bench_no_delay(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

#endif
