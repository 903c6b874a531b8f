/* sim_test.c - the simulated machine: what goes wrong on it, when it is asked to, and when not.
 *
 * What every driver does is in driver_test.c; here is what only this one can.
 *
 * SPDX-License-Identifier: MIT
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <weft.h>
#include <weft/check.h>
#include <weft/net.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "io/driver_probe.h"

#define SIMTEST_BUFFER 65536

/* ---- what is common ---- */

static int simtest_run_on(size_t workers, const weft_sim_options *options, int (*fn)(void *),
                          void *arg)
{
    EXPECT_EQ(weft_sim_set(options), 0);
    return weft_run_with(fn, arg, &(weft_options){.workers = workers,
                                                  .virtual_clock = true,
                                                  .io = WEFT_IO_SIM,
                                                  .stuck_after_ns = 60 * WEFT_SECOND,
                                                  .quiet = true});
}

static void simtest_run(const weft_sim_options *options, int (*fn)(void *))
{
    unsetenv("WEFT_IO");
    EXPECT_EQ(simtest_run_on(1, options, fn, NULL), 0);
    EXPECT_EQ(simtest_run_on(4, options, fn, NULL), 0);
}

static const weft_sim_options simtest_perfect;

/* ---- the same again ---- */

enum { SIMTEST_CLIENTS = 5, SIMTEST_ROUNDS = 20 };

static int simtest_echo_one(void *arg)
{
    int fd = *(int *)arg;
    char buf[100];
    ssize_t n;
    while ((n = weft_recv(fd, buf, sizeof buf, 0)) > 0) {
        if (weft_write_all(fd, buf, (size_t)n, NULL) < 0) {
            break;
        }
    }
    return weft_close(fd);
}

static int simtest_echo(void *arg)
{
    int fd = *(int *)arg, conn;
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < SIMTEST_CLIENTS && (conn = weft_accept(fd, NULL)) >= 0; i++) {
        EXPECT_EQ(weft_go(&scope, simtest_echo_one, &conn), 0);
    }
    return weft_scope_close(&scope);
}

static int simtest_client(void *arg)
{
    const weft_addr *addr = *(const weft_addr **)arg;
    char out[300], in[300];
    int fd = weft_connect_addr(addr);
    EXPECT(fd >= 0);
    memset(out, 'x', sizeof out);
    for (int i = 0; i < SIMTEST_ROUNDS; i++) {
        if (weft_write_all(fd, out, sizeof out, NULL) < 0 ||
            weft_read_full(fd, in, sizeof in, NULL) < 0) {
            break; /* it was reset */
        }
        EXPECT(memcmp(in, out, sizeof in) == 0);
    }
    return weft_close(fd);
}

static int simtest_datagrams(void *arg)
{
    (void)arg;
    weft_addr here;
    weft_scope scope;
    char c;
    int to = weft_udp("127.0.0.1:0"), from = weft_udp(NULL), got = 0;
    EXPECT(to >= 0 && from >= 0);
    EXPECT_EQ(weft_sock_here(to, &here), 0);
    for (int i = 0; i < SIMTEST_ROUNDS; i++) {
        EXPECT_EQ(weft_sendto(from, &c, 1, 0, &here), 1);
    }
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_after(1000 * WEFT_MS)});
    while (weft_recvfrom(to, &c, 1, 0, NULL) == 1) {
        got++;
    }
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT(got <= SIMTEST_ROUNDS);
    EXPECT_EQ(weft_close(to), 0);
    EXPECT_EQ(weft_close(from), 0);
    return 0;
}

static int simtest_busy(void *arg)
{
    weft_addr addr, *at = &addr;
    weft_scope scope;
    int fd = probe_listen(&addr, 2);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, simtest_echo, &fd), 0);
    for (int i = 0; i < SIMTEST_CLIENTS; i++) {
        EXPECT_EQ(weft_go(&scope, simtest_client, &at), 0);
    }
    EXPECT_EQ(weft_go_with(&scope, simtest_datagrams, NULL, 0, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(fd), 0);
    if (arg) {
        weft_sim_stats(arg);
    }
    return 0;
}

static weft_sim_options simtest_rough(uint64_t seed)
{
    return (weft_sim_options){.seed = seed,
                              .delay_min_ns = 10 * WEFT_US,
                              .delay_max_ns = 3 * WEFT_MS,
                              .short_read = 0.3,
                              .short_write = 0.3,
                              .drop = 0.2,
                              .reorder = 0.2,
                              .reset = 0.002};
}

