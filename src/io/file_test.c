/* file_test.c - files: every call, in tasks, in plain threads, cancelled, failing, many at once.
 *
 * Where a test must know that a call is under way it looks at what the call has done so far, bytes
 * in a pipe or the other side of a FIFO, never at the clock.  Runs in which a worker that blocks
 * must hang have stuck_after_ns set to an hour, so that the watchdog does not hide it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/io.h"

#include <pthread.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/sys.h"
#include "io/file_probe.h"
#include "weft/err.h"
#include "weft/scope.h"
#include "weft/task.h"

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

enum { FILE_FAR = 500 }; /* descriptors that are made get the lowest free number */

static void file_check_errors(void)
{
    char buf[8];
    struct stat st;
    int ends[2], fd, low;

    EXPECT_EQ(weft_open(file_path("none"), O_RDONLY, 0), -ENOENT);
    EXPECT_EQ(weft_open(file_path("none"), O_RDONLY | O_NONBLOCK, 0), -ENOENT);
    EXPECT_EQ(weft_open(file_path("none"), O_WRONLY, 0), -ENOENT);
    EXPECT_EQ(weft_open("", O_RDONLY, 0), -ENOENT);
    EXPECT_EQ(weft_stat(file_path("none"), &st), -ENOENT);
    EXPECT_EQ(weft_open(file_dir, O_WRONLY, 0), -EISDIR);
    EXPECT_EQ(weft_open(file_path("/"), O_RDWR | O_CREAT | O_EXCL, 0600), -EISDIR);
    low = weft_open(file_dir, O_RDONLY, 0);
    EXPECT(low >= 0);
    fd = fcntl(low, F_DUPFD_CLOEXEC, FILE_FAR); /* once closed, nobody else gets this number */
    EXPECT(fd >= FILE_FAR);
    EXPECT_EQ(weft_close(low), 0);
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
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_write(ends[1], buf, sizeof buf), -EPIPE);
    EXPECT_EQ(weft_close(ends[1]), 0);
    EXPECT_EQ(weft_close(-1), -EBADF);
}

static void file_check_names(void)
{
    struct stat st;

    EXPECT_EQ(weft_mkdir(file_path("dir"), 0750), 0);
    EXPECT_EQ(weft_mkdir(file_path("dir"), 0750), -EEXIST);
    EXPECT_EQ(weft_stat(file_path("dir"), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0750);
    file_make(file_path("dir/a"), 3);
    EXPECT_EQ(weft_rename(file_path("dir/a"), file_path("dir/b")), 0);
    EXPECT_EQ(weft_rename(file_path("dir/a"), file_path("dir/b")), -ENOENT);
    EXPECT_EQ(weft_stat(file_path("dir/b"), &st), 0);
    EXPECT_EQ(st.st_size, 3);
    EXPECT_EQ(weft_unlink(file_path("dir")), -EISDIR);
    EXPECT_EQ(weft_unlink(file_path("dir/b")), 0);
    EXPECT_EQ(weft_unlink(file_path("dir/b")), -ENOENT);
    EXPECT_EQ(rmdir(file_path("dir")), 0);
}

/* A name that led to a file leads to a FIFO, to a directory, to nothing. */
static void file_check_changed_names(void)
{
    struct stat st;
    char byte;
    int fd, other;

    for (int i = 0; i < 2; i++) {
        file_make(file_path("turns"), 10);
        fd = weft_open(file_path("turns"), O_RDONLY, 0);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_close(fd), 0);
        EXPECT_EQ(unlink(file_path("turns")), 0);
        EXPECT_EQ(weft_open(file_path("turns"), O_RDONLY, 0), -ENOENT);
        EXPECT_EQ(mkfifo(file_path("turns"), 0600), 0);
        other = open(file_path("turns"), O_RDWR | O_CLOEXEC); /* so that an open need not wait */
        EXPECT(other >= 0);
        fd = weft_open(file_path("turns"), O_RDONLY, 0);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_fstat(fd, &st), 0);
        EXPECT(S_ISFIFO(st.st_mode));
        EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_EQ(write(other, "x", 1), 1);
        EXPECT_EQ(weft_read(fd, &byte, 1), 1);
        EXPECT_EQ(weft_close(fd), 0);
        EXPECT_EQ(weft_close(other), 0);
        EXPECT_EQ(unlink(file_path("turns")), 0);
        EXPECT_EQ(mkdir(file_path("turns"), 0700), 0);
        fd = weft_open(file_path("turns"), O_RDONLY, 0);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_read(fd, &byte, 1), -EISDIR);
        EXPECT_EQ(weft_close(fd), 0);
        EXPECT_EQ(rmdir(file_path("turns")), 0);
    }
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
    EXPECT_EQ(weft_read_file(file_path("whole"), 0, &data, NULL), 0);
    EXPECT_STR(data, "");
    weft_file_free(data);
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
    file_check_names();
    file_check_changed_names();
    file_check_whole();
    return 0;
}

