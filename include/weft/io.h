/* io.h - files, read and written by tasks without stopping their worker.
 *
 * The calls look like those of POSIX, return a count or a negative code, and never touch errno.
 * What the page cache holds is copied at once; everything else runs on the pool of blocking
 * threads, and the task sleeps meanwhile.  A buffer is yours again when the call has returned.
 *
 * Cancel: -WEFT_ECANCELED when the scope is cancelled before the operation starts.  Once it runs
 * it is not cut short: it returns its result, and the next call says -WEFT_ECANCELED.
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

/* Sleeps.  As the calls of POSIX; bytes moved (0 at the end of the file), or a negative code. */
WEFT_API WEFT_MUST_USE ssize_t weft_read(int fd, void *buffer, size_t size);
WEFT_API WEFT_MUST_USE ssize_t weft_write(int fd, const void *buffer, size_t size);
WEFT_API WEFT_MUST_USE ssize_t weft_pread(int fd, void *buffer, size_t size, off_t offset);
WEFT_API WEFT_MUST_USE ssize_t weft_pwrite(int fd, const void *buffer, size_t size, off_t offset);

/* Sleep.  As the calls of POSIX; 0 or a negative code. */
WEFT_API WEFT_MUST_USE int weft_fsync(int fd);
WEFT_API WEFT_MUST_USE int weft_stat(const char *path, struct stat *ret_stat);
WEFT_API WEFT_MUST_USE int weft_fstat(int fd, struct stat *ret_stat);

/* Never sleeps, never cancelled: the fd is gone when it returns, whatever the code. */
WEFT_API int weft_close(int fd);

/* Sleeps.  Reads a whole file into memory from one hop to the pool: *ret_data (a byte 0 stands
 * behind it) is freed by weft_file_free.  -EFBIG when it is larger than size_max (0: 1 GB). */
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
