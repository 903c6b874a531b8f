/* sim_call.c - what is asked of the simulated machine and never waits: the table weft__outside_sim.
 *
 * Called by the calls that make, name and close descriptors (sock.c, pipe.c, fd.c).  A descriptor
 * that is not of the machine is the kernel's, and so is the answer.
 *
 * The file of a Unix socket is a real one, made by a real bind, since its makers look for it,
 * change its mode and unlink it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <netinet/in.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "core/self.h"
#include "io/sim.h"
#include "weft/err.h"

/* Enters, and takes the lock if the descriptor is of the machine; NULL: it is not. */
static struct weft__sim_sock *simcall_begin(int fd, struct weft__thread **ret_self)
{
    *ret_self = weft__enter();
    weft__sim_lock();
    struct weft__sim_sock *sock = weft__sim_find(fd);
    if (!sock) {
        weft__sim_unlock(false);
        weft__leave(*ret_self);
    }
    return sock;
}

static int simcall_end(struct weft__thread *self, int rc)
{
    weft__sim_unlock(false);
    weft__leave(self);
    return rc;
}

/* ---- making ---- */

int weft__sim_call_socket(int domain, int type, int protocol)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) {
        return -EAFNOSUPPORT;
    }
    if ((kind != SOCK_STREAM && kind != SOCK_DGRAM) ||
        (protocol != 0 && protocol != (kind == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP))) {
        return -EPROTONOSUPPORT;
    }
    struct weft__sim_sock *sock = weft__sim_sock_new(
        kind == SOCK_STREAM ? WEFT__SIM_FRESH : WEFT__SIM_DATAGRAM, domain);
    int fd = sock ? weft__sim_fd_new() : -WEFT_ENOMEM;
    if (fd < 0) {
        weft__free(sock);
        return fd;
    }
    struct weft__thread *self = weft__enter();
    weft__sim_lock();
    weft__sim_sock_add(sock, fd);
    return simcall_end(self, fd);
}

struct simcall_pair {
    struct weft__sim_sock *socks[2];
    struct weft__sim_flow *flows[2]; /* flows[i] leads to socks[i] */
    int fds[2];
};

static void simcall_free(struct simcall_pair *pair)
{
    for (size_t i = 0; i < 2; i++) {
        weft__free(pair->socks[i]);
        weft__free(pair->flows[i]);
        weft__sim_fd_free(pair->fds[i]);
    }
}

/* With the first n_flows of the flows.  0, or a code and nothing was made. */
static int simcall_make(enum weft__sim_kind kind, size_t n_flows, struct simcall_pair *ret)
{
    int rc = 0;
    *ret = (struct simcall_pair){.fds = {-1, -1}};
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        ret->socks[i] = weft__sim_sock_new(kind, AF_UNIX);
        ret->flows[i] = i < n_flows ? weft__sim_flow_new(false) : NULL;
        rc = !ret->socks[i] || (i < n_flows && !ret->flows[i]) ? -WEFT_ENOMEM : 0;
        if (rc == 0) {
            ret->fds[i] = weft__sim_fd_new();
            rc = weft__min(ret->fds[i], 0);
        }
    }
    if (rc < 0) {
        simcall_free(ret);
    }
    return rc;
}

static void simcall_add(struct simcall_pair *pair, int ret_fds[2])
{
    struct weft__thread *self = weft__enter();
    weft__sim_lock();
    for (size_t i = 0; i < 2; i++) {
        weft__sim_sock_add(pair->socks[i], pair->fds[i]);
        if (pair->flows[i]) {
            weft__sim_flow_join(pair->flows[i], pair->socks[1 - i], pair->socks[i]);
        }
        ret_fds[i] = pair->fds[i];
    }
    simcall_end(self, 0);
}

int weft__sim_call_socketpair(int domain, int type, int ret_fds[2])
{
    struct simcall_pair pair;
    bool is_stream = (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM;
    if (domain != AF_UNIX) {
        return -EOPNOTSUPP;
    }
    if (!is_stream && (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_DGRAM) {
        return -EPROTONOSUPPORT;
    }
    int rc = simcall_make(is_stream ? WEFT__SIM_STREAM : WEFT__SIM_DATAGRAM, is_stream ? 2 : 0,
                          &pair);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < 2; i++) {
        pair.socks[i]->mate = is_stream ? NULL : pair.socks[1 - i];
        pair.socks[i]->here = (weft_addr){.size = sizeof(sa_family_t), .raw.ss_family = AF_UNIX};
        pair.socks[i]->peer = pair.socks[i]->here;
    }
    simcall_add(&pair, ret_fds);
    return 0;
}

int weft__sim_call_pipe(int ret_fds[2])
{
    struct simcall_pair pair;
    int rc = simcall_make(WEFT__SIM_PIPE, 1, &pair); /* to the first, from the second */
    if (rc == 0) {
        simcall_add(&pair, ret_fds);
    }
    return rc;
}

/* ---- naming ---- */

/* Is it the path of a file?  Then its name ends where the text does. */
static bool simcall_is_path(const struct sockaddr *addr, socklen_t size, struct sockaddr_un *ret)
{
    const size_t before = offsetof(struct sockaddr_un, sun_path);
    memset(ret, 0, sizeof *ret);
    if (size <= before || size > sizeof *ret) {
        return false;
    }
    memcpy(ret, addr, size);
    return ret->sun_family == AF_UNIX && ret->sun_path[0] != 0;
}

static int simcall_make_file(const struct sockaddr_un *un)
{
    int fd = weft__sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) {
        return fd;
    }
    int rc = weft__sys_bind(fd, (const struct sockaddr *)un, sizeof *un);
    weft__sys_close(fd);
    return rc;
}

