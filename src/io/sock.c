/* sock.c - sockets: servers, datagrams, and the bytes of both; dial.c has the clients.
 *
 * What waits is an operation of op.c, filled in here and handed down; what does not goes through
 * weft__outside, so that all of it works in the simulation, too.  Each descriptor is made known by
 * weft__fd_made before anybody else sees it, and every way out that fails closes it.
 *
 * A dual-stack socket calls its IPv4 peers ::ffff:1.2.3.4.  That is undone wherever an address
 * comes in, so that who compares or prints addresses has one form of each; the kernel takes either
 * form to send to.
 *
 * A listener is one socket, so of a name with several addresses one is taken: IPv4 first, since a
 * client that tries one address only tries that.
 *
 * The file of a Unix socket outlives the socket.  Whether somebody listens is asked by connecting:
 * refused means nobody does.  Between that answer and the unlink another process may do the same
 * (or have bound, and not yet listen); then the later of the two has the name.  A lock file would
 * settle that, and be one more thing left behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/sock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include "base/sys.h"
#include "core/self.h"
#include "io/driver.h"
#include "io/resolve.h"
#include "weft/err.h"
#include "weft/time.h"

#define SOCK_BACKLOG      4096
#define SOCK_DELAY_MIN_NS (5 * WEFT_MS)
#define SOCK_DELAY_MAX_NS (1 * WEFT_SECOND)
#define SOCK_FULL_MIN_NS  (50 * WEFT_US)
#define SOCK_FULL_MAX_NS  (20 * WEFT_MS)

/* ---- making one ---- */

int weft__sock_open(int family, int type)
{
    int fd = weft__outside()->socket(family, type, 0);
    if (fd >= 0) {
        weft__fd_made(fd);
    }
    return fd;
}

static bool sock_is_ip(int family)
{
    return family == AF_INET || family == AF_INET6;
}

