/* sys.c - the one door to the kernel, and to the calls of libc that set errno.
 *
 * Called by everyone.  Holds no lock, and no state but whether guards work.  Each function is the
 * call, the loop over EINTR where repeating is right, and the code made of errno.
 *
 * sys_code is never inlined: a function here may be inlined into one that parks (one-file build,
 * LTO), and the compiler, which takes the address of errno for a constant, would then read the
 * errno of the thread that the task ran on before.
 *
 * The calls that are made for the runtime's own knowledge (/proc, /sys) pass no fault point: a
 * fault loop counts what the work needs, not what the machine is asked about.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"
#include "base/time.h"
#include "weft/err.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13, asm-generic/mman-common.h */
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#ifndef SYS_process_madvise
#define SYS_process_madvise 440 /* Linux 5.10 */
#endif

#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000) /* Linux 6.14, linux/pidfd.h */
#endif

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* Linux 5.12, linux/openat2.h */
#endif

/* Tasks are fibers to TSan, and errno is the thread's: one after the other reads it, unordered. */
static WEFT_NOINLINE WEFT_NO_SANITIZE int sys_code(void)
{
    return -errno;
}

/* ---- waiting ---- */

/* ThreadSanitizer puts a signal's handler off until its thread is in a call that it knows to block.
 * A bare futex is none: without this a thread that rests would never hear of a Ctrl-C. */
static void sys_take_signals(void)
{
    weft__time_sleep_until(0);
}

int weft__sys_futex_wait(ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec until, *when = NULL;

    if (timeout_ns >= 0) {
        until.tv_sec = timeout_ns / WEFT_NS_PER_SECOND;
        until.tv_nsec = timeout_ns % WEFT_NS_PER_SECOND;
        when = &until;
    }
    int kept = errno; /* who waits may live by it (.own_tls), and that it had to wait is no error */
    /* the BITSET form takes an absolute time of the monotonic clock; the plain one a duration */
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, when, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
        return 0;
    int rc = sys_code();
    if (WEFT_TSAN && rc == -EINTR)
        sys_take_signals();
    errno = kept;
    return rc;
}

int weft__sys_futex_wake(ATOMIC(uint32_t) *word, int n)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, NULL, NULL, 0);

    WEFT_CHECK(woken >= 0);
    return (int)woken;
}

void weft__sys_yield(void)
{
    sched_yield();
}

void weft__sys_pause(void)
{
    for (;;)
        pause();
}

/* ---- memory ---- */

size_t weft__sys_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

int weft__sys_map(size_t size_bytes, void **ret)
{
    void *p;

    if (weft__fault(WEFT_FAULT_MAP))
        return -ENOMEM;
    p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
             -1, 0);
    if (p == MAP_FAILED)
        return sys_code();
    *ret = p;
    return 0;
}

void weft__sys_unmap(void *p, size_t size_bytes)
{
    /* can fail only for bad arguments, or for want of a mapping where it splits one */
    WEFT_CHECK(munmap(p, size_bytes) == 0);
}

int weft__sys_protect_none(void *p, size_t size_bytes)
{
    if (weft__fault(WEFT_FAULT_MAP))
        return -ENOMEM;
    return mprotect(p, size_bytes, PROT_NONE) == 0 ? 0 : sys_code();
}

/* Asks the kernel to read a path at p, which tells without dying whether it can be read. */
static bool sys_is_forbidden(const void *p)
{
    return syscall(SYS_faccessat, AT_FDCWD, p, F_OK) != 0 && sys_code() == -EFAULT;
}

static ATOMIC(uint32_t) sys_guards_work; /* 0: not tried yet */

/* An emulator may swallow advice that it does not know and say 0, so the first guard is tried.
 * Two threads may both be the first; they find the same. */
int weft__sys_guard_install(void *p, size_t size_bytes)
{
    if (weft__fault(WEFT_FAULT_MAP))
        return -ENOMEM;
    if (madvise(p, size_bytes, MADV_GUARD_INSTALL) != 0)
        return sys_code();
    if (a_load(&sys_guards_work, relaxed) == 0) {
        if (!sys_is_forbidden(p))
            return -EINVAL;
        a_store(&sys_guards_work, 1, relaxed);
    }
    return 0;
}

