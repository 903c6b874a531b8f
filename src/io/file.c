/* file.c - files, read and written by tasks without stopping their worker.
 *
 * Each call has two bodies.  `now` does it on the worker, if that needs no waiting at all, and says
 * -EAGAIN if it might; `full` is the plain system call, for the pool and for plain threads.  A task
 * tries the first and then sleeps while a thread of the pool runs the second: that hop costs 8 us
 * at best, 70 when threads must be woken, where the cached call costs one to three (measured).
 *
 * Waiting is told from not waiting by the kernel: RWF_NOWAIT for bytes, RESOLVE_CACHED for names.
 * To open is more than to find the name: the open of a FIFO waits for its other side, that of a
 * device for whatever its driver likes.  So the name is first opened with O_PATH, which touches
 * nothing, and what it leads to is looked at; only regular files and directories are then opened
 * here.  Should another take the name's place between the two, O_NONBLOCK keeps even a FIFO from
 * waiting, and it is closed again.  File systems of a network or of FUSE may ask their server all
 * the same: then the watchdog gives the worker's seat away, as for any call that blocks.
 *
 * An error of `now` is never believed: it may only mean that this way is closed, and some kernels
 * said EIO for bytes that were not there yet (scylladb's issue 3996).  The full call has the last
 * word.
 *
 * Rejected: opening once more by /proc/self/fd (4.0 us against 3.3, and needs /proc); opening for
 * writing here (a frozen file system holds it up); io_uring, which comes with io/driver.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/io.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "core/offload.h"
#include "weft/err.h"

#define FILE_COPY_MAX    (256 * 1024) /* bytes that a worker copies in one go */
#define FILE_WRITE_MAX   (64 * 1024)  /* and writes; longer ones go to the pool at once */
#define FILE_COPY_PER_OP (16 * 1024)  /* a longer copy counts as several operations of the budget */
#define FILE_SIZE_MAX    ((size_t)1 << 30)
#define FILE_ROOM_MIN    4096

struct file_call;

struct file_op {
    struct weft__wait_kind kind;
    ssize_t (*now)(struct file_call *call); /* NULL: there is no way to tell */
    ssize_t (*full)(struct file_call *call);
};

/* The arguments of any call, on the caller's stack, and what came out. */
struct file_call {
    const struct file_op *op;
    const char *path;
    int fd, flags;
    mode_t mode;
    void *buffer;
    size_t size;
    bool at_own; /* at the file's own position */
    int64_t offset;
    struct stat *stat;
    size_t done; /* bytes that `now` has moved already, of a write that `full` goes on with */
    ssize_t result;
    const void *site;
};

/* ---- a call ---- */

static int file_hop(void *arg)
{
    struct file_call *call = arg;
    call->result = call->op->full(call);
    return 0;
}

/* 1: the caller runs on a worker, which must not be held up.  0: on a thread of its own.  Or
 * -WEFT_ECANCELED. */
static int file_begin(size_t size, const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    bool on_worker = self->task->driven == WEFT__BY_WORKER;
    self->task->budget -= (int32_t)(weft__min(size, (size_t)FILE_COPY_MAX) / FILE_COPY_PER_OP);
    weft__leave(self);
    return on_worker;
}

static ssize_t file_do(struct file_call *call)
{
    int rc = file_begin(call->size, call->site);
    if (rc < 0) {
        return rc;
    }
    if (rc == 0) {
        return call->op->full(call);
    }
    if (call->op->now) {
        ssize_t n = call->op->now(call);
        if (n != -EAGAIN) {
            return n;
        }
    }
    rc = weft__offload(file_hop, call, NULL, &call->op->kind, call->site);
    if (rc < 0) {
        return call->done > 0 ? (ssize_t)call->done : rc; /* what was written was written */
    }
    return call->result;
}

/* ---- open and stat ---- */

