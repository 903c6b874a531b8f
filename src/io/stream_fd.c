/* stream_fd.c - streams over a descriptor: a socket, a pipe, a terminal, a file.
 *
 * The carrier's state is no block of memory, but the descriptor's number and whether it is a
 * socket, in the place of the pointer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>

#include "io/driver.h"
#include "io/stream_core.h"
#include "weft/err.h"
#include "weft/io.h"

static const struct weft__wait_kind stream_recv_kind = {.what = "stream read"};
static const struct weft__wait_kind stream_send_kind = {.what = "stream write"};

static int stream_fd_of(const void *state)
{
    return (int)((uintptr_t)state >> 1);
}

static bool stream_fd_is_socket(const void *state)
{
    return (uintptr_t)state & 1;
}

static ssize_t stream_fd_read(void *state, void *buffer, size_t size)
{
    if (!stream_fd_is_socket(state)) {
        return weft_read(stream_fd_of(state), buffer, size);
    }
    return weft__io_do(&(struct weft__io_op){.code = WEFT__IO_RECV,
                                             .fd = stream_fd_of(state),
                                             .buffer = buffer,
                                             .size = size,
                                             .kind = &stream_recv_kind,
                                             .site = __builtin_return_address(0)});
}

static ssize_t stream_fd_write(void *state, const void *data, size_t size)
{
    if (!stream_fd_is_socket(state)) {
        ssize_t n = weft_write(stream_fd_of(state), data, size);
        return n == 0 ? -EIO : n;
    }
    return weft__io_do(&(struct weft__io_op){.code = WEFT__IO_SEND,
                                             .fd = stream_fd_of(state),
                                             .buffer = (void *)(uintptr_t)data,
                                             .size = size,
                                             .flags = MSG_NOSIGNAL,
                                             .kind = &stream_send_kind,
                                             .site = __builtin_return_address(0)});
}

static int stream_fd_close_write(void *state)
{
    if (!stream_fd_is_socket(state)) {
        return -WEFT_ENOTSUP;
    }
    return weft__outside()->shutdown(stream_fd_of(state), SHUT_WR);
}

static int stream_fd_close(void *state)
{
    return weft_close(stream_fd_of(state));
}

static int stream_fd_get_fd(void *state)
{
    return stream_fd_of(state);
}

static const weft_stream_ops stream_fd_ops = {
    .name = "fd",
    .read = stream_fd_read,
    .write = stream_fd_write,
    .close_write = stream_fd_close_write,
    .close = stream_fd_close,
    .get_fd = stream_fd_get_fd,
};

int weft_stream_fd(int fd, weft_stream **ret_stream)
{
    int type;
    if (fd < 0) {
        return fd;
    }
    bool is_socket = weft__outside()->get_option(fd, SOL_SOCKET, SO_TYPE, &type) == 0;
    void *state = (void *)((uintptr_t)fd << 1 | is_socket);
    int rc = weft_stream_open(&stream_fd_ops, state, NULL, ret_stream);
    if (rc < 0) {
        (void)weft_close(fd);
    }
    return rc;
}