void weft__sock_no_delay(int fd, int family)
{
    if (sock_is_ip(family)) {
        (void)weft__outside()->set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
}

static int sock_name(int (*ask)(int, struct sockaddr_storage *, socklen_t *), int fd,
                     weft_addr *ret_addr)
{
    weft_addr addr = {.size = sizeof addr.raw};
    int rc = ask(fd, &addr.raw, &addr.size);
    if (rc < 0) {
        return rc;
    }
    weft__addr_unmap(&addr);
    *ret_addr = addr;
    return 0;
}

int weft_sock_here(int fd, weft_addr *ret_addr)
{
    return sock_name(weft__outside()->sockname, fd, ret_addr);
}

int weft_sock_peer(int fd, weft_addr *ret_addr)
{
    return sock_name(weft__outside()->peername, fd, ret_addr);
}

/* ---- a place of its own ---- */

/* The file of a Unix address; NULL: it has none. */
static const char *sock_path(const weft_addr *addr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&addr->raw;
    return addr->raw.ss_family == AF_UNIX && un->sun_path[0] ? un->sun_path : NULL;
}

/* The file is a socket's, and nobody is behind it. */
static bool sock_is_stale(const weft_addr *addr, int type)
{
    const struct weft__outside *outside = weft__outside();
    const char *path = sock_path(addr);
    struct stat st;
    if (!path || weft__sys_lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    int fd = outside->socket(AF_UNIX, type, 0);
    if (fd < 0) {
        return false;
    }
    struct weft__io_op op = {.code = WEFT__IO_CONNECT,
                             .fd = fd,
                             .buffer = (void *)(uintptr_t)&addr->raw,
                             .size = addr->size};
    ssize_t rc = outside->attempt(&op);
    (void)outside->close(fd);
    return rc == -ECONNREFUSED;
}

static int sock_bind(int fd, const weft_addr *addr, int type)
{
    const struct weft__outside *outside = weft__outside();
    const struct sockaddr *raw = (const struct sockaddr *)(const void *)&addr->raw;
    int rc = outside->bind(fd, raw, addr->size);
    if (rc != -EADDRINUSE || !sock_is_stale(addr, type)) {
        return rc;
    }
    rc = weft__sys_unlink(sock_path(addr));
    return rc < 0 && rc != -ENOENT ? -EADDRINUSE : outside->bind(fd, raw, addr->size);
}

static int sock_set_up(int fd, int family, int type, const weft_listen_options *options)
{
    const struct weft__outside *outside = weft__outside();
    int rc = 0;
    if (!sock_is_ip(family)) {
        return 0;
    }
    if (type == SOCK_STREAM) { /* for datagrams it would let others take the port */
        rc = outside->set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (rc == 0 && options->reuse_port) {
        rc = outside->set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (rc == 0 && family == AF_INET6) {
        rc = outside->set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->only_ipv6);
    }
    return rc;
}

/* Nobody can connect before it listens, so the mode is in force from the beginning. */
static int sock_open_ears(int fd, const weft_addr *addr, const weft_listen_options *options)
{
    const char *path = sock_path(addr);
    int rc = 0;
    if (path && options->unix_mode != 0) {
        rc = weft__sys_chmod(path, options->unix_mode);
    }
    if (rc == 0) {
        rc = weft__outside()->listen(fd, options->backlog > 0 ? options->backlog : SOCK_BACKLOG);
    }
    if (rc < 0 && path) {
        int ignored WEFT_UNUSED = weft__sys_unlink(path);
    }
    return rc;
}

/* The fd of a socket bound to the address, which listens if it is one of streams; or a code. */
static int sock_at(const weft_addr *addr, int type, const weft_listen_options *options)
{
    int fd = weft__sock_open(addr->raw.ss_family, type);
    if (fd < 0) {
        return fd;
    }
    int rc = sock_set_up(fd, addr->raw.ss_family, type, options);
    if (rc == 0) {
        rc = sock_bind(fd, addr, type);
    }
    if (rc == 0 && type == SOCK_STREAM) {
        rc = sock_open_ears(fd, addr, options);
    }
    if (rc < 0) {
        (void)weft__fd_close(fd);
        return rc;
    }
    return fd;
}

/* At the first of the addresses that this machine has; those of `first_family` come first. */
static int sock_at_any(const weft_addr *addrs, size_t n, int first_family, int type,
                       const weft_listen_options *options)
{
    int absent = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        const weft_addr *addr = &addrs[i % n];
        if ((addr->raw.ss_family == first_family) != (i < n)) {
            continue;
        }
        int rc = sock_at(addr, type, options);
        if (!weft__sock_is_absent(rc)) {
            return rc;
        }
        absent = absent ? absent : rc;
    }
    WEFT_CHECK(absent < 0);
    return absent;
}

static int sock_at_place(const char *text, int type, const weft_listen_options *options,
                         const void *site)
{
    struct weft__where where;
    weft_addr addrs[WEFT__SOCK_ADDRS_MAX];
    weft_resolve_options how = {.passive = true, .family = options->only_ipv6 ? AF_INET6 : 0};
    int n = weft__where_parse(text, &where);
    if (n < 0) {
        return n;
    }
    if (where.is_unix) {
        addrs[0] = where.unix_addr;
        n = 1;
    } else {
        n = weft__resolve(where.host, where.port, &how, addrs, WEFT_ARRAY_SIZE(addrs), site);
    }
    if (n < 0) {
        return n;
    }
    /* ":80" is one socket for both families, if there is IPv6. */
    return sock_at_any(addrs, (size_t)n, *where.host ? AF_INET : AF_INET6, type, options);
}

/* ---- servers ---- */

int weft_listen(const char *where, const weft_listen_options *options)
{
    static const weft_listen_options none;
    options = options ? options : &none;
    if (options->backlog < 0) {
        return -WEFT_EINVAL;
    }
    return sock_at_place(where, SOCK_STREAM, options, __builtin_return_address(0));
}

/* The connection has failed before it was accepted, as accept(2) tells; the next may be well. */
static bool sock_was_given_up(int code)
{
    switch (code) {
    case -ECONNABORTED:
    case -EPROTO:
    case -ENOPROTOOPT:
    case -ENONET:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
        return true;
    default:
        return false;
    }
}

static bool sock_is_short(int code)
{
    return code == -EMFILE || code == -ENFILE || code == -ENOBUFS || code == -ENOMEM;
}

/* Sleeps: each time twice as long as before. */
static int sock_wait_for_room(int64_t *delay_ns)
{
    struct weft__runtime *rt = weft__self_task()->runtime;
    if (rt) {
        a_add(&rt->accepts_delayed, 1, relaxed);
    }
    *delay_ns = *delay_ns ? weft__min(2 * *delay_ns, SOCK_DELAY_MAX_NS) : SOCK_DELAY_MIN_NS;
    return weft_sleep(*delay_ns);
}

int weft_accept(int fd, weft_addr *ret_peer)
{
    static const struct weft__wait_kind kind = {.what = "accept"};
    const void *site = __builtin_return_address(0);
    weft_addr peer = {.size = sizeof peer.raw};
    int64_t delay_ns = 0;
    int rc;
    for (;;) {
        rc = (int)weft__io_do(&(struct weft__io_op){
            .code = WEFT__IO_ACCEPT, .fd = fd, .buffer = &peer, .kind = &kind, .site = site});
        if (rc >= 0) {
            break;
        }
        if (sock_is_short(rc)) {
            rc = sock_wait_for_room(&delay_ns);
        } else if (sock_was_given_up(rc)) {
            rc = 0;
        }
        if (rc < 0) {
            return rc;
        }
    }
    weft__fd_made(rc);
    weft__sock_no_delay(rc, peer.raw.ss_family);
    if (ret_peer) {
        weft__addr_unmap(&peer);
        *ret_peer = peer;
    }
    return rc;
}

int weft_socketpair(int ret_fds[2])
{
    int fds[2];
    int rc = weft__outside()->socketpair(AF_UNIX, SOCK_STREAM, fds);
    if (rc < 0) {
        return rc;
    }
    weft__fd_made(fds[0]);
    weft__fd_made(fds[1]);
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

/* ---- datagrams ---- */

/* Of both families, if there is IPv6. */
static int sock_udp_unbound(const weft_listen_options *options)
{
    int fd = weft__sock_open(AF_INET6, SOCK_DGRAM);
    if (weft__sock_is_absent(fd)) {
        return weft__sock_open(AF_INET, SOCK_DGRAM);
    }
    if (fd < 0) {
        return fd;
    }
    int rc = sock_set_up(fd, AF_INET6, SOCK_DGRAM, options);
    if (rc < 0) {
        (void)weft__fd_close(fd);
        return rc;
    }
    return fd;
}

int weft_udp(const char *where)
{
    static const weft_listen_options none;
    return where ? sock_at_place(where, SOCK_DGRAM, &none, __builtin_return_address(0))
                 : sock_udp_unbound(&none);
}

static ssize_t sock_msg(enum weft__io_code code, int fd, struct msghdr *msg, int flags,
                        const void *site)
{
    static const struct weft__wait_kind recv_kind = {.what = "receive"};
    static const struct weft__wait_kind send_kind = {.what = "send"};
    return weft__io_do(
        &(struct weft__io_op){.code = code,
                              .fd = fd,
                              .msg = msg,
                              .flags = flags,
                              .kind = code == WEFT__IO_RECVMSG ? &recv_kind : &send_kind,
                              .site = site});
}

/* When a datagram to a Unix address finds the receiver full, the kernel calls the sender's socket
 * ready, and refuses again, for ever.  So that one is tried, later and later. */
static ssize_t sock_send_msg(int fd, struct msghdr *msg, int flags, const void *site)
{
    const struct sockaddr *to = msg->msg_name;
    if (!to || msg->msg_namelen < sizeof to->sa_family || to->sa_family != AF_UNIX) {
        return sock_msg(WEFT__IO_SENDMSG, fd, msg, flags, site);
    }
    int64_t delay_ns = SOCK_FULL_MIN_NS;
    for (;;) {
        ssize_t n = sock_msg(WEFT__IO_SENDMSG, fd, msg, flags | MSG_DONTWAIT, site);
        if (n != -WEFT_EAGAIN || flags & MSG_DONTWAIT) {
            return n;
        }
        int rc = weft_sleep(delay_ns);
        if (rc < 0) {
            return rc;
        }
        delay_ns = weft__min(2 * delay_ns, SOCK_FULL_MAX_NS);
    }
}

ssize_t weft_recvfrom(int fd, void *buffer, size_t size, int flags, weft_addr *ret_from)
{
    weft_addr from = {.size = 0};
    struct iovec all = {.iov_base = buffer, .iov_len = size};
    struct msghdr msg = {.msg_name = &from.raw,
                         .msg_namelen = sizeof from.raw,
                         .msg_iov = &all,
                         .msg_iovlen = 1};
    ssize_t n = sock_msg(WEFT__IO_RECVMSG, fd, &msg, flags, __builtin_return_address(0));
    if (n >= 0 && ret_from) {
        from.size = weft__min(msg.msg_namelen, (socklen_t)sizeof from.raw);
        weft__addr_unmap(&from);
        *ret_from = from;
    }
    return n;
}

ssize_t weft_sendto(int fd, const void *buffer, size_t size, int flags, const weft_addr *to)
{
    struct iovec all = {.iov_base = (void *)(uintptr_t)buffer, .iov_len = size};
    struct msghdr msg = {.msg_name = to ? (void *)(uintptr_t)&to->raw : NULL,
                         .msg_namelen = to ? to->size : 0,
                         .msg_iov = &all,
                         .msg_iovlen = 1};
    return sock_send_msg(fd, &msg, flags | MSG_NOSIGNAL, __builtin_return_address(0));
}

/* ---- bytes ---- */

ssize_t weft_recv(int fd, void *buffer, size_t size, int flags)
{
    static const struct weft__wait_kind kind = {.what = "receive"};
    return weft__io_do(&(struct weft__io_op){.code = WEFT__IO_RECV,
                                             .fd = fd,
                                             .buffer = buffer,
                                             .size = size,
                                             .flags = flags & ~MSG_WAITALL,
                                             .kind = &kind,
                                             .site = __builtin_return_address(0)});
}

ssize_t weft_send(int fd, const void *buffer, size_t size, int flags)
{
    static const struct weft__wait_kind kind = {.what = "send"};
    return weft__io_do(&(struct weft__io_op){.code = WEFT__IO_SEND,
                                             .fd = fd,
                                             .buffer = (void *)(uintptr_t)buffer,
                                             .size = size,
                                             .flags = flags | MSG_NOSIGNAL,
                                             .kind = &kind,
                                             .site = __builtin_return_address(0)});
}

ssize_t weft_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return sock_msg(WEFT__IO_RECVMSG, fd, msg, (flags & ~MSG_WAITALL) | MSG_CMSG_CLOEXEC,
                    __builtin_return_address(0));
}

ssize_t weft_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return sock_send_msg(fd, (struct msghdr *)(uintptr_t)msg, flags | MSG_NOSIGNAL,
                         __builtin_return_address(0));
}

int weft_shutdown(int fd, int how)
{
    weft__control_point(WEFT__DEED_IO, &weft__io_sim, __builtin_return_address(0));
    return weft__outside()->shutdown(fd, how);
}
