/* sysproc.c - the door to the kernel's processes.
 *
 * Called by proc, and by core for SIGPIPE.  Holds no state.  Written as sys.c is, whose head says
 * why the code is fetched by a function that is never inlined.
 *
 * Programs are started by posix_spawn: it copies no memory (a fork does, 7 ms for a gigabyte), it
 * tells why the program could not be begun, and the caller's thread alone waits meanwhile, 45 to
 * 75 us.  Rejected: clone with CLONE_PIDFD, whose descriptor would be there at once, for a child in
 * our memory that may run no function of a sanitizer; a descriptor asked for afterwards is as good,
 * as long as nobody but us waits for our children.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sysproc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/time.h"
#include "weft/err.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* Linux 5.3 */
#endif

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424 /* Linux 5.1 */
#endif

#define SYSPROC_P_PIDFD      3         /* of waitid, Linux 5.4 */
#define SYSPROC_SIGNAL_GROUP (1u << 2) /* of pidfd_send_signal, Linux 6.9 */
#define SYSPROC_FDS          3

extern char **environ;

static WEFT_NOINLINE WEFT_NO_SANITIZE int sysproc_code(void)
{
    return -errno;
}

static int sysproc_result(long result)
{
    return result < 0 ? sysproc_code() : (int)result;
}

/* ---- starting ---- */

/* In this order, so that no source is lost before its turn: one below 3 is its own target, or is
 * stdout, which stderr follows. */
static int sysproc_files(const struct weft__proc_order *order, posix_spawn_file_actions_t *actions)
{
    int code = 0;
    for (int i = 0; code == 0 && i < SYSPROC_FDS; i++) {
        int source = order->sources[i];
        WEFT_CHECK(source < 0 || source >= SYSPROC_FDS || source == i);
        if (source == WEFT__PROC_SOURCE_NULL)
            code = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                    i == 0 ? O_RDONLY : O_WRONLY, 0);
        else if (source == WEFT__PROC_SOURCE_STDOUT)
            code = posix_spawn_file_actions_adddup2(actions, 1, i);
        else
            code = posix_spawn_file_actions_adddup2(actions, source, i);
    }
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(actions, SYSPROC_FDS);
    if (code == 0 && order->dir)
        code = posix_spawn_file_actions_addchdir_np(actions, order->dir);
    return code;
}

/* Handlers end with the program that they belong to; what is ignored stays so, as after nohup, but
 * for SIGPIPE, which servers ignore for reasons of their own. */
static int sysproc_attributes(const struct weft__proc_order *order, posix_spawnattr_t *attr)
{
    sigset_t none, usual;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    if (order->new_group)
        flags |= POSIX_SPAWN_SETPGROUP;
    int code = posix_spawnattr_setsigmask(attr, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(attr, &usual);
    if (code == 0)
        code = posix_spawnattr_setflags(attr, flags);
    return code;
}

int weft__sys_proc_start(const struct weft__proc_order *order, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;

    if (weft__fault(WEFT_FAULT_SYS))
        return -EAGAIN;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0)
        return -code;
    code = posix_spawnattr_init(&attr);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -code;
    }
    code = sysproc_files(order, &actions);
    if (code == 0)
        code = sysproc_attributes(order, &attr);
    if (code == 0)
        code = posix_spawnp(ret_pid, order->argv[0], &actions, &attr,
                            (char *const *)(uintptr_t)order->argv,
                            order->env ? (char *const *)(uintptr_t)order->env : environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

int weft__sys_pidfd_open(pid_t pid)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return sysproc_result(syscall(SYS_pidfd_open, (long)pid, 0L)); /* close-on-exec by itself */
}

/* ---- its end ---- */

static int64_t sysproc_time(struct timeval time)
{
    return (int64_t)time.tv_sec * WEFT_NS_PER_SECOND + (int64_t)time.tv_usec * 1000;
}

