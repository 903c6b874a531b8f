/* sock_test.c - servers, connections, datagrams: the calls of net.h on every back end.
 *
 * What a driver must do with each operation is tested by driver_test.c; here stand what sock.c adds
 * to it, and the promises of the header.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/sock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe.h"

#include "base/fault.h"
#include "core/core_probe.h"
#include "io/driver.h"
#include "io/own_probe.h"
#include "io/resolve.h"

/* ---- helpers ---- */

/* A listener on a free port of the loopback, and where it is. */
static int sock_listener(const char *where, weft_addr *ret_addr)
{
    int fd = weft_listen(where, NULL);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_sock_here(fd, ret_addr), 0);
    return fd;
}

static void sock_expect_text(const weft_addr *addr, const char *want)
{
    char text[WEFT_ADDR_TEXT_MAX];
    EXPECT(weft_addr_text(addr, text, sizeof text) >= 0);
    EXPECT_STR(text, want);
}

/* Two connected TCP sockets. */
static void sock_pair(int ret_fds[2])
{
    weft_addr addr;
    int listener = sock_listener("127.0.0.1:0", &addr);
    ret_fds[0] = weft_connect_addr(&addr);
    EXPECT(ret_fds[0] >= 0);
    ret_fds[1] = weft_accept(listener, NULL);
    EXPECT(ret_fds[1] >= 0);
    EXPECT_EQ(weft_close(listener), 0);
}

static void sock_close_both(const int fds[2])
{
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_close(fds[1]), 0);
}

static void sock_expect_hello(int from, int to)
{
    char got[8] = "";
    EXPECT_EQ(weft_send(from, "hello", 5, 0), 5);
    EXPECT_EQ(weft_recv(to, got, sizeof got, 0), 5);
    EXPECT_STR(got, "hello");
}

struct sock_call {
    int fd;
    ssize_t want;
    ATOMIC(uint32_t) *done;
};

static int sock_recv_task(void *arg)
{
    const struct sock_call *call = arg;
    char byte;
    EXPECT_EQ(weft_recv(call->fd, &byte, 1, 0), call->want);
    if (call->done) {
        a_add(call->done, 1, release);
    }
    return 0;
}

static int sock_accept_task(void *arg)
{
    const struct sock_call *call = arg;
    EXPECT_EQ(weft_accept(call->fd, NULL), call->want);
    return 0;
}

/* ---- streams ---- */

static void sock_conversation(const char *where)
{
    weft_addr addr, here, peer;
    int listener = sock_listener(where, &addr), no_delay = -1;
    int client = weft_connect_addr(&addr);
    EXPECT(client >= 0);
    int server = weft_accept(listener, &peer);
    EXPECT(server >= 0);
    EXPECT_EQ(weft_sock_here(client, &here), 0);
    EXPECT(weft__addr_equal(&here, &peer));
    EXPECT_EQ(weft_sock_peer(client, &here), 0);
    EXPECT(weft__addr_equal(&here, &addr));
    EXPECT_EQ(weft_sock_here(server, &here), 0);
    EXPECT(weft__addr_equal(&here, &addr));
    if (addr.raw.ss_family != AF_UNIX && weft__outside() == &weft__outside_kernel) {
        EXPECT_EQ(weft__outside()->get_option(server, IPPROTO_TCP, TCP_NODELAY, &no_delay), 0);
        EXPECT_EQ(no_delay, 1);
        EXPECT_EQ(weft__outside()->get_option(client, IPPROTO_TCP, TCP_NODELAY, &no_delay), 0);
        EXPECT_EQ(no_delay, 1);
    }
    sock_expect_hello(client, server);
    sock_expect_hello(server, client);
    EXPECT_EQ(weft_shutdown(client, SHUT_WR), 0);
    char byte;
    EXPECT_EQ(weft_recv(server, &byte, 1, 0), 0);
    EXPECT_EQ(weft_close(server), 0);
    EXPECT_EQ(weft_recv(client, &byte, 1, 0), 0);
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(listener), 0);
}

static bool sock_has_ipv6(void)
{
    int fd = weft_listen("[::1]:0", NULL);
    if (fd >= 0) {
        EXPECT_EQ(weft_close(fd), 0);
    }
    return fd >= 0;
}