void weft__sys_no_huge_pages(void *p, size_t size_bytes)
{
    (void)madvise(p, size_bytes, MADV_NOHUGEPAGE);
}

void weft__sys_huge_pages(void *p, size_t size_bytes)
{
    (void)madvise(p, size_bytes, MADV_HUGEPAGE);
}

int weft__sys_discard(void *p, size_t size_bytes)
{
    return madvise(p, size_bytes, MADV_DONTNEED) == 0 ? 0 : sys_code();
}

static ATOMIC(uint32_t) sys_vectors_fail; /* this kernel advises one range at a time */

/* As many as one call serves; 0 when it serves none. */
static int sys_advise_vector(const struct iovec *ranges, int n, int advice)
{
    if (a_load(&sys_vectors_fail, relaxed))
        return 0;
    long bytes = syscall(SYS_process_madvise, PIDFD_SELF, ranges, (long)n, (long)advice, 0L);
    if (bytes < 0) {
        if (sys_code() != -ENOMEM)
            a_store(&sys_vectors_fail, 1, relaxed);
        return 0;
    }
    int done = 0;
    while (done < n && (size_t)bytes >= ranges[done].iov_len)
        bytes -= (long)ranges[done++].iov_len;
    return done;
}

static int sys_advise_each(const struct iovec *ranges, int n, int advice)
{
    int done = sys_advise_vector(ranges, n, advice);

    for (; done < n; done++) {
        if (madvise(ranges[done].iov_base, ranges[done].iov_len, advice) != 0)
            return done > 0 ? done : sys_code();
    }
    return done;
}

int weft__sys_guard_install_each(const struct iovec *ranges, int n)
{
    WEFT_CHECK(n > 0);
    if (n == 1 || a_load(&sys_guards_work, relaxed) == 0) {
        int rc = weft__sys_guard_install(ranges->iov_base, ranges->iov_len);
        return rc < 0 ? rc : 1;
    }
    return weft__fault(WEFT_FAULT_MAP) ? -ENOMEM
                                       : sys_advise_each(ranges, n, MADV_GUARD_INSTALL);
}

int weft__sys_discard_each(const struct iovec *ranges, int n)
{
    return sys_advise_each(ranges, n, MADV_DONTNEED);
}

void weft__sys_populate_each(const struct iovec *ranges, int n)
{
    (void)sys_advise_vector(ranges, n, MADV_POPULATE_WRITE);
}

int weft__sys_membarrier_register(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0
               ? 0
               : sys_code();
}

int weft__sys_membarrier(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0 ? 0 : sys_code();
}

/* ---- threads ---- */

pid_t weft__sys_gettid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

pid_t weft__sys_getpid(void)
{
    return getpid();
}

/* What our own threads block: all but what the thread itself causes, and SIGURG, which the
 * watchdog sends to look at a thread. */
static void sys_thread_mask(sigset_t *ret)
{
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGURG};

    sigfillset(ret);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(open); i++)
        sigdelset(ret, open[i]);
}

static void sys_thread_name(pthread_t thread, const char *name)
{
    char head[16]; /* the kernel's limit, the zero counted */
    struct weft__text text;

    weft__text_init(&text, head, sizeof head);
    weft__text_add(&text, "%s", name);
    /* fails when the thread has ended already, or without /proc: a name is not worth an error */
    pthread_setname_np(thread, head);
}

