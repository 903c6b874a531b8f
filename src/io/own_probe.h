/* own_probe.h - ports and descriptor numbers that a test has to itself.
 *
 * Other tests run at the same time, so a port that nobody listens at may be theirs a moment later;
 * and a number that was closed goes to whoever opens something next, which may be the part of the
 * driver at another seat, or the watchdog.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_OWN_PROBE_H
#define WEFT_IO_OWN_PROBE_H

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/driver.h"
#include "tests/test.h"
#include "weft/net.h"

/* ---- a port ---- */

/* A socket that does not listen is bound to it, at every address: so whoever connects is refused,
 * and nobody else is given it, but one who names it may listen there. */
struct probe_port {
    int holder;
    int number;
};

static inline int probe_port_bind(int domain, const void *addr, socklen_t size)
{
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, no = 0;
    if (fd < 0) {
        return -1;
    }
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    if (domain == AF_INET6) {
        EXPECT_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no), 0);
    }
    EXPECT_EQ(bind(fd, addr, size), 0);
    return fd;
}

static inline struct probe_port probe_port_take(void)
{
    const struct sockaddr_in6 both = {.sin6_family = AF_INET6};
    const struct sockaddr_in four = {.sin_family = AF_INET};
    weft_addr addr;
    if (weft__outside() == &weft__outside_sim) {
        return (struct probe_port){-1, 4000}; /* nobody else is there */
    }
    int fd = probe_port_bind(AF_INET6, &both, sizeof both);
    fd = fd >= 0 ? fd : probe_port_bind(AF_INET, &four, sizeof four);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_sock_here(fd, &addr), 0);
    return (struct probe_port){fd, weft_addr_port(&addr)};
}

static inline void probe_port_give(const struct probe_port *port)
{
    if (port->holder >= 0) {
        EXPECT_EQ(close(port->holder), 0);
    }
}

/* Of the loopback. */
static inline weft_addr probe_port_addr(const struct probe_port *port)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_addr addr;
    snprintf(text, sizeof text, "127.0.0.1:%d", port->number);
    EXPECT_EQ(weft_addr_parse(text, &addr), 0);
    return addr;
}

/* ---- numbers ---- */

/* What is opened while these are taken has a higher number.  Once they are given back there is
 * always a lower one that is free: so when that other is closed, nobody gets its number. */
struct probe_numbers {
    int fds[128];
};

static inline void probe_numbers_take(struct probe_numbers *low)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(low->fds); i++) {
        low->fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        EXPECT(low->fds[i] >= 0);
    }
}

static inline void probe_numbers_give(const struct probe_numbers *low)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(low->fds); i++) {
        EXPECT_EQ(close(low->fds[i]), 0);
    }
}

#endif
