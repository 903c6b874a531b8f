/* polls.c - poll, select, epoll: waiting for several descriptors.
 *
 * The wait is ours (block.c), with its deadline in virtual time; the answer is then asked of the
 * kernel, which will not make us wait for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

#include "check/preload/block.h"
#include "check/preload/signals.h"

static const char polls_object; /* what all of them wait for: any news */

/* Waits for a poll; the answer is then asked for anew.  False: the deadline came, or a signal. */
static enum weft__block_end polls_wait(struct pollfd *fds, nfds_t n, int64_t timeout_ns,
                                       uintptr_t pc)
{
    struct weft__block_wait wait = {
        .op = WEFT__OP_SYSTEM,
        .object = (uintptr_t)&polls_object,
        .deadline = timeout_ns < 0 ? WEFT__NO_DEADLINE : weft__virtual_now() + timeout_ns,
        .ready = weft__block_polled,
        .fds = fds,
        .n_fds = n,
        .inside = true,
    };

    for (nfds_t i = 0; i < n; i++)
        wait.inside = wait.inside && (fds[i].fd < 0 || weft__block_is_inside(fds[i].fd));
    enum weft__block_end end = weft__block_until(&wait, pc);
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents != 0)
            weft__happened_acquire(weft__block_channel(fds[i].fd));
    if (end == WEFT__BLOCK_INTERRUPTED)
        weft__signals_deliver(pc);
    return end;
}

static int64_t polls_ns(const struct timespec *timeout)
{
    return timeout == NULL ? -1 : timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec;
}

static int polls_ended(enum weft__block_end end)
{
    errno = EINTR;
    return end == WEFT__BLOCK_INTERRUPTED ? -1 : 0;
}

static int polls_for(struct pollfd *fds, nfds_t n, int64_t timeout_ns, uintptr_t pc)
{
    enum weft__block_end end = polls_wait(fds, n, timeout_ns, pc);

    return end == WEFT__BLOCK_READY ? weft__block_poll(fds, n, 0) : polls_ended(end);
}

WEFT__EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    if (!weft__block_controlled(WEFT__PC()))
        return weft__block_poll(fds, n, timeout_ms);
    return polls_for(fds, n, timeout_ms < 0 ? -1 : timeout_ms * INT64_C(1000000), WEFT__PC());
}

WEFT__EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                       const sigset_t *mask);
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    static int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

    if (!weft__block_controlled(WEFT__PC()))
        return WEFT__REAL(real, "ppoll")(fds, n, timeout, mask);
    return polls_for(fds, n, polls_ns(timeout), WEFT__PC());
}

/* The sets of a select as a list for poll. */
static nfds_t polls_list(struct pollfd *ret, int n, const fd_set *reads, const fd_set *writes,
                         const fd_set *excepts)
{
    nfds_t found = 0;

    for (int fd = 0; fd < n && fd < FD_SETSIZE; fd++) {
        short events = 0;
        if (reads != NULL && FD_ISSET(fd, reads))
            events |= POLLIN;
        if (writes != NULL && FD_ISSET(fd, writes))
            events |= POLLOUT;
        if (excepts != NULL && FD_ISSET(fd, excepts))
            events |= POLLPRI;
        if (events != 0)
            ret[found++] = (struct pollfd){.fd = fd, .events = events};
    }
    return found;
}

static int polls_select(int n, fd_set *reads, fd_set *writes, fd_set *excepts, int64_t timeout_ns,
                        uintptr_t pc)
{
    static int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    struct timeval at_once = {0, 0};
    struct pollfd fds[FD_SETSIZE];
    enum weft__block_end end;

    end = polls_wait(fds, polls_list(fds, n, reads, writes, excepts), timeout_ns, pc);
    if (end == WEFT__BLOCK_INTERRUPTED)
        return polls_ended(end);
    return WEFT__REAL(real, "select")(n, reads, writes, excepts, &at_once);
}

WEFT__EXPORT int select(int n, fd_set *reads, fd_set *writes, fd_set *excepts,
                        struct timeval *timeout);
int select(int n, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout)
{
    static int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);

    if (!weft__block_controlled(WEFT__PC()))
        return WEFT__REAL(real, "select")(n, reads, writes, excepts, timeout);
    return polls_select(n, reads, writes, excepts,
                        timeout == NULL ? -1
                                        : timeout->tv_sec * INT64_C(1000000000) +
                                              timeout->tv_usec * INT64_C(1000),
                        WEFT__PC());
}

WEFT__EXPORT int pselect(int n, fd_set *reads, fd_set *writes, fd_set *excepts,
                         const struct timespec *timeout, const sigset_t *mask);
int pselect(int n, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
            const sigset_t *mask)
{
    static int (*real)(int, fd_set *, fd_set *, fd_set *, const struct timespec *,
                       const sigset_t *);

    if (!weft__block_controlled(WEFT__PC()))
        return WEFT__REAL(real, "pselect")(n, reads, writes, excepts, timeout, mask);
    return polls_select(n, reads, writes, excepts, polls_ns(timeout), WEFT__PC());
}

static int polls_epoll(int epoll, struct epoll_event *events, int max, int64_t timeout_ns,
                       uintptr_t pc)
{
    static int (*real)(int, struct epoll_event *, int, int);
    struct pollfd fds = {.fd = epoll, .events = POLLIN};
    enum weft__block_end end = polls_wait(&fds, 1, timeout_ns, pc);

    weft__happened_acquire(weft__block_channel(epoll));
    if (end == WEFT__BLOCK_READY)
        return WEFT__REAL(real, "epoll_wait")(epoll, events, max, 0);
    return polls_ended(end);
}

WEFT__EXPORT int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms);
int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
    static int (*real)(int, struct epoll_event *, int, int);

    if (!weft__block_controlled(WEFT__PC()))
        return WEFT__REAL(real, "epoll_wait")(epoll, events, max, timeout_ms);
    return polls_epoll(epoll, events, max, timeout_ms < 0 ? -1 : timeout_ms * INT64_C(1000000),
                       WEFT__PC());
}

WEFT__EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout_ms,
                             const sigset_t *mask);
int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout_ms,
                const sigset_t *mask)
{
    static int (*real)(int, struct epoll_event *, int, int, const sigset_t *);

    if (!weft__block_controlled(WEFT__PC()))
        return WEFT__REAL(real, "epoll_pwait")(epoll, events, max, timeout_ms, mask);
    return polls_epoll(epoll, events, max, timeout_ms < 0 ? -1 : timeout_ms * INT64_C(1000000),
                       WEFT__PC());
}