int weft__sys_thread_start(void *(*fn)(void *), void *arg, size_t stack_size_bytes,
                           const char *name, pthread_t *ret)
{
    size_t page = weft__sys_page_size();
    size_t size = weft__max(stack_size_bytes, (size_t)PTHREAD_STACK_MIN);
    pthread_attr_t attr;
    sigset_t mask, before;
    pthread_t thread;
    int rc;

    WEFT_CHECK(fn != NULL);
    if (weft__fault(WEFT_FAULT_THREAD))
        return -EAGAIN;
    rc = pthread_attr_init(&attr);
    if (rc != 0)
        return -rc;
    rc = pthread_attr_setstacksize(&attr, (size + page - 1) / page * page);
    if (rc == 0) {
        /* a new thread inherits the mask: no signal can hit it before it could block them */
        sys_thread_mask(&mask);
        weft__sys_sigmask(SIG_SETMASK, &mask, &before);
        rc = pthread_create(&thread, &attr, fn, arg);
        weft__sys_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    if (rc != 0)
        return -rc;
    sys_thread_name(thread, name);
    *ret = thread;
    return 0;
}

long weft__sys_timer_slack(long slack_ns)
{
    long before = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);

    (void)prctl(PR_SET_TIMERSLACK, slack_ns, 0, 0, 0);
    return before;
}

void weft__sys_thread_join(pthread_t thread)
{
    WEFT_CHECK(pthread_join(thread, NULL) == 0);
}

void weft__sys_thread_detach(pthread_t thread)
{
    WEFT_CHECK(pthread_detach(thread) == 0);
}

int weft__sys_thread_stack(void **ret_low, size_t *ret_size_bytes)
{
    pthread_attr_t attr;
    int rc = pthread_getattr_np(pthread_self(), &attr);

    if (rc != 0)
        return -rc;
    rc = pthread_attr_getstack(&attr, ret_low, ret_size_bytes);
    pthread_attr_destroy(&attr);
    return -rc;
}

int weft__sys_tgkill(pid_t tid, int signo)
{
    return syscall(SYS_tgkill, getpid(), tid, signo) == 0 ? 0 : sys_code();
}

/* Does this thread block SIGSEGV?  From the mask, in hexadecimal, in its status file. */
static bool sys_thread_is_shut(const char *tid)
{
    char path[64], status[2048];
    const char *mask;

    snprintf(path, sizeof path, "/proc/self/task/%.16s/status", tid);
    if (weft__sys_read_file(path, status, sizeof status) < 0)
        return false;
    mask = strstr(status, "SigBlk:");
    return mask != NULL && (strtoull(mask + 7, NULL, 16) >> (SIGSEGV - 1) & 1) != 0;
}

/* Another than the caller's, and not asleep?  "12 (name) R ...", and a name may hold anything. */
static bool sys_thread_is_ready(const char *tid)
{
    char path[64], stat[512];
    const char *name_end;

    snprintf(path, sizeof path, "/proc/self/task/%.16s/stat", tid);
    if (atoi(tid) == weft__sys_gettid() || weft__sys_read_file(path, stat, sizeof stat) < 0)
        return false;
    name_end = strrchr(stat, ')');
    return name_end != NULL && strncmp(name_end, ") R", 3) == 0;
}

/* The links of the directory: its own two, and one a thread.  Listing it would not do: a thread
 * that ends while it is listed ends the list, and hides those behind it. */
int weft__sys_thread_count(void)
{
    struct stat st;

    if (stat("/proc/self/task", &st) != 0)
        return sys_code();
    return st.st_nlink > 2 ? (int)st.st_nlink - 2 : -ENOTSUP;
}

static int sys_count_threads(bool (*counts)(const char *tid))
{
    char buf[1024] WEFT_ALIGNED(8);
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = 0;
    long n;

    if (fd < 0)
        return sys_code();
    while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0) {
        for (long at = 0; at < n;) {
            const struct weft__sys_dirent *entry = (const void *)(buf + at);
            if (entry->name[0] != '.')
                count += counts(entry->name);
            at += entry->reclen;
        }
    }
    if (n < 0)
        count = sys_code();
    close(fd);
    return count;
}

int weft__sys_shut_thread_count(void)
{
    return sys_count_threads(sys_thread_is_shut);
}

int weft__sys_ready_thread_count(void)
{
    return sys_count_threads(sys_thread_is_ready);
}

/* Reads up to the next line's two bounds, then past its end: "7f00-7f10 rw-p ...". */
void weft__sys_program_path(char *ret, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", ret, size - 1);

    ret[n > 0 ? n : 0] = '\0';
}