TEST(sim_same_seed_same_run)
{
    weft_sim_counts first, again, other;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        weft_sim_options options = simtest_rough(seed);
        EXPECT_EQ(simtest_run_on(1, &options, simtest_busy, &first), 0);
        EXPECT_EQ(simtest_run_on(1, &options, simtest_busy, &again), 0);
        options.seed = seed + 100;
        EXPECT_EQ(simtest_run_on(1, &options, simtest_busy, &other), 0);
        EXPECT(memcmp(&first, &again, sizeof first) == 0);
        EXPECT(first.trace != other.trace);
        EXPECT(first.dropped > 0 && first.reordered > 0 && first.short_reads > 0);
        EXPECT(first.short_writes > 0 && first.datagrams == SIMTEST_ROUNDS);
    }
}

TEST(sim_rough_network_on_four_workers)
{
    for (uint64_t seed = 1; seed <= (uint64_t)TEST_ROUNDS(20, 500); seed++) {
        weft_sim_options options = simtest_rough(seed);
        EXPECT_EQ(simtest_run_on(4, &options, simtest_busy, NULL), 0);
    }
}

TEST(sim_seed_of_the_environment)
{
    weft_sim_counts a, b, c;
    weft_sim_options options = {.seed = 7, .drop = 0.5, .delay_max_ns = 5000};
    EXPECT_EQ(setenv("WEFT_SIM", "drop=0.5,delay_max=5000", 1), 0);
    EXPECT_EQ(setenv("WEFT_SIM_SEED", "7", 1), 0);
    EXPECT_EQ(simtest_run_on(1, NULL, simtest_busy, &a), 0);
    EXPECT_EQ(simtest_run_on(1, &options, simtest_busy, &b), 0);
    EXPECT_EQ(setenv("WEFT_SIM", "seed=7,nonsense,delay_max=5000,drop=0.5", 1), 0);
    EXPECT_EQ(unsetenv("WEFT_SIM_SEED"), 0);
    EXPECT_EQ(simtest_run_on(1, NULL, simtest_busy, &c), 0);
    EXPECT_EQ(a.trace, b.trace);
    EXPECT_EQ(a.trace, c.trace);
    EXPECT(a.dropped > 0);
}

TEST(sim_options_out_of_range)
{
    EXPECT_EQ(weft_sim_set(&(weft_sim_options){.drop = 1.1}), -WEFT_EINVAL);
    EXPECT_EQ(weft_sim_set(&(weft_sim_options){.reset = -0.1}), -WEFT_EINVAL);
    EXPECT_EQ(weft_sim_set(&(weft_sim_options){.delay_min_ns = -1}), -WEFT_EINVAL);
    EXPECT_EQ(weft_sim_set(NULL), 0);
}

/* ---- time ---- */

static int simtest_delay_fn(void *arg)
{
    (void)arg;
    int fds[2];
    char buf[8];
    int64_t start = weft_now();
    probe_tcp_pair(fds);
    EXPECT(weft_now() - start >= 10 * WEFT_MS && weft_now() - start < 11 * WEFT_MS);
    start = weft_now();
    EXPECT_EQ(weft_send(fds[0], "12345", 5, 0), 5);
    EXPECT_EQ(weft_now(), start);
    EXPECT_EQ(weft_recv(fds[1], buf, sizeof buf, MSG_DONTWAIT), -WEFT_EAGAIN);
    EXPECT_EQ(weft_recv(fds[1], buf, sizeof buf, 0), 5);
    EXPECT(weft_now() - start >= 5 * WEFT_MS && weft_now() - start < 6 * WEFT_MS);
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    EXPECT_EQ(weft_recv(fds[1], buf, sizeof buf, 0), 0);
    EXPECT(weft_now() - start >= 10 * WEFT_MS && weft_now() - start < 11 * WEFT_MS);
    probe_close_both(fds);
    return 0;
}

TEST(sim_delay_goes_by_the_clock)
{
    simtest_run(&(weft_sim_options){.delay_min_ns = 5 * WEFT_MS, .delay_max_ns = 5 * WEFT_MS},
                simtest_delay_fn);
}

/* More sends in the air than there are segments: none is lost, all in order. */
static int simtest_segments_fn(void *arg)
{
    (void)arg;
    int fds[2];
    char got[100];
    probe_tcp_pair(fds);
    for (char i = 0; i < 100; i++) {
        EXPECT_EQ(weft_send(fds[0], &i, 1, 0), 1);
        EXPECT_EQ(weft_sleep(i % 7 * WEFT_US), 0);
    }
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_read_full(fds[1], got, sizeof got, NULL), 0);
    for (char i = 0; i < 100; i++) {
        EXPECT_EQ(got[(size_t)i], i);
    }
    EXPECT_EQ(weft_recv(fds[1], got, 1, 0), 0);
    EXPECT_EQ(weft_close(fds[1]), 0);
    return 0;
}

