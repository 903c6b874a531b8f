/* file_test.c - files: every call, in tasks, in plain threads, cancelled, failing, many at once.
 *
 * Where a test must know that a call is in the pool it looks at what the call has done so far,
 * bytes in a pipe or the other side of a FIFO, never at the clock.  Runs in which a worker that
 * blocks must hang have stuck_after_ns set to an hour, so that the watchdog does not hide it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/io.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "base/sys.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/run.h"
#include "weft/scope.h"
#include "weft/task.h"
#include "weft/time.h"

enum { FILE_PIPE_SIZE = 64 * 1024 };

/* ---- a directory for the test ---- */

static char file_dir[64];

static int file_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void file_dir_make(void)
{
    snprintf(file_dir, sizeof file_dir, "/tmp/weft-file-XXXXXX");
    EXPECT(mkdtemp(file_dir) != NULL);
    EXPECT_EQ(chmod(file_dir, 0755), 0);
}

static void file_dir_remove(void)
{
    EXPECT_EQ(nftw(file_dir, file_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Valid until the fourth next call. */
static const char *file_path(const char *name)
{
    static char paths[4][128];
    static ATOMIC(uint32_t) turn;
    char *path = paths[a_add(&turn, 1, relaxed) % 4];

    snprintf(path, sizeof paths[0], "%s/%s", file_dir, name);
    return path;
}

/* A file of `size` bytes that go 0, 1, 2 ... 250, 0, 1 ... */
static void file_make(const char *path, size_t size)
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

static bool file_has_pattern(const void *data, size_t size, size_t offset)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (offset + i) % 251)
            return false;
    return true;
}

static int file_run(int (*fn)(void *), void *arg, size_t workers, size_t blocking_max)
{
    return weft_run_with(fn, arg, &(weft_options){.workers = workers,
                                                  .blocking_threads_max = blocking_max,
                                                  .stuck_after_ns = 3600 * WEFT_SECOND});
}

/* ---- every call does what POSIX says, wherever it is made ---- */

static void file_check_calls(void)
{
    char buf[32] = {0};
    struct stat st, same;
    int fd = weft_open(file_path("calls"), O_RDWR | O_CREAT | O_EXCL, 0640);

    EXPECT(fd >= 0);
    EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(weft_write(fd, "hello world", 11), 11);
    EXPECT_EQ(weft_pwrite(fd, "J", 1, 0), 1);
    EXPECT_EQ(weft_pread(fd, buf, 5, 6), 5);
    EXPECT_STR(buf, "world");
    EXPECT_EQ(weft_read(fd, buf, sizeof buf), 0);
    EXPECT_EQ(weft_pread(fd, buf, sizeof buf, 100), 0);
    EXPECT_EQ(weft_read(fd, buf, 0), 0);
    EXPECT_EQ(weft_write(fd, buf, 0), 0);
    EXPECT_EQ(weft_fsync(fd), 0);
    EXPECT_EQ(weft_fstat(fd, &st), 0);
    EXPECT_EQ(st.st_size, 11);
    EXPECT_EQ(st.st_mode & 0777, 0640);
    EXPECT_EQ(weft_stat(file_path("calls"), &same), 0);
    EXPECT_EQ(same.st_ino, st.st_ino);
    EXPECT_EQ(same.st_size, 11);
    EXPECT_EQ(weft_close(fd), 0);

    fd = weft_open(file_path("calls"), O_RDONLY, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND | O_ACCMODE), O_RDONLY);
    memset(buf, 0, sizeof buf);
    EXPECT_EQ(weft_read(fd, buf, 5), 5);
    EXPECT_STR(buf, "Jello");
    EXPECT_EQ(weft_read(fd, buf, sizeof buf), 6);
    EXPECT_EQ(weft_read(fd, buf, sizeof buf), 0);
    EXPECT_EQ(weft_close(fd), 0);
    fd = weft_open(file_path("calls"), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY, 0);
    EXPECT(fd >= 0);
    EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_EQ(weft_close(fd), 0);
    fd = weft_open(file_path("calls"), O_WRONLY | O_TRUNC | O_APPEND, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_write(fd, "xy", 2), 2);
    EXPECT_EQ(weft_pwrite(fd, "z", 1, 50), 1); /* Linux appends all the same */
    EXPECT_EQ(weft_fstat(fd, &st), 0);
    EXPECT_EQ(st.st_size, 3);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(unlink(file_path("calls")), 0);
}

