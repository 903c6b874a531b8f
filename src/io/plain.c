/* plain.c - an operation of a plain OS thread.
 *
 * There is no scope that could cancel it, so the call may block as it likes.  Descriptors of Weft
 * do not wait by themselves; then poll(2) waits in their place.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/plain.h"

#include "base/sys.h"
#include "base/sysnet.h"
#include "io/driver.h"
#include "weft/err.h"

static short plain_events(const struct weft__io_op *op)
{
    switch (op->code) {
    case WEFT__IO_SEND:
    case WEFT__IO_SENDMSG:
    case WEFT__IO_WRITE:
    case WEFT__IO_CONNECT:
        return POLLOUT;
    case WEFT__IO_POLL:
        return (short)op->flags;
    default:
        return POLLIN;
    }
}

/* One that does not wait: as it says itself, or because poll would not (a Unix socket whose
 * listener has no room is called ready). */
static bool plain_is_impatient(const struct weft__io_op *op)
{
    return op->code == WEFT__IO_CONNECT ? op->round == 0 : weft__io_op_is_impatient(op);
}

/* Files are never polled: poll says of them that they are always ready. */
static ssize_t plain_try(struct weft__io_op *op)
{
    const bool is_at = op->offset >= 0;
    switch (op->code) {
    case WEFT__IO_READ:
        return is_at ? weft__sys_pread(op->fd, op->buffer, op->size, op->offset)
                     : weft__sys_read(op->fd, op->buffer, op->size);
    case WEFT__IO_WRITE:
        return is_at ? weft__sys_pwrite(op->fd, op->buffer, op->size, op->offset)
                     : weft__sys_write(op->fd, op->buffer, op->size);
    case WEFT__IO_OPEN:
        return weft__sys_open(op->path, op->flags, op->mode);
    case WEFT__IO_FSYNC:
        return weft__sys_fsync(op->fd);
    default:
        return weft__outside()->attempt(op);
    }
}

ssize_t weft__io_plain(struct weft__io_op *op)
{
    for (;;) {
        ssize_t n = plain_try(op);
        if (n != -EAGAIN || plain_is_impatient(op)) {
            return n;
        }
        struct pollfd what = {.fd = op->fd, .events = plain_events(op)};
        int rc = weft__sys_poll(&what, 1, -1);
        if (rc < 0 && rc != -EINTR) { /* which no call of ours tells */
            return rc;
        }
    }
}