TEST(sim_many_sends_in_the_air)
{
    simtest_run(&(weft_sim_options){.delay_max_ns = 200 * WEFT_US}, simtest_segments_fn);
}

static int simtest_recv_for_ever(void *arg)
{
    int *fds = arg;
    char c;
    probe_pair(fds);
    return (int)weft_recv(fds[0], &c, 1, 0);
}

TEST(sim_wait_for_nobody_is_a_deadlock)
{
    int fds[2];
    EXPECT_EQ(simtest_run_on(1, &simtest_perfect, simtest_recv_for_ever, fds), -WEFT_EDEADLK);
    EXPECT_EQ(close(fds[0]), 0); /* what the run left open is the program's to close */
    EXPECT_EQ(close(fds[1]), 0);
}

/* ---- connections ---- */

static int simtest_black_hole_fn(void *arg)
{
    weft_addr addr;
    weft_scope scope;
    (void)arg;
    EXPECT_EQ(weft_addr_parse("192.0.2.1:80", &addr), 0); /* T42 */
    int64_t start = weft_now();
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_after(100 * WEFT_MS)});
    EXPECT_EQ(weft_connect_addr(&addr), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT(weft_now() - start >= 100 * WEFT_MS && weft_now() - start < 101 * WEFT_MS);
    return 0;
}

TEST(sim_connect_to_a_black_hole)
{
    simtest_run(&simtest_perfect, simtest_black_hole_fn);
}

static int simtest_connect_one(void *arg)
{
    const weft_addr *addr = *(const weft_addr **)arg;
    int fd = weft_connect_addr(addr);
    char c;
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_recv(fd, &c, 1, 0), 1);
    return weft_close(fd);
}

static int simtest_backlog_fn(void *arg)
{
    weft_addr addr, *at = &addr, peer;
    weft_scope scope;
    weft_sim_counts counts;
    int fd = probe_listen(&addr, 2);
    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 6; i++) {
        EXPECT_EQ(weft_go(&scope, simtest_connect_one, &at), 0);
    }
    probe_settle();
    weft_sim_stats(&counts);
    EXPECT_EQ(counts.sockets, 1 + 6 + 2); /* four stand at the door */
    for (int i = 0; i < 6; i++) {
        int conn = weft_accept(fd, &peer);
        EXPECT(conn >= 0);
        EXPECT(weft_addr_port(&peer) > 0);
        EXPECT_EQ(weft_send(conn, "x", 1, 0), 1);
        EXPECT_EQ(weft_close(conn), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    return weft_close(fd);
}

TEST(sim_backlog_is_full)
{
    simtest_run(&simtest_perfect, simtest_backlog_fn);
}

static int simtest_refused_one(void *arg)
{
    const weft_addr *addr = *(const weft_addr **)arg;
    char c;
    int fd = weft_connect_addr(addr);
    if (fd >= 0) {
        EXPECT_EQ(weft_recv(fd, &c, 1, 0), -ECONNRESET);
        return weft_close(fd);
    }
    EXPECT_EQ(fd, -ECONNREFUSED);
    return 0;
}

/* Who waits in the backlog is reset, who stands at the door is refused. */
static int simtest_listener_closes_fn(void *arg)
{
    weft_addr addr, *at = &addr;
    weft_scope scope;
    int fd = probe_listen(&addr, 1);
    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft_go(&scope, simtest_refused_one, &at), 0);
    }
    probe_settle();
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_connect_addr(&addr), -ECONNREFUSED);
    return 0;
}

TEST(sim_listener_closes)
{
    simtest_run(&simtest_perfect, simtest_listener_closes_fn);
}