/* ---- the dynamic linker ---- */

struct sys_binding {
    uintptr_t pc;
    bool is_lazy;
    bool is_program; /* the object that comes first */
};

static bool sys_object_is_lazy(const ElfW(Dyn) *d)
{
    bool has_calls = false, now = false;
    for (; d->d_tag != DT_NULL; d++) {
        has_calls |= d->d_tag == DT_JMPREL;
        now |= d->d_tag == DT_BIND_NOW || (d->d_tag == DT_FLAGS && d->d_un.d_val & DF_BIND_NOW) ||
               (d->d_tag == DT_FLAGS_1 && d->d_un.d_val & DF_1_NOW);
    }
    return has_calls && !now;
}

static int sys_look_at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct sys_binding *binding = arg;
    const ElfW(Dyn) *dynamic = NULL;
    bool matters = binding->is_program;
    (void)size;
    binding->is_program = false;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t at = (uintptr_t)(info->dlpi_addr + p->p_vaddr);
        if (p->p_type == PT_DYNAMIC) {
            dynamic = (const ElfW(Dyn) *)at;
        }
        matters |= p->p_type == PT_LOAD && binding->pc - at < p->p_memsz;
    }
    binding->is_lazy |= matters && dynamic && sys_object_is_lazy(dynamic);
    return 0;
}

bool weft__sys_binds_lazily(const void *pc)
{
    const char *now = getenv("LD_BIND_NOW");
    struct sys_binding binding = {.pc = (uintptr_t)pc, .is_program = true};

    if (now && *now)
        return false;
    dl_iterate_phdr(sys_look_at_object, &binding);
    return binding.is_lazy;
}

int weft__sys_mapping_of(const void *p, uintptr_t *ret_low, uintptr_t *ret_high)
{
    char buf[512];
    uintptr_t bound[2] = {0, 0};
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), part = 0, rc = -ENOENT;
    ssize_t n;

    if (fd < 0)
        return sys_code();
    while (rc != 0 && (n = read(fd, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n && rc != 0; i++) {
            char c = buf[i];
            if (c == '\n') {
                part = 0;
                bound[0] = bound[1] = 0;
            } else if (part < 2 && (c == '-' || c == ' ')) {
                part++;
                if (part == 2 && bound[0] <= (uintptr_t)p && (uintptr_t)p < bound[1])
                    rc = 0;
            } else if (part < 2) {
                bound[part] = bound[part] * 16 + (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
            }
        }
    }
    close(fd);
    if (rc == 0) {
        *ret_low = bound[0];
        *ret_high = bound[1];
    }
    return rc;
}

/* "running", "-1 SP PC", or "NR A0 A1 A2 A3 A4 A5 SP PC". */
int weft__sys_thread_state(pid_t tid, long *ret_nr, uintptr_t *ret_sp, uintptr_t *ret_pc)
{
    char path[64], line[256];
    struct weft__text text;
    unsigned long sp = 0, pc = 0;
    long nr = -1;
    ssize_t n;

    weft__text_init(&text, path, sizeof path);
    weft__text_add(&text, "/proc/self/task/%d/syscall", (int)tid);
    n = weft__sys_read_file(path, line, sizeof line);
    if (n < 0)
        return (int)n;
    if (strncmp(line, "running", 7) != 0) {
        if (sscanf(line, "%ld %*x %*x %*x %*x %*x %*x %lx %lx", &nr, &sp, &pc) != 3) {
            if (sscanf(line, "-1 %lx %lx", &sp, &pc) != 2)
                return -EINVAL;
            nr = -2;
        }
    }
    *ret_nr = nr;
    *ret_sp = sp;
    *ret_pc = pc;
    return 0;
}

/* Those that a thread can be found blocked in; the older forms exist on some machines only. */
static const struct sys_call_name {
    long nr;
    const char *name;
} sys_call_names[] = {
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_readv, "readv"},
    {SYS_writev, "writev"},
    {SYS_pread64, "pread"},
    {SYS_pwrite64, "pwrite"},
    {SYS_preadv, "preadv"},
    {SYS_pwritev, "pwritev"},
    {SYS_openat, "open"},
    {SYS_close, "close"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_getdents64, "getdents"},
    {SYS_futex, "futex"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_connect, "connect"},
    {SYS_sendto, "sendto"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_sendfile, "sendfile"},
    {SYS_splice, "splice"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect"},
    {SYS_epoll_pwait, "epoll_wait"},
    {SYS_io_uring_enter, "io_uring_enter"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_ioctl, "ioctl"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_msgsnd, "msgsnd"},
    {SYS_semtimedop, "semtimedop"},
    {SYS_rt_sigtimedwait, "sigtimedwait"},
    {SYS_rt_sigsuspend, "sigsuspend"},
#ifdef SYS_poll
    {SYS_open, "open"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_pause, "pause"},
    {SYS_epoll_wait, "epoll_wait"},
#endif
};

const char *weft__sys_syscall_name(long nr)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(sys_call_names); i++) {
        if (sys_call_names[i].nr == nr)
            return sys_call_names[i].name;
    }
    return NULL;
}

