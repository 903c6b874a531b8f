/* file.c - files and whatever else can be read and written, without stopping a worker.
 *
 * Each call has up to three bodies.  `now` does it on the worker, if that needs no waiting at all,
 * and says -EAGAIN if it might.  `slow` is what a task does then, which sleeps.  `full` is the
 * plain system call, for plain threads and for those of the pool.
 *
 * Waiting is told from not waiting by the kernel: RWF_NOWAIT for bytes, RESOLVE_CACHED for names.
 * An error of `now` is never believed, but for ENOENT: it may only mean that this way is closed,
 * and some kernels said EIO for bytes that were not there yet (scylladb's issue 3996).
 *
 * `slow` depends on what it is.  What can be waited for, pipe, socket, terminal, is an operation
 * of op.c, and a cancel gives it up.  A file is one too, if the run's driver carries files; it then
 * ends by itself, in pieces of at most FILE_COPY_MAX, because the kernel copies cached bytes inside
 * the call that submits.  Without such a driver a thread of the pool does the whole of it: that hop
 * costs 8 us at best, 70 when threads must be woken, where a cached call costs one (measured).
 *
 * A file's own position is a matter of its own, for a ring does not lock it against others, who may
 * read the same bytes or write over each other's (printf into the same file).  So writes there go
 * to the pool, where write(2) does lock it; nothing is lost by that, since a ring leaves buffered
 * writes of ext4 to its threads, too.  And a ring's read there only brings the bytes into the page
 * cache, from where they are read once more, by the worker.
 *
 * To open is more than to find the name: the open of a FIFO waits for its other side, that of a
 * device does whatever its driver likes.  To try it with O_NONBLOCK and to look afterwards is no
 * way: it has shown a reader to the FIFO's writer, who dies of SIGPIPE when it is closed again.  So
 * a name is first opened with O_PATH, which touches nothing; only regular files and directories are
 * then opened here.  That is 0.9 us of 2.5; so names that have led to such before are remembered,
 * and opened straight away (1.2).  Should another file stand there now, the open does what open(2)
 * does, once; should it be a FIFO, the watchdog gives the worker's seat away, as it does where the
 * server of a network's file system or of FUSE takes its time.
 *
 * Rejected: opening once more by /proc/self/fd (4.0 us, and needs /proc); opening for writing here
 * (a frozen file system holds it up); reads at the own position with the descriptor's entry locked
 * (a page fault would then hold up a worker that cannot be helped).
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/file.h"

#include <poll.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sysfile.h"
#include "base/sysnet.h"
#include "core/offload.h"
#include "io/driver.h"
#include "io/plain.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/time.h"

#define FILE_COPY_MAX     (256 * 1024) /* bytes that a worker copies in one go */
#define FILE_WRITE_MAX    (64 * 1024)  /* and writes; longer ones are not tried here */
#define FILE_COPY_PER_OP  (16 * 1024)  /* a longer copy counts as several operations */
#define FILE_SIZE_MAX     ((size_t)1 << 30)
#define FILE_ROOM_MIN     4096
#define FILE_KNOWN_BITS   12 /* of names, so many as a power of two are remembered */
#define FILE_FIFO_WAIT_NS (32 * WEFT_MS)
#define FILE_RIDERS_MAX   3  /* opens that a ring has at once; it has threads for at least 4 */
#define FILE_TRIES        3 /* to find in the page cache what has just been brought there */

/* A driver that carries files carries all of these. */
#define FILE_CODES                                                                                \
    (WEFT__IO_BIT(WEFT__IO_READ) | WEFT__IO_BIT(WEFT__IO_WRITE) | WEFT__IO_BIT(WEFT__IO_OPEN) | \
     WEFT__IO_BIT(WEFT__IO_FSYNC))

struct file_call;

struct file_op {
    struct weft__wait_kind kind;
    enum weft__io_code code; /* for those whose `slow` may ask the driver */
    ssize_t (*now)(struct file_call *call); /* NULL: there is no way to tell */
    ssize_t (*slow)(struct file_call *call);
    ssize_t (*full)(struct file_call *call);
};