static bool file_is_plain(int fd)
{
    struct stat st;
    return weft__sys_fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

/* An fd of what the path leads to, not opened; or -ENOENT, or -EAGAIN. */
static int file_find(const char *path, int flags)
{
    int fd = weft__sys_open_cached(path, O_PATH | flags);
    return fd >= 0 || fd == -ENOENT ? fd : -EAGAIN;
}

/* 0: the path leads to a file or directory, which a worker may open.  Or a code. */
static int file_probe(const char *path, int flags)
{
    int fd = file_find(path, flags);
    if (fd < 0) {
        return fd;
    }
    bool is_plain = file_is_plain(fd);
    weft__sys_close(fd);
    return is_plain ? 0 : -EAGAIN;
}

static ssize_t file_open_now(struct file_call *call)
{
    const int flags = call->flags;
    const bool may_wait = !(flags & O_NONBLOCK); /* else the caller will not wait either */
    if ((flags & O_ACCMODE) != O_RDONLY ||
        (flags & (O_CREAT | O_TRUNC | O_PATH | (O_TMPFILE & ~O_DIRECTORY)))) {
        return -EAGAIN;
    }
    int rc = may_wait ? file_probe(call->path, flags & (O_NOFOLLOW | O_DIRECTORY)) : 0;
    if (rc < 0) {
        return rc;
    }
    int fd = weft__sys_open_cached(call->path, flags | O_NONBLOCK);
    if (fd < 0) {
        return -EAGAIN;
    }
    if (may_wait && (!file_is_plain(fd) || weft__sys_set_flags(fd, flags) < 0)) {
        weft__sys_close(fd);
        return -EAGAIN;
    }
    return fd;
}

static ssize_t file_open_full(struct file_call *call)
{
    return weft__sys_open(call->path, call->flags, call->mode);
}

static ssize_t file_stat_now(struct file_call *call)
{
    int fd = file_find(call->path, 0);
    if (fd < 0) {
        return fd;
    }
    int rc = weft__sys_fstat(fd, call->stat);
    weft__sys_close(fd);
    return rc;
}

static ssize_t file_stat_full(struct file_call *call)
{
    return weft__sys_stat(call->path, call->stat);
}

/* What is open is known; there is nothing to wait for. */
static ssize_t file_fstat(struct file_call *call)
{
    return weft__sys_fstat(call->fd, call->stat);
}

/* ---- reading and writing ---- */

/* What preadv2 and pwritev2 are told; to them -1 means the file's own position. */
static int64_t file_offset(const struct file_call *call)
{
    return call->at_own ? -1 : call->offset;
}

/* Is it a place that no file has?  The full call will say so. */
static bool file_is_nowhere(const struct file_call *call)
{
    return !call->at_own && call->offset < 0;
}

/* Kernels 5.9 and 5.10 say 0 for bytes that are not in the page cache (tokio met it: its issue
 * 3803).  So 0 is believed only of a file that ends there, or of what is no file at all. */
static bool file_is_at_end(const struct file_call *call)
{
    struct stat st;
    if (weft__sys_fstat(call->fd, &st) < 0) {
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        return true;
    }
    int64_t at = call->at_own ? weft__sys_tell(call->fd) : call->offset;
    return at >= st.st_size;
}

static ssize_t file_read_now(struct file_call *call)
{
    struct iovec part = {call->buffer, weft__min(call->size, (size_t)FILE_COPY_MAX)};
    if (file_is_nowhere(call)) {
        return -EAGAIN;
    }
    ssize_t n = weft__sys_preadv_nowait(call->fd, &part, 1, file_offset(call));
    if (n < 0 || (n == 0 && call->size > 0 && !file_is_at_end(call))) {
        return -EAGAIN;
    }
    return n;
}

static ssize_t file_read_full(struct file_call *call)
{
    return call->at_own ? weft__sys_read(call->fd, call->buffer, call->size)
                        : weft__sys_pread(call->fd, call->buffer, call->size, call->offset);
}

/* Half a write is written on by `full`: a blocking pipe takes all, and so must we. */
static ssize_t file_write_now(struct file_call *call)
{
    struct iovec part = {call->buffer, call->size};
    if (call->size > FILE_WRITE_MAX || file_is_nowhere(call)) {
        return -EAGAIN;
    }
    ssize_t n = weft__sys_pwritev_nowait(call->fd, &part, 1, file_offset(call));
    if (n > 0) {
        call->done = (size_t)n;
    }
    return n < 0 || (size_t)n < call->size ? -EAGAIN : n;
}

static ssize_t file_write_full(struct file_call *call)
{
    const char *rest = (const char *)call->buffer + call->done;
    size_t size = call->size - call->done;
    ssize_t n = call->at_own ? weft__sys_write(call->fd, rest, size)
                             : weft__sys_pwrite(call->fd, rest, size,
                                                call->offset + (int64_t)call->done);
    if (call->done == 0) {
        return n;
    }
    return (ssize_t)call->done + weft__max(n, (ssize_t)0);
}

static ssize_t file_fsync_full(struct file_call *call)
{
    return weft__sys_fsync(call->fd);
}

/* ---- the calls ---- */

static const struct file_op file_op_open = {{"file open", NULL}, file_open_now, file_open_full};
static const struct file_op file_op_read = {{"file read", NULL}, file_read_now, file_read_full};
static const struct file_op file_op_write = {{"file write", NULL}, file_write_now, file_write_full};
static const struct file_op file_op_fsync = {{"file fsync", NULL}, NULL, file_fsync_full};
static const struct file_op file_op_stat = {{"file stat", NULL}, file_stat_now, file_stat_full};
static const struct file_op file_op_fstat = {{"file fstat", NULL}, file_fstat, file_fstat};

int weft_open(const char *path, int flags, mode_t mode)
{
    return (int)file_do(&(struct file_call){.op = &file_op_open,
                                            .path = path,
                                            .flags = flags,
                                            .mode = mode,
                                            .site = __builtin_return_address(0)});
}

ssize_t weft_read(int fd, void *buffer, size_t size)
{
    return file_do(&(struct file_call){.op = &file_op_read,
                                       .fd = fd,
                                       .buffer = buffer,
                                       .size = size,
                                       .at_own = true,
                                       .site = __builtin_return_address(0)});
}

ssize_t weft_write(int fd, const void *buffer, size_t size)
{
    return file_do(&(struct file_call){.op = &file_op_write,
                                       .fd = fd,
                                       .buffer = (void *)(uintptr_t)buffer,
                                       .size = size,
                                       .at_own = true,
                                       .site = __builtin_return_address(0)});
}

ssize_t weft_pread(int fd, void *buffer, size_t size, off_t offset)
{
    return file_do(&(struct file_call){.op = &file_op_read,
                                       .fd = fd,
                                       .buffer = buffer,
                                       .size = size,
                                       .offset = offset,
                                       .site = __builtin_return_address(0)});
}

ssize_t weft_pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    return file_do(&(struct file_call){.op = &file_op_write,
                                       .fd = fd,
                                       .buffer = (void *)(uintptr_t)buffer,
                                       .size = size,
                                       .offset = offset,
                                       .site = __builtin_return_address(0)});
}

