/* disk.h - files and directories, as the command needs them.
 *
 * Codes are 0 or negative, as everywhere in Weft.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_DISK_H
#define WEFT_TOOLS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "digest.h"
#include "words.h"

/* "no such file", "permission denied"; for a code, positive or negative. */
const char *disk_reason(int code);

bool disk_is_file(const char *path);

/* 0: a regular file that can be read. */
int disk_check_source(const char *path);

/* Absolute and without links; NULL when there is no such thing. */
const char *disk_real_path(const char *path);

/* For reading, never kept across exec.  The fd, or a negative code. */
int disk_open(const char *path);

/* Feeds the file's bytes to the digest.  ret_stat: how it was after the last byte was read. */
int disk_digest(const char *path, struct digest *digest, struct stat *ret_stat);

/* Feeds what changes when the file is replaced: path, size, times, inode; or that there is none. */
void disk_digest_identity(const char *path, struct digest *digest);

/* The whole file with a byte 0 behind it. */
int disk_read(const char *path, char **ret_data, size_t *ret_size);

/* A new file with these bytes.  Not all-or-nothing: write elsewhere and rename. */
int disk_write(const char *path, const void *data, size_t size);

/* Copies to a new file, executable, which takes the place of `to` at one stroke. */
int disk_copy_program(const char *from, const char *to);

/* The directory and those above it, private to the user. */
int disk_make_dirs(const char *path);

/* A new private directory, named by the pattern PATH/XXXXXX. */
int disk_make_unique(const char *pattern, const char **ret_path);

/* Names in a directory, without . and .. . */
int disk_list(const char *path, struct words *ret_names);

/* A file, or a directory with the files in it.  What is not there is no failure. */
void disk_remove(const char *path);

#endif