IO_TEST(sock_tcp)
{
    sock_conversation("127.0.0.1:0");
    if (sock_has_ipv6()) {
        sock_conversation("[::1]:0");
    }
}

IO_TEST_KERNEL(sock_abstract)
{
    char where[64];
    snprintf(where, sizeof where, "unix:@weft-sock-test-%d", (int)getpid());
    sock_conversation(where);
}

TEST(sock_conversation_in_a_plain_thread)
{
    sock_conversation("127.0.0.1:0");
}

IO_TEST(sock_socketpair)
{
    int fds[2];
    EXPECT_EQ(weft_socketpair(fds), 0);
    sock_expect_hello(fds[0], fds[1]);
    sock_expect_hello(fds[1], fds[0]);
    sock_close_both(fds);
}

/* One socket for both families; the peer is told in the form of its own. */
IO_TEST_KERNEL(sock_both_families)
{
    weft_addr addr, peer;
    char text[WEFT_ADDR_TEXT_MAX];
    int listener = sock_listener(":0", &addr);
    int port = weft_addr_port(&addr);
    EXPECT(port > 0);
    snprintf(text, sizeof text, "127.0.0.1:%d", port);
    EXPECT_EQ(weft_addr_parse(text, &addr), 0);
    int client = weft_connect_addr(&addr);
    EXPECT(client >= 0);
    int server = weft_accept(listener, &peer);
    EXPECT(server >= 0);
    EXPECT_EQ(peer.raw.ss_family, AF_INET);
    EXPECT_EQ(weft_sock_here(server, &peer), 0);
    sock_expect_text(&peer, text);
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(server), 0);
    EXPECT_EQ(weft_close(listener), 0);

    if (sock_has_ipv6()) {
        struct probe_port own = probe_port_take();
        snprintf(text, sizeof text, ":%d", own.number);
        listener = weft_listen(text, &(weft_listen_options){.only_ipv6 = true});
        EXPECT(listener >= 0);
        addr = probe_port_addr(&own);
        EXPECT_EQ(weft_connect_addr(&addr), -ECONNREFUSED);
        EXPECT_EQ(weft_close(listener), 0);
        probe_port_give(&own);
    }
}