/* The arguments of any call, on the caller's stack, and what came out. */
struct file_call {
    const struct file_op *op;
    const char *path, *to;
    int fd, flags;
    mode_t mode;
    void *buffer;
    size_t size;
    int64_t offset;
    bool is_own; /* at the file's own position */
    bool is_fifo;
    bool is_played; /* simulated: nothing may happen that the driver does not see */
    bool is_stream; /* can be waited for, and may take for ever */
    bool cannot_tell; /* the file knows no RWF_NOWAIT */
    struct stat *stat;
    size_t done; /* bytes of a write that have been written already */
    ssize_t result;
    const void *site;
};

/* ---- a call ---- */

static int file_hop_body(void *arg)
{
    struct file_call *call = arg;
    call->result = call->op->full(call);
    return 0;
}

/* What was written was written, whatever came then. */
static ssize_t file_outcome(const struct file_call *call, ssize_t n)
{
    return call->done > 0 ? (ssize_t)call->done : n;
}

/* By a thread of the pool; in a thread of one's own, at once. */
static ssize_t file_hop(struct file_call *call)
{
    int rc = weft__offload(file_hop_body, call, NULL, &call->op->kind, call->site);
    return rc < 0 ? file_outcome(call, rc) : call->result;
}

/* Does the driver carry files?  Starts it, if need be. */
static bool file_rides(void)
{
    struct weft__thread *self = weft__enter();
    struct weft__runtime *rt = self->task->runtime;
    int code;
    struct weft__io *io = rt ? weft__io_of(rt, &code) : NULL;
    weft__leave(self);
    return io && (io->driver->codes & FILE_CODES) == FILE_CODES;
}

/* Counts and judges a call.  Or -WEFT_ECANCELED. */
enum {
    FILE_TRY,    /* `now` may do it */
    FILE_PLAYED, /* nothing but the driver may */
    FILE_FULL    /* a plain thread */
};

static int file_begin(size_t size, const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    struct weft__runtime *rt = self->task->runtime;
    self->task->budget -= (int32_t)(weft__min(size, (size_t)FILE_COPY_MAX) / FILE_COPY_PER_OP);
    weft__leave(self);
    if (!rt) {
        return FILE_FULL;
    }
    return weft__io_is_played(rt) ? FILE_PLAYED : FILE_TRY;
}

int weft__file_begin(size_t size, const void *site)
{
    int rc = file_begin(size, site);
    return rc < 0 ? rc : 0;
}

static ssize_t file_do(struct file_call *call)
{
    int rc = file_begin(call->size, call->site);
    if (rc < 0) {
        return rc;
    }
    if (rc == FILE_FULL) {
        return call->op->full(call);
    }
    call->is_played = rc == FILE_PLAYED;
    if (!call->is_played && call->op->now) {
        ssize_t n = call->op->now(call);
        if (n != -EAGAIN) {
            return n;
        }
    }
    return call->op->slow(call);
}

/* The operation for what is left of the call. */
static struct weft__io_op file_io(const struct file_call *call)
{
    return (struct weft__io_op){.code = call->op->code,
                                .fd = call->fd,
                                .buffer = (char *)call->buffer + call->done,
                                .size = call->size - call->done,
                                .offset = call->is_own ? WEFT__FILE_OWN
                                                       : call->offset + (int64_t)call->done,
                                .flags = call->flags,
                                .mode = call->mode,
                                .path = call->path,
                                .kind = &call->op->kind,
                                .site = call->site,
                                .is_bounded = !call->is_stream && !call->is_played};
}

/* ---- names that led to files ---- */

static ATOMIC(uint64_t) file_known[1 << FILE_KNOWN_BITS];

