/* attempt.c - the kernel's outside, by calls that never sleep.
 *
 * Called by the calls that make descriptors (sock.c, pipe.c, ...) through weft__outside, and by
 * epoll.c, which tries an operation, and tries it again each time the descriptor is said to be
 * ready.  Holds nothing.
 *
 * A descriptor of ours never waits.  That of somebody else may: sockets can be told by
 * MSG_DONTWAIT, files and pipes by RWF_NOWAIT, and what knows neither is asked by poll(2) first.
 * Between that answer and the call another process may take what was there; then the call does
 * wait, and the watchdog gives the seat away.  What only pretends to be ready (a regular file on a
 * disk, which poll always calls ready) is -EAGAIN here, and the pool's.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <limits.h>

#include "base/sys.h"
#include "base/sysnet.h"
#include "io/driver.h"
#include "weft/err.h"
#include "weft/net.h"

/* What a terminal has room for when it is called ready for writing (n_tty's WAKEUP_CHARS). */
#define ATTEMPT_TTY_MAX 256

/* ---- an operation ---- */

/* The events of `events` that are there; 0: none.  Or a code. */
static int attempt_poll(int fd, int events)
{
    struct pollfd asked = {.fd = fd, .events = (short)events};
    int rc = weft__sys_poll(&asked, 1, 0);
    if (rc <= 0) {
        return rc == -EINTR ? 0 : rc;
    }
    return asked.revents & POLLNVAL ? -EBADF : asked.revents;
}

/* The descriptor knows no RWF_NOWAIT.  0: a plain read or write will not wait, if it is of no more
 * than *size bytes.  -EAGAIN: it might. */
static int attempt_may_call(int fd, int events, size_t *size)
{
    struct stat st;
    int rc = weft__sys_fstat(fd, &st);
    if (rc < 0) {
        return rc;
    }
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)) {
        return -EAGAIN;
    }
    rc = weft__sys_get_flags(fd);
    if (rc < 0 || rc & O_NONBLOCK) {
        return weft__min(rc, 0);
    }
    rc = attempt_poll(fd, events);
    if (rc <= 0) {
        return rc == 0 ? -EAGAIN : rc;
    }
    if (events == POLLOUT) { /* so much room there is, at least */
        *size = weft__min(*size, S_ISFIFO(st.st_mode) ? (size_t)PIPE_BUF : (size_t)ATTEMPT_TTY_MAX);
    }
    return 0;
}

static ssize_t attempt_read(struct weft__io_op *op)
{
    struct iovec all = {.iov_base = op->buffer, .iov_len = op->size};
    ssize_t n = weft__sys_preadv_nowait(op->fd, &all, 1, op->offset);
    if (n != -EOPNOTSUPP) {
        return n;
    }
    size_t size = op->size;
    int rc = attempt_may_call(op->fd, POLLIN, &size);
    if (rc < 0) {
        return rc;
    }
    return op->offset >= 0 ? weft__sys_pread(op->fd, op->buffer, size, op->offset)
                           : weft__sys_read(op->fd, op->buffer, size);
}

static ssize_t attempt_write(struct weft__io_op *op)
{
    struct iovec all = {.iov_base = op->buffer, .iov_len = op->size};
    ssize_t n = weft__sys_pwritev_nowait(op->fd, &all, 1, op->offset);
    if (n != -EOPNOTSUPP) {
        return n;
    }
    size_t size = op->size;
    int rc = attempt_may_call(op->fd, POLLOUT, &size);
    if (rc < 0) {
        return rc;
    }
    return op->offset >= 0 ? weft__sys_pwrite(op->fd, op->buffer, size, op->offset)
                           : weft__sys_write(op->fd, op->buffer, size);
}

static ssize_t attempt_accept(struct weft__io_op *op)
{
    weft_addr *addr = op->buffer;
    if (!op->entry || !op->entry->is_ours) { /* it may be one that waits */
        int rc = attempt_poll(op->fd, POLLIN);
        if (rc <= 0) {
            return rc == 0 ? -EAGAIN : rc;
        }
    }
    return weft__sys_accept(op->fd, addr ? &addr->raw : NULL, addr ? &addr->size : NULL);
}

/* op->round: 1 when it is on its way.  -EAGAIN in round 0 is a result: the backlog of a Unix socket
 * is full, of which the kernel tells the end to nobody. */
static ssize_t attempt_connect(struct weft__io_op *op)
{
    int rc = weft__sys_connect(op->fd, op->buffer, (socklen_t)op->size);
    if (rc == -EINPROGRESS || (rc == -EALREADY && op->round == 1)) {
        op->round = 1;
        return -EAGAIN;
    }
    return rc == -EISCONN && op->round == 1 ? 0 : rc;
}

static ssize_t attempt_kernel(struct weft__io_op *op)
{
    int events;
    switch (op->code) {
    case WEFT__IO_RECV:
        return weft__sys_recv(op->fd, op->buffer, op->size, op->flags | MSG_DONTWAIT);
    case WEFT__IO_SEND:
        return weft__sys_send(op->fd, op->buffer, op->size, op->flags | MSG_DONTWAIT);
    case WEFT__IO_RECVMSG:
        return weft__sys_recvmsg(op->fd, op->msg, op->flags | MSG_DONTWAIT);
    case WEFT__IO_SENDMSG:
        return weft__sys_sendmsg(op->fd, op->msg, op->flags | MSG_DONTWAIT);
    case WEFT__IO_READ:
        return attempt_read(op);
    case WEFT__IO_WRITE:
        return attempt_write(op);
    case WEFT__IO_ACCEPT:
        return attempt_accept(op);
    case WEFT__IO_CONNECT:
        return attempt_connect(op);
    case WEFT__IO_POLL:
        events = attempt_poll(op->fd, op->flags);
        return events == 0 ? -EAGAIN : events;
    case WEFT__IO_OPEN:
    case WEFT__IO_FSYNC:
    case WEFT__IO_CODES:
        break;
    }
    return -EAGAIN; /* it would wait for a disk */
}

const struct weft__outside weft__outside_kernel = {
    .socket = weft__sys_socket,
    .socketpair = weft__sys_socketpair,
    .pipe = weft__sys_pipe,
    .bind = weft__sys_bind,
    .listen = weft__sys_listen,
    .shutdown = weft__sys_shutdown,
    .sockname = weft__sys_sockname,
    .peername = weft__sys_peername,
    .set_option = weft__sys_set_option,
    .get_option = weft__sys_get_option,
    .close = weft__sys_close,
    .attempt = attempt_kernel,
};
