/* sys.h - the one door to the kernel, and to the calls of libc that set errno.
 *
 * Everything that can fail returns 0 or a count, or a negative code (-ENOENT).  errno is said in
 * sys.c only, and read there by the very next call after the one that failed: a task may go on in
 * another thread after it parked, and compilers keep the address of the old thread's errno.
 *
 * All calls on files here may block the OS thread; tasks reach them through core/offload.c.
 * Interrupted calls (EINTR) are repeated, except where repeating would be wrong: close, and the
 * futex wait, whose caller looks at its condition again anyway.
 *
 * Which calls can be made to fail: see base/fault.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYS_H
#define WEFT_BASE_SYS_H

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/atomic.h"

/* ---- waiting ---- */

/* Sleeps.  The OS thread, while *word == expected, until woken or until `timeout_ns` on the
 * monotonic clock (-1: for ever).
 *
 * 0            woken, possibly for no reason
 * -EAGAIN      *word was another value
 * -ETIMEDOUT   not before timeout_ns
 * -EINTR       a signal handler ran
 */
int weft__sys_futex_wait(ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns);

/* Never sleeps.  Wakes at most n waiters; returns how many. */
int weft__sys_futex_wake(ATOMIC(uint32_t) *word, int n);

void weft__sys_yield(void);

/* Sleeps.  Until a signal ends the process. */
WEFT_NORETURN void weft__sys_pause(void);

/* ---- memory ---- */

size_t weft__sys_page_size(void);

/* Readable, writable, private; commits nothing before it is touched. */
WEFT_MUST_USE int weft__sys_map(size_t size_bytes, void **ret);
void weft__sys_unmap(void *p, size_t size_bytes);

/* A read-only view of a whole file, which must not be empty. */
WEFT_MUST_USE int weft__sys_map_file(const char *path, void **ret, size_t *ret_size_bytes);

/* Forbids all access; splits the mapping in two. */
WEFT_MUST_USE int weft__sys_protect_none(void *p, size_t size_bytes);

/* Forbids all access without splitting the mapping (Linux 6.13); -EINVAL, and no guard, on older
 * kernels and in emulators that only pretend. */
WEFT_MUST_USE int weft__sys_guard_install(void *p, size_t size_bytes);

/* Asks for small pages in a mapping, where the system would use huge ones.  Advice only. */
void weft__sys_no_huge_pages(void *p, size_t size_bytes);

/* Asks for huge pages in a mapping, where the system would use small ones.  Advice only. */
void weft__sys_huge_pages(void *p, size_t size_bytes);

/* Gives the pages back; they read as zeroes when touched again.  Guards stay. */
WEFT_MUST_USE int weft__sys_discard(void *p, size_t size_bytes);

/* The same for many ranges, in order and by few calls.  Returns how many ranges were served, or a
 * code when not even the first was. */
WEFT_MUST_USE int weft__sys_guard_install_each(const struct iovec *ranges, int n);
WEFT_MUST_USE int weft__sys_discard_each(const struct iovec *ranges, int n);

/* Commits the pages as if each had been written to, which saves the faults.  Advice only. */
void weft__sys_populate_each(const struct iovec *ranges, int n);

/* Once per process, before the first weft__sys_membarrier. */
WEFT_MUST_USE int weft__sys_membarrier_register(void);

/* A full fence on every running thread of the process. */
WEFT_MUST_USE int weft__sys_membarrier(void);

/* ---- threads ---- */

pid_t weft__sys_gettid(void);
pid_t weft__sys_getpid(void);

/* Starts an OS thread that takes no signals but the synchronous ones and SIGURG.  It must be
 * joined.  `name` shows in /proc, its first 15 bytes; *ret may be set after fn has begun. */
WEFT_MUST_USE int weft__sys_thread_start(void *(*fn)(void *), void *arg, size_t stack_size_bytes,
                                         const char *name, pthread_t *ret);
void weft__sys_thread_join(pthread_t thread);

/* Instead of joining it: it ends by itself, whenever. */
void weft__sys_thread_detach(pthread_t thread);

/* By how much the kernel may delay the calling thread's timeouts, and of those it will start, to
 * have several at once.  Returns what it was. */
long weft__sys_timer_slack(long slack_ns);

/* The calling thread's own stack: its lowest address and its size. */
WEFT_MUST_USE int weft__sys_thread_stack(void **ret_low, size_t *ret_size_bytes);

WEFT_MUST_USE int weft__sys_tgkill(pid_t tid, int signo);

/* Threads of this process, or a negative code. */
int weft__sys_thread_count(void);

/* Of these, those that block SIGSEGV: nobody does but the helper threads of a sanitizer. */
int weft__sys_shut_thread_count(void);

/* Of these, but for the caller, those that run, or would if a CPU had time for them. */
int weft__sys_ready_thread_count(void);

/* The path of the running program; "" when it cannot be told. */
void weft__sys_program_path(char *ret, size_t size);

