/* driver_probe.h - what the tests of the drivers share: calls that are made by a task and looked at
 * by the test, and pairs of descriptors.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_DRIVER_PROBE_H
#define WEFT_IO_DRIVER_PROBE_H

#include <errno.h>
#include <sys/resource.h>

#include "base/atomic.h"
#include "tests/test.h"
#include "weft/io.h"
#include "weft/net.h"
#include "weft/scope.h"
#include "weft/task.h"
#include "weft/time.h"

/* One call, made by a task of its own. */
struct probe_call {
    int fd;
    void *buffer; /* NULL: own */
    size_t size;
    ssize_t result;         /* once it is over; and what is in `own` */
    ATOMIC(size_t) done;
    ATOMIC(bool) is_over;
    char own[64];
};

/* From here to the scope's close the caller may act, although a scope of its own is cancelled. */
static inline void probe_shield(weft_scope *scope)
{
    weft_scope_open(scope);
    weft_scope_shield(scope);
}

/* On a virtual clock: until all others are blocked. */
static inline void probe_settle(void)
{
    weft_scope shielded;
    probe_shield(&shielded);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(weft_scope_close(&shielded), 0);
}

/* What is under way between two tasks of ours may take the kernel longer than a settling waits. */
#define probe_await(condition)                                      \
    do {                                                            \
        for (int tries = 0; !(condition) && tries < 2000; tries++) { \
            probe_settle();                                         \
        }                                                           \
        EXPECT(condition);                                          \
    } while (0)

/* The task gets a pointer to the pointer. */
static inline void probe_go(weft_scope *scope, int (*fn)(void *), struct probe_call *call)
{
    EXPECT_EQ(weft_go(scope, fn, &call), 0);
}

static inline int probe_recv(void *arg)
{
    struct probe_call *call = *(struct probe_call **)arg;
    call->result = weft_recv(call->fd, call->buffer ? call->buffer : call->own, call->size, 0);
    call->is_over = true;
    return 0;
}

/* Until it fails; done is how much was sent. */
static inline int probe_send_for_ever(void *arg)
{
    struct probe_call *call = *(struct probe_call **)arg;
    while ((call->result = weft_send(call->fd, call->buffer, call->size, 0)) >= 0) {
        call->done += (size_t)call->result;
    }
    call->is_over = true;
    return 0;
}

static inline void probe_send_all(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = weft_send(fd, (const char *)data + done, size - done, 0);
        EXPECT(n > 0);
        done += (size_t)n;
    }
}

static inline void probe_recv_all(int fd, void *ret, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = weft_recv(fd, (char *)ret + done, size - done, 0);
        EXPECT(n > 0);
        done += (size_t)n;
    }
}

static inline void probe_pair(int ret_fds[2])
{
    EXPECT_EQ(weft_socketpair(ret_fds), 0);
}

static inline void probe_close_both(const int fds[2])
{
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_close(fds[1]), 0);
}

/* On a port that the kernel chooses. */
static inline int probe_listen(weft_addr *ret_addr, int backlog)
{
    int fd = weft_listen("127.0.0.1:0", &(weft_listen_options){.backlog = backlog});
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_sock_here(fd, ret_addr), 0);
    return fd;
}

static inline void probe_tcp_pair(int ret_fds[2])
{
    weft_addr addr;
    int fd = probe_listen(&addr, 1);
    ret_fds[0] = weft_connect_addr(&addr);
    EXPECT(ret_fds[0] >= 0);
    ret_fds[1] = weft_accept(fd, NULL);
    EXPECT(ret_fds[1] >= 0);
    EXPECT_EQ(weft_close(fd), 0);
}

static inline void probe_raise_limit(rlim_t fds)
{
    struct rlimit limit;
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < fds) {
        limit.rlim_cur = fds;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            SKIP("so many descriptors are not allowed");
        }
    }
}

#endif