IO_TEST(sock_place_taken)
{
    struct probe_port port = probe_port_take();
    char text[WEFT_ADDR_TEXT_MAX];
    snprintf(text, sizeof text, "127.0.0.1:%d", port.number);
    int listener = weft_listen(text, NULL);
    EXPECT(listener >= 0);
    EXPECT_EQ(weft_listen(text, NULL), -EADDRINUSE);
    EXPECT_EQ(weft_close(listener), 0);
    listener = weft_listen(text, NULL); /* again at once */
    EXPECT(listener >= 0);
    EXPECT_EQ(weft_close(listener), 0);
    probe_port_give(&port);
    EXPECT_EQ(weft_listen("no place", NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_listen(NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_listen(":0", &(weft_listen_options){.backlog = -1}), -WEFT_EINVAL);
}

IO_TEST_KERNEL(sock_place_shared)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_listen_options shared = {.reuse_port = true};
    weft_addr addr;
    int first = weft_listen("127.0.0.1:0", &shared);
    EXPECT(first >= 0);
    EXPECT_EQ(weft_sock_here(first, &addr), 0);
    EXPECT(weft_addr_text(&addr, text, sizeof text) > 0);
    int second = weft_listen(text, &shared);
    EXPECT(second >= 0);
    EXPECT_EQ(weft_close(first), 0);
    EXPECT_EQ(weft_close(second), 0);
}

/* A name has several addresses: the first that can be had, IPv4 before IPv6. */
static int sock_names(const struct weft__question *question, weft_addr *ret_addrs, size_t max)
{
    EXPECT(question->is_passive);
    EXPECT(max >= 3);
    EXPECT_EQ(weft_addr_parse("[::1]:0", &ret_addrs[0]), 0);
    EXPECT_EQ(weft_addr_parse("192.0.2.1:0", &ret_addrs[1]), 0); /* not of this machine */
    EXPECT_EQ(weft_addr_parse("127.0.0.1:0", &ret_addrs[2]), 0);
    return strcmp(question->host, "far") == 0 ? 2 : 3;
}

IO_TEST_KERNEL(sock_listens_at_a_name)
{
    weft_addr addr;
    weft__resolve_how = sock_names;
    EXPECT_EQ(weft_close(sock_listener("name:0", &addr)), 0);
    EXPECT_EQ(addr.raw.ss_family, AF_INET);
    if (sock_has_ipv6()) {
        EXPECT_EQ(weft_close(sock_listener("far:0", &addr)), 0);
        EXPECT_EQ(addr.raw.ss_family, AF_INET6);
    }
    EXPECT_EQ(weft_listen("192.0.2.1:0", NULL), -EADDRNOTAVAIL);
}

/* ---- files of Unix sockets ---- */

struct sock_dir {
    char dir[32], file[64], where[72];
};

static void sock_dir_make(struct sock_dir *d)
{
    strcpy(d->dir, "/tmp/weft-sock-XXXXXX");
    EXPECT(mkdtemp(d->dir) != NULL);
    snprintf(d->file, sizeof d->file, "%s/s", d->dir);
    snprintf(d->where, sizeof d->where, "unix:%s", d->file);
}

static void sock_dir_remove(const struct sock_dir *d)
{
    EXPECT_EQ(unlink(d->file), 0);
    EXPECT_EQ(rmdir(d->dir), 0);
}

IO_TEST_KERNEL(sock_unix)
{
    struct sock_dir d;
    sock_dir_make(&d);
    sock_conversation(d.where);
    sock_conversation(d.where); /* the file stays, and nobody is behind it */
    sock_dir_remove(&d);
}

IO_TEST_KERNEL(sock_unix_of_the_living_stays)
{
    struct sock_dir d;
    weft_addr addr;
    sock_dir_make(&d);
    int listener = sock_listener(d.where, &addr);
    EXPECT_EQ(weft_listen(d.where, NULL), -EADDRINUSE);
    EXPECT_EQ(weft_udp(d.where), -EADDRINUSE);
    int client = weft_connect(d.where, NULL);
    EXPECT(client >= 0);
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(listener), 0);
    EXPECT_EQ(weft_connect(d.where, NULL), -ECONNREFUSED);
    sock_dir_remove(&d);
}

IO_TEST_KERNEL(sock_unix_replaces_no_file)
{
    struct sock_dir d;
    sock_dir_make(&d);
    int file = open(d.file, O_CREAT | O_WRONLY, 0600);
    EXPECT(file >= 0);
    EXPECT_EQ(close(file), 0);
    EXPECT_EQ(weft_listen(d.where, NULL), -EADDRINUSE);
    sock_dir_remove(&d);
}