static uint64_t file_hash(const char *path)
{
    uint64_t hash = 0;
    for (size_t rest = strlen(path) + 1, n; rest > 0; rest -= n, path += n) {
        uint64_t word = 0;
        n = weft__min(rest, sizeof word);
        memcpy(&word, path, n);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash | 1; /* 0 is nothing known */
}

/* Relaxed: it is a guess, and whoever reads an old one probes once more. */
static bool file_is_known(uint64_t hash)
{
    return a_load(&file_known[hash >> (64 - FILE_KNOWN_BITS)], relaxed) == hash;
}

static void file_know(uint64_t hash)
{
    a_store(&file_known[hash >> (64 - FILE_KNOWN_BITS)], hash, relaxed);
}

/* ---- open ---- */

/* Kernels 5.9 and 5.10 say 0 for bytes that are not in the page cache (tokio met it: its issue
 * 3803).  RESOLVE_CACHED came after them, so where that works 0 is to be believed. */
static ATOMIC(uint32_t) file_believes_zero;

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
    if ((flags & O_ACCMODE) != O_RDONLY ||
        (flags & (O_CREAT | O_TRUNC | O_PATH | (O_TMPFILE & ~O_DIRECTORY)))) {
        return -EAGAIN;
    }
    uint64_t hash = file_hash(call->path);
    if (!(flags & O_NONBLOCK) && !file_is_known(hash)) { /* else the caller will not wait either */
        int rc = file_probe(call->path, flags & (O_NOFOLLOW | O_DIRECTORY));
        if (rc < 0) {
            return rc;
        }
        file_know(hash);
    }
    int fd = weft__sys_open_cached(call->path, flags);
    if (fd >= 0 && a_load(&file_believes_zero, relaxed) == 0) {
        a_store(&file_believes_zero, 1, relaxed);
    }
    return fd >= 0 || fd == -ENOENT ? fd : -EAGAIN;
}

static ssize_t file_open_full(struct file_call *call)
{
    return weft__sys_open(call->path, call->flags, call->mode);
}

/* In the pool, where an open could not be cancelled: a FIFO is told, not waited for. */
static ssize_t file_open_pool(struct file_call *call)
{
    struct stat st;
    if (!(call->flags & (O_NONBLOCK | O_PATH)) && (call->flags & O_ACCMODE) != O_RDWR) {
        int fd = weft__sys_open(call->path, O_PATH | (call->flags & O_NOFOLLOW), 0);
        if (fd >= 0) {
            call->is_fifo = weft__sys_fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
            weft__sys_close(fd);
        }
    }
    return call->is_fifo ? -EAGAIN : file_open_full(call);
}

/* Has somebody opened the other side, perhaps for a moment? */
static int file_fifo_is_met(int fd)
{
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    int rc = weft__sys_poll(&asked, 1, 0);
    return rc > 0 ? 1 : weft__sys_fifo_has_writer(fd);
}

/* One side of it, without waiting: the fd, or -EAGAIN.  *held: the reading side, which is there for
 * writers to see while it waits for one, as in open(2). */
static ssize_t file_fifo_try(struct file_call *call, int *held)
{
    const bool is_reader = (call->flags & O_ACCMODE) == O_RDONLY;
    int fd = *held;
    if (fd < 0) {
        fd = weft__sys_open(call->path, call->flags | O_NONBLOCK, call->mode);
        if (fd < 0) {
            return fd == -ENXIO && !is_reader ? -EAGAIN : fd;
        }
    }
    int rc = is_reader ? file_fifo_is_met(fd) : 1;
    if (rc == 0) {
        *held = fd;
        return -EAGAIN;
    }
    *held = -1;
    rc = rc < 0 ? rc : weft__sys_set_flags(fd, call->flags);
    if (rc < 0) {
        weft__sys_close(fd);
        return rc;
    }
    return fd;
}

/* But for a ring nothing tells when the other side is opened, unless it is asked now and then. */
static ssize_t file_open_fifo(struct file_call *call)
{
    int held = -1;
    ssize_t n;
    for (int64_t delay = WEFT_MS / 4; (n = file_fifo_try(call, &held)) == -EAGAIN;
         delay = weft__min(2 * delay, (int64_t)FILE_FIFO_WAIT_NS)) {
        n = weft_sleep(delay);
        if (n < 0) {
            break;
        }
    }
    if (held >= 0) {
        weft__sys_close(held);
    }
    return n;
}

/* Each may be of a FIFO and wait for ever, in one of the threads that the kernel lets a ring have,
 * four for each CPU.  With all of them taken the other sides' opens would never come to their
 * turns, nor any other.  So beyond a few the pool does it, whose threads wait for no FIFO. */
static ATOMIC(uint32_t) file_riders;

static ssize_t file_open_riding(const struct file_call *call)
{
    struct weft__io_op op = file_io(call);
    op.flags |= O_CLOEXEC;
    return weft__io_do(&op);
}