static void sysproc_fill(const siginfo_t *info, const struct rusage *usage,
                         struct weft__proc_fate *ret)
{
    bool has_exited = info->si_code == CLD_EXITED;
    *ret = (struct weft__proc_fate){.exit_code = has_exited ? info->si_status : -1,
                                    .signal = has_exited ? 0 : info->si_status,
                                    .dumped_core = info->si_code == CLD_DUMPED,
                                    .user_ns = sysproc_time(usage->ru_utime),
                                    .system_ns = sysproc_time(usage->ru_stime),
                                    .memory_max_bytes = (uint64_t)usage->ru_maxrss * 1024};
}

/* The kernel's own call has a fifth argument, which libc hides. */
static int sysproc_wait(int kind, long id, siginfo_t *info, struct rusage *usage)
{
    int rc;
    memset(info, 0, sizeof *info);
    memset(usage, 0, sizeof *usage);
    do {
        rc = sysproc_result(
            syscall(SYS_waitid, (long)kind, id, info, (long)(WEXITED | WNOHANG), usage));
    } while (rc == -EINTR);
    return rc;
}

/* -ECHILD: somebody else has waited for it, or the kernel did, because SIGCHLD is ignored. */
int weft__sys_proc_reap(pid_t pid, int pidfd, struct weft__proc_fate *ret_fate)
{
    siginfo_t info;
    struct rusage usage;
    int rc = -EINVAL;
    if (pidfd >= 0)
        rc = sysproc_wait(SYSPROC_P_PIDFD, pidfd, &info, &usage);
    if (rc == -EINVAL)
        rc = sysproc_wait(P_PID, pid, &info, &usage);
    WEFT_CHECK(rc == 0 || rc == -ECHILD);
    if (rc == 0 && info.si_pid == 0)
        return 0;
    if (rc == 0)
        sysproc_fill(&info, &usage, ret_fate);
    else
        *ret_fate = (struct weft__proc_fate){.exit_code = -1};
    return 1;
}

/* ---- signals ---- */

int weft__sys_proc_signal(pid_t pid, int pidfd, int signo)
{
    int rc = -ENOSYS;
    if (pidfd >= 0)
        rc = sysproc_result(syscall(SYS_pidfd_send_signal, (long)pidfd, (long)signo, NULL, 0L));
    if (rc != -ENOSYS)
        return rc;
    return pid > 0 ? sysproc_result(kill(pid, signo)) : -ESRCH;
}

/* Before Linux 6.9 a group has no name but its number, which is its own while the child that leads
 * it has not been reaped. */
int weft__sys_proc_signal_group(pid_t pid, int pidfd, int signo)
{
    int rc = -EINVAL;
    if (pid > 0)
        return sysproc_result(kill(-pid, signo));
    if (pidfd >= 0)
        rc = sysproc_result(syscall(SYS_pidfd_send_signal, (long)pidfd, (long)signo, NULL,
                                    (long)SYSPROC_SIGNAL_GROUP));
    return rc == -EINVAL || rc == -ENOSYS ? -ESRCH : rc;
}

/* ---- descriptors ---- */

bool weft__sys_is_inheritable(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && !(flags & FD_CLOEXEC);
}

int weft__sys_dup_above(int fd)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return sysproc_result(fcntl(fd, F_DUPFD_CLOEXEC, SYSPROC_FDS));
}

/* ---- SIGPIPE ---- */

void weft__sys_forget_signal(int signo)
{
    const struct timespec now = {0, 0};
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, signo);
    while (sigtimedwait(&one, NULL, &now) < 0 && sysproc_code() == -EINTR) {
    }
}

/* It goes to the thread that writes, so it is blocked for a moment, and taken if it came.  Whoever
 * blocks it all the time is not to be told of one more. */
ssize_t weft__sys_write_unsignalled(int fd, const void *buf, size_t n)
{
    sigset_t pipes, before;

    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    weft__sys_sigmask(SIG_BLOCK, &pipes, &before);
    ssize_t done = weft__sys_write(fd, buf, n);
    if (done == -EPIPE && !sigismember(&before, SIGPIPE))
        weft__sys_forget_signal(SIGPIPE);
    weft__sys_sigmask(SIG_SETMASK, &before, NULL);
    return done;
}