static int simtest_names_fn(void *arg)
{
    weft_addr a, b, peer;
    int fds[8] = {weft_listen("127.0.0.1:80", NULL),
                  weft_listen("10.1.2.3:80", NULL),
                  weft_listen("127.0.0.1:0", NULL),
                  weft_listen("127.0.0.1:0", NULL),
                  weft_udp("127.0.0.1:80"),
                  weft_listen("unix:@abstract", NULL)};
    (void)arg;
    for (int i = 0; i < 6; i++) {
        EXPECT(fds[i] >= 0);
    }
    EXPECT_EQ(weft_listen("127.0.0.1:80", NULL), -EADDRINUSE);
    EXPECT_EQ(weft_listen("0.0.0.0:80", NULL), -EADDRINUSE);
    EXPECT_EQ(weft_listen("unix:@abstract", NULL), -EADDRINUSE);
    EXPECT_EQ(weft_listen("192.0.2.7:80", NULL), -EADDRNOTAVAIL);
    EXPECT_EQ(weft_sock_here(fds[2], &a), 0);
    EXPECT_EQ(weft_sock_here(fds[3], &b), 0);
    EXPECT(weft_addr_port(&a) != weft_addr_port(&b));
    EXPECT_EQ(weft_addr_parse("10.1.2.3:80", &a), 0);
    fds[6] = weft_connect_addr(&a);
    fds[7] = weft_accept(fds[1], &peer);
    EXPECT(fds[6] >= 0 && fds[7] >= 0);
    EXPECT_EQ(weft_sock_here(fds[6], &b), 0);
    EXPECT(b.size == peer.size && memcmp(&b.raw, &peer.raw, b.size) == 0);
    EXPECT_EQ(weft_sock_peer(fds[6], &b), 0);
    EXPECT(b.size == a.size && memcmp(&b.raw, &a.raw, b.size) == 0);
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(weft_close(fds[i]), 0);
    }
    return 0;
}

TEST(sim_names)
{
    simtest_run(&simtest_perfect, simtest_names_fn);
}

static int simtest_any_fn(void *arg)
{
    static const char *const to[] = {"127.0.0.1:99", "10.0.0.9:99", "[::1]:99"};
    int fd = weft_listen(":99", NULL);
    weft_addr addr, peer;
    (void)arg;
    EXPECT(fd >= 0);
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        EXPECT_EQ(weft_addr_parse(to[i], &addr), 0);
        int conn = weft_connect_addr(&addr);
        EXPECT(conn >= 0);
        int other = weft_accept(fd, &peer);
        EXPECT(other >= 0);
        EXPECT_EQ(weft_close(conn), 0);
        EXPECT_EQ(weft_close(other), 0);
    }
    return weft_close(fd);
}

TEST(sim_every_address_is_here)
{
    simtest_run(&simtest_perfect, simtest_any_fn);
}

static int simtest_unix_fn(void *arg)
{
    char dir[] = "/tmp/weft-sim-XXXXXX", where[80], path[64];
    struct stat st;
    (void)arg;
    EXPECT(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(where, sizeof where, "unix:%s", path);
    EXPECT(weft_connect(where, NULL) < 0);
    int fd = weft_listen(where, &(weft_listen_options){.unix_mode = 0600});
    EXPECT(fd >= 0);
    EXPECT_EQ(stat(path, &st), 0);
    EXPECT(S_ISSOCK(st.st_mode));
    int client = weft_connect(where, NULL);
    int server = weft_accept(fd, NULL);
    EXPECT(client >= 0 && server >= 0);
    probe_send_all(client, "hello", 5);
    probe_recv_all(server, where, 5);
    EXPECT_EQ(weft_close(client), 0);
    EXPECT_EQ(weft_close(server), 0);
    EXPECT_EQ(weft_close(fd), 0);
    (void)unlink(path);
    EXPECT_EQ(rmdir(dir), 0);
    return 0;
}

TEST(sim_unix_sockets_have_a_file)
{
    simtest_run(&simtest_perfect, simtest_unix_fn);
}

/* A close with bytes unread resets; one without ends. */
static int simtest_reset_fn(void *arg)
{
    int fds[2];
    char c;
    (void)arg;
    probe_tcp_pair(fds);
    EXPECT_EQ(weft_send(fds[0], "xy", 2, 0), 2);
    EXPECT_EQ(weft_send(fds[1], "z", 1, 0), 1);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_recv(fds[0], &c, 1, 0), 1); /* what came before is there */
    EXPECT_EQ(weft_recv(fds[0], &c, 1, 0), -ECONNRESET);
    EXPECT_EQ(weft_recv(fds[0], &c, 1, 0), 0);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -EPIPE);
    EXPECT_EQ(weft_close(fds[0]), 0);

    probe_tcp_pair(fds);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_recv(fds[0], &c, 1, 0), 0);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), 1); /* nobody knows yet */
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -EPIPE);
    EXPECT_EQ(weft_close(fds[0]), 0);
    return 0;
}