int weft_fsync(int fd)
{
    return (int)file_do(&(struct file_call){
        .op = &file_op_fsync, .fd = fd, .site = __builtin_return_address(0)});
}

int weft_stat(const char *path, struct stat *ret_stat)
{
    struct stat st;
    int rc = (int)file_do(&(struct file_call){.op = &file_op_stat,
                                              .path = path,
                                              .stat = &st,
                                              .site = __builtin_return_address(0)});
    if (rc == 0) {
        *ret_stat = st;
    }
    return rc;
}

int weft_fstat(int fd, struct stat *ret_stat)
{
    return (int)file_do(&(struct file_call){.op = &file_op_fstat,
                                            .fd = fd,
                                            .stat = ret_stat,
                                            .site = __builtin_return_address(0)});
}

int weft_close(int fd)
{
    return weft__sys_close(fd);
}

/* ---- a whole file ---- */

struct file_whole {
    const char *path;
    size_t size_max;
    char *data;
    size_t size, room; /* room for so many bytes, and a byte 0 behind them */
};

/* One byte more than may be: so that too large a file is seen to be. */
static int file_whole_grow(struct file_whole *whole, size_t room)
{
    room = weft__min(room, whole->size_max + 1);
    WEFT_CHECK(room > whole->size);
    char *data = weft__alloc(room + 1);
    if (!data) {
        return -WEFT_ENOMEM;
    }
    if (whole->size > 0) {
        memcpy(data, whole->data, whole->size);
    }
    weft__free(whole->data);
    whole->data = data;
    whole->room = room;
    return 0;
}

/* What stat says of the size is a hint: files under /proc say 0, and others grow meanwhile. */
static int file_whole_read(struct file_whole *whole, int fd)
{
    struct stat st;
    int rc = weft__sys_fstat(fd, &st);
    if (rc < 0) {
        return rc;
    }
    size_t hint = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : FILE_ROOM_MIN;
    if (S_ISREG(st.st_mode) && st.st_size > 0 && hint > whole->size_max) {
        return -EFBIG;
    }
    rc = file_whole_grow(whole, hint + 1); /* the one that finds the end needs no more room */
    while (rc == 0) {
        ssize_t n = weft__sys_read(fd, whole->data + whole->size, whole->room - whole->size);
        if (n <= 0) {
            return (int)n;
        }
        whole->size += (size_t)n;
        if (whole->size > whole->size_max) {
            return -EFBIG;
        }
        if (whole->size == whole->room) {
            rc = file_whole_grow(whole, 2 * whole->room);
        }
    }
    return rc;
}

static int file_whole_full(void *arg)
{
    struct file_whole *whole = arg;
    int fd = weft__sys_open(whole->path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    int rc = file_whole_read(whole, fd);
    weft__sys_close(fd);
    return rc;
}

int weft_read_file(const char *path, size_t size_max, void **ret_data, size_t *ret_size)
{
    static const struct weft__wait_kind kind = {.what = "file to be read"};
    size_max = size_max == 0 ? FILE_SIZE_MAX : weft__min(size_max, (size_t)PTRDIFF_MAX / 4);
    struct file_whole whole = {.path = path, .size_max = size_max};
    int rc = weft__offload(file_whole_full, &whole, NULL, &kind, __builtin_return_address(0));
    if (rc < 0) {
        weft__free(whole.data);
        return rc;
    }
    whole.data[whole.size] = '\0';
    *ret_data = whole.data;
    *ret_size = whole.size;
    return 0;
}

void weft_file_free(void *data)
{
    weft__free(data);
}