IO_TEST_KERNEL(sock_unix_mode)
{
    struct sock_dir d;
    struct stat st;
    sock_dir_make(&d);
    int listener = weft_listen(d.where, &(weft_listen_options){.unix_mode = 0666});
    EXPECT(listener >= 0);
    EXPECT_EQ(stat(d.file, &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0666);
    EXPECT_EQ(weft_close(listener), 0);
    sock_dir_remove(&d);
}

/* When its backlog is full a connect waits for room. */
static int sock_connect_task(void *arg)
{
    const weft_addr *addr = *(const weft_addr *const *)arg;
    int fd = weft_connect_addr(addr);
    EXPECT(fd >= 0);
    return weft_close(fd);
}

IO_TEST_KERNEL(sock_unix_backlog)
{
    struct sock_dir d;
    weft_addr addr, *place = &addr;
    weft_scope scope;
    sock_dir_make(&d);
    int listener = weft_listen(d.where, &(weft_listen_options){.backlog = 1});
    EXPECT(listener >= 0);
    EXPECT_EQ(weft_sock_here(listener, &addr), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 6; i++) {
        weft_go(&scope, sock_connect_task, &place);
    }
    EXPECT_EQ(weft_sleep(20 * WEFT_MS), 0);
    for (int i = 0; i < 6; i++) {
        int fd = weft_accept(listener, NULL);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(listener), 0);
    sock_dir_remove(&d);
}

/* ---- accept ---- */

IO_TEST(sock_accept_cancelled)
{
    weft_addr addr;
    weft_scope scope;
    struct probe_numbers low;
    probe_numbers_take(&low);
    int listener = sock_listener("127.0.0.1:0", &addr);
    probe_numbers_give(&low);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(10 * WEFT_MS));
    EXPECT_EQ(weft_accept(listener, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    int client = weft_connect_addr(&addr);
    EXPECT(client >= 0);
    int server = weft_accept(listener, NULL);
    EXPECT(server >= 0);
    sock_expect_hello(client, server);
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(server), 0);
    EXPECT_EQ(weft_close(listener), 0);
    EXPECT_EQ(weft_accept(listener, NULL), -EBADF);
}

/* T41: either the connection is accepted, or it is still there for the next one. */
static int sock_accept_or_not(void *arg)
{
    const struct sock_call *call = arg;
    int fd = weft_accept(call->fd, NULL);
    if (fd >= 0) {
        a_add(call->done, 1, relaxed);
        return weft_close(fd);
    }
    return fd;
}

IO_TEST(sock_accept_races_with_cancel)
{
    weft_addr addr;
    int listener = sock_listener("127.0.0.1:0", &addr);
    for (int round = 0; round < TEST_FEWER(TEST_ROUNDS(300, 20000)); round++) {
        ATOMIC(uint32_t) accepted = 0;
        weft_scope scope;
        weft_scope_open(&scope);
        weft_go(&scope, sock_accept_or_not, &(struct sock_call){listener, 0, &accepted});
        EXPECT_EQ(weft_yield(), 0);
        weft_scope shield;
        weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
        int client = weft_connect_addr(&addr);
        EXPECT_EQ(weft_scope_close(&shield), 0);
        EXPECT(client >= 0);
        for (int i = 0; i < round % 5; i++) {
            EXPECT_EQ(weft_yield(), 0);
        }
        weft_scope_cancel(&scope);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        if (a_load(&accepted, relaxed) == 0) {
            int fd = weft_accept(listener, NULL);
            EXPECT(fd >= 0);
            EXPECT_EQ(weft_close(fd), 0);
        }
        EXPECT_EQ(weft_close(client), 0);
    }
    EXPECT_EQ(weft_close(listener), 0);
}

/* All descriptors but those in use. */
struct sock_filled {
    int fds[64], n;
    struct rlimit limit; /* as it was */
};

static void sock_fill(struct sock_filled *filled)
{
    struct rlimit tight;
    int fd;
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &filled->limit), 0);
    tight = filled->limit;
    tight.rlim_cur = 64;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    filled->n = 0;
    while ((fd = dup(0)) >= 0) {
        filled->fds[filled->n++] = fd;
    }
}

/* Leaves at least so many. */
static void sock_unfill(struct sock_filled *filled, int n)
{
    while (filled->n > n) {
        EXPECT_EQ(close(filled->fds[--filled->n]), 0);
    }
}

/* Many: a seat that begins its first operation meanwhile wants some for its part of the driver. */
static int sock_make_room(void *arg)
{
    int rc = weft_sleep(200 * WEFT_MS);
    sock_unfill(*(struct sock_filled **)arg, 16);
    return rc;
}

IO_TEST_KERNEL(sock_accept_waits_for_a_descriptor)
{
    struct sock_filled filled, *all = &filled;
    weft_addr addr;
    weft_scope scope;
    weft_stats stats;
    int listener = sock_listener("127.0.0.1:0", &addr);
    int client = weft_connect_addr(&addr);
    EXPECT(client >= 0);
    sock_fill(&filled);
    EXPECT(filled.n > 32);

    weft_scope_open(&scope); /* in vain, and cancelled */
    weft_scope_deadline(&scope, weft_after(10 * WEFT_SECOND));
    EXPECT_EQ(weft_accept(listener, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_stats_get(&stats), 0);
    EXPECT(stats.accepts_delayed >= 15); /* 5, 10, ... 640 ms, and then each second */
    EXPECT(stats.accepts_delayed <= 18);

    int64_t start = weft_now();
    weft_scope_open(&scope);
    weft_go(&scope, sock_make_room, &all);
    int server = weft_accept(listener, NULL);
    EXPECT(server >= 0);
    EXPECT(weft_now() - start >= 200 * WEFT_MS);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    sock_unfill(&filled, 0);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &filled.limit), 0);
    sock_expect_hello(client, server);
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(server), 0);
    EXPECT_EQ(weft_close(listener), 0);
}

