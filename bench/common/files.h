/* files.h - what the peers of the load `files` that are C have in common.
 *
 * bench/files.py has written N files into the folder that BENCH_FILES names.  A warm case reads all
 * of them again and again; a cold one, of which nothing is in the page cache, reads them once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bench.h"

#define FILES_PATH_MAX 512
#define FILES_WARM_NS  300000000 /* how long a warm case goes on */

static inline const char *files_folder(void)
{
    const char *folder = getenv("BENCH_FILES");

    if (!folder)
        bench_die("BENCH_FILES names no folder");
    return folder;
}

static inline void files_path(char path[FILES_PATH_MAX], long i)
{
    snprintf(path, FILES_PATH_MAX, "%s/%05ld", files_folder(), i);
}

/* Into memory, by plain system calls. */
static inline void files_read_plainly(long i)
{
    char path[FILES_PATH_MAX], *data;
    struct stat about;
    int fd;

    files_path(path, i);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    bench_ok(fd < 0, "open");
    bench_ok(fstat(fd, &about), "fstat");
    data = malloc((size_t)about.st_size + 1);
    bench_ok(!data, "malloc");
    bench_ok(read(fd, data, (size_t)about.st_size) != about.st_size, "read");
    close(fd);
    free(data);
}

/* Reads all files, as often as the case demands, and reports microseconds for a file. */
static inline void files_measure(const struct bench_args *args, void (*read_all)(long n, void *arg),
                                 void *arg)
{
    int is_warm = strncmp(args->name, "warm", 4) == 0;
    int64_t start, ns;
    long passes = 0;

    if (is_warm)
        read_all(args->n, arg);
    start = bench_now();
    do {
        read_all(args->n, arg);
        passes++;
        ns = bench_now() - start;
    } while (is_warm && ns < FILES_WARM_NS);
    bench_report(args->name, (double)ns / 1e3 / (double)passes / (double)args->n, "us");
}

#endif