/* Does the program, or the object that holds `pc`, look functions of other objects up when it first
 * calls them?  The dynamic linker saves all vector registers for that: 3 KB of stack. */
bool weft__sys_binds_lazily(const void *pc);

/* The bounds of the mapping that holds `p`. */
WEFT_MUST_USE int weft__sys_mapping_of(const void *p, uintptr_t *ret_low, uintptr_t *ret_high);

/* What a thread of this process does now.  *ret_nr is -1 when it runs (sp and pc are then 0), the
 * number of the system call it is in, or -2 when it is blocked outside a call (a page fault). */
WEFT_MUST_USE int weft__sys_thread_state(pid_t tid, long *ret_nr, uintptr_t *ret_sp,
                                         uintptr_t *ret_pc);

/* "read", or NULL for calls that do not block. */
const char *weft__sys_syscall_name(long nr);

/* ---- chance ---- */

WEFT_MUST_USE int weft__sys_random(void *buf, size_t size_bytes);

/* ---- signals and the life of the process ---- */

WEFT_MUST_USE int weft__sys_sigaction(int signo, const struct sigaction *act,
                                      struct sigaction *ret_old);
WEFT_MUST_USE int weft__sys_sigaltstack(const stack_t *stack, stack_t *ret_old);

/* `how` is SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK; ret_old may be NULL. */
void weft__sys_sigmask(int how, const sigset_t *set, sigset_t *ret_old);

/* Runs `child` in the child of every fork. */
WEFT_MUST_USE int weft__sys_atfork(void (*child)(void));

/* ---- files ---- */

/* O_CLOEXEC is always added. */
WEFT_MUST_USE int weft__sys_open(const char *path, int flags, mode_t mode);

/* Only if every name on the way is in the kernel's memory, else -EAGAIN, as for O_CREAT and
 * O_TRUNC; -ENOSYS or -EINVAL before Linux 5.12.  A FIFO or a device may wait all the same, but not
 * with O_PATH. */
WEFT_MUST_USE int weft__sys_open_cached(const char *path, int flags);

/* `name` lies in the directory `fd`. */
WEFT_MUST_USE int weft__sys_open_at(int fd, const char *name, int flags);

/* What fcntl can set anew of an open file's flags, O_NONBLOCK for one. */
WEFT_MUST_USE int weft__sys_set_flags(int fd, int flags);

/* The descriptor is gone whatever it returns; -EINTR and -EINPROGRESS are told as 0. */
int weft__sys_close(int fd);

WEFT_MUST_USE ssize_t weft__sys_read(int fd, void *buf, size_t n);
WEFT_MUST_USE ssize_t weft__sys_write(int fd, const void *buf, size_t n);
WEFT_MUST_USE ssize_t weft__sys_pread(int fd, void *buf, size_t n, int64_t offset);
WEFT_MUST_USE ssize_t weft__sys_pwrite(int fd, const void *buf, size_t n, int64_t offset);

/* Do it only if it needs no waiting, else -EAGAIN; -EOPNOTSUPP where the file cannot tell.  An
 * offset of -1 is the file's own position. */
WEFT_MUST_USE ssize_t weft__sys_preadv_nowait(int fd, const struct iovec *iov, int n,
                                              int64_t offset);
WEFT_MUST_USE ssize_t weft__sys_pwritev_nowait(int fd, const struct iovec *iov, int n,
                                               int64_t offset);

/* The file's own position, or -ESPIPE. */
WEFT_MUST_USE int64_t weft__sys_tell(int fd);

WEFT_MUST_USE int weft__sys_fsync(int fd);
WEFT_MUST_USE int weft__sys_fdatasync(int fd);
WEFT_MUST_USE int weft__sys_fstat(int fd, struct stat *ret);
WEFT_MUST_USE int weft__sys_stat(const char *path, struct stat *ret);
WEFT_MUST_USE int weft__sys_lstat(const char *path, struct stat *ret);
WEFT_MUST_USE int weft__sys_lstat_at(int fd, const char *name, struct stat *ret);
WEFT_MUST_USE int weft__sys_unlink(const char *path);
WEFT_MUST_USE int weft__sys_rename(const char *from, const char *to);
WEFT_MUST_USE int weft__sys_mkdir(const char *path, mode_t mode);
WEFT_MUST_USE int weft__sys_chmod(const char *path, mode_t mode);

/* As the kernel writes them one behind the other; `reclen` leads to the next. */
struct weft__sys_dirent {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type; /* DT_REG, DT_DIR, ... of <dirent.h> */
    char name[];
};

/* Bytes of entries, 0 at the end of the directory. */
WEFT_MUST_USE ssize_t weft__sys_getdents(int fd, void *buf, size_t size_bytes);

/* Writes all of it to fd 2, without a fault point and whatever happens: the last words. */
void weft__sys_say(const char *text, size_t n);

/* Reads a small file as a string: at most size - 1 bytes.  Returns its length. */
WEFT_MUST_USE ssize_t weft__sys_read_file(const char *path, char *buf, size_t size_bytes);

#endif
