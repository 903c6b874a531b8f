/* sys_test.c - the door to the kernel: codes, waiting, threads, files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys_probe.h"
#include "base/text.h"
#include "base/time.h"
#include "weft/err.h"

enum { SYS_STACK = 256 * 1024 };

/* ---- waiting ---- */

TEST(sys_futex_timeout_is_never_early)
{
    ATOMIC(uint32_t) word = 1;

    for (int i = 0; i < 10; i++) {
        int64_t until = weft__time_now() + 2 * WEFT_NS_PER_MS;
        int rc;
        do {
            rc = weft__sys_futex_wait(&word, 1, until);
        } while (rc == 0 || rc == -EINTR);
        EXPECT_EQ(rc, -ETIMEDOUT);
        EXPECT(weft__time_now() >= until);
    }
    EXPECT_EQ(weft__sys_futex_wait(&word, 1, 0), -ETIMEDOUT);
}

TEST(sys_futex_tells_a_changed_word)
{
    ATOMIC(uint32_t) word = 1;

    EXPECT_EQ(weft__sys_futex_wait(&word, 2, -1), -EAGAIN);
    EXPECT_EQ(weft__sys_futex_wake(&word, 1), 0);
}

static void *sys_wait_for_change(void *arg)
{
    ATOMIC(uint32_t) *word = arg;

    while (a_load(word, acquire) == 0)
        weft__sys_futex_wait(word, 0, -1);
    return NULL;
}

TEST(sys_futex_wakes)
{
    ATOMIC(uint32_t) word = 0;
    pthread_t thread;

    EXPECT_EQ(weft__sys_thread_start(sys_wait_for_change, &word, SYS_STACK, "waiter", &thread), 0);
    while (weft__sys_futex_wake(&word, 1) == 0) /* until it sleeps; this one finds 0 again */
        weft__sys_yield();
    a_store(&word, 1, release);
    weft__sys_futex_wake(&word, INT32_MAX);
    weft__sys_thread_join(thread);
}

/* ---- memory ---- */

TEST(sys_map_gives_zeroes)
{
    size_t size = 4 * weft__sys_page_size();
    char *p;
    void *mapping;

    EXPECT_EQ(weft__sys_map(size, &mapping), 0);
    p = mapping;
    p[0] = 'x';
    EXPECT_EQ(p[size - 1], 0);
    EXPECT_EQ(weft__sys_discard(p, size), 0);
    EXPECT_EQ(p[0], 0);
    weft__sys_unmap(p, size);
    EXPECT_EQ(weft__sys_map(SIZE_MAX / 2, &mapping), -ENOMEM);
}

