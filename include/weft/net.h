/* net.h - sockets that tasks wait for without stopping their worker.
 *
 * A socket is a plain file descriptor: it may be given to setsockopt(2), to a C library, to another
 * process.  All that these calls open is close-on-exec, and does not wait (O_NONBLOCK).  Close it
 * by weft_close (io.h), which also wakes whoever waits on it: they get -EBADF.
 *
 * Where a place is named by text, it is "HOST:PORT", "[::1]:80", ":8080" (every address of this
 * machine), "unix:/run/x.sock", or "unix:@name" (abstract: no file).  PORT is a number or a
 * service's name.
 *
 * Several tasks may use one socket.  Those that read are served one after the other, in the order
 * of their calls, and so are those that write.
 *
 * Cancel: -WEFT_ECANCELED means that it did not happen: no byte was taken, no connection accepted.
 * What happened all the same is returned, and the next call says -WEFT_ECANCELED.  A buffer is
 * yours again when the call has returned, so it may lie on the stack.
 *
 * From tasks on workers, tasks on threads of their own, and plain OS threads.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_NET_H
#define WEFT_NET_H

#include <sys/socket.h>
#include <sys/types.h>

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* ---- addresses ---- */

typedef struct weft_addr {
    socklen_t size;
    struct sockaddr_storage raw;
} weft_addr;

#define WEFT_ADDR_TEXT_MAX 128 /* bytes that any address needs as text, the 0 included */

/* Never sleeps.  From text without names: "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80", ":80" (then
 * it is [::]:80), "unix:/a".  0 or -WEFT_EINVAL. */
WEFT_API WEFT_MUST_USE int weft_addr_parse(const char *text, weft_addr *ret_addr);

/* Never sleeps.  The text of an address, which weft_addr_parse understands.  Returns its length;
 * -ENOSPC; or -WEFT_EINVAL: an address of another family. */
WEFT_API int weft_addr_text(const weft_addr *addr, char *ret_text, size_t size);

/* Never sleeps.  The port of an IP address, or -WEFT_EINVAL. */
WEFT_API int weft_addr_port(const weft_addr *addr);

/* Never sleep.  Where the socket itself, or its peer, is.  0 or the system's code. */
WEFT_API WEFT_MUST_USE int weft_sock_here(int fd, weft_addr *ret_addr);
WEFT_API WEFT_MUST_USE int weft_sock_peer(int fd, weft_addr *ret_addr);

/* ---- names ---- */

typedef struct weft_resolve_options {
    int family;       /* 0: any; AF_INET, AF_INET6 */
    bool passive;     /* addresses to listen on, if host is NULL */
    bool numeric;     /* no name server is asked */
} weft_resolve_options;

/* Sleeps, unless both are numbers.  The addresses of a host (NULL: this machine) and port (number
 * or name of a service; NULL: 0), in the order in which they should be tried; by the system's own
 * resolver, on threads of the blocking pool (at most 8 at once), so that a name server that does
 * not answer holds up nobody who asks nothing.  options may be NULL.  A cancel returns at once and
 * leaves the question to end by itself.
 *
 * n > 0             how many addresses were written, at most max, and at most 64
 * -ENOENT           there is no such name, or none of the family
 * -WEFT_EAGAIN      the name server did not answer
 * -EIO              it failed
 * -WEFT_EINVAL      neither host nor port, no such service, max is 0
 * -WEFT_ECANCELED, -WEFT_ENOMEM
 */
WEFT_API WEFT_MUST_USE int weft_resolve(const char *host, const char *port,
                                        const weft_resolve_options *options, weft_addr *ret_addrs,
                                        size_t max);

/* ---- servers ---- */

typedef struct weft_listen_options {
    int backlog;      /* connections that wait to be accepted; 0: 4096, or the system's limit */
    bool reuse_port;  /* several sockets share the port (SO_REUSEPORT) */
    bool only_ipv6;   /* ":80" means IPv6 alone */
    mode_t unix_mode; /* of the file of a Unix socket; 0: by the umask */
} weft_listen_options;

