/* io.h - files, pipes and terminals, read and written by tasks without stopping their worker.
 *
 * The calls look like those of POSIX, return a count or a negative code, and never touch errno.
 * What is there is copied at once; else the task sleeps, while the kernel's ring (io_uring) does
 * it, or epoll and the pool of blocking threads where there is none (weft_options.io).  A buffer is
 * yours again when the call has returned.  Any descriptor will do, whoever opened it; sockets have
 * more calls in net.h.
 *
 * Cancel: -WEFT_ECANCELED means that it did not happen.  A file's read or write that has begun is
 * finished all the same and returns its result; one of a pipe or terminal is given up.  What has
 * happened is returned, and the next call says -WEFT_ECANCELED.
 *
 * In a plain OS thread they are the plain system calls.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_H
#define WEFT_IO_H

#include <fcntl.h>
#include <sys/stat.h>

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* Sleeps.  As open(2), always with O_CLOEXEC.  The fd, or a negative code. */
WEFT_API WEFT_MUST_USE int weft_open(const char *path, int flags, mode_t mode);

/* Sleeps.  As the calls of POSIX; bytes moved (0 at the end of the file), or a negative code.  A
 * read may bring fewer bytes than asked for, of a file at most 256 KB; a write moves all, unless it
 * is cancelled or fails midway.  O_NONBLOCK changes nothing: they sleep all the same. */
WEFT_API WEFT_MUST_USE ssize_t weft_read(int fd, void *buffer, size_t size);
WEFT_API WEFT_MUST_USE ssize_t weft_write(int fd, const void *buffer, size_t size);
WEFT_API WEFT_MUST_USE ssize_t weft_pread(int fd, void *buffer, size_t size, off_t offset);
WEFT_API WEFT_MUST_USE ssize_t weft_pwrite(int fd, const void *buffer, size_t size, off_t offset);

/* Sleep.  All of it, in as many steps as it takes.  0; -EPIPE when the end came before (read_full);
 * or the code of the step that failed, -WEFT_ECANCELED too.  In any case *ret_done, if ret_done is
 * not NULL, is how many bytes were moved. */
WEFT_API WEFT_MUST_USE int weft_read_full(int fd, void *buffer, size_t size, size_t *ret_done);
WEFT_API WEFT_MUST_USE int weft_write_all(int fd, const void *buffer, size_t size,
                                          size_t *ret_done);

/* Sleeps.  Copies size bytes of a file, from offset on, to any descriptor, within the kernel where
 * that can be.  0 or a code, as above; the end of the file ends it, too, with 0.  -ESPIPE: `from`
 * is no file.  No SIGPIPE from a socket. */
WEFT_API WEFT_MUST_USE int weft_sendfile(int to, int from, int64_t offset, uint64_t size,
                                         uint64_t *ret_done);

/* Sleep.  As the calls of POSIX; 0 or a negative code. */
WEFT_API WEFT_MUST_USE int weft_fsync(int fd);
WEFT_API WEFT_MUST_USE int weft_stat(const char *path, struct stat *ret_stat);
WEFT_API WEFT_MUST_USE int weft_fstat(int fd, struct stat *ret_stat);
WEFT_API WEFT_MUST_USE int weft_rename(const char *from, const char *to);
WEFT_API WEFT_MUST_USE int weft_unlink(const char *path);
WEFT_API WEFT_MUST_USE int weft_mkdir(const char *path, mode_t mode);

/* Never sleeps, never cancelled: the fd is gone when it returns, whatever the code.  Whoever waits
 * on it in a call of Weft gets -EBADF. */
WEFT_API int weft_close(int fd);

/* Never sleeps.  A pipe: what is written to ret_fds[1] is read from ret_fds[0].  0 or the system's
 * code. */
WEFT_API WEFT_MUST_USE int weft_pipe(int ret_fds[2]);

/* What weft_wait_fd waits for; the bits of poll(2). */
enum weft_fd_events {
    WEFT_FD_READ = 0x001,  /* a read would not sleep: there are bytes, a connection, the end */
    WEFT_FD_WRITE = 0x004, /* a write would not */
    WEFT_FD_ERROR = 0x008, /* always told, never asked for; likewise: */
    WEFT_FD_HANGUP = 0x010
};

/* Sleeps until the descriptor, of whatever library, is ready for one of the events: for loops of
 * the kind "step, wait, step".  Any number of tasks may wait on one descriptor.
 *
 * events > 0        those that are there; a file is always ready
 * -EBADF            no descriptor, or closed by weft_close meanwhile
 * -WEFT_ECANCELED, -WEFT_EINVAL, -WEFT_ENOMEM
 */
WEFT_API WEFT_MUST_USE int weft_wait_fd(int fd, unsigned events);

/* Sleeps.  Reads a whole file into memory: *ret_data (a byte 0 stands behind it) is freed by
 * weft_file_free; ret_size may be NULL.  -EFBIG when it is larger than size_max (0: 1 GB).
 * Cancelled or failing midway, what it took out of a FIFO is lost. */
WEFT_API WEFT_MUST_USE int weft_read_file(const char *path, size_t size_max, void **ret_data,
                                          size_t *ret_size);

/* Never sleeps.  NULL is allowed. */
WEFT_API void weft_file_free(void *data);

/* A walk over all that lies below a directory, depth first, symbolic links not followed. */
typedef struct weft_walk weft_walk;

enum weft_file_type {
    WEFT_FILE_REGULAR = 1,
    WEFT_FILE_DIR = 2,
    WEFT_FILE_LINK = 3,
    WEFT_FILE_OTHER = 4 /* FIFO, socket, device */
};

typedef struct weft_walk_entry {
    const char *path;         /* from the root given; valid until the next call */
    const char *name;         /* its last part */
    enum weft_file_type type;
    size_t depth;             /* 0: lies in the root itself */
    int error;                /* 0, or why this directory could not be read (it is then skipped) */
} weft_walk_entry;

#define WEFT_WALK_DEPTH_MAX 128 /* directories deeper than that come with error -ELOOP */

/* Sleeps.  0, or why the root cannot be read. */
WEFT_API WEFT_MUST_USE int weft_walk_open(const char *root, weft_walk **ret_walk);

/* Sleeps.  1: *ret_entry is the next one.  0: that was all.  Or a negative code: -WEFT_ECANCELED,
 * -WEFT_ENOMEM.  Within one directory in the order that the file system gives. */
WEFT_API WEFT_MUST_USE int weft_walk_next(weft_walk *walk, weft_walk_entry *ret_entry);

/* Never sleeps.  NULL is allowed. */
WEFT_API void weft_walk_close(weft_walk *walk);

WEFT_END_DECLS

#endif
