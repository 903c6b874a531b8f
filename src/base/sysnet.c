/* sysnet.c - the door to the kernel's sockets, pipes, epoll and poll.
 *
 * Called by io, and by whoever waits for several descriptors in a plain thread.  Holds nothing but
 * whether the kernel has epoll_pwait2.  Written as sys.c is, whose head says why the code is
 * fetched by a function that is never inlined.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sysnet.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/time.h"
#include "weft/err.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* Linux 5.11 */
#endif

/* As the kernel wants it, which on 32-bit machines is not as libc has it. */
struct sysnet_timespec {
    int64_t seconds, nanoseconds;
};

static ATOMIC(uint32_t) sysnet_lacks_pwait2;

static WEFT_NOINLINE WEFT_NO_SANITIZE int sysnet_code(void)
{
    return -errno;
}

/* The call again for as long as it is interrupted; its result, or the code. */
#define SYSNET_RETRY(call)                                                                         \
    __extension__({                                                                                \
        ssize_t sysnet_result_;                                                                    \
        do {                                                                                       \
            sysnet_result_ = (ssize_t)(call);                                                      \
            if (sysnet_result_ < 0)                                                                \
                sysnet_result_ = sysnet_code();                                                    \
        } while (sysnet_result_ == -EINTR);                                                        \
        sysnet_result_;                                                                            \
    })

/* ---- sockets ---- */

int weft__sys_socket(int domain, int type, int protocol)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYSNET_RETRY(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int weft__sys_socketpair(int domain, int type, int ret_fds[2])
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYSNET_RETRY(socketpair(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds));
}

int weft__sys_pipe(int ret_fds[2])
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYSNET_RETRY(pipe2(ret_fds, O_NONBLOCK | O_CLOEXEC));
}

int weft__sys_bind(int fd, const struct sockaddr *addr, socklen_t size)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EADDRINUSE;
    return (int)SYSNET_RETRY(bind(fd, addr, size));
}

int weft__sys_listen(int fd, int backlog)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EADDRINUSE;
    return (int)SYSNET_RETRY(listen(fd, backlog));
}

int weft__sys_shutdown(int fd, int how)
{
    return (int)SYSNET_RETRY(shutdown(fd, how));
}

int weft__sys_accept(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    if (ret_size)
        *ret_size = sizeof *ret_addr;
    return (int)SYSNET_RETRY(
        accept4(fd, (struct sockaddr *)ret_addr, ret_size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int weft__sys_connect(int fd, const struct sockaddr *addr, socklen_t size)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -ENETUNREACH;
    return (int)SYSNET_RETRY(connect(fd, addr, size));
}

int weft__sys_sockname(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size)
{
    *ret_size = sizeof *ret_addr;
    return (int)SYSNET_RETRY(getsockname(fd, (struct sockaddr *)ret_addr, ret_size));
}

int weft__sys_peername(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size)
{
    *ret_size = sizeof *ret_addr;
    return (int)SYSNET_RETRY(getpeername(fd, (struct sockaddr *)ret_addr, ret_size));
}

int weft__sys_set_option(int fd, int level, int name, int value)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -ENOBUFS;
    return (int)SYSNET_RETRY(setsockopt(fd, level, name, &value, sizeof value));
}

int weft__sys_get_option(int fd, int level, int name, int *ret_value)
{
    int value = 0;
    socklen_t size = sizeof value;
    int rc = (int)SYSNET_RETRY(getsockopt(fd, level, name, &value, &size));

    if (rc == 0)
        *ret_value = value;
    return rc;
}

/* A call of libc that may block is a place where a thread may be cancelled (pthread_cancel), which
 * nobody does to ours, and which costs two calls more whenever there are two threads.  But what
 * looks over libc's shoulder must see what is read into whose buffer. */
#if defined(SYS_recvfrom) && !WEFT_TSAN && !WEFT_ASAN
#define sysnet_recv(fd, p, n, flags) syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL)
#define sysnet_send(fd, p, n, flags) syscall(SYS_sendto, fd, p, n, flags, NULL, 0)
#else
#define sysnet_recv recv
#define sysnet_send send
#endif

ssize_t weft__sys_recv(int fd, void *buffer, size_t size, int flags)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYSNET_RETRY(sysnet_recv(fd, buffer, size, flags));
}

