/* sysnet.h - the door to the kernel's sockets, pipes, epoll and poll.
 *
 * As sys.h: 0 or a count or a descriptor, or a negative code; an interrupted call is repeated.  All
 * descriptors that come from here are close-on-exec and do not wait (O_NONBLOCK); calls on those of
 * others wait as they please, unless it is said that they never do.
 *
 * No call here raises SIGPIPE, but a write to a pipe by sys.h does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYSNET_H
#define WEFT_BASE_SYSNET_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/base.h"

/* ---- sockets ---- */

WEFT_MUST_USE int weft__sys_socket(int domain, int type, int protocol);
WEFT_MUST_USE int weft__sys_socketpair(int domain, int type, int ret_fds[2]);
WEFT_MUST_USE int weft__sys_pipe(int ret_fds[2]);

WEFT_MUST_USE int weft__sys_bind(int fd, const struct sockaddr *addr, socklen_t size);
WEFT_MUST_USE int weft__sys_listen(int fd, int backlog);
WEFT_MUST_USE int weft__sys_shutdown(int fd, int how);

/* The new descriptor.  ret_addr and ret_size may both be NULL. */
WEFT_MUST_USE int weft__sys_accept(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size);

/* 0; -EINPROGRESS, -EALREADY: it is on its way; -EISCONN: it has been before.  Asked once more
 * after -EINPROGRESS it says how that ended, and takes the code from the socket. */
WEFT_MUST_USE int weft__sys_connect(int fd, const struct sockaddr *addr, socklen_t size);

WEFT_MUST_USE int weft__sys_sockname(int fd, struct sockaddr_storage *ret_addr,
                                     socklen_t *ret_size);
WEFT_MUST_USE int weft__sys_peername(int fd, struct sockaddr_storage *ret_addr,
                                     socklen_t *ret_size);

/* Options that are an int. */
WEFT_MUST_USE int weft__sys_set_option(int fd, int level, int name, int value);
WEFT_MUST_USE int weft__sys_get_option(int fd, int level, int name, int *ret_value);

/* Flags as the system's; with MSG_DONTWAIT they never wait. */
WEFT_MUST_USE ssize_t weft__sys_recv(int fd, void *buffer, size_t size, int flags);
WEFT_MUST_USE ssize_t weft__sys_send(int fd, const void *buffer, size_t size, int flags);
WEFT_MUST_USE ssize_t weft__sys_recvmsg(int fd, struct msghdr *msg, int flags);
WEFT_MUST_USE ssize_t weft__sys_sendmsg(int fd, const struct msghdr *msg, int flags);

/* The flags of the open file (O_NONBLOCK for one), or a code. */
WEFT_MUST_USE int weft__sys_get_flags(int fd);

/* ---- waiting ---- */

/* Sleeps.  As poll(2), with nanoseconds; -1: for ever, 0: never sleeps.  -EINTR is told. */
WEFT_MUST_USE int weft__sys_poll(struct pollfd *fds, nfds_t n, int64_t timeout_ns);

WEFT_MUST_USE int weft__sys_epoll_create(void);

/* op: EPOLL_CTL_ADD, _MOD, _DEL; data comes back with the event. */
WEFT_MUST_USE int weft__sys_epoll_ctl(int epoll, int op, int fd, uint32_t events, uint64_t data);

/* Sleeps.  Events, at most max; timeout_ns as in weft__sys_poll.  -EINTR is told.  Where the kernel
 * knows only milliseconds (before 5.11) the timeout is rounded up. */
WEFT_MUST_USE int weft__sys_epoll_wait(int epoll, struct epoll_event *ret_events, int max,
                                       int64_t timeout_ns);

/* A counter that can be waited for: readable when it is not 0. */
WEFT_MUST_USE int weft__sys_eventfd(void);

/* Never sleep.  Adds 1 to it; sets it to 0. */
void weft__sys_eventfd_raise(int fd);
void weft__sys_eventfd_lower(int fd);

#endif
