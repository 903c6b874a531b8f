/* file_probe.h - a directory and files for the tests of files.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_FILE_PROBE_H
#define WEFT_IO_FILE_PROBE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "tests/tree.h"
#include "weft/io.h"
#include "weft/run.h"
#include "weft/time.h"

static char file_dir[TREE_PATH_MAX];

static inline void file_dir_make(void)
{
    tree_make(file_dir, "file");
}

static inline void file_dir_remove(void)
{
    tree_remove(file_dir);
}

/* Valid until the fourth next call. */
static inline const char *file_path(const char *name)
{
    static char paths[4][128];
    static ATOMIC(uint32_t) turn;
    char *path = paths[a_add(&turn, 1, relaxed) % 4];

    snprintf(path, sizeof paths[0], "%s/%s", file_dir, name);
    return path;
}

/* A file of `size` bytes that go 0, 1, 2 ... 250, 0, 1 ... */
static inline void file_make(const char *path, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    unsigned char *bytes = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i % 251);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, bytes, size), size);
    close(fd);
    free(bytes);
}

static inline bool file_has_pattern(const void *data, size_t size, size_t offset)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (offset + i) % 251)
            return false;
    return true;
}

static inline int file_run(int (*fn)(void *), void *arg, size_t workers, size_t blocking_max)
{
    return weft_run_with(fn, arg, &(weft_options){.workers = workers,
                                                  .blocking_threads_max = blocking_max,
                                                  .stuck_after_ns = 3600 * WEFT_SECOND});
}

#endif