static ssize_t file_open_slow(struct file_call *call)
{
    if (file_rides()) {
        bool rides = a_add(&file_riders, 1, relaxed) < FILE_RIDERS_MAX || call->is_played;
        ssize_t n = rides ? file_open_riding(call) : 0;
        a_sub(&file_riders, 1, relaxed);
        if (rides) {
            return n;
        }
    }
    static const struct file_op pool = {.kind = {"file open", NULL}, .full = file_open_pool};
    call->op = &pool;
    ssize_t n = file_hop(call);
    return n == -EAGAIN && call->is_fifo ? file_open_fifo(call) : n;
}

/* ---- reading and writing ---- */

/* Is 0 the end?  Only of a file that ends there, or of what is no file at all. */
static bool file_is_at_end(const struct file_call *call)
{
    struct stat st;
    if (a_load(&file_believes_zero, relaxed) != 0) {
        return true;
    }
    if (weft__sys_fstat(call->fd, &st) < 0) {
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        return true;
    }
    int64_t at = call->is_own ? weft__sys_tell(call->fd) : call->offset;
    return at >= st.st_size;
}

static ssize_t file_read_now(struct file_call *call)
{
    struct iovec part = {call->buffer, weft__min(call->size, (size_t)FILE_COPY_MAX)};
    int64_t offset = call->is_own ? WEFT__FILE_OWN : call->offset;
    ssize_t n = weft__sys_preadv_nowait(call->fd, &part, 1, offset);
    call->cannot_tell = n == -EOPNOTSUPP;
    if (n < 0 || (n == 0 && call->size > 0 && !file_is_at_end(call))) {
        return -EAGAIN;
    }
    return n;
}

/* Half a write is gone on with: a blocking one takes all, and so must we. */
static ssize_t file_write_now(struct file_call *call)
{
    struct iovec part = {call->buffer, call->size};
    int64_t offset = call->is_own ? WEFT__FILE_OWN : call->offset;
    if (call->size > FILE_WRITE_MAX) {
        return -EAGAIN;
    }
    ssize_t n = weft__sys_pwritev_nowait(call->fd, &part, 1, offset);
    if (n > 0) {
        call->done = (size_t)n;
    }
    return n < 0 || (size_t)n < call->size ? -EAGAIN : n;
}

/* Once for a read, for a write until all is written. */
static ssize_t file_move(struct file_call *call)
{
    ssize_t n;
    do {
        struct weft__io_op op = file_io(call);
        op.size = weft__min(op.size, (size_t)FILE_COPY_MAX);
        n = weft__io_do(&op);
        call->done += call->op->code == WEFT__IO_WRITE && n > 0 ? (size_t)n : 0;
    } while (n > 0 && call->done > 0 && call->done < call->size);
    return file_outcome(call, n);
}

/* A thread that may block, and a descriptor that perhaps does not. */
static ssize_t file_move_full(struct file_call *call)
{
    ssize_t n;
    do {
        struct weft__io_op op = file_io(call);
        n = weft__io_plain(&op);
        call->done += call->op->code == WEFT__IO_WRITE && n > 0 ? (size_t)n : 0;
    } while (n > 0 && call->done > 0 && call->done < call->size);
    return file_outcome(call, n);
}

enum file_sort {
    FILE_REGULAR,
    FILE_STREAM, /* can be waited for */
    FILE_ODD     /* a directory, no descriptor, no place in a pipe: the plain call knows the code */
};

static enum file_sort file_sort(const struct file_call *call)
{
    struct stat st;
    if (weft__sys_fstat(call->fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        return FILE_ODD;
    }
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
        return FILE_REGULAR;
    }
    return call->is_own ? FILE_STREAM : FILE_ODD;
}

/* At the own position.  Cancelled, it is finished all the same, once the bytes are there. */
static ssize_t file_read_own(struct file_call *call)
{
    for (int i = 0; i < FILE_TRIES && !call->cannot_tell; i++) {
        struct file_call there = *call;
        there.is_own = false;
        there.offset = weft__sys_tell(call->fd);
        ssize_t n = there.offset < 0 ? -EAGAIN : file_move(&there);
        if (n < 0) {
            return n;
        }
        n = file_read_now(call);
        if (n != -EAGAIN) {
            return n;
        }
    }
    return -EAGAIN;
}

