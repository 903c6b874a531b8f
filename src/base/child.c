/* child.c - other programs: started, talked to over a socket, watched and ended.
 *
 * Programs are started by posix_spawn, which does not copy this process: the memory of a search may
 * be large, and its threads may be anywhere.  The personality is inherited from the calling thread,
 * so it is set around the start and put back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"

extern char **environ;

#define CHILD_PERSONALITY_ASK 0xffffffffUL

/* ---- life ---- */

static int child_start_files(const struct weft__child_order *order,
                             posix_spawn_file_actions_t *actions)
{
    int code = 0;
    WEFT_CHECK(order->n_fds <= WEFT__CHILD_FDS_MAX);
    for (uint32_t i = 0; code == 0 && i < order->n_fds; i++)
        code = posix_spawn_file_actions_adddup2(actions, order->fds[i].ours,
                                                order->fds[i].theirs);
    return code;
}

static int child_start_attributes(const struct weft__child_order *order, posix_spawnattr_t *attr)
{
    sigset_t none, usual;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGPIPE);
    if (order->own_group)
        flags |= POSIX_SPAWN_SETPGROUP;
    int code = posix_spawnattr_setsigmask(attr, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(attr, &usual);
    if (code == 0)
        code = posix_spawnattr_setflags(attr, flags);
    return code;
}

int weft__child_start(const struct weft__child_order *order, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int code = posix_spawn_file_actions_init(&actions);
    if (code)
        return -code;
    code = posix_spawnattr_init(&attr);
    if (code) {
        posix_spawn_file_actions_destroy(&actions);
        return -code;
    }
    code = child_start_files(order, &actions);
    if (code == 0)
        code = child_start_attributes(order, &attr);
    int before = personality(CHILD_PERSONALITY_ASK);
    bool fixed = order->fixed_addresses && before >= 0;
    if (fixed)
        (void)personality((unsigned long)before | ADDR_NO_RANDOMIZE);
    if (code == 0)
        code = posix_spawn(ret_pid, order->path, &actions, &attr, order->argv,
                           order->environment);
    if (fixed)
        (void)personality((unsigned long)before);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

int weft__child_wait(pid_t pid, int *ret_status)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    *ret_status = status;
    return 0;
}

void weft__child_kill(pid_t pid, int signo)
{
    WEFT_CHECK(pid != 0 && pid != -1);
    (void)kill(pid, signo);
}

char *const *weft__child_environment(void)
{
    return environ;
}

/* ---- sharing ---- */

int weft__child_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int weft__child_file_resize(int fd, size_t size_bytes)
{
    return ftruncate(fd, (off_t)size_bytes) == 0 ? 0 : -errno;
}

int weft__child_map(int fd, size_t size_bytes, void **ret)
{
    void *p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *ret = p;
    return 0;
}

int weft__child_socket(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) == 0 ? 0 : -errno;
}

ssize_t weft__child_send(int fd, const void *message, size_t size_bytes)
{
    ssize_t n;
    do {
        n = send(fd, message, size_bytes, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int weft__child_readable(int fd, int64_t timeout_ns)
{
    int64_t end = weft__time_now() + timeout_ns;
    for (;;) {
        int64_t left = end - weft__time_now();
        struct timespec wait = {left > 0 ? left / WEFT_NS_PER_SECOND : 0,
                                left > 0 ? left % WEFT_NS_PER_SECOND : 0};
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int n = ppoll(&one, 1, &wait, NULL);
        if (n >= 0)
            return n > 0;
        if (errno != EINTR)
            return -errno;
    }
}

ssize_t weft__child_receive(int fd, void *message, size_t size_bytes, int64_t timeout_ns)
{
    int ready = weft__child_readable(fd, timeout_ns);
    if (ready <= 0)
        return ready < 0 ? ready : -ETIMEDOUT;
    ssize_t n;
    do {
        n = recv(fd, message, size_bytes, 0);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? (errno == ECONNRESET ? 0 : -errno) : n;
}

int weft__child_seek(int fd, int64_t offset)
{
    return lseek(fd, (off_t)offset, SEEK_SET) < 0 ? -errno : 0;
}

/* ---- questions ---- */

bool weft__child_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

ssize_t weft__child_link(const char *path, char *buf, size_t size_bytes)
{
    WEFT_CHECK(size_bytes > 0);
    ssize_t n = readlink(path, buf, size_bytes);
    if (n < 0)
        return -errno;
    if ((size_t)n == size_bytes)
        return -ENAMETOOLONG;
    buf[n] = 0;
    return n;
}

bool weft__child_may_run(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool weft__child_has_other_rights(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    return ((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
           ((st.st_mode & S_ISGID) && st.st_gid != getegid());
}