/* ---- close, cancel, order ---- */

IO_TEST(sock_close_wakes_who_waits)
{
    int fds[2];
    weft_addr addr;
    weft_scope scope;
    int listener = sock_listener("127.0.0.1:0", &addr);
    sock_pair(fds);
    weft_scope_open(&scope);
    weft_go(&scope, sock_accept_task, &(struct sock_call){listener, -EBADF, NULL});
    weft_go(&scope, sock_recv_task, &(struct sock_call){fds[0], -EBADF, NULL});
    weft_go(&scope, sock_recv_task, &(struct sock_call){fds[0], -EBADF, NULL});
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    EXPECT_EQ(weft_close(listener), 0);
    sock_close_both(fds);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

IO_TEST(sock_shutdown_wakes_who_reads)
{
    int fds[2];
    weft_scope scope;
    sock_pair(fds);
    weft_scope_open(&scope);
    weft_go(&scope, sock_recv_task, &(struct sock_call){fds[0], 0, NULL});
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_RD), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    sock_close_both(fds);
}

/* T37 */
IO_TEST(sock_recv_cancelled_takes_nothing)
{
    int fds[2];
    weft_scope scope;
    char byte;
    sock_pair(fds);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(10 * WEFT_MS));
    EXPECT_EQ(weft_recv(fds[1], &byte, 1, 0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    sock_expect_hello(fds[0], fds[1]);
    sock_close_both(fds);
}

/* Who closes with bytes unread resets. */
IO_TEST(sock_reset)
{
    int fds[2];
    char byte;
    sock_pair(fds);
    EXPECT_EQ(weft_send(fds[0], "xy", 2, 0), 2);
    EXPECT_EQ(weft_recv(fds[1], &byte, 1, 0), 1);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_recv(fds[0], &byte, 1, 0), -ECONNRESET);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

IO_TEST(sock_never_a_sigpipe)
{
    int fds[2];
    struct iovec bytes = {.iov_base = "x", .iov_len = 1};
    sock_pair(fds);
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -EPIPE);
    EXPECT_EQ(weft_sendto(fds[0], "x", 1, 0, NULL), -EPIPE);
    EXPECT_EQ(weft_sendmsg(fds[0], &(struct msghdr){.msg_iov = &bytes, .msg_iovlen = 1}, 0),
              -EPIPE);
    sock_close_both(fds);
}

IO_TEST(sock_does_not_wait_if_told)
{
    int fds[2];
    char byte;
    sock_pair(fds);
    EXPECT_EQ(weft_recv(fds[0], &byte, 1, MSG_DONTWAIT), -WEFT_EAGAIN);
    EXPECT_EQ(weft_recvfrom(fds[0], &byte, 1, MSG_DONTWAIT, NULL), -WEFT_EAGAIN);
    static char much[1 << 16];
    ssize_t n;
    do {
        n = weft_send(fds[0], much, sizeof much, MSG_DONTWAIT);
    } while (n > 0);
    EXPECT_EQ(n, -WEFT_EAGAIN);
    sock_close_both(fds);
}

/* ---- datagrams ---- */

IO_TEST(sock_datagrams)
{
    weft_addr addr, from, here;
    char got[8] = "";
    int server = weft_udp("127.0.0.1:0"), client = weft_udp("127.0.0.1:0");
    EXPECT(server >= 0);
    EXPECT(client >= 0);
    EXPECT_EQ(weft_sock_here(server, &addr), 0);
    EXPECT_EQ(weft_sock_here(client, &here), 0);
    EXPECT_EQ(weft_sendto(client, "hello", 5, 0, &addr), 5);
    EXPECT_EQ(weft_recvfrom(server, got, sizeof got, 0, &from), 5);
    EXPECT_STR(got, "hello");
    EXPECT(weft__addr_equal(&from, &here));
    EXPECT_EQ(weft_sendto(server, "", 0, 0, &from), 0);
    EXPECT_EQ(weft_recvfrom(client, got, sizeof got, 0, &from), 0);
    EXPECT(weft__addr_equal(&from, &addr));
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(server), 0);
}