static ssize_t file_move_slow(struct file_call *call)
{
    enum file_sort sort = call->is_played ? FILE_STREAM : file_sort(call);
    if (sort == FILE_STREAM) {
        call->is_stream = true;
        return file_move(call);
    }
    ssize_t n = -EAGAIN; /* which older rings say of files without RWF_NOWAIT and with O_NONBLOCK */
    if (sort == FILE_REGULAR && !call->is_own && file_rides()) {
        n = file_move(call);
    } else if (sort == FILE_REGULAR && call->op->code == WEFT__IO_READ && file_rides()) {
        n = file_read_own(call);
    }
    return n == -EAGAIN ? file_hop(call) : n;
}

static ssize_t file_fsync_full(struct file_call *call)
{
    return weft__sys_fsync(call->fd);
}

static ssize_t file_fsync_slow(struct file_call *call)
{
    if (!file_rides()) {
        return file_hop(call);
    }
    struct weft__io_op op = file_io(call);
    return weft__io_do(&op);
}

/* ---- names and what is known of them ---- */

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

static ssize_t file_rename_full(struct file_call *call)
{
    return weft__sys_rename(call->path, call->to);
}

static ssize_t file_unlink_full(struct file_call *call)
{
    return weft__sys_unlink(call->path);
}

static ssize_t file_mkdir_full(struct file_call *call)
{
    return weft__sys_mkdir(call->path, call->mode);
}

/* ---- the calls ---- */

static const struct file_op file_op_open = {{"file open", NULL}, WEFT__IO_OPEN, file_open_now,
                                            file_open_slow, file_open_full};
static const struct file_op file_op_read = {{"read", NULL}, WEFT__IO_READ, file_read_now,
                                            file_move_slow, file_move_full};
static const struct file_op file_op_write = {{"write", NULL}, WEFT__IO_WRITE, file_write_now,
                                             file_move_slow, file_move_full};
static const struct file_op file_op_fsync = {{"file fsync", NULL}, WEFT__IO_FSYNC, NULL,
                                             file_fsync_slow, file_fsync_full};
static const struct file_op file_op_stat = {.kind = {"file stat", NULL}, .now = file_stat_now,
                                            .slow = file_hop, .full = file_stat_full};
static const struct file_op file_op_fstat = {.kind = {"file fstat", NULL}, .now = file_fstat,
                                             .slow = file_fstat, .full = file_fstat};
static const struct file_op file_op_rename = {.kind = {"file rename", NULL},
                                              .slow = file_hop, .full = file_rename_full};
static const struct file_op file_op_unlink = {.kind = {"file unlink", NULL},
                                              .slow = file_hop, .full = file_unlink_full};
static const struct file_op file_op_mkdir = {.kind = {"file mkdir", NULL},
                                             .slow = file_hop, .full = file_mkdir_full};

int weft_open(const char *path, int flags, mode_t mode)
{
    return (int)file_do(&(struct file_call){.op = &file_op_open,
                                            .path = path,
                                            .flags = flags,
                                            .mode = mode,
                                            .site = __builtin_return_address(0)});
}

ssize_t weft__file_read(int fd, void *buffer, size_t size, int64_t offset, const void *site)
{
    return file_do(&(struct file_call){.op = &file_op_read,
                                       .fd = fd,
                                       .buffer = buffer,
                                       .size = size,
                                       .offset = offset,
                                       .is_own = offset == WEFT__FILE_OWN,
                                       .site = site});
}

ssize_t weft__file_write(int fd, const void *buffer, size_t size, int64_t offset,
                         const void *site)
{
    return file_do(&(struct file_call){.op = &file_op_write,
                                       .fd = fd,
                                       .buffer = (void *)(uintptr_t)buffer,
                                       .size = size,
                                       .offset = offset,
                                       .is_own = offset == WEFT__FILE_OWN,
                                       .site = site});
}

ssize_t weft_read(int fd, void *buffer, size_t size)
{
    return weft__file_read(fd, buffer, size, WEFT__FILE_OWN, __builtin_return_address(0));
}

ssize_t weft_write(int fd, const void *buffer, size_t size)
{
    return weft__file_write(fd, buffer, size, WEFT__FILE_OWN, __builtin_return_address(0));
}

/* A place that no file has; to the kernel's calls inside it would mean the own position. */
static ssize_t file_nowhere(const void *site)
{
    int rc = file_begin(0, site);
    return rc < 0 ? rc : -WEFT_EINVAL;
}

ssize_t weft_pread(int fd, void *buffer, size_t size, off_t offset)
{
    const void *site = __builtin_return_address(0);
    return offset < 0 ? file_nowhere(site) : weft__file_read(fd, buffer, size, offset, site);
}

