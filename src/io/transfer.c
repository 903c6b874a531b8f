/* transfer.c - from a descriptor to memory, from memory to a descriptor, or from one to the other:
 * all of it, in as many steps as it takes.
 *
 * What has been moved when a step fails or is cancelled is told beside the code, since nobody could
 * find out afterwards.
 *
 * weft_sendfile has two ways.  sendfile(2) never copies the bytes out of the page cache, but it may
 * wait twice: for the disk, and for room at the other side.  So it is used only between a file and
 * a pipe or socket that is set not to wait, and only for pieces whose first and last byte are
 * cached; as the kernel reads ahead, the rest of such a piece nearly always is.  All else is read
 * into memory and written from there: beside a disk's time the copy is nothing (a cold piece takes
 * 100 us and more, to copy it 20).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/sysfile.h"
#include "base/sysnet.h"
#include "io/driver.h"
#include "io/file.h"
#include "weft/err.h"
#include "weft/io.h"

#define TRANSFER_PIECE ((size_t)128 * 1024) /* what a kernel reads ahead by default */
#define TRANSFER_PAGE  4096 /* or more */

/* ---- memory ---- */

static int transfer_in(int fd, char *buffer, size_t size, size_t *ret_done, const void *site)
{
    size_t done = 0;
    ssize_t n = 1;
    while (done < size && n > 0) {
        n = weft__file_read(fd, buffer + done, size - done, WEFT__FILE_OWN, site);
        done += n > 0 ? (size_t)n : 0;
    }
    *ret_done = done;
    return done == size ? 0 : n < 0 ? (int)n : -WEFT_EPIPE;
}

static int transfer_out(int fd, const char *buffer, size_t size, size_t *ret_done, const void *site)
{
    size_t done = 0;
    ssize_t n = 1;
    while (done < size && n > 0) {
        n = weft__file_write(fd, buffer + done, size - done, WEFT__FILE_OWN, site);
        done += n > 0 ? (size_t)n : 0;
    }
    *ret_done = done;
    return done == size ? 0 : n < 0 ? (int)n : -EIO; /* it takes nothing, and does not say why */
}

int weft_read_full(int fd, void *buffer, size_t size, size_t *ret_done)
{
    size_t done;
    return transfer_in(fd, buffer, size, ret_done ? ret_done : &done, __builtin_return_address(0));
}

int weft_write_all(int fd, const void *buffer, size_t size, size_t *ret_done)
{
    size_t done;
    return transfer_out(fd, buffer, size, ret_done ? ret_done : &done, __builtin_return_address(0));
}

/* ---- from a file ---- */

struct transfer {
    int to, from;
    int64_t offset;
    uint64_t size, done;
    bool is_socket; /* to: which must not raise a SIGPIPE */
    char *buffer;   /* for what goes through memory */
    const void *site;
};

static size_t transfer_piece(const struct transfer *transfer)
{
    uint64_t rest = transfer->size - transfer->done;
    return rest < TRANSFER_PIECE ? (size_t)rest : TRANSFER_PIECE;
}

static const struct weft__wait_kind transfer_kind = {.what = "sendfile"};

/* Can the kernel do it, without ever making a worker wait for room? */
static bool transfer_is_direct(struct transfer *transfer)
{
    struct stat from, to;
    if (weft__outside() != &weft__outside_kernel || weft__sys_fstat(transfer->from, &from) < 0 ||
        weft__sys_fstat(transfer->to, &to) < 0) {
        return false;
    }
    transfer->is_socket = S_ISSOCK(to.st_mode);
    int flags = weft__sys_get_flags(transfer->to);
    return S_ISREG(from.st_mode) && (transfer->is_socket || S_ISFIFO(to.st_mode)) && flags >= 0 &&
           (flags & O_NONBLOCK);
}

static bool transfer_is_byte_cached(int fd, int64_t offset)
{
    char byte;
    struct iovec part = {&byte, 1};
    return weft__sys_preadv_nowait(fd, &part, 1, offset) >= 0; /* 0: the end is known, too */
}