TEST(sim_close_resets_or_ends)
{
    simtest_run(&simtest_perfect, simtest_reset_fn);
}

static int simtest_broken_fn(void *arg)
{
    int fds[2];
    char c;
    weft_sim_counts counts;
    (void)arg;
    probe_tcp_pair(fds);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -ECONNRESET);
    EXPECT_EQ(weft_recv(fds[1], &c, 1, 0), -ECONNRESET);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -EPIPE);
    EXPECT_EQ(weft_recv(fds[0], &c, 1, 0), 0);
    probe_close_both(fds);
    weft_sim_stats(&counts);
    EXPECT_EQ(counts.resets, 1);
    probe_pair(fds); /* these have no network between them */
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), 1);
    probe_close_both(fds);
    return 0;
}

TEST(sim_connections_break)
{
    simtest_run(&(weft_sim_options){.reset = 1}, simtest_broken_fn);
}

struct simtest_fill {
    int fd;
    ATOMIC(size_t) done;
};

static int simtest_fill(void *arg)
{
    static const char bytes[8192];
    struct simtest_fill *fill = *(struct simtest_fill **)arg;
    while (a_load(&fill->done, relaxed) < 3 * SIMTEST_BUFFER) {
        EXPECT_EQ(weft_write(fill->fd, bytes, sizeof bytes), sizeof bytes);
        a_add(&fill->done, sizeof bytes, relaxed);
    }
    return weft_close(fill->fd);
}

static int simtest_room_fn(void *arg)
{
    static char got[8192];
    int fds[2];
    weft_scope scope;
    size_t all = 0;
    (void)arg;
    EXPECT_EQ(weft_pipe(fds), 0);
    struct simtest_fill fill = {.fd = fds[1]}, *at = &fill;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, simtest_fill, &at), 0);
    probe_settle();
    EXPECT_EQ(a_load(&fill.done, relaxed), SIMTEST_BUFFER);
    EXPECT_EQ(weft_read(fds[0], got, sizeof got), sizeof got);
    probe_settle();
    EXPECT_EQ(a_load(&fill.done, relaxed), SIMTEST_BUFFER + sizeof got);
    for (ssize_t n; (n = weft_read(fds[0], got, sizeof got)) > 0;) {
        all += (size_t)n;
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(all + sizeof got, a_load(&fill.done, relaxed));
    return weft_close(fds[0]);
}

TEST(sim_pipe_pushes_back)
{
    simtest_run(&simtest_perfect, simtest_room_fn);
}

/* A call by a task of its own, and whether it is over, for others to look at. */
struct simtest_call {
    int fd;
    const weft_addr *to;
    ssize_t result;
    ATOMIC(uint32_t) is_over;
};

static int simtest_cut_recv(void *arg)
{
    struct simtest_call *call = *(struct simtest_call **)arg;
    char buf[16];
    call->result = weft_recv(call->fd, buf, sizeof buf, 0);
    a_store(&call->is_over, 1, release);
    return 0;
}

static int simtest_cut_connect(void *arg)
{
    struct simtest_call *call = *(struct simtest_call **)arg;
    call->result = weft_connect_addr(call->to);
    a_store(&call->is_over, 1, release);
    return 0;
}

static bool simtest_is_over(const struct simtest_call *call)
{
    return a_load(&((struct simtest_call *)(uintptr_t)call)->is_over, acquire) != 0;
}

static int simtest_partition_fn(void *arg)
{
    int fds[2], boxes[2] = {weft_udp("127.0.0.1:0"), weft_udp(NULL)};
    weft_scope scope;
    weft_addr here, box;
    (void)arg;
    int fd = probe_listen(&here, 8);
    probe_tcp_pair(fds);
    EXPECT_EQ(weft_sock_here(boxes[0], &box), 0);
    struct simtest_call tcp = {.fd = fds[1]}, udp = {.fd = boxes[0]}, conn = {.to = &here};
    struct simtest_call *at[] = {&tcp, &udp, &conn};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, simtest_cut_recv, &at[0]), 0);
    EXPECT_EQ(weft_go(&scope, simtest_cut_recv, &at[1]), 0);
    weft_sim_partition(true);
    EXPECT_EQ(weft_go(&scope, simtest_cut_connect, &at[2]), 0);
    EXPECT_EQ(weft_send(fds[0], "abc", 3, 0), 3);
    EXPECT_EQ(weft_sendto(boxes[1], "lost", 4, 0, &box), 4);
    EXPECT_EQ(weft_sleep(1000 * WEFT_MS), 0);
    EXPECT(!simtest_is_over(&tcp) && !simtest_is_over(&udp) && !simtest_is_over(&conn));
    weft_sim_partition(false);
    EXPECT_EQ(weft_sleep(1000 * WEFT_MS), 0);
    EXPECT(simtest_is_over(&tcp) && !simtest_is_over(&udp) && simtest_is_over(&conn));
    EXPECT_EQ(tcp.result, 3);
    EXPECT_EQ(weft_sendto(boxes[1], "found", 5, 0, &box), 5);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(udp.result, 5);
    EXPECT(conn.result >= 0);
    EXPECT_EQ(weft_close((int)conn.result), 0);
    EXPECT_EQ(weft_close(fd), 0);
    probe_close_both(fds);
    probe_close_both(boxes);
    return 0;
}