IO_TEST_KERNEL(sock_datagrams_of_both_families)
{
    weft_addr addr, from;
    char got[4] = "";
    int server = weft_udp("127.0.0.1:0"), client = weft_udp(NULL);
    EXPECT(client >= 0);
    EXPECT_EQ(weft_sock_here(server, &addr), 0);
    EXPECT_EQ(weft_sendto(client, "hello", 5, 0, &addr), 5);
    EXPECT_EQ(weft_recvfrom(server, got, 3, MSG_TRUNC, &from), 5);
    EXPECT_STR(got, "hel");
    EXPECT_EQ(from.raw.ss_family, AF_INET);
    EXPECT_EQ(weft_sendto(server, "ho", 2, 0, &from), 2);
    EXPECT_EQ(weft_recvfrom(client, got, 3, 0, &from), 2);
    EXPECT(weft__addr_equal(&from, &addr));
    EXPECT_EQ(weft_close(server), 0);
    if (sock_has_ipv6()) {
        server = weft_udp("[::1]:0");
        EXPECT_EQ(weft_sock_here(server, &addr), 0);
        EXPECT_EQ(weft_sendto(client, "hello", 5, 0, &addr), 5);
        EXPECT_EQ(weft_recvfrom(server, got, 3, 0, &from), 3);
        EXPECT_EQ(from.raw.ss_family, AF_INET6);
        EXPECT_EQ(weft_close(server), 0);
    }
    EXPECT_EQ(weft_close(client), 0);
}

IO_TEST_KERNEL(sock_datagrams_unix)
{
    struct sock_dir d;
    weft_addr addr, from;
    char got[8] = "";
    sock_dir_make(&d);
    for (int i = 0; i < 2; i++) { /* the second finds the file of the first */
        int server = weft_udp(d.where), client = weft_udp("unix:");
        EXPECT(server >= 0);
        EXPECT(client >= 0);
        EXPECT_EQ(weft_sock_here(server, &addr), 0);
        EXPECT_EQ(weft_sendto(client, "hello", 5, 0, &addr), 5);
        EXPECT_EQ(weft_recvfrom(server, got, sizeof got, 0, &from), 5);
        EXPECT_STR(got, "hello");
        EXPECT_EQ(weft_sendto(server, "ho", 2, 0, &from), 2); /* the kernel gave it a name */
        EXPECT_EQ(weft_recv(client, got, sizeof got, 0), 2);
        EXPECT_EQ(weft_close(server), 0);
        EXPECT_EQ(weft_close(client), 0);
    }
    sock_dir_remove(&d);
}

/* ---- threads and tasks ---- */

enum { SOCK_ECHOES = 20 };

static int sock_echo_client(const weft_addr *addr)
{
    for (int i = 0; i < SOCK_ECHOES; i++) {
        int fd = weft_connect_addr(addr);
        EXPECT(fd >= 0);
        sock_expect_hello(fd, fd); /* the other side gives it back */
        EXPECT_EQ(weft_close(fd), 0);
    }
    return 0;
}

static void *sock_client_thread(void *arg)
{
    sock_echo_client(arg);
    return NULL;
}

static int sock_client_task(void *arg)
{
    return sock_echo_client(*(const weft_addr *const *)arg);
}

static int sock_server_task(void *arg)
{
    const struct sock_call *call = arg;
    char bytes[8];
    for (ssize_t i = 0; i < call->want; i++) {
        int fd = weft_accept(call->fd, NULL);
        EXPECT(fd >= 0);
        ssize_t n;
        while ((n = weft_recv(fd, bytes, sizeof bytes, 0)) > 0) {
            EXPECT_EQ(weft_send(fd, bytes, (size_t)n, 0), n);
        }
        EXPECT_EQ(n, 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    return 0;
}

/* A plain thread, a task on a worker, one on a thread of its own; the last two serve as well. */
IO_TEST_KERNEL(sock_threads_and_tasks)
{
    weft_addr addr, *place = &addr;
    weft_scope scope;
    pthread_t thread;
    weft_task_options on_thread = {.on = WEFT_THREAD};
    int listener = sock_listener("127.0.0.1:0", &addr);
    struct sock_call half = {.fd = listener, .want = 3 * SOCK_ECHOES / 2};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, sock_server_task, &half), 0);
    EXPECT_EQ(weft_go_with(&scope, sock_server_task, &half, sizeof half, &on_thread), 0);
    EXPECT_EQ(weft_go(&scope, sock_client_task, &place), 0);
    EXPECT_EQ(weft_go_with(&scope, sock_client_task, &place, sizeof place, &on_thread), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, sock_client_thread, place), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(weft_close(listener), 0);
}