static bool transfer_is_cached(const struct transfer *transfer, size_t piece)
{
    int64_t first = transfer->offset + (int64_t)transfer->done, last = first + (int64_t)piece - 1;
    return transfer_is_byte_cached(transfer->from, first) &&
           (first / TRANSFER_PAGE == last / TRANSFER_PAGE ||
            transfer_is_byte_cached(transfer->from, last));
}

/* The next piece, each way.  1: go on.  0: the file ends here.  Or a code. */
static int transfer_direct(struct transfer *transfer, size_t piece)
{
    ssize_t n = weft__sys_sendfile(transfer->to, transfer->from,
                                   transfer->offset + (int64_t)transfer->done, piece);
    if (n == -EAGAIN) {
        n = weft__io_do(&(struct weft__io_op){.code = WEFT__IO_POLL,
                                              .fd = transfer->to,
                                              .flags = WEFT_FD_WRITE,
                                              .kind = &transfer_kind,
                                              .site = transfer->site});
        return n < 0 ? (int)n : 1;
    }
    transfer->done += n > 0 ? (uint64_t)n : 0;
    return n > 0 ? 1 : (int)n;
}

static int transfer_send(struct transfer *transfer, char *buffer, size_t size, size_t *ret_done)
{
    size_t done = 0;
    ssize_t n = 1;
    while (done < size && n > 0) {
        n = weft__io_do(&(struct weft__io_op){.code = WEFT__IO_SEND,
                                              .fd = transfer->to,
                                              .buffer = buffer + done,
                                              .size = size - done,
                                              .flags = MSG_NOSIGNAL,
                                              .kind = &transfer_kind,
                                              .site = transfer->site});
        done += n > 0 ? (size_t)n : 0;
    }
    *ret_done = done;
    return n < 0 ? (int)n : 0;
}

static int transfer_through(struct transfer *transfer, size_t piece)
{
    size_t done = 0;
    /* the first piece is the largest */
    if (!transfer->buffer && !(transfer->buffer = weft__alloc(piece))) {
        return -WEFT_ENOMEM;
    }
    ssize_t n = weft__file_read(transfer->from, transfer->buffer, piece,
                                transfer->offset + (int64_t)transfer->done, transfer->site);
    if (n <= 0) {
        return (int)n;
    }
    int rc = transfer->is_socket
                 ? transfer_send(transfer, transfer->buffer, (size_t)n, &done)
                 : transfer_out(transfer->to, transfer->buffer, (size_t)n, &done, transfer->site);
    transfer->done += done;
    return rc < 0 ? rc : 1;
}

static int transfer_file(struct transfer *transfer)
{
    bool is_direct = transfer_is_direct(transfer);
    int rc = 1;
    while (transfer->done < transfer->size && rc > 0) {
        size_t piece = transfer_piece(transfer);
        if (!is_direct || !transfer_is_cached(transfer, piece)) {
            rc = transfer_through(transfer, piece);
            continue;
        }
        rc = weft__file_begin(piece, transfer->site);
        rc = rc < 0 ? rc : transfer_direct(transfer, piece);
        if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP) {
            is_direct = false; /* not between these two */
            rc = 1;
        }
    }
    return rc < 0 ? rc : 0;
}

int weft_sendfile(int to, int from, int64_t offset, uint64_t size, uint64_t *ret_done)
{
    uint64_t size_max = offset < 0 ? 0 : (uint64_t)(INT64_MAX - offset);
    struct transfer transfer = {.to = to,
                                .from = from,
                                .offset = offset,
                                .size = weft__min(size, size_max),
                                .site = __builtin_return_address(0)};
    int rc = weft__file_begin(0, transfer.site);
    if (rc == 0 && offset < 0) {
        rc = -WEFT_EINVAL;
    }
    rc = rc < 0 ? rc : transfer_file(&transfer);
    weft__free(transfer.buffer);
    if (ret_done) {
        *ret_done = transfer.done;
    }
    return rc;
}
