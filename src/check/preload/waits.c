/* waits.c - waiting for processes that the program made, and for locks on files.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "check/preload/block.h"

static bool waits_locks_files; /* the program does, so that closing one may let another go on */

/* ---- processes ---- */

struct waits_child {
    idtype_t type;
    id_t id;
    int options;
};

static int waits_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    static int (*real)(idtype_t, id_t, siginfo_t *, int);

    return WEFT__REAL(real, "waitid")(type, id, info, options);
}

static bool waits_child_ended(const struct weft__block_wait *wait)
{
    const struct waits_child *child = wait->arg;
    siginfo_t info = {.si_signo = 0};
    int before = errno;
    int code = waits_waitid(child->type, child->id, &info, child->options | WNOHANG | WNOWAIT);

    errno = before;
    return code != 0 || info.si_signo != 0;
}

static void waits_for_child(const struct waits_child *child, uintptr_t pc)
{
    struct weft__block_wait wait = {.op = WEFT__OP_SYSTEM,
                                    .object = (uintptr_t)&waits_child_ended,
                                    .deadline = WEFT__NO_DEADLINE,
                                    .ready = waits_child_ended,
                                    .arg = child,
                                    .restarts = true};

    (void)weft__block_until(&wait, pc);
}

static pid_t waits_waitpid(pid_t pid, int *status, int options, uintptr_t pc)
{
    static pid_t (*real)(pid_t, int *, int);
    struct waits_child child = {.type = P_ALL, .options = WEXITED};

    if (pid > 0)
        child = (struct waits_child){P_PID, (id_t)pid, WEXITED};
    else if (pid != -1)
        child = (struct waits_child){P_PGID, (id_t)-pid, WEXITED};
    if (options & WUNTRACED)
        child.options |= WSTOPPED;
    if (options & WCONTINUED)
        child.options |= WCONTINUED;
    if (weft__block_controlled(pc) && !(options & WNOHANG))
        waits_for_child(&child, pc);
    pid = WEFT__REAL(real, "waitpid")(pid, status, options);
    if (pid > 0 && weft__block_controlled(pc) &&
        (status == NULL || WIFEXITED(*status) || WIFSIGNALED(*status))) {
        weft__block_reaped();
    }
    return pid;
}

WEFT__EXPORT pid_t waitpid(pid_t pid, int *status, int options);
pid_t waitpid(pid_t pid, int *status, int options)
{
    return waits_waitpid(pid, status, options, WEFT__PC());
}

WEFT__EXPORT pid_t wait(int *status);
pid_t wait(int *status)
{
    return waits_waitpid(-1, status, 0, WEFT__PC());
}

WEFT__EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    struct waits_child child = {type, id, options & ~WNOWAIT};

    if (weft__block_controlled(WEFT__PC()) && !(options & WNOHANG))
        waits_for_child(&child, WEFT__PC());
    return waits_waitid(type, id, info, options);
}

/* ---- locks on files ---- */

int weft__block_fcntl(int fd, int command, void *arg)
{
    static int (*real)(int, int, ...);

    return WEFT__REAL(real, "fcntl")(fd, command, arg);
}

struct waits_file_lock {
    int fd, operation;
    struct flock *range; /* NULL: flock */
};

static int waits_flock(int fd, int operation)
{
    static int (*real)(int, int);

    return WEFT__REAL(real, "flock")(fd, operation);
}

/* Takes it, and gives it back, to know whether it could be had.  Of byte ranges one can ask. */
static bool waits_lock_free(const struct weft__block_wait *wait)
{
    const struct waits_file_lock *lock = wait->arg;
    int before = errno;
    bool free;

    if (lock->range != NULL) {
        struct flock range = *lock->range;
        free = weft__block_fcntl(lock->fd, lock->operation == F_OFD_SETLKW ? F_OFD_GETLK : F_GETLK,
                           &range) != 0 || range.l_type == F_UNLCK;
    } else {
        free = waits_flock(lock->fd, lock->operation | LOCK_NB) == 0 || errno != EWOULDBLOCK;
        if (free)
            (void)waits_flock(lock->fd, LOCK_UN);
    }
    errno = before;
    return free;
}

static void waits_for_lock(const struct waits_file_lock *lock, uintptr_t pc)
{
    struct weft__block_wait wait = {.op = WEFT__OP_SYSTEM,
                                    .object = (uintptr_t)&waits_lock_free,
                                    .deadline = WEFT__NO_DEADLINE,
                                    .ready = waits_lock_free,
                                    .arg = lock,
                                    .restarts = true};

    (void)weft__block_until(&wait, pc);
}

void weft__block_closing_file(void)
{
    if (waits_locks_files)
        weft__happened_release((uintptr_t)&waits_locks_files);
}

/* The lock was taken or given, or neither: as the kernel's locks all are one to us, so that we see
 * too much order rather than too little. */
static int waits_locked(int result)
{
    int before = errno;

    waits_locks_files = true;
    if (result == 0) {
        weft__happened_release((uintptr_t)&waits_locks_files);
        weft__happened_acquire((uintptr_t)&waits_locks_files);
    }
    weft__block_news();
    errno = before;
    return result;
}

WEFT__EXPORT int flock(int fd, int operation);
int flock(int fd, int operation)
{
    struct waits_file_lock lock = {.fd = fd, .operation = operation};

    if (!weft__block_controlled(WEFT__PC()))
        return waits_flock(fd, operation);
    if (operation == LOCK_SH || operation == LOCK_EX)
        waits_for_lock(&lock, WEFT__PC());
    return waits_locked(waits_flock(fd, operation));
}

static int waits_fcntl_told(int fd, int command, void *arg, uintptr_t pc)
{
    struct waits_file_lock lock = {.fd = fd, .operation = command, .range = arg};
    bool waits = command == F_SETLKW || command == F_OFD_SETLKW;

    if (!weft__block_controlled(pc) || !(waits || command == F_SETLK || command == F_OFD_SETLK))
        return weft__block_fcntl(fd, command, arg);
    if (waits)
        waits_for_lock(&lock, pc);
    return waits_locked(weft__block_fcntl(fd, command, arg));
}

#define WAITS_FCNTL(name)                                                                          \
    WEFT__EXPORT int name(int fd, int command, ...);                                               \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        va_list arguments;                                                                         \
        void *arg;                                                                                 \
        va_start(arguments, command);                                                              \
        arg = va_arg(arguments, void *);                                                           \
        va_end(arguments);                                                                         \
        return waits_fcntl_told(fd, command, arg, WEFT__PC());                                     \
    }

WAITS_FCNTL(fcntl)
WAITS_FCNTL(fcntl64)