/* Sleeps, for names alone.  A socket that listens; options may be NULL.  The address may be used
 * again at once (SO_REUSEADDR).  Of a name with several addresses it takes the first that this
 * machine has, IPv4 before IPv6.
 *
 * The file of a Unix socket stays when the socket is closed: weft_unlink (io.h) it, or leave it to
 * the next weft_listen, which replaces it if nobody listens there (it asks by connecting once).
 *
 * The fd, or a code: -EADDRINUSE, -EACCES, -WEFT_EINVAL, what weft_resolve returns. */
WEFT_API WEFT_MUST_USE int weft_listen(const char *where, const weft_listen_options *options);

/* Sleeps.  The next connection; ret_peer may be NULL.  TCP sockets come with TCP_NODELAY.
 *
 * When no descriptor (or no memory) is free it waits, longer and longer up to a second, and tries
 * again: the connections wait in the backlog meanwhile.  weft_stats.accepts_delayed counts these.
 * A connection that was given up before it could be accepted is passed over.
 *
 * fd >= 0, or -WEFT_ECANCELED, -EBADF, -WEFT_EINVAL (it does not listen) */
WEFT_API WEFT_MUST_USE int weft_accept(int fd, weft_addr *ret_peer);

/* ---- clients ---- */

typedef struct weft_connect_options {
    int family;            /* 0: any; AF_INET, AF_INET6 */
    int64_t next_after_ns; /* the next address is tried, too, when one has not answered for so long;
                            * 0: 250 ms */
} weft_connect_options;

/* Sleeps.  A connected socket; options may be NULL.  All addresses of the name are tried, the
 * families in turn, each next one when its predecessor has failed or has not answered for a while
 * ("happy eyeballs", RFC 8305); the first that answers is taken, the others are closed.  A deadline
 * is the scope's.
 *
 * The fd; or the code of the first address that failed (that this machine cannot reach one at all
 * counts only if it is so with all); or what weft_resolve returns. */
WEFT_API WEFT_MUST_USE int weft_connect(const char *where, const weft_connect_options *options);

/* Sleeps.  To one address.  The fd or a code, -WEFT_ECANCELED for one. */
WEFT_API WEFT_MUST_USE int weft_connect_addr(const weft_addr *addr);

/* Never sleeps.  Two connected sockets (Unix, stream).  0 or the system's code. */
WEFT_API WEFT_MUST_USE int weft_socketpair(int ret_fds[2]);

/* ---- datagrams ---- */

/* Sleeps, for names alone.  A UDP socket (or a Unix datagram socket) bound to `where`, as
 * weft_listen does it; NULL: to none, for a client of either family.  "unix:" alone: to a name that
 * the kernel makes up, so that others can answer. */
WEFT_API WEFT_MUST_USE int weft_udp(const char *where);

/* Sleep.  A datagram with its other side, which may be NULL; one longer than size is cut (flags |
 * MSG_TRUNC tells its true length).  Bytes or a code. */
WEFT_API WEFT_MUST_USE ssize_t weft_recvfrom(int fd, void *buffer, size_t size, int flags,
                                             weft_addr *ret_from);
WEFT_API WEFT_MUST_USE ssize_t weft_sendto(int fd, const void *buffer, size_t size, int flags,
                                           const weft_addr *to);

/* ---- bytes ---- */

/* Sleep.  As recv(2) and send(2); bytes moved (0: the peer has closed its side), or a code: -EPIPE,
 * -ECONNRESET.  Never a SIGPIPE.  MSG_DONTWAIT: -WEFT_EAGAIN instead of sleeping.  Both may move
 * fewer bytes than asked, MSG_WAITALL or not; weft_write_all and weft_read_full (io.h) go on until
 * all are. */
WEFT_API WEFT_MUST_USE ssize_t weft_recv(int fd, void *buffer, size_t size, int flags);
WEFT_API WEFT_MUST_USE ssize_t weft_send(int fd, const void *buffer, size_t size, int flags);

/* Sleep.  As recvmsg(2) and sendmsg(2), descriptors (which come close-on-exec) and credentials
 * included. */
WEFT_API WEFT_MUST_USE ssize_t weft_recvmsg(int fd, struct msghdr *msg, int flags);
WEFT_API WEFT_MUST_USE ssize_t weft_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Never sleeps.  As shutdown(2): SHUT_WR tells the peer that no more bytes come.  Wakes whoever
 * reads a side that was shut. */
WEFT_API int weft_shutdown(int fd, int how);

WEFT_END_DECLS

#endif