ssize_t weft_pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    const void *site = __builtin_return_address(0);
    return offset < 0 ? file_nowhere(site) : weft__file_write(fd, buffer, size, offset, site);
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

int weft_rename(const char *from, const char *to)
{
    return (int)file_do(&(struct file_call){.op = &file_op_rename,
                                            .path = from,
                                            .to = to,
                                            .site = __builtin_return_address(0)});
}

int weft_unlink(const char *path)
{
    return (int)file_do(&(struct file_call){
        .op = &file_op_unlink, .path = path, .site = __builtin_return_address(0)});
}

int weft_mkdir(const char *path, mode_t mode)
{
    return (int)file_do(&(struct file_call){.op = &file_op_mkdir,
                                            .path = path,
                                            .mode = mode,
                                            .site = __builtin_return_address(0)});
}

int weft_close(int fd)
{
    weft__control_point(WEFT__DEED_IO, &weft__io_sim, __builtin_return_address(0));
    return weft__fd_close(fd);
}

/* ---- a whole file ---- */

struct file_whole {
    struct file_call open;
    size_t size_max;
    char *data;
    size_t size, room; /* room for so many bytes, and a byte 0 behind them */
    int fd;
    const void *site;
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
static int file_whole_read(struct file_whole *whole)
{
    struct stat st;
    int rc = weft__sys_fstat(whole->fd, &st);
    if (rc < 0) {
        return rc;
    }
    size_t hint = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : FILE_ROOM_MIN;
    if (S_ISREG(st.st_mode) && st.st_size > 0 && hint > whole->size_max) {
        return -EFBIG;
    }
    rc = file_whole_grow(whole, hint + 1); /* the one that finds the end needs no more room */
    while (rc == 0) {
        ssize_t n = weft__file_read(whole->fd, whole->data + whole->size,
                                    whole->room - whole->size, WEFT__FILE_OWN, whole->site);
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

/* What has been opened is read, and closed. */
static int file_whole_rest(struct file_whole *whole, ssize_t fd)
{
    if (fd < 0) {
        return (int)fd;
    }
    whole->fd = (int)fd;
    int rc = file_whole_read(whole);
    weft__fd_close(whole->fd);
    return rc;
}

static int file_whole_pool(void *arg)
{
    struct file_whole *whole = arg;
    return file_whole_rest(whole, file_open_pool(&whole->open));
}

/* Without a ring a file whose name is not cached is all for the pool, in one hop. */
static int file_whole_slow(struct file_whole *whole)
{
    if (file_rides()) {
        return file_whole_rest(whole, file_open_slow(&whole->open));
    }
    int rc = weft__offload(file_whole_pool, whole, NULL, &whole->open.op->kind, whole->site);
    if (rc == -EAGAIN && whole->open.is_fifo) {
        rc = file_whole_rest(whole, file_open_fifo(&whole->open));
    }
    return rc;
}

static int file_whole_do(struct file_whole *whole)
{
    int rc = file_begin(0, whole->site);
    if (rc < 0) {
        return rc;
    }
    if (rc == FILE_FULL) {
        return file_whole_rest(whole, file_open_full(&whole->open));
    }
    whole->open.is_played = rc == FILE_PLAYED;
    ssize_t fd = rc == FILE_TRY ? file_open_now(&whole->open) : -EAGAIN;
    return fd == -EAGAIN ? file_whole_slow(whole) : file_whole_rest(whole, fd);
}

int weft_read_file(const char *path, size_t size_max, void **ret_data, size_t *ret_size)
{
    const void *site = __builtin_return_address(0);
    struct file_whole whole = {
        .open = {.op = &file_op_open, .path = path, .flags = O_RDONLY, .site = site},
        .size_max = size_max == 0 ? FILE_SIZE_MAX : weft__min(size_max, (size_t)PTRDIFF_MAX / 4),
        .site = site};
    int rc = file_whole_do(&whole);
    if (rc < 0) {
        weft__free(whole.data);
        return rc;
    }
    whole.data[whole.size] = '\0';
    *ret_data = whole.data;
    if (ret_size) {
        *ret_size = whole.size;
    }
    return 0;
}

void weft_file_free(void *data)
{
    weft__free(data);
}