/* ---- chance ---- */

int weft__sys_random(void *buf, size_t size_bytes)
{
    char *at = buf;

    while (size_bytes > 0) {
        ssize_t n = getrandom(at, size_bytes, 0);
        int code = n < 0 ? sys_code() : 0;
        if (code != 0 && code != -EINTR)
            return code;
        if (n > 0) {
            at += n;
            size_bytes -= (size_t)n;
        }
    }
    return 0;
}

/* ---- signals and the life of the process ---- */

int weft__sys_sigaction(int signo, const struct sigaction *act, struct sigaction *ret_old)
{
    return sigaction(signo, act, ret_old) == 0 ? 0 : sys_code();
}

int weft__sys_sigaltstack(const stack_t *stack, stack_t *ret_old)
{
    return sigaltstack(stack, ret_old) == 0 ? 0 : sys_code();
}

void weft__sys_sigmask(int how, const sigset_t *set, sigset_t *ret_old)
{
    WEFT_CHECK(pthread_sigmask(how, set, ret_old) == 0);
}

int weft__sys_atfork(void (*child)(void))
{
    return -pthread_atfork(NULL, NULL, child);
}

/* ---- files ---- */

/* The value of a call that fails with -1: itself, or the code; repeated while interrupted. */
#define SYS_RETRY(call)                                                                            \
    __extension__({                                                                                \
        ssize_t sys_result;                                                                        \
        do {                                                                                       \
            sys_result = (call);                                                                   \
            if (sys_result < 0)                                                                    \
                sys_result = sys_code();                                                           \
        } while (sys_result == -EINTR);                                                            \
        sys_result;                                                                                \
    })

int weft__sys_open(const char *path, int flags, mode_t mode)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYS_RETRY(open(path, flags | O_CLOEXEC, mode));
}

/* An EAGAIN is not repeated: it means that the names are not all there. */
int weft__sys_open_cached(const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_CACHED};

    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYS_RETRY(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

int weft__sys_open_at(int fd, const char *name, int flags)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYS_RETRY(openat(fd, name, flags | O_CLOEXEC));
}

int weft__sys_set_flags(int fd, int flags)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(fcntl(fd, F_SETFL, flags));
}

/* Linux frees the number before it may be interrupted: to repeat could close another's file. */
int weft__sys_close(int fd)
{
    int code = close(fd) == 0 ? 0 : sys_code();

    return code == -EINTR || code == -EINPROGRESS ? 0 : code;
}

ssize_t weft__sys_read(int fd, void *buf, size_t n)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYS_RETRY(read(fd, buf, n));
}

ssize_t weft__sys_write(int fd, const void *buf, size_t n)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYS_RETRY(write(fd, buf, n));
}

ssize_t weft__sys_pread(int fd, void *buf, size_t n, int64_t offset)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYS_RETRY(pread(fd, buf, n, offset));
}