TEST(sim_network_is_cut)
{
    simtest_run(&simtest_perfect, simtest_partition_fn);
    simtest_run(&(weft_sim_options){.delay_max_ns = WEFT_MS}, simtest_partition_fn);
}

/* ---- datagrams ---- */

static int simtest_lost_fn(void *arg)
{
    weft_scope scope;
    weft_addr addr;
    char c;
    int fds[2] = {weft_udp("127.0.0.1:0"), weft_udp(NULL)};
    (void)arg;
    EXPECT_EQ(weft_sock_here(fds[0], &addr), 0);
    EXPECT_EQ(weft_sendto(fds[1], "x", 1, 0, &addr), 1);
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_after(WEFT_MS)});
    EXPECT_EQ(weft_recvfrom(fds[0], &c, 1, 0, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    probe_close_both(fds);
    return 0;
}

TEST(sim_datagrams_are_lost)
{
    simtest_run(&(weft_sim_options){.drop = 1}, simtest_lost_fn);
}

static int simtest_datagram_fn(void *arg)
{
    weft_addr addr, from, mine;
    char buf[20];
    int fds[2] = {weft_udp("127.0.0.1:0"), weft_udp(NULL)};
    (void)arg;
    EXPECT_EQ(weft_sock_here(fds[0], &addr), 0);
    EXPECT_EQ(weft_sendto(fds[1], "one", 3, 0, &addr), 3);
    EXPECT_EQ(weft_sendto(fds[1], "a longer one than fits", 22, 0, &addr), 22);
    EXPECT_EQ(weft_sendto(fds[1], "", 0, 0, &addr), 0);
    EXPECT_EQ(weft_recvfrom(fds[0], buf, sizeof buf, 0, &from), 3);
    EXPECT_EQ(weft_sock_here(fds[1], &mine), 0);
    EXPECT_EQ(weft_addr_port(&from), weft_addr_port(&mine));
    EXPECT_EQ(weft_recvfrom(fds[0], buf, 8, MSG_TRUNC, NULL), 22);
    EXPECT_EQ(weft_recvfrom(fds[0], buf, sizeof buf, 0, &from), 0);
    EXPECT_EQ(weft_sendto(fds[0], "back", 4, 0, &from), 4);
    EXPECT_EQ(weft_recvfrom(fds[1], buf, sizeof buf, 0, NULL), 4);
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_sendto(fds[1], "nobody", 6, 0, &addr), 6);
    static char big[70000];
    EXPECT_EQ(weft_sendto(fds[1], big, sizeof big, 0, &addr), -EMSGSIZE);
    return weft_close(fds[1]);
}

TEST(sim_datagrams)
{
    simtest_run(&simtest_perfect, simtest_datagram_fn);
    simtest_run(&(weft_sim_options){.delay_min_ns = 1000, .delay_max_ns = 1000},
                simtest_datagram_fn);
}

/* ---- files ---- */

static char simtest_path[64];

static int simtest_disk_fn(void *arg)
{
    char buf[100] = {0};
    int64_t start = weft_now();
    int fd = weft_open(simtest_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    (void)arg;
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_pwrite(fd, buf, 100, 0), 100);
    EXPECT_EQ(weft_pwrite(fd, buf, 100, 100), 50);
    EXPECT_EQ(weft_pwrite(fd, buf, 100, 150), -ENOSPC);
    EXPECT_EQ(weft_pread(fd, buf, 100, 100), 50);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT(weft_now() - start >= 5 * WEFT_MS && weft_now() - start < 9 * WEFT_MS);
    return 0;
}