static void file_check_errors(void)
{
    char buf[8];
    struct stat st;
    int ends[2], fd;

    EXPECT_EQ(weft_open(file_path("none"), O_RDONLY, 0), -ENOENT);
    EXPECT_EQ(weft_open(file_path("none"), O_RDONLY | O_NONBLOCK, 0), -ENOENT);
    EXPECT_EQ(weft_open(file_path("none"), O_WRONLY, 0), -ENOENT);
    EXPECT_EQ(weft_open("", O_RDONLY, 0), -ENOENT);
    EXPECT_EQ(weft_stat(file_path("none"), &st), -ENOENT);
    EXPECT_EQ(weft_open(file_dir, O_WRONLY, 0), -EISDIR);
    EXPECT_EQ(weft_open(file_path("/"), O_RDWR | O_CREAT | O_EXCL, 0600), -EISDIR);
    fd = weft_open(file_dir, O_RDONLY, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_read(fd, buf, sizeof buf), -EISDIR);
    EXPECT_EQ(weft_write(fd, buf, sizeof buf), -EBADF);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_close(fd), -EBADF);
    EXPECT_EQ(weft_read(fd, buf, sizeof buf), -EBADF);
    EXPECT_EQ(weft_write(fd, buf, sizeof buf), -EBADF);
    EXPECT_EQ(weft_pread(fd, buf, sizeof buf, 0), -EBADF);
    EXPECT_EQ(weft_pwrite(fd, buf, sizeof buf, 0), -EBADF);
    EXPECT_EQ(weft_fsync(fd), -EBADF);
    EXPECT_EQ(weft_fstat(fd, &st), -EBADF);
    EXPECT_EQ(symlink("none", file_path("link")), 0);
    EXPECT_EQ(weft_open(file_path("link"), O_RDONLY, 0), -ENOENT);
    EXPECT_EQ(weft_open(file_path("link"), O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    EXPECT_EQ(weft_open(file_path("link/x"), O_RDONLY | O_DIRECTORY, 0), -ENOENT);
    EXPECT_EQ(unlink(file_path("link")), 0);
    file_make(file_path("file"), 10);
    EXPECT_EQ(weft_open(file_path("file/x"), O_RDONLY, 0), -ENOTDIR);
    EXPECT_EQ(weft_open(file_path("file"), O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
    EXPECT_EQ(weft_open(file_path("file"), O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
    fd = weft_open(file_path("file"), O_RDONLY, 0);
    EXPECT_EQ(weft_pread(fd, buf, sizeof buf, -1), -EINVAL);
    EXPECT_EQ(weft_pread(fd, buf, sizeof buf, -2), -EINVAL);
    EXPECT_EQ(weft_pwrite(fd, buf, sizeof buf, -1), -EINVAL);
    EXPECT_EQ(weft_read(fd, buf, 1), 1);
    EXPECT_EQ(buf[0], 0); /* nothing of that has moved the position */
    EXPECT_EQ(weft_write(fd, buf, 1), -EBADF);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(unlink(file_path("file")), 0);
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(weft_pread(ends[0], buf, sizeof buf, 0), -ESPIPE);
    EXPECT_EQ(weft_pwrite(ends[1], buf, sizeof buf, 0), -ESPIPE);
    EXPECT_EQ(weft_fsync(ends[0]), -EINVAL);
    EXPECT_EQ(weft_read(ends[1], buf, sizeof buf), -EBADF);
    EXPECT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    EXPECT_EQ(weft_read(ends[0], buf, sizeof buf), -EAGAIN);
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_write(ends[1], buf, sizeof buf), -EPIPE);
    EXPECT_EQ(weft_close(ends[1]), 0);
    EXPECT_EQ(weft_close(-1), -EBADF);
}

static void file_check_whole(void)
{
    void *data = NULL;
    size_t size = 0;

    file_make(file_path("whole"), 100000);
    EXPECT_EQ(weft_read_file(file_path("whole"), 0, &data, &size), 0);
    EXPECT_EQ(size, 100000);
    EXPECT(file_has_pattern(data, size, 0));
    EXPECT_EQ(((char *)data)[size], 0);
    weft_file_free(data);
    EXPECT_EQ(weft_read_file(file_path("whole"), 100000, &data, &size), 0);
    EXPECT_EQ(size, 100000);
    weft_file_free(data);
    EXPECT_EQ(weft_read_file(file_path("whole"), SIZE_MAX, &data, &size), 0);
    weft_file_free(data);
    data = NULL;
    EXPECT_EQ(weft_read_file(file_path("whole"), 99999, &data, &size), -EFBIG);
    EXPECT_EQ(weft_read_file("/proc/self/status", 64, &data, &size), -EFBIG);
    EXPECT_EQ(weft_read_file(file_path("none"), 0, &data, &size), -ENOENT);
    EXPECT_EQ(weft_read_file(file_dir, 0, &data, &size), -EISDIR);
    EXPECT(data == NULL);
    EXPECT_EQ(size, 100000); /* untouched by failures */
    EXPECT_EQ(truncate(file_path("whole"), 0), 0);
    EXPECT_EQ(weft_read_file(file_path("whole"), 1, &data, &size), 0);
    EXPECT_EQ(size, 0);
    EXPECT_STR(data, "");
    weft_file_free(data);
    weft_file_free(NULL);
    /* stat says 0 of the first, and 4096 of the second, which is shorter */
    EXPECT_EQ(weft_read_file("/proc/self/status", 0, &data, &size), 0);
    EXPECT_EQ(size, strlen(data));
    EXPECT(strstr(data, "\nThreads:") != NULL);
    weft_file_free(data);
    if (access("/sys/devices/system/cpu/online", R_OK) == 0) {
        EXPECT_EQ(weft_read_file("/sys/devices/system/cpu/online", 0, &data, &size), 0);
        EXPECT(size > 0 && size < 4096);
        EXPECT_EQ(size, strlen(data));
        weft_file_free(data);
    }
    EXPECT_EQ(unlink(file_path("whole")), 0);
}

static int file_check_all(void *arg)
{
    (void)arg;
    signal(SIGPIPE, SIG_IGN);
    file_check_calls();
    file_check_errors();
    file_check_whole();
    return 0;
}

TASK_TEST(file_calls_of_a_task)
{
    file_dir_make();
    file_check_all(NULL);
    file_dir_remove();
}

static void *file_check_thread(void *arg)
{
    file_check_all(arg);
    return NULL;
}

TEST(file_calls_of_plain_threads)
{
    pthread_t thread;

    file_dir_make();
    file_check_all(NULL);
    EXPECT_EQ(pthread_create(&thread, NULL, file_check_thread, NULL), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    file_dir_remove();
}

TASK_TEST(file_calls_of_a_task_on_a_thread)
{
    weft_scope scope;

    file_dir_make();
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, file_check_all, NULL, 0,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    file_dir_remove();
}

static int file_forbidden_app(void *arg)
{
    struct stat st;
    void *data;
    size_t size;

    (void)arg;
    EXPECT_EQ(weft_open(file_path("secret"), O_RDONLY, 0), -EACCES);
    EXPECT_EQ(weft_open(file_path("secret"), O_RDONLY | O_NONBLOCK, 0), -EACCES);
    EXPECT_EQ(weft_open(file_path("secret"), O_WRONLY, 0), -EACCES);
    EXPECT_EQ(weft_open(file_path("closed/file"), O_RDONLY, 0), -EACCES);
    EXPECT_EQ(weft_stat(file_path("closed/file"), &st), -EACCES);
    EXPECT_EQ(weft_stat(file_path("secret"), &st), 0);
    EXPECT_EQ(weft_read_file(file_path("secret"), 0, &data, &size), -EACCES);
    return 0;
}

/* Root may do anything, so it becomes nobody, before there are threads. */
TEST(file_forbidden)
{
    bool is_root = geteuid() == 0;

    file_dir_make();
    file_make(file_path("secret"), 10);
    EXPECT_EQ(mkdir(file_path("closed"), 0700), 0);
    file_make(file_path("closed/file"), 10);
    EXPECT_EQ(chmod(file_path("secret"), 0), 0);
    EXPECT_EQ(chmod(file_path("closed"), 0), 0);
    if (is_root) {
        EXPECT_EQ(seteuid(65534), 0);
        EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0); /* or the runner could not count our fds */
    }
    EXPECT_EQ(file_forbidden_app(NULL), 0);
    EXPECT_EQ(file_run(file_forbidden_app, NULL, 2, 0), 0);
    if (is_root) {
        EXPECT_EQ(seteuid(0), 0);
        EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
    }
    EXPECT_EQ(chmod(file_path("closed"), 0700), 0);
    file_dir_remove();
}

/* ---- what is cached costs no hop ---- */

/* Can this kernel and file system tell? */
static bool file_can_tell(const char *path)
{
    char byte;
    struct iovec part = {&byte, 1};
    int fd = weft__sys_open_cached(path, O_RDONLY);
    ssize_t n = fd < 0 ? fd : weft__sys_preadv_nowait(fd, &part, 1, 0);

    if (fd >= 0)
        close(fd);
    return n == 1;
}

static int file_cached_app(void *arg)
{
    char buf[4096];
    struct stat st;
    weft_stats stats;

    (void)arg;
    for (int i = 0; i < 1000; i++) {
        int fd = weft_open(file_path("warm"), O_RDONLY, 0);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_fstat(fd, &st), 0);
        EXPECT_EQ(weft_read(fd, buf, sizeof buf), sizeof buf);
        EXPECT_EQ(weft_read(fd, buf, sizeof buf), 0);
        EXPECT_EQ(weft_close(fd), 0);
        EXPECT_EQ(weft_stat(file_path("warm"), &st), 0);
        EXPECT_EQ(weft_stat(file_path("none"), &st), -ENOENT);
    }
    EXPECT_EQ(weft_stats_get(&stats), 0);
    EXPECT_EQ(stats.blocking_threads_peak, 0);
    return 0;
}

TEST(file_cached_calls_need_no_thread)
{
    bool can_tell;

    file_dir_make();
    file_make(file_path("warm"), 4096);
    can_tell = file_can_tell(file_path("warm"));
    EXPECT_EQ(access(file_path("none"), F_OK), -1); /* that there is none is cached too */
    if (can_tell)
        EXPECT_EQ(file_run(file_cached_app, NULL, 1, 0), 0);
    file_dir_remove();
    if (!can_tell)
        SKIP("neither this kernel nor this file system tells what is cached");
}

/* ---- much ---- */

TASK_TEST_FREE(file_of_five_megabytes)
{
    enum { SIZE = 5 * 1024 * 1024 + 77 };
    char *bytes = malloc(SIZE);
    size_t done = 0;
    ssize_t n;
    int fd;

    file_dir_make();
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i % 251);
    fd = weft_open(file_path("big"), O_RDWR | O_CREAT, 0600);
    EXPECT(fd >= 0);
    for (size_t piece = 1; done < SIZE; done += (size_t)n, piece *= 3) {
        n = weft_write(fd, bytes + done, piece < SIZE - done ? piece : SIZE - done);
        EXPECT(n > 0);
    }
    EXPECT_EQ(weft_fsync(fd), 0);
    EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0); /* so some of it must be fetched */
    memset(bytes, 0xff, SIZE);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    for (done = 0; (n = weft_read(fd, bytes + done, SIZE - done)) > 0; done += (size_t)n)
        continue;
    EXPECT_EQ(n, 0);
    EXPECT_EQ(done, SIZE);
    EXPECT(file_has_pattern(bytes, SIZE, 0));
    memset(bytes, 0xff, SIZE);
    for (done = 1000; (n = weft_pread(fd, bytes, SIZE, (off_t)done)) > 0; done += (size_t)n)
        EXPECT(file_has_pattern(bytes, (size_t)n, done));
    EXPECT_EQ(n, 0);
    EXPECT_EQ(done, SIZE);
    EXPECT_EQ(weft_close(fd), 0);
    free(bytes);
    file_dir_remove();
}

enum { FILE_MANY = 200 };

static ATOMIC(uint64_t) file_many_bytes;

static size_t file_many_size(int i)
{
    return (size_t)i * 997;
}

static int file_many_task(void *arg)
{
    char name[20], path[128], buf[4096];
    int i = *(int *)arg;
    size_t done = 0;
    ssize_t n;

    snprintf(name, sizeof name, "many%d", i);
    snprintf(path, sizeof path, "%s/%s", file_dir, name);
    int fd = weft_open(path, O_RDONLY, 0);
    EXPECT(fd >= 0);
    while ((n = weft_read(fd, buf, sizeof buf)) > 0) {
        EXPECT(file_has_pattern(buf, (size_t)n, done));
        done += (size_t)n;
    }
    EXPECT_EQ(n, 0);
    EXPECT_EQ(done, file_many_size(i));
    EXPECT_EQ(weft_close(fd), 0);
    a_add(&file_many_bytes, done, relaxed);
    return 0;
}

static int file_many_app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < FILE_MANY; i++)
        EXPECT_EQ(weft_go(&scope, file_many_task, &i), 0);
    return weft_scope_close(&scope);
}