/* Reading through the kernel tells what is forbidden without dying of it. */
static bool sys_is_readable(const char *p)
{
    int ends[2];
    bool is_readable;

    EXPECT_EQ(pipe(ends), 0);
    is_readable = write(ends[1], p, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return is_readable;
}

TEST(sys_guards_forbid)
{
    size_t page = weft__sys_page_size();
    void *mapping;
    char *p;
    int rc;

    EXPECT_EQ(weft__sys_map(4 * page, &mapping), 0);
    p = mapping;
    EXPECT_EQ(weft__sys_protect_none(p, page), 0);
    EXPECT(!sys_is_readable(p));
    EXPECT(sys_is_readable(p + page));
    rc = weft__sys_guard_install(p + 2 * page, page);
    EXPECT(rc == 0 || rc == -EINVAL); /* -EINVAL: before Linux 6.13 */
    EXPECT_EQ(sys_is_readable(p + 2 * page), rc != 0);
    EXPECT(sys_is_readable(p + 3 * page));
    EXPECT_EQ(weft__sys_discard(p + 2 * page, 2 * page), 0);
    EXPECT_EQ(sys_is_readable(p + 2 * page), rc != 0);
    weft__sys_unmap(p, 4 * page);
}

TEST(sys_membarrier_after_registering)
{
    int rc = weft__sys_membarrier_register();

    if (rc == -ENOSYS)
        SKIP("no membarrier here");
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(weft__sys_membarrier(), 0);
}

TEST(sys_mapping_of_a_known_one)
{
    size_t page = weft__sys_page_size();
    uintptr_t low, high;
    void *p;
    int on_stack;

    EXPECT_EQ(weft__sys_map(3 * page, &p), 0);
    /* neighbours with the same rights may have been joined to it */
    EXPECT_EQ(weft__sys_protect_none(p, page), 0);
    EXPECT_EQ(weft__sys_mapping_of((char *)p + page, &low, &high), 0);
    EXPECT_EQ(low, (uintptr_t)p + page);
    EXPECT(high >= (uintptr_t)p + 3 * page);
    EXPECT_EQ(weft__sys_mapping_of((char *)p + page - 1, &low, &high), 0);
    EXPECT_EQ(high, (uintptr_t)p + page);
    EXPECT_EQ(weft__sys_mapping_of(&on_stack, &low, &high), 0);
    EXPECT(low <= (uintptr_t)&on_stack && (uintptr_t)&on_stack < high);
    weft__sys_unmap(p, 3 * page);
    EXPECT_EQ(weft__sys_mapping_of((void *)(uintptr_t)16, &low, &high), -ENOENT);
}

/* ---- threads ---- */

struct sys_seen {
    sigset_t mask;
    void *stack_low;
    size_t stack_size;
    void *somewhere;
    pid_t tid;
};

static void *sys_look_around(void *arg)
{
    struct sys_seen *seen = arg;

    weft__sys_sigmask(SIG_BLOCK, NULL, &seen->mask);
    WEFT_CHECK(weft__sys_thread_stack(&seen->stack_low, &seen->stack_size) == 0);
    seen->somewhere = __builtin_frame_address(0);
    seen->tid = weft__sys_gettid();
    return NULL;
}

TEST(sys_thread_blocks_signals)
{
    struct sys_seen seen;
    sigset_t before, after;
    pthread_t thread;

    weft__sys_sigmask(SIG_BLOCK, NULL, &before);
    EXPECT_EQ(weft__sys_thread_start(sys_look_around, &seen, SYS_STACK, "looker", &thread), 0);
    weft__sys_thread_join(thread);
    weft__sys_sigmask(SIG_BLOCK, NULL, &after);
    EXPECT(sigismember(&seen.mask, SIGINT) && sigismember(&seen.mask, SIGCHLD));
    EXPECT(!sigismember(&seen.mask, SIGURG) && !sigismember(&seen.mask, SIGSEGV));
    EXPECT_EQ(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    EXPECT(seen.tid != weft__sys_gettid());
}

TEST(sys_thread_has_its_stack)
{
    struct sys_seen seen;
    pthread_t thread;

    EXPECT_EQ(weft__sys_thread_start(sys_look_around, &seen, 1024 * 1024 + 1, "stack", &thread), 0);
    weft__sys_thread_join(thread);
    EXPECT(seen.stack_size > 1024 * 1024);
    EXPECT((char *)seen.somewhere > (char *)seen.stack_low);
    EXPECT((char *)seen.somewhere < (char *)seen.stack_low + seen.stack_size);
}

TEST(sys_thread_has_its_name)
{
    ATOMIC(uint32_t) word = 0;
    pthread_t thread;
    char name[16];

    EXPECT_EQ(weft__sys_thread_start(sys_wait_for_change, &word, SYS_STACK,
                                     "weft-worker-with-a-long-name", &thread),
              0);
    EXPECT_EQ(pthread_getname_np(thread, name, sizeof name), 0);
    EXPECT_STR(name, "weft-worker-wit");
    a_store(&word, 1, release);
    weft__sys_futex_wake(&word, 1);
    weft__sys_thread_join(thread);
}

/* The first one started may bring with it a thread of a sanitizer, so the second is counted. */
TEST(sys_thread_count_rises_by_one)
{
    ATOMIC(uint32_t) word = 0;
    pthread_t first, second;
    int before;

    EXPECT(weft__sys_thread_count() >= 1);
    EXPECT_EQ(weft__sys_thread_start(sys_wait_for_change, &word, SYS_STACK, "one", &first), 0);
    before = weft__sys_thread_count();
    EXPECT_EQ(weft__sys_thread_start(sys_wait_for_change, &word, SYS_STACK, "two", &second), 0);
    EXPECT_EQ(weft__sys_thread_count(), before + 1);
    a_store(&word, 1, release);
    weft__sys_futex_wake(&word, 2);
    weft__sys_thread_join(first);
    weft__sys_thread_join(second);
}

TEST(sys_thread_too_large)
{
    pthread_t thread;

    EXPECT(weft__sys_thread_start(sys_wait_for_change, NULL, SIZE_MAX / 4, "huge", &thread) < 0);
}

struct sys_watched {
    ATOMIC(uint32_t) tid;
    ATOMIC(uint32_t) go_on;
    uintptr_t frame;
};

static void *sys_spin_then_sleep(void *arg)
{
    struct sys_watched *w = arg;

    w->frame = (uintptr_t)__builtin_frame_address(0);
    a_store(&w->tid, (uint32_t)weft__sys_gettid(), release);
    while (a_load(&w->go_on, acquire) == 0)
        a_relax();
    while (a_load(&w->go_on, acquire) == 1)
        weft__sys_futex_wait(&w->go_on, 1, -1);
    return NULL;
}

TEST(sys_thread_state_running_then_asleep)
{
    struct sys_watched w = {0};
    uintptr_t sp = 1, pc = 1;
    pthread_t thread;
    long nr = 0;
    pid_t tid;

    if (getenv("TEST_EMULATED") != NULL)
        SKIP("the emulator's own calls show");
    if (weft__sys_thread_state(weft__sys_gettid(), &nr, &sp, &pc) == -ENOENT)
        SKIP("no /proc/PID/task/TID/syscall");
    EXPECT_EQ(weft__sys_thread_start(sys_spin_then_sleep, &w, SYS_STACK, "watched", &thread), 0);
    while ((tid = (pid_t)a_load(&w.tid, acquire)) == 0)
        weft__sys_yield();
    do {
        EXPECT_EQ(weft__sys_thread_state(tid, &nr, &sp, &pc), 0);
    } while (nr != -1);
    EXPECT(sp == 0 && pc == 0);
    a_store(&w.go_on, 1, release);
    do {
        EXPECT_EQ(weft__sys_thread_state(tid, &nr, &sp, &pc), 0);
    } while (nr < 0);
    EXPECT_STR(weft__sys_syscall_name(nr), "futex");
    EXPECT(pc != 0 && sp < w.frame && w.frame - sp < SYS_STACK);
    a_store(&w.go_on, 2, release);
    weft__sys_futex_wake(&w.go_on, 1);
    weft__sys_thread_join(thread);
    EXPECT(weft__sys_thread_state(-5, &nr, &sp, &pc) < 0);
}

/* A name that looks like what stands behind it deceives nobody. */
TEST(sys_ready_threads_are_told_from_those_asleep)
{
    struct sys_watched w = {0};
    pthread_t thread;

    if (getenv("TEST_EMULATED") != NULL)
        SKIP("the emulator has threads of its own");
    EXPECT_EQ(weft__sys_thread_start(sys_spin_then_sleep, &w, SYS_STACK, "a) S b) T", &thread), 0);
    while (weft__sys_ready_thread_count() < 1)
        weft__sys_yield();
    a_store(&w.go_on, 1, release);
    while (weft__sys_ready_thread_count() != 0)
        weft__sys_yield();
    a_store(&w.go_on, 2, release);
    weft__sys_futex_wake(&w.go_on, 1);
    weft__sys_thread_join(thread);
}

TEST(sys_syscall_names)
{
    EXPECT_STR(weft__sys_syscall_name(SYS_read), "read");
    EXPECT_STR(weft__sys_syscall_name(SYS_clock_nanosleep), "clock_nanosleep");
    EXPECT(weft__sys_syscall_name(SYS_getpid) == NULL);
    EXPECT(weft__sys_syscall_name(-1) == NULL);
}

TEST(sys_tgkill_of_nobody)
{
    EXPECT_EQ(weft__sys_tgkill(0x3fffffff, 0), -ESRCH);
    EXPECT_EQ(weft__sys_tgkill(weft__sys_gettid(), 0), 0);
}

/* ---- chance ---- */

TEST(sys_random_fills)
{
    unsigned char buf[4096] = {0};
    int zeroes = 0;

    EXPECT_EQ(weft__sys_random(buf, sizeof buf), 0);
    for (size_t i = 0; i < sizeof buf; i++)
        zeroes += buf[i] == 0;
    EXPECT(zeroes < 100);
}

/* ---- files ---- */

TEST(sys_files_round_trip)
{
    char path[100], other[100], buf[16] = {0};
    struct iovec part = {buf, sizeof buf};
    struct stat st;
    ssize_t n;
    int fd;

    sys_root_make();
    snprintf(path, sizeof path, "%s/dir", sys_root);
    EXPECT_EQ(weft__sys_mkdir(path, 0700), 0);
    EXPECT_EQ(weft__sys_mkdir(path, 0700), -EEXIST);
    snprintf(path, sizeof path, "%s/dir/file", sys_root);
    snprintf(other, sizeof other, "%s/dir/other", sys_root);
    fd = weft__sys_open(path, O_RDWR | O_CREAT, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(weft__sys_write(fd, "hello", 5), 5);
    EXPECT_EQ(weft__sys_pwrite(fd, "J", 1, 0), 1);
    EXPECT_EQ(weft__sys_pread(fd, buf, 3, 2), 3);
    EXPECT_STR(buf, "llo");
    EXPECT_EQ(weft__sys_fsync(fd), 0);
    EXPECT_EQ(weft__sys_fdatasync(fd), 0);
    EXPECT_EQ(weft__sys_fstat(fd, &st), 0);
    EXPECT_EQ(st.st_size, 5);
    EXPECT_EQ(weft__sys_read(fd, buf, sizeof buf), 0);
    n = weft__sys_preadv_nowait(fd, &part, 1, 1);
    EXPECT(n == 4 || n == -EAGAIN || n == -EOPNOTSUPP);
    part.iov_len = 2;
    n = weft__sys_pwritev_nowait(fd, &part, 1, 5);
    EXPECT(n == 2 || n == -EAGAIN || n == -EOPNOTSUPP);
    EXPECT_EQ(weft__sys_close(fd), 0);
    EXPECT_EQ(weft__sys_close(fd), -EBADF);
    EXPECT_EQ(weft__sys_rename(path, other), 0);
    EXPECT_EQ(weft__sys_stat(path, &st), -ENOENT);
    EXPECT_EQ(weft__sys_lstat(other, &st), 0);
    EXPECT_EQ(weft__sys_read_file(other, buf, 3), 2);
    EXPECT_STR(buf, "Je");
    EXPECT_EQ(weft__sys_unlink(other), 0);
    EXPECT_EQ(weft__sys_unlink(other), -ENOENT);
    EXPECT_EQ(weft__sys_open(other, O_RDONLY, 0), -ENOENT);
    sys_root_remove();
}

TEST(sys_files_below_a_directory)
{
    char path[100];
    struct stat st;
    int dir, fd;

    sys_root_make();
    sys_root_file("/file", "hello");
    dir = weft__sys_open(sys_root, O_RDONLY | O_DIRECTORY, 0);
    EXPECT(dir >= 0);
    EXPECT_EQ(symlinkat("file", dir, "link"), 0);
    EXPECT_EQ(weft__sys_open_at(dir, "link", O_RDONLY | O_NOFOLLOW), -ELOOP);
    EXPECT_EQ(weft__sys_open_at(dir, "none", O_RDONLY), -ENOENT);
    EXPECT_EQ(weft__sys_lstat_at(dir, "none", &st), -ENOENT);
    EXPECT_EQ(weft__sys_lstat_at(dir, "link", &st), 0);
    EXPECT(S_ISLNK(st.st_mode));
    fd = weft__sys_open_at(dir, "file", O_RDONLY | O_NONBLOCK);
    EXPECT(fd >= 0);
    EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(weft__sys_set_flags(fd, O_RDONLY), 0);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(weft__sys_set_flags(-1, 0), -EBADF);
    EXPECT_EQ(weft__sys_tell(fd), 0);
    EXPECT_EQ(weft__sys_read(fd, path, 3), 3);
    EXPECT_EQ(weft__sys_tell(fd), 3);
    EXPECT_EQ(weft__sys_close(fd), 0);
    EXPECT_EQ(weft__sys_close(dir), 0);
    snprintf(path, sizeof path, "%s/file", sys_root);
    fd = weft__sys_open_cached(path, O_RDONLY);
    EXPECT(fd >= 0 || fd == -EAGAIN || fd == -ENOSYS || fd == -EINVAL || fd == -EPERM);
    if (fd >= 0)
        EXPECT_EQ(weft__sys_close(fd), 0);
    EXPECT(weft__sys_open_cached(path, O_RDWR | O_TRUNC) < 0);
    sys_root_remove();
}

TEST(sys_getdents_lists_all)
{
    static const char *const names[] = {"/a", "/b with a space", "/c\nnewline"};
    char buf[128] WEFT_ALIGNED(8);
    int fd, seen = 0;
    ssize_t n;

    sys_root_make();
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(names); i++)
        sys_root_file(names[i], "x");
    fd = weft__sys_open(sys_root, O_RDONLY | O_DIRECTORY, 0);
    EXPECT(fd >= 0);
    while ((n = weft__sys_getdents(fd, buf, sizeof buf)) > 0) {
        const struct weft__sys_dirent *entry;
        for (ssize_t at = 0; at < n; at += entry->reclen) {
            entry = (const void *)(buf + at);
            for (size_t i = 0; i < WEFT_ARRAY_SIZE(names); i++)
                seen += strcmp(entry->name, names[i] + 1) == 0 ? 1 << (4 * i) : 0;
        }
    }
    EXPECT_EQ(n, 0);
    EXPECT_EQ(seen, 0x111);
    EXPECT_EQ(weft__sys_close(fd), 0);
    sys_root_remove();
}

static void sys_on_signal(int signo)
{
    (void)signo;
}

struct sys_pipe_reader {
    ATOMIC(uint32_t) tid;
    int fd;
    ssize_t got;
};

static void *sys_read_one(void *arg)
{
    struct sys_pipe_reader *reader = arg;
    char byte;

    a_store(&reader->tid, (uint32_t)weft__sys_gettid(), release);
    reader->got = weft__sys_read(reader->fd, &byte, 1);
    return NULL;
}

TEST(sys_read_goes_on_after_a_signal)
{
    struct sigaction act = {.sa_handler = sys_on_signal}, old; /* no SA_RESTART */
    struct sys_pipe_reader reader = {0};
    pthread_t thread;
    int ends[2];

    EXPECT_EQ(weft__sys_sigaction(SIGURG, &act, &old), 0);
    EXPECT_EQ(pipe(ends), 0);
    reader.fd = ends[0];
    EXPECT_EQ(weft__sys_thread_start(sys_read_one, &reader, SYS_STACK, "reader", &thread), 0);
    while (a_load(&reader.tid, acquire) == 0)
        weft__sys_yield();
    for (int i = 0; i < 1000; i++) {
        EXPECT_EQ(weft__sys_tgkill((pid_t)a_load(&reader.tid, relaxed), SIGURG), 0);
        weft__sys_yield();
    }
    EXPECT_EQ(weft__sys_write(ends[1], "x", 1), 1);
    weft__sys_thread_join(thread);
    EXPECT_EQ(reader.got, 1);
    close(ends[0]);
    close(ends[1]);
    EXPECT_EQ(weft__sys_sigaction(SIGURG, &old, NULL), 0);
    EXPECT_EQ(weft__sys_sigaction(12345, &act, NULL), -EINVAL);
}