static int simtest_disk_short_fn(void *arg)
{
    char buf[100] = "all of this will be read";
    weft_sim_counts counts;
    int fd = weft_open(simtest_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    size_t done = 0;
    (void)arg;
    EXPECT(fd >= 0);
    while (done < 100) {
        ssize_t n = weft_pwrite(fd, buf + done, 100 - done, (off_t)done);
        EXPECT(n > 0);
        done += (size_t)n;
    }
    weft_sim_stats(&counts);
    EXPECT(counts.short_writes > 0);
    memset(buf, 0, sizeof buf);
    EXPECT_EQ(weft_read_full(fd, buf, sizeof buf, NULL), 0);
    EXPECT_STR(buf, "all of this will be read");
    return weft_close(fd);
}

static int simtest_disk_bad_fn(void *arg)
{
    char c = 0;
    int fd = weft_open(simtest_path, O_RDWR | O_CREAT, 0600);
    (void)arg;
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_pwrite(fd, &c, 1, 0), -EIO);
    EXPECT_EQ(weft_pread(fd, &c, 1, 0), -EIO);
    EXPECT_EQ(weft_fsync(fd), -EIO);
    return weft_close(fd);
}

TEST(sim_disk)
{
    snprintf(simtest_path, sizeof simtest_path, "/tmp/weft-sim-%d", (int)getpid());
    simtest_run(&(weft_sim_options){.disk_bytes_max = 150,
                                    .disk_delay_min_ns = WEFT_MS,
                                    .disk_delay_max_ns = WEFT_MS},
                simtest_disk_fn);
    simtest_run(&(weft_sim_options){.short_write = 0.9}, simtest_disk_short_fn);
    simtest_run(&(weft_sim_options){.disk_error = 1}, simtest_disk_bad_fn);
    EXPECT_EQ(unlink(simtest_path), 0);
}

/* ---- what fails for want of something ---- */

static int simtest_scarce_fn(void *arg)
{
    weft_addr addr;
    int fd = weft_listen("127.0.0.1:0", NULL), box = weft_udp("127.0.0.1:0"), fds[2], ends[2];
    (void)arg;
    if (fd >= 0) {
        EXPECT_EQ(weft_sock_here(fd, &addr), 0);
        int conn = weft_connect_addr(&addr);
        int peer = conn >= 0 ? weft_accept(fd, NULL) : -1; /* it waits out a lack of descriptors */
        if (peer >= 0) {
            EXPECT_EQ(weft_close(peer), 0);
        }
        if (conn >= 0) {
            EXPECT_EQ(weft_close(conn), 0);
        }
        EXPECT_EQ(weft_close(fd), 0);
    }
    if (box >= 0) {
        EXPECT_EQ(weft_sock_here(box, &addr), 0);
        ssize_t n = weft_sendto(box, "x", 1, 0, &addr);
        EXPECT(n == 1 || n < 0);
        EXPECT_EQ(weft_close(box), 0);
    }
    if (weft_socketpair(fds) == 0) {
        probe_close_both(fds);
    }
    if (weft_pipe(ends) == 0) {
        probe_close_both(ends);
    }
    return 0;
}

TEST(sim_each_fault_is_a_code)
{
    uint32_t mask = WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_SYS);
    uint64_t n, counted;
    do {
        static uint64_t next;
        n = ++next;
        size_t before = weft__alloc_live();
        EXPECT_EQ(weft_sim_set(&simtest_perfect), 0);
        weft__fault_arm(mask, n);
        int rc = simtest_run_on(1, &simtest_perfect, simtest_scarce_fn, NULL);
        counted = weft__fault_disarm();
        EXPECT(rc <= 0);
        EXPECT_EQ(weft__alloc_live(), before);
    } while (n <= counted);
}

/* ---- explored: each fault is a choice of the schedule ---- */

enum { SIMTEST_MESSAGE = 8 };

struct simtest_talk {
    int fds[2];
    bool is_careful;
};

static int simtest_talk_server(void *arg)
{
    struct simtest_talk *talk = *(struct simtest_talk **)arg;
    char message[SIMTEST_MESSAGE];
    ssize_t n;
    if (talk->is_careful) {
        return weft_read_full(talk->fds[1], message, sizeof message, NULL);
    }
    n = weft_recv(talk->fds[1], message, sizeof message, 0);
    return n == sizeof message ? 0 : -EBADMSG;
}

static int simtest_talk_fn(void *arg)
{
    struct simtest_talk talk = {.is_careful = *(bool *)arg}, *at = &talk;
    weft_scope scope;
    int rc = weft_socketpair(talk.fds);
    if (rc < 0) {
        return rc;
    }
    weft_scope_open(&scope);
    rc = weft_go(&scope, simtest_talk_server, &at);
    if (rc == 0) {
        rc = weft_write_all(talk.fds[0], "12345678", SIMTEST_MESSAGE, NULL);
    }
    int closed = weft_scope_close(&scope);
    probe_close_both(talk.fds);
    return rc < 0 ? rc : closed;
}