static void file_many_make(void)
{
    for (int i = 0; i < FILE_MANY; i++) {
        char name[20];
        snprintf(name, sizeof name, "many%d", i);
        file_make(file_path(name), file_many_size(i));
        if (i % 2 == 0) { /* half of them not cached */
            int fd = open(file_path(name), O_RDONLY);
            EXPECT_EQ(fsync(fd), 0);
            EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
            close(fd);
        }
    }
}

TASK_TEST_FREE(file_read_by_200_tasks)
{
    file_dir_make();
    file_many_make();
    a_store(&file_many_bytes, 0, relaxed);
    EXPECT_EQ(file_many_app(NULL), 0);
    EXPECT_EQ(a_load(&file_many_bytes, relaxed), (uint64_t)997 * FILE_MANY * (FILE_MANY - 1) / 2);
    file_dir_remove();
}

TEST(file_read_by_200_tasks_with_one_blocking_thread)
{
    file_dir_make();
    file_many_make();
    EXPECT_EQ(file_run(file_many_app, NULL, 4, 1), 0);
    EXPECT_EQ(a_load(&file_many_bytes, relaxed), (uint64_t)997 * FILE_MANY * (FILE_MANY - 1) / 2);
    file_dir_remove();
}

/* ---- cancel ---- */

TASK_TEST(file_calls_in_a_cancelled_scope_do_nothing)
{
    char buf[8];
    struct stat st;
    void *data = NULL;
    size_t size = 0;
    weft_scope scope;
    int fd;

    file_dir_make();
    file_make(file_path("file"), 10);
    fd = weft_open(file_path("file"), O_RDWR, 0);
    EXPECT(fd >= 0);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_open(file_path("new"), O_WRONLY | O_CREAT, 0600), -WEFT_ECANCELED);
    EXPECT_EQ(weft_open(file_path("file"), O_RDONLY, 0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_read(fd, buf, 4), -WEFT_ECANCELED);
    EXPECT_EQ(weft_write(fd, "abcd", 4), -WEFT_ECANCELED);
    EXPECT_EQ(weft_pread(fd, buf, 4, 0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_pread(fd, buf, 4, -1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_pwrite(fd, "abcd", 4, 0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_fsync(fd), -WEFT_ECANCELED);
    EXPECT_EQ(weft_fstat(fd, &st), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stat(file_path("file"), &st), -WEFT_ECANCELED);
    EXPECT_EQ(weft_read_file(file_path("file"), 0, &data, &size), -WEFT_ECANCELED);
    EXPECT(data == NULL);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stat(file_path("new"), &st), -ENOENT);
    EXPECT_EQ(weft_read(fd, buf, 8), 8);
    EXPECT(file_has_pattern(buf, 8, 0));
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_close(fd), 0); /* never cancelled */
    EXPECT_EQ(fcntl(fd, F_GETFD), -1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    file_dir_remove();
}

struct file_pipe {
    int ends[2];
    size_t size;
    ssize_t got;
    int next;
    ATOMIC(uint32_t) done;
};

static int file_pipe_bytes(const struct file_pipe *p)
{
    int bytes;

    EXPECT_EQ(ioctl(p->ends[0], FIONREAD, &bytes), 0);
    return bytes;
}

static int file_pipe_writer(void *arg)
{
    struct file_pipe *p = *(struct file_pipe **)arg;
    char *bytes = malloc(p->size);

    for (size_t i = 0; i < p->size; i++)
        bytes[i] = (char)(i % 251);
    p->got = weft_write(p->ends[1], bytes, p->size);
    p->next = weft_yield();
    free(bytes);
    a_store(&p->done, 1, release);
    return 0;
}

static void file_pipe_drain(struct file_pipe *p, size_t size, size_t offset)
{
    char buf[1000];

    while (size > 0) {
        ssize_t n = read(p->ends[0], buf, size < sizeof buf ? size : sizeof buf);
        EXPECT(n > 0);
        EXPECT(file_has_pattern(buf, (size_t)n, offset));
        offset += (size_t)n;
        size -= (size_t)n;
    }
}

/* T46, T49: it runs, so it is finished and its count returned; the next call is told. */
TASK_TEST_FREE(file_write_in_the_pool_is_finished_when_cancelled)
{
    struct file_pipe pipe_state = {.size = 4 * FILE_PIPE_SIZE}, *p = &pipe_state;
    weft_scope scope;

    EXPECT_EQ(pipe2(p->ends, O_CLOEXEC), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_pipe_writer, &p), 0);
    while (file_pipe_bytes(p) < FILE_PIPE_SIZE)
        EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(a_load(&p->done, acquire), 0);
    file_pipe_drain(p, p->size, 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(p->got, (ssize_t)p->size);
    EXPECT_EQ(p->next, -WEFT_ECANCELED);
    close(p->ends[0]);
    close(p->ends[1]);
}

/* What fits is written by the worker, the rest by the pool: one count, the bytes in order. */
TASK_TEST_FREE(file_write_goes_on_in_the_pool)
{
    struct file_pipe pipe_state = {.size = FILE_PIPE_SIZE}, *p = &pipe_state;
    char page[4096];
    weft_scope scope;

    EXPECT_EQ(pipe2(p->ends, O_CLOEXEC), 0);
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = (char)(i % 251);
    EXPECT_EQ(weft_write(p->ends[1], page, sizeof page), sizeof page);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_pipe_writer, &p), 0);
    while (file_pipe_bytes(p) < FILE_PIPE_SIZE)
        EXPECT_EQ(weft_yield(), 0);
    file_pipe_drain(p, sizeof page, 0);
    file_pipe_drain(p, p->size, 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(p->got, (ssize_t)p->size);
    EXPECT_EQ(file_pipe_bytes(p), 0);
    close(p->ends[0]);
    close(p->ends[1]);
}

static int file_pipe_reader(void *arg)
{
    struct file_pipe *p = *(struct file_pipe **)arg;
    char buf[16] = {0};

    p->got = weft_read(p->ends[0], buf, sizeof buf);
    a_store(&p->done, 1, release);
    return 0;
}

/* The pool's one thread is kept busy by a write, so the rest of another stays in the queue. */
static int file_queued_app(void *arg)
{
    struct file_pipe pipes[2] = {{.size = 2 * FILE_PIPE_SIZE}, {.size = FILE_PIPE_SIZE}};
    struct file_pipe *busy = &pipes[0], *p = &pipes[1];
    char page[4096] = {0}, path[128];
    struct stat st;
    weft_scope scope;

    snprintf(path, sizeof path, "%s/new", (const char *)arg);
    EXPECT_EQ(pipe2(busy->ends, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(p->ends, O_CLOEXEC), 0);
    EXPECT_EQ(write(p->ends[1], page, sizeof page), sizeof page);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_pipe_writer, &busy), 0);
    while (file_pipe_bytes(busy) < FILE_PIPE_SIZE)
        EXPECT_EQ(weft_yield(), 0);
    WEFT_SCOPE(inner) {
        EXPECT_EQ(weft_go(&inner, file_pipe_writer, &p), 0);
        while (file_pipe_bytes(p) < FILE_PIPE_SIZE)
            EXPECT_EQ(weft_yield(), 0);
        weft_scope_cancel(&inner);
    }
    EXPECT_EQ(p->got, FILE_PIPE_SIZE - (ssize_t)sizeof page); /* that much had been written */
    EXPECT_EQ(p->next, -WEFT_ECANCELED);
    weft_scope inner;
    weft_scope_open_with(&inner, &(weft_scope_options){.deadline = weft_after(WEFT_MS)});
    EXPECT_EQ(weft_open(path, O_WRONLY | O_CREAT, 0600), -WEFT_ECANCELED); /* did not happen */
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT_EQ(stat(path, &st), -1);
    EXPECT_EQ(a_load(&busy->done, acquire), 0);
    file_pipe_drain(busy, busy->size, 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(busy->got, (ssize_t)busy->size);
    for (int i = 0; i < 4; i++)
        close(pipes[i / 2].ends[i % 2]);
    return 0;
}

TEST(file_calls_in_the_queue_did_not_happen_when_cancelled)
{
    file_dir_make();
    EXPECT_EQ(file_run(file_queued_app, file_dir, 1, 1), 0);
    EXPECT_EQ(file_run(file_queued_app, file_dir, 4, 1), 0);
    file_dir_remove();
}

/* ---- FIFOs and pipes hold up their task alone ---- */

struct file_fifo {
    const char *path;
    int fd;
    ssize_t got;
    char buf[16];
    void *data;
    size_t size;
    int next;
};

static int file_fifo_reader(void *arg)
{
    struct file_fifo *fifo = *(struct file_fifo **)arg;

    fifo->fd = weft_open(fifo->path, O_RDONLY, 0);
    EXPECT(fifo->fd >= 0);
    fifo->got = weft_read(fifo->fd, fifo->buf, sizeof fifo->buf);
    return weft_close(fifo->fd);
}

static int file_fifo_app(void *arg)
{
    struct file_fifo state = {.path = arg}, *fifo = &state;
    struct stat st;
    weft_scope scope;
    int fd;

    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_fifo_reader, &fifo), 0);
    /* With one worker nothing of this would be reached if the open held it up. */
    while ((fd = open(fifo->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
        EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_stat(fifo->path, &st), 0);
    EXPECT(S_ISFIFO(st.st_mode));
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_write(fd, "through", 7), 7);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(fifo->got, 7);
    EXPECT_STR(fifo->buf, "through");

    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_fifo_reader, &fifo), 0);
    fd = weft_open(fifo->path, O_WRONLY, 0); /* waits for the reader */
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(fifo->got, 0);
    fd = weft_open(fifo->path, O_RDONLY | O_NONBLOCK, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_read(fd, fifo->buf, 1), 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_open(fifo->path, O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    return 0;
}

TEST(file_fifo_holds_up_its_task_alone)
{
    char path[128];

    file_dir_make();
    snprintf(path, sizeof path, "%s/fifo", file_dir);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    EXPECT_EQ(file_run(file_fifo_app, path, 1, 0), 0);
    EXPECT_EQ(file_run(file_fifo_app, path, 4, 0), 0);
    file_dir_remove();
}

static int file_fifo_whole(void *arg)
{
    struct file_fifo *fifo = *(struct file_fifo **)arg;

    fifo->got = weft_read_file(fifo->path, 0, &fifo->data, &fifo->size);
    fifo->next = weft_yield();
    return 0;
}

/* Has no size, comes in pieces; and it is cancelled while it runs (T46). */
static int file_fifo_whole_app(void *arg)
{
    enum { SIZE = 300000 };
    struct file_fifo state = {.path = arg}, *fifo = &state;
    char *bytes = malloc(SIZE);
    size_t done = 0;
    weft_scope scope;
    int fd;

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i % 251);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_fifo_whole, &fifo), 0);
    while ((fd = open(fifo->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
        EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(fcntl(fd, F_SETFL, 0), 0);
    while (done < SIZE) {
        ssize_t n = write(fd, bytes + done, SIZE - done);
        EXPECT(n > 0);
        done += (size_t)n;
    }
    close(fd);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(fifo->got, 0);
    EXPECT_EQ(fifo->next, -WEFT_ECANCELED);
    EXPECT_EQ(fifo->size, SIZE);
    EXPECT(file_has_pattern(fifo->data, SIZE, 0));
    weft_file_free(fifo->data);
    free(bytes);
    return 0;
}

TEST(file_read_whole_from_a_fifo_and_cancelled)
{
    char path[128];

    file_dir_make();
    snprintf(path, sizeof path, "%s/fifo", file_dir);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    EXPECT_EQ(file_run(file_fifo_whole_app, path, 1, 0), 0);
    EXPECT_EQ(file_run(file_fifo_whole_app, path, 4, 0), 0);
    file_dir_remove();
}

static int file_pipe_app(void *arg)
{
    struct file_pipe pipe_state = {.size = 0}, *p = &pipe_state;
    weft_stats stats;
    weft_scope scope;

    (void)arg;
    EXPECT_EQ(pipe2(p->ends, O_CLOEXEC), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_pipe_reader, &p), 0);
    do {
        EXPECT_EQ(weft_yield(), 0);
        EXPECT_EQ(weft_stats_get(&stats), 0);
    } while (stats.blocking_threads_peak == 0);
    EXPECT_EQ(a_load(&p->done, acquire), 0);
    EXPECT_EQ(weft_write(p->ends[1], "pipe", 4), 4);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(p->got, 4);
    close(p->ends[0]);
    close(p->ends[1]);
    return 0;
}

TEST(file_pipe_holds_up_its_task_alone)
{
    EXPECT_EQ(file_run(file_pipe_app, NULL, 1, 0), 0);
    EXPECT_EQ(file_run(file_pipe_app, NULL, 4, 0), 0);
}

/* ---- a task that only ever finds cached bytes lets others run ---- */

static int file_flag_setter(void *arg)
{
    ATOMIC(uint32_t) *flag = *(ATOMIC(uint32_t) **)arg;

    a_store(flag, 1, release);
    return 0;
}

static int file_fair_app(void *arg)
{
    ATOMIC(uint32_t) flag_state = 0, *flag = &flag_state;
    static char buf[100000];
    weft_scope scope;
    int fd = weft_open(arg, O_RDONLY, 0);

    EXPECT(fd >= 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_flag_setter, &flag), 0);
    for (size_t i = 0; a_load(flag, acquire) == 0; i++) {
        EXPECT(weft_pread(fd, buf, sizeof buf, 0) > 0);
        EXPECT(i < 64); /* sooner than by 128 short ones */
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(fd), 0);
    return 0;
}