/* ---- descriptors in messages ---- */

IO_TEST_KERNEL(sock_passes_descriptors)
{
    int fds[2], pipes[2], got = -1;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    char byte = 'x';
    struct iovec bytes = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &bytes,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    EXPECT_EQ(weft_socketpair(fds), 0);
    EXPECT_EQ(pipe(pipes), 0);
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    *head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), &pipes[1], sizeof(int));
    EXPECT_EQ(weft_sendmsg(fds[0], &msg, 0), 1);
    memset(control, 0, sizeof control);
    EXPECT_EQ(weft_recvmsg(fds[1], &msg, 0), 1);
    head = CMSG_FIRSTHDR(&msg);
    EXPECT(head != NULL);
    memcpy(&got, CMSG_DATA(head), sizeof(int));
    EXPECT(got >= 0 && got != pipes[1]);
    EXPECT(fcntl(got, F_GETFD) & FD_CLOEXEC);
    EXPECT_EQ(write(got, "y", 1), 1);
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y');
    EXPECT_EQ(close(got), 0);
    EXPECT_EQ(close(pipes[0]), 0);
    EXPECT_EQ(close(pipes[1]), 0);
    sock_close_both(fds);
}

/* ---- what is not there ---- */

IO_TEST(sock_bad_descriptors)
{
    weft_addr addr;
    char byte;
    int fds[2];
    EXPECT_EQ(weft_accept(-1, NULL), -EBADF);
    EXPECT_EQ(weft_recv(-1, &byte, 1, 0), -EBADF);
    EXPECT_EQ(weft_sock_here(-1, &addr), -EBADF);
    EXPECT_EQ(weft_shutdown(-1, SHUT_WR), -EBADF);
    EXPECT_EQ(weft_socketpair(fds), 0);
    EXPECT_EQ(weft_accept(fds[0], NULL), -WEFT_EINVAL);
    sock_close_both(fds);
}

/* ---- anything fails ---- */

static int sock_in_turn(const char *where)
{
    weft_addr addr;
    int client = -1, server = -1, rc, pair[2];
    int listener = weft_listen(where, NULL);
    if (listener < 0) {
        return listener;
    }
    rc = weft_sock_here(listener, &addr);
    if (rc == 0) {
        client = rc = weft_connect_addr(&addr);
    }
    if (rc >= 0) {
        server = rc = weft_accept(listener, NULL);
    }
    if (rc >= 0 && (rc = weft_socketpair(pair)) == 0) {
        sock_close_both(pair);
    }
    if (rc >= 0 && (rc = weft_udp(NULL)) >= 0) {
        EXPECT_EQ(weft_close(rc), 0);
    }
    if (server >= 0) {
        EXPECT_EQ(weft_close(server), 0);
    }
    if (client >= 0) {
        EXPECT_EQ(weft_close(client), 0);
    }
    EXPECT_EQ(weft_close(listener), 0);
    return rc < 0 ? rc : 0;
}

/* The census at the end sees what was left open. */
IO_TEST_FREE(sock_when_anything_fails)
{
    for (uint64_t n = 1;; n++) {
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_SYS) | WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), n);
        int rc = sock_in_turn("127.0.0.1:0");
        uint64_t made = weft__fault_disarm();
        if (made < n) {
            EXPECT_EQ(rc, 0);
            break;
        }
    }
}

IO_TEST_KERNEL(sock_unix_when_anything_fails)
{
    struct sock_dir d;
    struct stat st;
    sock_dir_make(&d);
    for (uint64_t n = 1;; n++) {
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_SYS) | WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), n);
        int fd = weft_listen(d.where, &(weft_listen_options){.unix_mode = 0600});
        uint64_t made = weft__fault_disarm();
        if (fd >= 0) {
            EXPECT_EQ(weft_close(fd), 0);
            EXPECT_EQ(stat(d.file, &st), 0);
        }
        if (made < n) {
            EXPECT(fd >= 0);
            break;
        }
    }
    sock_dir_remove(&d);
}