/* A client that asks over datagrams, which are lost: with a time limit, or without. */
static int simtest_oracle(void *arg)
{
    int fd = *(int *)arg;
    weft_addr from;
    char c;
    while (weft_recvfrom(fd, &c, 1, 0, &from) == 1 && c != 'q') {
        ssize_t n = weft_sendto(fd, "!", 1, 0, &from);
        if (n < 0) {
            return (int)n;
        }
    }
    return 0;
}

static int simtest_ask(int fd, const weft_addr *to, bool is_careful)
{
    weft_scope scope;
    char c;
    for (int i = 0; i < 5; i++) {
        ssize_t n = weft_sendto(fd, "?", 1, 0, to);
        if (n < 0) {
            return (int)n;
        }
        weft_scope_open_with(&scope, &(weft_scope_options){
                                         .deadline = is_careful ? weft_after(10 * WEFT_MS) : 0});
        n = weft_recvfrom(fd, &c, 1, 0, NULL);
        int rc = weft_scope_close(&scope);
        if (n == 1) {
            return 0;
        }
        if (rc != -WEFT_ETIMEDOUT) {
            return rc;
        }
    }
    return -EHOSTUNREACH;
}

static int simtest_oracle_fn(void *arg)
{
    weft_addr addr;
    weft_scope scope;
    int fds[2] = {weft_udp("127.0.0.1:0"), weft_udp(NULL)};
    if (weft_sock_here(fds[0], &addr) < 0) {
        return -EIO;
    }
    weft_scope_open(&scope);
    int rc = weft_go(&scope, simtest_oracle, &fds[0]);
    if (rc == 0) {
        rc = simtest_ask(fds[1], &addr, *(bool *)arg);
    }
    weft_scope_cancel(&scope);
    (void)weft_scope_close(&scope);
    probe_close_both(fds);
    return rc;
}

static void simtest_explore(const weft_sim_options *options, int (*fn)(void *), bool is_careful,
                            const char *class_name)
{
    weft_check_report *report = NULL, *again = NULL;
    weft_check_result result, repeated;
    EXPECT_EQ(weft_sim_set(options), 0);
    weft_check_options how = {.schedules = 300, .quiet = true};
    EXPECT_EQ(weft_explore_report(fn, &is_careful, &how, &report), class_name != NULL);
    weft_check_result_of(report, &result);
    if (class_name) {
        EXPECT_STR(result.class_name, class_name);
        EXPECT(result.deterministic);
        how.replay = result.replay;
        EXPECT_EQ(weft_explore_report(fn, &is_careful, &how, &again), 1);
        weft_check_result_of(again, &repeated);
        EXPECT_STR(repeated.class_name, class_name);
        weft_check_report_free(again);
    }
    weft_check_report_free(report);
}

TEST(sim_explored_short_reads)
{
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer wants every context ended, and a failing schedule just stops");
    }
    simtest_explore(&(weft_sim_options){.short_read = 0.1}, simtest_talk_fn, false, "assertion");
    simtest_explore(&(weft_sim_options){.short_write = 0.1}, simtest_talk_fn, false, "assertion");
    simtest_explore(&(weft_sim_options){.short_read = 0.1}, simtest_talk_fn, true, NULL);
    simtest_explore(&simtest_perfect, simtest_talk_fn, false, NULL);
}

TEST(sim_explored_lost_datagrams)
{
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer wants every context ended, and a failing schedule just stops");
    }
    simtest_explore(&(weft_sim_options){.drop = 0.1}, simtest_oracle_fn, false, "deadlock");
    simtest_explore(&(weft_sim_options){.drop = 0.1}, simtest_oracle_fn, true, NULL);
    simtest_explore(&simtest_perfect, simtest_oracle_fn, false, NULL);
}

/* On the real clock, too: the timers of the network wake who waits. */
TEST(sim_on_the_real_clock)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        weft_sim_options options = simtest_rough(workers);
        options.delay_max_ns = 100 * WEFT_US;
        EXPECT_EQ(weft_sim_set(&options), 0);
        EXPECT_EQ(weft_run_with(simtest_busy, NULL,
                                &(weft_options){.workers = workers, .io = WEFT_IO_SIM}),
                  0);
    }
}