TEST(file_cached_reads_leave_others_their_turn)
{
    char path[128];

    file_dir_make();
    snprintf(path, sizeof path, "%s/warm", file_dir);
    file_make(path, 100000);
    EXPECT_EQ(file_run(file_fair_app, path, 1, 0), 0);
    file_dir_remove();
}

/* ---- faults ---- */

struct file_faulty {
    uint32_t kinds;
    uint64_t n, counted;
};

/* Each call succeeds, or says why not; the program goes on with what it has. */
static void file_faulty_work(void)
{
    char buf[64];
    struct stat st;
    void *data;
    size_t size;
    int fd = weft_open(file_path("faulty"), O_RDWR, 0);

    EXPECT(fd >= 0 || fd == -EMFILE || fd == -EAGAIN || fd == -ENOMEM);
    if (fd >= 0) {
        ssize_t n = weft_pwrite(fd, "0123456789", 10, 0);
        EXPECT(n == 10 || n == -EIO || n == -EAGAIN);
        n = weft_read(fd, buf, sizeof buf);
        EXPECT(n == 20 || n == -EIO);
        n = weft_read(fd, buf, sizeof buf);
        EXPECT(n == 0 || n == 20 || n == -EIO);
        EXPECT(weft_fsync(fd) <= 0);
        EXPECT(weft_fstat(fd, &st) <= 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    EXPECT(weft_stat(file_path("faulty"), &st) <= 0);
    fd = weft_open(file_path("faulty"), O_RDONLY, 0);
    EXPECT(fd >= 0 || fd == -EMFILE || fd == -EAGAIN || fd == -ENOMEM);
    if (fd >= 0) {
        EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    if (weft_read_file(file_path("faulty"), 0, &data, &size) == 0) {
        EXPECT_EQ(size, 20);
        weft_file_free(data);
    }
}

static int file_faulty_app(void *arg)
{
    struct file_faulty *faulty = arg;

    weft__fault_arm(faulty->kinds, faulty->n);
    file_faulty_work();
    faulty->counted = weft__fault_disarm();
    return 0;
}

static void file_faulty_loop(uint32_t kinds, size_t workers)
{
    struct file_faulty faulty = {.kinds = kinds};

    do {
        size_t live = weft__alloc_live();
        faulty.n++;
        if (workers > 0)
            EXPECT_EQ(file_run(file_faulty_app, &faulty, workers, 0), 0);
        else
            file_faulty_app(&faulty);
        EXPECT_EQ(weft__alloc_live(), live);
        EXPECT(faulty.n < 1000);
    } while (faulty.counted >= faulty.n);
}

TEST(file_each_fault_is_a_code)
{
    static const uint32_t kinds[] = {WEFT_FAULT_MASK(WEFT_FAULT_SYS),
                                     WEFT_FAULT_MASK(WEFT_FAULT_ALLOC),
                                     WEFT_FAULT_MASK(WEFT_FAULT_THREAD)};

    file_dir_make();
    file_make(file_path("faulty"), 20);
    for (size_t workers = 0; workers <= 4; workers = 4 * workers + (workers == 0))
        for (size_t i = 0; i < WEFT_ARRAY_SIZE(kinds); i++)
            file_faulty_loop(kinds[i], workers);
    file_dir_remove();
}
