/* sysnet_test.c - the door to the kernel's sockets: codes, flags and timeouts.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "base/time.h"
#include "tests/test.h"

static bool sysnet_is_ours(int fd)
{
    return (weft__sys_get_flags(fd) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

TEST(sysnet_pair)
{
    int fds[2];
    char got[4] = "";
    EXPECT_EQ(weft__sys_socketpair(AF_UNIX, SOCK_STREAM, fds), 0);
    EXPECT(sysnet_is_ours(fds[0]) && sysnet_is_ours(fds[1]));
    EXPECT_EQ(weft__sys_recv(fds[1], got, 4, 0), -EAGAIN);
    EXPECT_EQ(weft__sys_send(fds[0], "abc", 3, 0), 3);
    EXPECT_EQ(weft__sys_recv(fds[1], got, 4, MSG_PEEK), 3);
    EXPECT_EQ(weft__sys_recv(fds[1], got, 4, 0), 3);
    EXPECT_STR(got, "abc");
    EXPECT_EQ(weft__sys_shutdown(fds[0], SHUT_WR), 0);
    EXPECT_EQ(weft__sys_recv(fds[1], got, 4, 0), 0);
    weft__sys_close(fds[0]);
    EXPECT_EQ(weft__sys_send(fds[1], "abc", 3, 0), -EPIPE); /* and no SIGPIPE */
    weft__sys_close(fds[1]);
    EXPECT_EQ(weft__sys_recv(-1, got, 4, 0), -EBADF);
    EXPECT_EQ(weft__sys_get_flags(-1), -EBADF);
}

TEST(sysnet_messages)
{
    int fds[2];
    char got[8] = "";
    struct iovec in[2] = {{"ab", 2}, {"cde", 3}}, out = {got, sizeof got};
    EXPECT_EQ(weft__sys_socketpair(AF_UNIX, SOCK_DGRAM, fds), 0);
    EXPECT_EQ(weft__sys_recvmsg(fds[1], &(struct msghdr){.msg_iov = &out, .msg_iovlen = 1}, 0),
              -EAGAIN);
    EXPECT_EQ(weft__sys_sendmsg(fds[0], &(struct msghdr){.msg_iov = in, .msg_iovlen = 2}, 0), 5);
    EXPECT_EQ(weft__sys_recvmsg(fds[1], &(struct msghdr){.msg_iov = &out, .msg_iovlen = 1}, 0), 5);
    EXPECT_STR(got, "abcde");
    weft__sys_close(fds[0]);
    weft__sys_close(fds[1]);
}

TEST(sysnet_connection)
{
    struct sockaddr_storage here, peer;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size;
    int value = 0;
    int ears = weft__sys_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(ears >= 0 && sysnet_is_ours(ears));
    EXPECT_EQ(weft__sys_bind(ears, (struct sockaddr *)&in, sizeof in), 0);
    EXPECT_EQ(weft__sys_listen(ears, 4), 0);
    EXPECT_EQ(weft__sys_accept(ears, NULL, NULL), -EAGAIN);
    EXPECT_EQ(weft__sys_sockname(ears, &here, &size), 0);
    int client = weft__sys_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(weft__sys_get_option(client, SOL_SOCKET, SO_TYPE, &value), 0);
    EXPECT_EQ(value, SOCK_STREAM);
    EXPECT_EQ(weft__sys_set_option(client, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
    EXPECT_EQ(weft__sys_get_option(client, SOL_SOCKET, SO_KEEPALIVE, &value), 0);
    EXPECT_EQ(value, 1);
    int rc = weft__sys_connect(client, (struct sockaddr *)&here, size);
    EXPECT(rc == 0 || rc == -EINPROGRESS);
    struct pollfd ready = {.fd = client, .events = POLLOUT};
    EXPECT_EQ(weft__sys_poll(&ready, 1, -1), 1);
    rc = weft__sys_connect(client, (struct sockaddr *)&here, size);
    EXPECT(rc == 0 || rc == -EISCONN);
    ready = (struct pollfd){.fd = ears, .events = POLLIN}; /* the client's word may be on its way */
    EXPECT_EQ(weft__sys_poll(&ready, 1, -1), 1);
    int server = weft__sys_accept(ears, &peer, &size);
    EXPECT(server >= 0 && sysnet_is_ours(server));
    EXPECT_EQ(size, sizeof in);
    EXPECT_EQ(weft__sys_peername(server, &here, &size), 0);
    EXPECT(memcmp(&here, &peer, size) == 0);
    weft__sys_close(server);
    weft__sys_close(client);
    weft__sys_close(ears);
}

TEST(sysnet_epoll_waits)
{
    struct epoll_event events[4];
    int epoll = weft__sys_epoll_create(), bell = weft__sys_eventfd();
    EXPECT(epoll >= 0 && bell >= 0);
    EXPECT_EQ(weft__sys_epoll_ctl(epoll, EPOLL_CTL_ADD, bell, EPOLLIN, UINT64_C(1) << 40), 0);
    EXPECT_EQ(weft__sys_epoll_ctl(epoll, EPOLL_CTL_ADD, bell, EPOLLIN, 1), -EEXIST);
    EXPECT_EQ(weft__sys_epoll_wait(epoll, events, 4, 0), 0);
    const int64_t limits[] = {1, 1000, 100 * 1000, 3 * 1000 * 1000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        int64_t before = weft__time_now();
        EXPECT_EQ(weft__sys_epoll_wait(epoll, events, 4, limits[i]), 0);
        EXPECT(weft__time_now() - before >= limits[i]);
    }
    weft__sys_eventfd_raise(bell);
    weft__sys_eventfd_raise(bell);
    EXPECT_EQ(weft__sys_epoll_wait(epoll, events, 4, -1), 1);
    EXPECT(events[0].data.u64 == UINT64_C(1) << 40);
    weft__sys_eventfd_lower(bell);
    weft__sys_eventfd_lower(bell); /* it is low already */
    EXPECT_EQ(weft__sys_epoll_wait(epoll, events, 4, 0), 0);
    EXPECT_EQ(weft__sys_epoll_ctl(epoll, EPOLL_CTL_DEL, bell, 0, 0), 0);
    EXPECT_EQ(weft__sys_epoll_ctl(epoll, EPOLL_CTL_MOD, bell, EPOLLIN, 1), -ENOENT);
    weft__sys_close(bell);
    weft__sys_close(epoll);
}

TEST(sysnet_faults)
{
    int fds[2];
    char byte;
    const uint32_t kind = WEFT_FAULT_MASK(WEFT_FAULT_SYS);
    weft__fault_arm(kind, 1);
    EXPECT_EQ(weft__sys_socketpair(AF_UNIX, SOCK_STREAM, fds), -EMFILE);
    weft__fault_arm(kind, 1);
    EXPECT_EQ(weft__sys_pipe(fds), -EMFILE);
    EXPECT_EQ(weft__sys_pipe(fds), 0);
    EXPECT(sysnet_is_ours(fds[0]));
    weft__fault_arm(kind, 1);
    EXPECT_EQ(weft__sys_recv(fds[0], &byte, 1, 0), -EIO);
    EXPECT_EQ(weft__sys_recv(fds[0], &byte, 1, 0), -ENOTSOCK);
    EXPECT_EQ(weft__fault_disarm(), 2);
    weft__sys_close(fds[0]);
    weft__sys_close(fds[1]);
}
