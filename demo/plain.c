/* plain.c - directories and files by the calls of POSIX alone, without Weft.
 *
 * A file is opened by its path from the root, never through a symbolic link, and without waiting: a
 * FIFO would otherwise hold up its reader until somebody writes.  Only a regular file is read; what
 * the directory said about it may be out of date, so the open file is asked again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "plain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A walk in progress.  `path` holds the path of the directory it is in. */
struct plain_walk {
    char *path;
    size_t room;
    int (*visit)(void *arg, const struct plain_entry *entry);
    void *arg;
};

/* Puts "/name" behind the first `size` bytes of the path.  0 or -ENOMEM. */
static int plain_path_set(struct plain_walk *walk, size_t size, const char *name)
{
    size_t name_size = strlen(name) + 1;
    size_t need = size + 1 + name_size;

    if (need > walk->room) {
        char *path = realloc(walk->path, 2 * need);
        if (path == NULL)
            return -ENOMEM;
        walk->path = path;
        walk->room = 2 * need;
    }
    if (size > 0 && walk->path[size - 1] != '/')
        walk->path[size++] = '/';
    memcpy(walk->path + size, name, name_size);
    return 0;
}

/* Some file systems leave the type out of their directories; then the file itself is asked. */
static unsigned char plain_type(const struct dirent *entry, const char *path)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN || lstat(path, &st) < 0)
        return entry->d_type;
    return S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_LNK;
}

static int plain_walk_dir(struct plain_walk *walk, int depth);

/* What to do with the entry whose path is set.  `depth` is that of the directory it lies in. */
static int plain_walk_entry(struct plain_walk *walk, const struct dirent *entry, int depth)
{
    unsigned char type = plain_type(entry, walk->path);

    if (type == DT_DIR)
        return plain_walk_dir(walk, depth + 1);
    return walk->visit(walk->arg,
                       &(struct plain_entry){.path = walk->path, .regular = type == DT_REG});
}

/* Walks the directory whose path is set; the root's depth is 0. */
static int plain_walk_dir(struct plain_walk *walk, int depth)
{
    size_t size = strlen(walk->path);
    DIR *dir = depth > JOB_DEPTH_MAX ? NULL : opendir(walk->path);
    int error = dir != NULL ? 0 : depth > JOB_DEPTH_MAX ? -ELOOP : -errno;
    int rc = 0;

    while (error == 0 && rc == 0) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            error = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = plain_path_set(walk, size, entry->d_name);
        if (rc == 0)
            rc = plain_walk_entry(walk, entry, depth);
    }
    if (dir != NULL)
        closedir(dir);
    walk->path[size] = '\0';
    if (error < 0 && rc == 0 && depth > 0)
        return walk->visit(walk->arg, &(struct plain_entry){.path = walk->path, .error = error});
    return rc != 0 ? rc : error;
}

int plain_walk(const char *root, int (*visit)(void *arg, const struct plain_entry *entry),
               void *arg)
{
    struct plain_walk walk = {.path = strdup(root), .visit = visit, .arg = arg};

    if (walk.path == NULL)
        return -ENOMEM;
    walk.room = strlen(root) + 1;
    int rc = plain_walk_dir(&walk, 0);
    free(walk.path);
    return rc;
}

/* Reads the open file to its end.  0, or a negative code: -ECANCELED alone means stopped. */
static int plain_read_all(struct plain_reader *reader, int fd, struct tally *tally)
{
    for (;;) {
        ssize_t n = read(fd, reader->buffer, JOB_PIECE_SIZE);
        if (reader->stopped())
            return -ECANCELED;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (reader->compute)
            tally_add(tally, reader->buffer, (size_t)n);
        job_progress_bytes(reader->job, (uint64_t)n);
    }
}

int plain_read(struct plain_reader *reader, const char *path, struct answer *ret_answer)
{
    struct stat st;
    struct tally tally;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int rc = fd < 0 ? -errno : fstat(fd, &st) < 0 ? -errno : 0;

    if (rc == -ELOOP || (rc == 0 && !S_ISREG(st.st_mode))) { /* no longer a regular file? */
        if (fd >= 0)
            close(fd);
        return 1;
    }
    tally_init(&tally);
    if (rc == 0)
        rc = plain_read_all(reader, fd, &tally);
    if (fd >= 0)
        close(fd);
    if (rc == -ECANCELED)
        return rc;
    *ret_answer = (struct answer){.error = rc};
    if (rc == 0) {
        tally_done(&tally, ret_answer);
        job_progress_file(reader->job);
    }
    return 0;
}