int weft__sim_call_bind(int fd, const struct sockaddr *addr, socklen_t size)
{
    struct weft__thread *self;
    struct sockaddr_un un;
    bool is_path = simcall_is_path(addr, size, &un);
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    if (!sock) {
        return weft__sys_bind(fd, addr, size);
    }
    bool is_bound = sock->is_bound;
    int domain = sock->domain;
    simcall_end(self, 0);
    int rc = is_path && domain == AF_UNIX && !is_bound ? simcall_make_file(&un) : 0;
    if (rc < 0) {
        return rc;
    }
    sock = simcall_begin(fd, &self);
    if (!sock) {
        return -EBADF;
    }
    return simcall_end(self, weft__sim_bind(sock, addr, size));
}

int weft__sim_call_listen(int fd, int backlog)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    return sock ? simcall_end(self, weft__sim_listen(sock, backlog))
                : weft__sys_listen(fd, backlog);
}

int weft__sim_call_shutdown(int fd, int how)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    return sock ? simcall_end(self, weft__sim_shut(sock, how)) : weft__sys_shutdown(fd, how);
}

static void simcall_say_addr(const weft_addr *addr, int domain, struct sockaddr_storage *ret_addr,
                             socklen_t *ret_size)
{
    *ret_addr = addr->raw;
    *ret_size = addr->size;
    if (addr->size == 0) {
        memset(ret_addr, 0, sizeof *ret_addr);
        ret_addr->ss_family = (sa_family_t)domain;
        *ret_size = (socklen_t)(domain == AF_INET    ? sizeof(struct sockaddr_in)
                                : domain == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                     : sizeof(sa_family_t));
    }
}

int weft__sim_call_sockname(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    if (!sock) {
        return weft__sys_sockname(fd, ret_addr, ret_size);
    }
    if (sock->kind == WEFT__SIM_PIPE) {
        return simcall_end(self, -ENOTSOCK);
    }
    simcall_say_addr(&sock->here, sock->domain, ret_addr, ret_size);
    return simcall_end(self, 0);
}

int weft__sim_call_peername(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    if (!sock) {
        return weft__sys_peername(fd, ret_addr, ret_size);
    }
    bool is_joined = sock->kind == WEFT__SIM_STREAM ||
                     (sock->kind == WEFT__SIM_DATAGRAM && sock->peer.size != 0);
    if (!is_joined) {
        return simcall_end(self, sock->kind == WEFT__SIM_PIPE ? -ENOTSOCK : -ENOTCONN);
    }
    simcall_say_addr(&sock->peer, sock->domain, ret_addr, ret_size);
    return simcall_end(self, 0);
}

/* ---- options ---- */

int weft__sim_call_set_option(int fd, int level, int name, int value)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    if (!sock) {
        return weft__sys_set_option(fd, level, name, value);
    }
    if (level == SOL_SOCKET && name == SO_REUSEPORT) {
        sock->reuse_port = value != 0;
    } else if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
        sock->only_ipv6 = value != 0;
    } /* the others change nothing that could be seen here */
    return simcall_end(self, sock->kind == WEFT__SIM_PIPE ? -ENOTSOCK : 0);
}

static int simcall_option(struct weft__sim_sock *sock, int level, int name)
{
    int value = 0;
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
        return sock->only_ipv6;
    }
    if (level != SOL_SOCKET) {
        return 0;
    }
    switch (name) {
    case SO_ERROR:
        value = -sock->error;
        sock->error = 0;
        return value;
    case SO_TYPE:
        return sock->kind == WEFT__SIM_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM;
    case SO_DOMAIN:
        return sock->domain;
    case SO_ACCEPTCONN:
        return sock->kind == WEFT__SIM_LISTENER;
    case SO_REUSEPORT:
        return sock->reuse_port;
    case SO_RCVBUF:
    case SO_SNDBUF:
        return WEFT__SIM_BUFFER;
    default:
        return 0;
    }
}

int weft__sim_call_get_option(int fd, int level, int name, int *ret_value)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    if (!sock) {
        return weft__sys_get_option(fd, level, name, ret_value);
    }
    if (sock->kind == WEFT__SIM_PIPE) {
        return simcall_end(self, -ENOTSOCK);
    }
    *ret_value = simcall_option(sock, level, name);
    return simcall_end(self, 0);
}

/* ---- the end ---- */

int weft__sim_call_close(int fd)
{
    struct weft__thread *self;
    struct weft__sim_sock *sock = simcall_begin(fd, &self);
    if (!sock) {
        return weft__sys_close(fd);
    }
    weft__sim_leave(sock);
    return simcall_end(self, weft__sys_close(fd)); /* so that its number is nothing in between */
}
