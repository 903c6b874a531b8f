/* uring_request.c - what an operation says to the kernel's ring, and where a plain call is shorter.
 *
 * Called by uring.c, which knows of parts, seats and completions and nothing of what is asked.
 * Holds nothing but entry->hint and entry->events.
 *
 * Sends and receives go to the ring, where those of a whole turn share one call.  Of a send that
 * costs its task a park, and is cheaper all the same: as plain calls they wake their readers one by
 * one (measured with 100 connections: 5.3 us of CPU for an answer against 4.8, and 4.4 if the
 * receive looks before it waits, without POLL_FIRST).  Only a receive after one that left something
 * behind is tried by a plain call.
 *
 * A packet that finds no room is not left to the ring: there Linux 6.18, for one, sends what the
 * first attempt has left of it, which for Unix sockets is nothing.  So it is told not to wait, and
 * the room is waited for by a poll.
 *
 * An open is tried by the kernel with O_NONBLOCK first.  Of a FIFO, for reading, that would show a
 * reader to its writer and be something else than was asked for; so that is left to a thread of the
 * kernel's at once.  For writing it fails where there is no reader yet; then it is left to one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/uring_request.h"

#include <fcntl.h>
#include <poll.h>

#include "base/sysnet.h"
#include "io/driver.h"
#include "weft/err.h"
#include "weft/net.h"

#define REQUEST_SIZE_MAX  0x7ffff000u /* what the kernel moves at once */
#define REQUEST_TRY_MAX   (64 * 1024) /* a plain call is made with the descriptor's lock held */
#define REQUEST_PARTS_MAX 8           /* of a message, to be added up */

/* entry->hint: of the receives on it. */
enum {
    REQUEST_UNKNOWN = 0,
    REQUEST_MORE /* the last one did not take all there was */
};

/* entry->events: what type of socket it is, once somebody wants to know.  The number of one that is
 * not ours may mean another by now. */
static void request_learn_type(struct weft__io_op *op)
{
    int type;
    if (op->entry->events == 0 || !op->entry->is_ours) {
        int rc = weft__sys_get_option(op->fd, SOL_SOCKET, SO_TYPE, &type);
        op->entry->events = rc == 0 ? (uint32_t)type : SOCK_STREAM;
    }
}

static uint32_t request_size(size_t size)
{
    return (uint32_t)weft__min(size, (size_t)REQUEST_SIZE_MAX);
}

static bool request_is_recv(const struct weft__io_op *op)
{
    return op->code == WEFT__IO_RECV || op->code == WEFT__IO_RECVMSG;
}

static bool request_is_send(const struct weft__io_op *op)
{
    return op->code == WEFT__IO_SEND || op->code == WEFT__IO_SENDMSG;
}

bool weft__uring_is_packet(const struct weft__io_op *op)
{
    return request_is_send(op) && op->entry->events != SOCK_STREAM;
}

/* ---- requests ---- */

static void request_fill_transfer(struct io_uring_sqe *sqe, const struct weft__io_op *op,
                                  uint8_t opcode)
{
    sqe->opcode = opcode;
    sqe->addr = (uint64_t)(uintptr_t)op->buffer;
    sqe->len = request_size(op->size);
}

static void request_fill_message(struct io_uring_sqe *sqe, const struct weft__io_op *op,
                                 uint8_t opcode)
{
    sqe->opcode = opcode;
    sqe->addr = (uint64_t)(uintptr_t)op->msg;
    sqe->len = 1;
}

static void request_fill_socket(struct io_uring_sqe *sqe, const struct weft__io_op *op,
                                bool is_unready)
{
    sqe->ioprio = is_unready ? IORING_RECVSEND_POLL_FIRST : 0;
    sqe->msg_flags = (uint32_t)op->flags | (request_is_send(op) ? MSG_NOSIGNAL : 0) |
                     (weft__uring_is_packet(op) ? MSG_DONTWAIT : 0);
}

static void request_fill_accept(struct io_uring_sqe *sqe, const struct weft__io_op *op)
{
    weft_addr *addr = op->buffer;
    sqe->opcode = IORING_OP_ACCEPT;
    sqe->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (addr) {
        addr->size = sizeof addr->raw;
        sqe->addr = (uint64_t)(uintptr_t)&addr->raw;
        sqe->addr2 = (uint64_t)(uintptr_t)&addr->size;
    }
}

/* May the open differ from what it would be with O_NONBLOCK?  With some flags the kernel leaves it
 * to a thread by itself, or the other is of no account. */
static bool request_open_may_wait(const struct weft__io_op *op)
{
    return !(op->flags & (O_NONBLOCK | O_PATH | O_DIRECTORY | O_CREAT | O_TRUNC));
}

void weft__uring_fill_open(struct io_uring_sqe *sqe, const struct weft__io_op *op)
{
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_OPENAT;
    sqe->fd = AT_FDCWD;
    sqe->flags = IOSQE_ASYNC;
    sqe->addr = (uint64_t)(uintptr_t)op->path;
    sqe->len = op->mode;
    sqe->open_flags = (uint32_t)(op->flags | O_CLOEXEC);
}

static void request_poll(struct io_uring_sqe *sqe, uint32_t events)
{
    sqe->opcode = IORING_OP_POLL_ADD;
    sqe->poll32_events = events; /* its halves are swapped where bytes are, too: not with us */
}