ssize_t weft__sys_send(int fd, const void *buffer, size_t size, int flags)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    return SYSNET_RETRY(sysnet_send(fd, buffer, size, flags | MSG_NOSIGNAL));
}

ssize_t weft__sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return weft__fault(WEFT_FAULT_SYS) ? -EIO : SYSNET_RETRY(recvmsg(fd, msg, flags));
}

ssize_t weft__sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    return SYSNET_RETRY(sendmsg(fd, msg, flags | MSG_NOSIGNAL));
}

int weft__sys_get_flags(int fd)
{
    return (int)SYSNET_RETRY(fcntl(fd, F_GETFL));
}

/* ---- waiting ---- */

int weft__sys_poll(struct pollfd *fds, nfds_t n, int64_t timeout_ns)
{
    struct timespec limit = {.tv_sec = timeout_ns / WEFT_NS_PER_SECOND,
                             .tv_nsec = timeout_ns % WEFT_NS_PER_SECOND};
    int ready = ppoll(fds, n, timeout_ns < 0 ? NULL : &limit, NULL);

    return ready >= 0 ? ready : sysnet_code();
}

int weft__sys_epoll_create(void)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYSNET_RETRY(epoll_create1(EPOLL_CLOEXEC));
}

int weft__sys_epoll_ctl(int epoll, int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data = {.u64 = data}};

    if (op != EPOLL_CTL_DEL && weft__fault(WEFT_FAULT_SYS))
        return -ENOSPC; /* too many watches of this user */
    return (int)SYSNET_RETRY(epoll_ctl(epoll, op, fd, &event));
}

/* Up, so that nobody finds after the wait that it is not time yet, and waits again for nothing. */
static int sysnet_milliseconds(int64_t timeout_ns)
{
    const int64_t unit = WEFT_NS_PER_SECOND / 1000, most = 24 * 3600 * INT64_C(1000);

    return timeout_ns < 0 ? -1 : (int)weft__min(timeout_ns / unit + (timeout_ns % unit != 0), most);
}

int weft__sys_epoll_wait(int epoll, struct epoll_event *ret_events, int max, int64_t timeout_ns)
{
    int n, rc;

    if (timeout_ns > 0 && !a_load(&sysnet_lacks_pwait2, relaxed)) {
        struct sysnet_timespec limit = {.seconds = timeout_ns / WEFT_NS_PER_SECOND,
                                        .nanoseconds = timeout_ns % WEFT_NS_PER_SECOND};
        n = (int)syscall(SYS_epoll_pwait2, epoll, ret_events, max, &limit, NULL, (size_t)0);
        rc = n >= 0 ? n : sysnet_code();
        if (WEFT_TSAN && rc == -EINTR)
            weft__time_sleep_until(0); /* as in sys_take_signals: there it now runs the handler */
        if (rc != -ENOSYS && rc != -EPERM)
            return rc;
        a_store(&sysnet_lacks_pwait2, 1, relaxed);
    }
    n = epoll_wait(epoll, ret_events, max, sysnet_milliseconds(timeout_ns));
    return n >= 0 ? n : sysnet_code();
}

int weft__sys_eventfd(void)
{
    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    return (int)SYSNET_RETRY(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

void weft__sys_eventfd_raise(int fd)
{
    const uint64_t one = 1;
    ssize_t n = SYSNET_RETRY(write(fd, &one, sizeof one));

    WEFT_CHECK(n == (ssize_t)sizeof one || n == -EAGAIN); /* -EAGAIN: it is raised high enough */
}

void weft__sys_eventfd_lower(int fd)
{
    uint64_t was;
    ssize_t n = SYSNET_RETRY(read(fd, &was, sizeof was));

    WEFT_CHECK(n == (ssize_t)sizeof was || n == -EAGAIN);
}