IO_TEST(file_calls_of_a_task)
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

IO_TEST(file_calls_of_a_task_on_a_thread)
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

/* Regular files without RWF_NOWAIT: some rings say -EAGAIN when they are set not to wait. */
IO_TEST_KERNEL(file_that_cannot_tell)
{
    char buf[64];

    for (int is_impatient = 0; is_impatient < 2; is_impatient++) {
        int fd = weft_open("/proc/self/status", O_RDONLY | (is_impatient ? O_NONBLOCK : 0), 0);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_pread(fd, buf, 5, 0), 5);
        EXPECT_EQ(memcmp(buf, "Name:", 5), 0);
        EXPECT_EQ(weft_read(fd, buf, 5), 5);
        EXPECT_EQ(memcmp(buf, "Name:", 5), 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
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

IO_TEST_FREE(file_of_five_megabytes)
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

IO_TEST_FREE(file_read_by_200_tasks)
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

IO_TEST(file_calls_in_a_cancelled_scope_do_nothing)
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
    EXPECT_EQ(weft_rename(file_path("file"), file_path("new")), -WEFT_ECANCELED);
    EXPECT_EQ(weft_unlink(file_path("file")), -WEFT_ECANCELED);
    EXPECT_EQ(weft_mkdir(file_path("new"), 0700), -WEFT_ECANCELED);
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

static bool file_is_fault(ssize_t code)
{
    return code == -EIO || code == -EAGAIN || code == -EMFILE || code == -ENOMEM;
}

/* Each call succeeds, or says why not; the program goes on with what it has. */
static void file_faulty_work(void)
{
    char buf[64];
    struct stat st;
    void *data;
    size_t size;
    int fd = weft_open(file_path("faulty"), O_RDWR, 0);

    EXPECT(fd >= 0 || file_is_fault(fd));
    if (fd >= 0) {
        ssize_t n = weft_pwrite(fd, "0123456789", 10, 0);
        EXPECT(n == 10 || file_is_fault(n));
        n = weft_read(fd, buf, sizeof buf);
        EXPECT(n == 20 || file_is_fault(n));
        n = weft_read(fd, buf, sizeof buf);
        EXPECT(n == 0 || n == 20 || file_is_fault(n));
        EXPECT(weft_fsync(fd) <= 0);
        EXPECT(weft_fstat(fd, &st) <= 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    EXPECT(weft_stat(file_path("faulty"), &st) <= 0);
    fd = weft_open(file_path("faulty"), O_RDONLY, 0);
    EXPECT(fd >= 0 || file_is_fault(fd));
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

static void file_faulty_loop(uint32_t kinds, size_t workers, enum weft_io io)
{
    struct file_faulty faulty = {.kinds = kinds};

    do {
        size_t live = weft__alloc_live();
        faulty.n++;
        if (workers > 0)
            EXPECT_EQ(weft_run_with(file_faulty_app, &faulty, &(weft_options){
                .workers = workers, .io = io, .stuck_after_ns = 3600 * WEFT_SECOND}), 0);
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
                                     WEFT_FAULT_MASK(WEFT_FAULT_MAP),
                                     WEFT_FAULT_MASK(WEFT_FAULT_THREAD)};

    file_dir_make();
    file_make(file_path("faulty"), 20);
    for (size_t workers = 0; workers <= 4; workers = 4 * workers + (workers == 0))
        for (size_t i = 0; i < WEFT_ARRAY_SIZE(kinds); i++)
            for (int io = WEFT_IO_AUTO; io <= WEFT_IO_EPOLL; io += WEFT_IO_EPOLL)
                file_faulty_loop(kinds[i], workers, (enum weft_io)io);
    file_dir_remove();
}