void weft__uring_fill_poll(struct io_uring_sqe *sqe, const struct weft__io_op *op)
{
    bool is_out = request_is_send(op) || op->code == WEFT__IO_WRITE;
    memset(sqe, 0, sizeof *sqe);
    sqe->fd = op->fd;
    request_poll(sqe, is_out ? POLLOUT : POLLIN);
}

void weft__uring_fill(struct io_uring_sqe *sqe, const struct weft__io_op *op, bool is_unready)
{
    memset(sqe, 0, sizeof *sqe);
    sqe->fd = op->fd;
    switch (op->code) {
    case WEFT__IO_RECV:
    case WEFT__IO_SEND:
        request_fill_transfer(sqe, op, request_is_recv(op) ? IORING_OP_RECV : IORING_OP_SEND);
        request_fill_socket(sqe, op, is_unready);
        break;
    case WEFT__IO_RECVMSG:
    case WEFT__IO_SENDMSG:
        request_fill_message(sqe, op, request_is_recv(op) ? IORING_OP_RECVMSG : IORING_OP_SENDMSG);
        request_fill_socket(sqe, op, is_unready);
        break;
    case WEFT__IO_READ:
    case WEFT__IO_WRITE:
        request_fill_transfer(sqe, op,
                              op->code == WEFT__IO_READ ? IORING_OP_READ : IORING_OP_WRITE);
        sqe->off = (uint64_t)op->offset; /* -1: at the descriptor's own position */
        break;
    case WEFT__IO_ACCEPT:
        request_fill_accept(sqe, op);
        break;
    case WEFT__IO_CONNECT:
        sqe->opcode = IORING_OP_CONNECT;
        sqe->addr = (uint64_t)(uintptr_t)op->buffer;
        sqe->off = op->size;
        break;
    case WEFT__IO_POLL:
        request_poll(sqe, (uint32_t)op->flags);
        break;
    case WEFT__IO_OPEN:
        weft__uring_fill_open(sqe, op);
        if ((op->flags & O_ACCMODE) != O_RDONLY || !request_open_may_wait(op)) {
            sqe->flags = 0;
        }
        break;
    case WEFT__IO_FSYNC:
        sqe->opcode = IORING_OP_FSYNC;
        break;
    case WEFT__IO_CODES:
        WEFT_CHECK(op->code < WEFT__IO_CODES);
    }
}

/* ---- results ---- */

bool weft__uring_must_poll(const struct weft__io_op *op)
{
    switch (op->code) {
    case WEFT__IO_RECV:
    case WEFT__IO_SEND:
    case WEFT__IO_RECVMSG:
    case WEFT__IO_SENDMSG:
        return !(op->flags & MSG_DONTWAIT);
    case WEFT__IO_READ:
    case WEFT__IO_WRITE:
        return op->offset < 0 && !op->is_bounded; /* a file is always ready, and never more so */
    default:
        return op->code == WEFT__IO_ACCEPT;
    }
}

bool weft__uring_must_open(const struct weft__io_op *op, ssize_t result)
{
    return op->code == WEFT__IO_OPEN && result == -ENXIO && request_open_may_wait(op);
}

/* ---- plain calls ---- */

static bool request_is_small(const struct weft__io_op *op)
{
    size_t size = op->size;
    if (op->code == WEFT__IO_SENDMSG) {
        if (op->msg->msg_iovlen > REQUEST_PARTS_MAX) {
            return false;
        }
        size = 0;
        for (size_t i = 0; i < op->msg->msg_iovlen; i++) {
            size += op->msg->msg_iov[i].iov_len;
        }
    }
    return size <= REQUEST_TRY_MAX;
}

/* Of packets, and where it must be asked each time what the descriptor is. */
static bool request_is_plain_send(const struct weft__io_op *op)
{
    return request_is_send(op) && (!op->entry->is_ours || weft__uring_is_packet(op)) &&
           request_is_small(op);
}

ssize_t weft__uring_try(struct weft__io_op *op, bool *ret_tried)
{
    bool has_more = op->code == WEFT__IO_RECV && op->entry && op->entry->hint == REQUEST_MORE;
    if (request_is_send(op) && op->entry->is_ours) {
        request_learn_type(op);
    }
    bool is_worth = !(op->flags & MSG_WAITALL) &&
                    ((has_more && request_is_small(op)) || request_is_plain_send(op));
    ssize_t n = is_worth ? weft__outside_kernel.attempt(op) : -EAGAIN;
    if (has_more && is_worth) {
        op->entry->hint = n == (ssize_t)op->size ? REQUEST_MORE : REQUEST_UNKNOWN;
    }
    if (request_is_send(op) && n == -EAGAIN) {
        request_learn_type(op);
    }
    *ret_tried = is_worth;
    return n;
}

void weft__uring_learn(struct weft__io_op *op, ssize_t result, uint32_t cqe_flags)
{
    if (!request_is_recv(op) || !op->entry || result <= 0) {
        return;
    }
    /* not every kind of socket says how much is left: then it is not tried, but asked */
    op->entry->hint = cqe_flags & IORING_CQE_F_SOCK_NONEMPTY ? REQUEST_MORE : REQUEST_UNKNOWN;
}