ssize_t weft__sys_pwrite(int fd, const void *buf, size_t n, int64_t offset)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYS_RETRY(pwrite(fd, buf, n, offset));
}

/* A kernel or an emulator without these calls is as a file that cannot tell. */
static ssize_t sys_nowait_code(ssize_t result)
{
    return result == -ENOSYS ? -EOPNOTSUPP : result;
}

/* The offset goes in two halves; on 64-bit machines the first holds it all. */
ssize_t weft__sys_preadv_nowait(int fd, const struct iovec *iov, int n, int64_t offset)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    return sys_nowait_code(
        SYS_RETRY(syscall(SYS_preadv2, fd, iov, (long)n, offset, 0L, (long)RWF_NOWAIT)));
}

ssize_t weft__sys_pwritev_nowait(int fd, const struct iovec *iov, int n, int64_t offset)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    return sys_nowait_code(
        SYS_RETRY(syscall(SYS_pwritev2, fd, iov, (long)n, offset, 0L, (long)RWF_NOWAIT)));
}

int64_t weft__sys_tell(int fd)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYS_RETRY(lseek(fd, 0, SEEK_CUR));
}

int weft__sys_fsync(int fd)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(fsync(fd));
}

int weft__sys_fdatasync(int fd)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(fdatasync(fd));
}

int weft__sys_fstat(int fd, struct stat *ret)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(fstat(fd, ret));
}

int weft__sys_stat(const char *path, struct stat *ret)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(stat(path, ret));
}

int weft__sys_lstat(const char *path, struct stat *ret)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(lstat(path, ret));
}

int weft__sys_lstat_at(int fd, const char *name, struct stat *ret)
{
    return weft__fault(WEFT_FAULT_SYS)
               ? -EIO
               : (int)SYS_RETRY(fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW));
}

int weft__sys_unlink(const char *path)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(unlink(path));
}

int weft__sys_rename(const char *from, const char *to)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(rename(from, to));
}

int weft__sys_mkdir(const char *path, mode_t mode)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(mkdir(path, mode));
}

int weft__sys_chmod(const char *path, mode_t mode)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : (int)SYS_RETRY(chmod(path, mode));
}

ssize_t weft__sys_getdents(int fd, void *buf, size_t size_bytes)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO
                                       : SYS_RETRY(syscall(SYS_getdents64, fd, buf, size_bytes));
}

void weft__sys_say(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t done = SYS_RETRY(write(STDERR_FILENO, text, n));
        if (done <= 0)
            return; /* nobody is left to be told */
        text += done;
        n -= (size_t)done;
    }
}

ssize_t weft__sys_read_file(const char *path, char *buf, size_t size_bytes)
{
    int fd = (int)SYS_RETRY(open(path, O_RDONLY | O_CLOEXEC));
    size_t len = 0;
    ssize_t n = 0;

    WEFT_CHECK(size_bytes > 0);
    if (fd < 0)
        return fd;
    while (len < size_bytes - 1 && (n = SYS_RETRY(read(fd, buf + len, size_bytes - 1 - len))) > 0)
        len += (size_t)n;
    close(fd);
    buf[len] = '\0';
    return n < 0 ? n : (ssize_t)len;
}

int weft__sys_map_file(const char *path, void **ret, size_t *ret_size_bytes)
{
    int fd = (int)SYS_RETRY(open(path, O_RDONLY | O_CLOEXEC));
    struct stat st;
    void *p;
    int rc;

    if (fd < 0)
        return fd;
    rc = fstat(fd, &st) == 0 ? 0 : sys_code();
    if (rc == 0 && (!S_ISREG(st.st_mode) || st.st_size <= 0))
        rc = -EINVAL;
    if (rc == 0) {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            rc = sys_code();
        } else {
            *ret = p;
            *ret_size_bytes = (size_t)st.st_size;
        }
    }
    close(fd);
    return rc;
}

/* ---- public ---- */

int *weft_errno_location(void)
{
    return __errno_location(); /* the compiler may take it for constant only within this function */
}
