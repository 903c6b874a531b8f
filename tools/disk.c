/* disk.c - files and directories, as the command needs them.
 *
 * errno stays in here, in spawn.c, and in the checks of cache.c; others see codes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_PIECE 65536

const char *disk_reason(int code)
{
    int number = code < 0 ? -code : code;
    if (number == ENOENT)
        return "no such file";
    if (number == EACCES)
        return "permission denied";
    if (number == EISDIR)
        return "is a directory";
    return strerror(number);
}

bool disk_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int disk_check_source(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    return access(path, R_OK) == 0 ? 0 : -errno;
}

const char *disk_real_path(const char *path)
{
    char real[PATH_MAX];
    return realpath(path, real) ? words_print("%s", real) : NULL;
}

int disk_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static ssize_t disk_read_piece(int fd, void *buffer, size_t size)
{
    ssize_t n;
    do {
        n = read(fd, buffer, size);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int disk_digest(const char *path, struct digest *digest, struct stat *ret_stat)
{
    static char piece[DISK_PIECE];
    int fd = disk_open(path);
    if (fd < 0)
        return fd;
    ssize_t n;
    while ((n = disk_read_piece(fd, piece, sizeof piece)) > 0)
        digest_bytes(digest, piece, (size_t)n);
    if (n == 0 && fstat(fd, ret_stat) != 0)
        n = -errno;
    close(fd);
    return (int)n;
}

void disk_digest_identity(const char *path, struct digest *digest)
{
    struct stat st;
    digest_word(digest, path);
    if (stat(path, &st) != 0) {
        digest_word(digest, NULL);
        return;
    }
    long long facts[] = {st.st_size,         (long long)st.st_ino,  (long long)st.st_dev,
                         st.st_mtim.tv_sec,  st.st_mtim.tv_nsec,    st.st_ctim.tv_sec,
                         st.st_ctim.tv_nsec};
    digest_bytes(digest, facts, sizeof facts);
}

int disk_read(const char *path, char **ret_data, size_t *ret_size)
{
    int fd = disk_open(path);
    if (fd < 0)
        return fd;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return -EIO;
    }
    size_t room = (size_t)st.st_size, size = 0;
    char *data = words_alloc(room + 1);
    ssize_t n = 0;
    while (size < room && (n = disk_read_piece(fd, data + size, room - size)) > 0)
        size += (size_t)n;
    close(fd);
    if (n < 0)
        return (int)n;
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static int disk_write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

static int disk_write_mode(const char *path, const void *data, size_t size, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    int rc = disk_write_all(fd, data, size);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

int disk_write(const char *path, const void *data, size_t size)
{
    return disk_write_mode(path, data, size, 0666);
}

int disk_copy_program(const char *from, const char *to)
{
    char *data;
    size_t size;
    int rc = disk_read(from, &data, &size);
    if (rc < 0)
        return rc;
    const char *fresh = words_print("%s.%ld.new", to, (long)getpid());
    rc = disk_write_mode(fresh, data, size, 0777);
    if (rc == 0 && rename(fresh, to) != 0)
        rc = -errno;
    if (rc < 0)
        unlink(fresh);
    return rc;
}

int disk_make_dirs(const char *path)
{
    char part[PATH_MAX];
    if (strlen(path) >= sizeof part)
        return -ENAMETOOLONG;
    strcpy(part, path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

int disk_make_unique(const char *pattern, const char **ret_path)
{
    char *path = words_alloc(strlen(pattern) + 1);
    strcpy(path, pattern);
    if (!mkdtemp(path))
        return -errno;
    *ret_path = path;
    return 0;
}

int disk_list(const char *path, struct words *ret_names)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            words_push(ret_names, words_print("%s", entry->d_name));
    }
    closedir(dir);
    return 0;
}

void disk_remove(const char *path)
{
    struct words names = {0};
    if (unlink(path) == 0 || disk_list(path, &names) != 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        unlink(words_print("%s/%s", path, names.at[i]));
    rmdir(path);
}
