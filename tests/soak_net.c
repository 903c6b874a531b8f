/* soak_net.c - the plays of the soak around sockets and pipes.
 *
 * Called by soak.c.  Every byte has a number, from which its value follows (soak_net.h).  Cancels
 * are on two levels: the scope of the play, which ends it, and near deadlines around single calls,
 * after which the play goes on: what a call said about how much it has moved must be so.
 *
 * A number of a descriptor that is closed while others may still be about to use it must not come
 * back as somebody else's: such ones are taken from above NET_WILD, where play_close is alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "soak_net.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { NET_WILD = 2500, NET_CLIENTS_MAX = 8 };

static bool net_is_gone(ssize_t rc)
{
    return rc == -EPIPE || rc == -ECONNRESET || rc == -ENOTCONN;
}

/* ---- a flow: one writer, one reader ---- */

static bool flow_may_break(const struct net_flow *f)
{
    return f->may_break || (f->other != NULL && weft_scope_cancelled(f->other));
}

static ssize_t flow_write_once(struct net_flow *f, struct weft__rng *rng, uint8_t *buffer,
                               size_t size)
{
    size_t done = 0, half = size / 2;
    struct iovec parts[2] = {{buffer, half}, {buffer + half, size - half}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};

    switch (weft__rng_below(rng, f->is_socket ? 5 : 2)) {
    case 0:
        return weft_write(f->out, buffer, size);
    case 1: {
        int rc = weft_write_all(f->out, buffer, size, &done);
        SOAK(rc != 0 || done == size);
        return done > 0 ? (ssize_t)done : rc;
    }
    case 2:
        return weft_sendmsg(f->out, &msg, 0);
    case 3: {
        ssize_t n = weft_send(f->out, buffer, size, MSG_DONTWAIT);
        if (n == -WEFT_EAGAIN) {
            int events = weft_wait_fd(f->out, WEFT_FD_WRITE);
            return events < 0 ? events : -WEFT_EAGAIN;
        }
        return n;
    }
    default:
        return weft_send(f->out, buffer, size, 0);
    }
}

/* Also with a look that takes nothing; *ret_size may become smaller. */
static ssize_t flow_read_once(struct net_flow *f, struct weft__rng *rng, uint8_t *buffer,
                              size_t size)
{
    size_t done = 0, half = size / 2;
    struct iovec parts[2] = {{buffer, half}, {buffer + half, size - half}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};

    switch (weft__rng_below(rng, f->is_socket ? 6 : 3)) {
    case 0: {
        int rc = weft_read_full(f->in, buffer, size, &done);
        SOAK(rc != 0 || done == size);
        return done > 0 ? (ssize_t)done : rc == -EPIPE ? 0 : rc;
    }
    case 1: {
        int events = weft_wait_fd(f->in, WEFT_FD_READ);
        return events < 0 ? events : weft_read(f->in, buffer, size);
    }
    case 2:
        return weft_read(f->in, buffer, size);
    case 3: {
        ssize_t n = weft_recv(f->in, buffer, size, MSG_PEEK);
        if (n > 0) {
            net_check(f->seed, f->got, buffer, (size_t)n);
            n = -WEFT_EAGAIN;
        }
        return n;
    }
    case 4:
        return weft_recvmsg(f->in, &msg, 0);
    default:
        return weft_recv(f->in, buffer, size, 0);
    }
}

/* One call, sometimes under a deadline that is near: -EAGAIN then, to be tried again. */
static ssize_t flow_step(struct net_flow *f, struct weft__rng *rng, bool writes, uint8_t *buffer,
                         size_t size)
{
    bool hurried = soak_one_in(rng, 3);
    weft_scope near;

    if (hurried) {
        weft_scope_open(&near);
        weft_scope_deadline(&near, weft_after((int64_t)weft__rng_below(rng, 100000)));
    }
    ssize_t n = writes ? flow_write_once(f, rng, buffer, size)
                       : flow_read_once(f, rng, buffer, size);
    if (hurried) {
        SOAK_CUT(weft_scope_close(&near));
        if (soak_is_cut((int)n) && !weft_cancelled()) {
            n = -WEFT_EAGAIN;
        }
    }
    soak_moved();
    if (n == -WEFT_EAGAIN) {
        return n;
    }
    if (net_is_gone(n) && flow_may_break(f)) {
        a_store(&f->broken, true, relaxed);
        return -EPIPE;
    }
    SOAK(n >= 0 || SOAK_CUT((int)n));
    return n;
}

static void flow_write(struct net_flow *f, struct weft__rng *rng)
{
    uint8_t buffer[NET_PIECE];

    while (f->sent < f->limit) {
        size_t size = 1 + weft__rng_below(rng, sizeof buffer);
        size = weft__min(size, f->limit - f->sent);
        net_fill(f->seed, f->sent, buffer, size);
        ssize_t n = flow_step(f, rng, true, buffer, size);
        if (n == -WEFT_EAGAIN) {
            continue;
        }
        if (n < 0) {
            return;
        }
        SOAK(n > 0);
        f->sent += (size_t)n;
    }
}

static void flow_read(struct net_flow *f, struct weft__rng *rng)
{
    uint8_t buffer[NET_PIECE];

    while (f->got < f->limit) {
        size_t size = 1 + weft__rng_below(rng, sizeof buffer);
        size = weft__min(size, f->limit - f->got);
        ssize_t n = flow_step(f, rng, false, buffer, size);
        if (n == -WEFT_EAGAIN) {
            continue;
        }
        if (n <= 0) {
            SOAK(n < 0 || flow_may_break(f));
            return;
        }
        net_check(f->seed, f->got, buffer, (size_t)n);
        f->got += (size_t)n;
    }
}

static int flow_write_run(void *arg)
{
    struct net_flow_side *side = arg;
    struct weft__rng rng;

    weft__rng_seed(&rng, side->seed);
    flow_write(side->flow, &rng);
    return 0;
}

int soak_flow_read_run(void *arg)
{
    struct net_flow_side *side = arg;
    struct weft__rng rng;

    weft__rng_seed(&rng, side->seed);
    flow_read(side->flow, &rng);
    return 0;
}

void soak_flow_drain(struct net_flow *f)
{
    uint8_t buffer[NET_PIECE];
    ssize_t n = 1;

    while (n != 0) {
        struct pollfd wait = {.fd = f->in, .events = POLLIN};
        SOAK(poll(&wait, 1, 10000) == 1);
        n = read(f->in, buffer, sizeof buffer);
        SOAK(n >= 0);
        net_check(f->seed, f->got, buffer, (size_t)n);
        f->got += (uint64_t)n;
    }
    SOAK_EQ(f->got, f->sent);
}

/* Two ends of a connection over TCP.  False: cut short. */
static bool net_tcp_pair(int fds[2])
{
    weft_addr addr;
    int listener = weft_listen("127.0.0.1:0", NULL);

    if (listener < 0) {
        SOAK_CUT(listener);
        return false;
    }
    SOAK_EQ(weft_sock_here(listener, &addr), 0);
    fds[0] = weft_connect_addr(&addr);
    fds[1] = fds[0] < 0 ? fds[0] : weft_accept(listener, NULL);
    weft_close(listener);
    if (fds[1] < 0) {
        SOAK_CUT(fds[1]);
        if (fds[0] >= 0) {
            weft_close(fds[0]);
        }
        return false;
    }
    return true;
}

bool soak_net_pair(struct weft__rng *rng, int fds[2], bool *ret_is_socket)
{
    uint64_t kind = weft__rng_below(rng, 3);

    *ret_is_socket = kind != 0;
    if (kind == 2) {
        return net_tcp_pair(fds);
    }
    SOAK_EQ(kind == 0 ? weft_pipe(fds) : weft_socketpair(fds), 0);
    return true;
}

static void play_flow(struct soak_world *world, struct weft__rng *rng)
{
    struct net_flow flow = {.seed = weft__rng_next(rng), .limit = weft__rng_below(rng, 300000)};
    weft_scope scope;
    int fds[2];

    if (!soak_net_pair(rng, fds, &flow.is_socket)) {
        return;
    }
    flow.in = fds[0];
    flow.out = fds[1];
    soak_open(world, rng, &scope);
    struct net_flow_side writer = {&flow, weft__rng_next(rng)};
    struct net_flow_side reader = {&flow, weft__rng_next(rng)};
    soak_go(world, rng, &scope, flow_write_run, &writer, sizeof writer);
    soak_go(world, rng, &scope, soak_flow_read_run, &reader, sizeof reader);
    if (!soak_close(&scope)) {
        SOAK_EQ(flow.sent, flow.limit);
        SOAK_EQ(flow.got, flow.limit);
    }
    weft_close(flow.out);
    soak_flow_drain(&flow);
    weft_close(flow.in);
}

/* ---- records: several who write, several who read, each record once ---- */

struct net_records {
    int fds[2];
    ATOMIC(uint64_t) sent, sent_sum, got, got_sum;
    ATOMIC(uint32_t) writers;
};

struct net_records_side {
    struct net_records *records;
    uint64_t seed;
    uint32_t count;
};

static int records_write_run(void *arg)
{
    struct net_records_side *side = arg;
    struct net_records *r = side->records;
    struct weft__rng rng;

    weft__rng_seed(&rng, side->seed);
    for (uint32_t i = 0; i < side->count;) {
        uint64_t number = weft__rng_next(&rng);
        weft_scope near;
        weft_scope_open(&near);
        if (soak_one_in(&rng, 3)) {
            weft_scope_deadline(&near, weft_after((int64_t)weft__rng_below(&rng, 50000)));
        }
        ssize_t n = weft_send(r->fds[1], &number, sizeof number, 0);
        SOAK_CUT(weft_scope_close(&near));
        if (n < 0) {
            SOAK_CUT((int)n);
            if (weft_cancelled()) {
                break;
            }
            continue;
        }
        SOAK_EQ(n, sizeof number);
        a_add(&r->sent, 1, relaxed);
        a_add(&r->sent_sum, number, relaxed);
        i++;
    }
    if (a_sub(&r->writers, 1, acq_rel) == 1) {
        weft_shutdown(r->fds[1], SHUT_WR);
    }
    return 0;
}

static int records_read_run(void *arg)
{
    struct net_records_side *side = arg;
    struct net_records *r = side->records;
    struct weft__rng rng;
    uint64_t number;

    weft__rng_seed(&rng, side->seed);
    for (;;) {
        weft_scope near;
        weft_scope_open(&near);
        if (soak_one_in(&rng, 3)) {
            weft_scope_deadline(&near, weft_after((int64_t)weft__rng_below(&rng, 50000)));
        }
        ssize_t n = soak_one_in(&rng, 4) ? weft_recvfrom(r->fds[0], &number, 8, 0, NULL)
                                         : weft_recv(r->fds[0], &number, sizeof number, 0);
        SOAK_CUT(weft_scope_close(&near));
        if (n < 0) {
            SOAK_CUT((int)n);
            if (weft_cancelled()) {
                return 0;
            }
            continue;
        }
        if (n == 0) {
            return 0;
        }
        SOAK_EQ(n, sizeof number);
        a_add(&r->got, 1, relaxed);
        a_add(&r->got_sum, number, relaxed);
        soak_moved();
    }
}

static void play_records(struct soak_world *world, struct weft__rng *rng)
{
    struct net_records records = {.writers = 1 + (uint32_t)weft__rng_below(rng, 4)};
    uint32_t writers = a_load(&records.writers, relaxed);
    uint32_t readers = 1 + (uint32_t)weft__rng_below(rng, 4);
    weft_scope scope;
    uint64_t number;
    ssize_t n;

    SOAK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, records.fds), 0);
    soak_open(world, rng, &scope);
    for (uint32_t i = 0; i < writers + readers; i++) {
        struct net_records_side side = {&records, weft__rng_next(rng),
                                        (uint32_t)weft__rng_below(rng, 100)};
        soak_go(world, rng, &scope, i < writers ? records_write_run : records_read_run, &side,
                sizeof side);
    }
    (void)soak_close(&scope);
    /* Cut short or not: a reader that finds nothing may be told the end for a shutdown that came
     * just after the last record, which is still there then (Linux 6.18, unix_dgram_recvmsg). */
    while ((n = recv(records.fds[0], &number, sizeof number, MSG_DONTWAIT)) > 0) {
        a_add(&records.got, 1, relaxed);
        a_add(&records.got_sum, number, relaxed);
    }
    SOAK_EQ(a_load(&records.got, relaxed), a_load(&records.sent, relaxed));
    SOAK_EQ(a_load(&records.got_sum, relaxed), a_load(&records.sent_sum, relaxed));
    weft_close(records.fds[0]);
    weft_close(records.fds[1]);
}

/* ---- a server that echoes, and clients of all manners ---- */

struct net_server {
    struct soak_world *world;
    weft_scope *scope;
    weft_addr addr;
    int listener;
    bool kills; /* the server drops connections when it likes */
};

struct net_server_member {
    struct net_server *server;
    uint64_t seed;
    int fd;
};

static int server_handle_run(void *arg)
{
    struct net_server_member *m = arg;
    uint8_t buffer[NET_PIECE];
    struct weft__rng rng;
    ssize_t n;

    weft__rng_seed(&rng, m->seed);
    while ((n = weft_recv(m->fd, buffer, 1 + weft__rng_below(&rng, sizeof buffer), 0)) > 0) {
        int rc = weft_write_all(m->fd, buffer, (size_t)n, NULL);
        soak_moved();
        if (rc < 0) {
            n = rc;
            break;
        }
        if (m->server->kills && soak_one_in(&rng, 20)) {
            break;
        }
    }
    SOAK(n >= 0 || net_is_gone(n) || SOAK_CUT((int)n));
    weft_close(m->fd);
    return 0;
}

static int server_accept_run(void *arg)
{
    struct net_server_member *m = arg;
    struct net_server *server = m->server;
    struct weft__rng rng;

    weft__rng_seed(&rng, m->seed);
    for (;;) {
        weft_addr peer;
        weft_scope near;
        weft_scope_open(&near);
        if (soak_one_in(&rng, 3)) {
            weft_scope_deadline(&near, weft_after((int64_t)weft__rng_below(&rng, 100000)));
        }
        int fd = weft_accept(server->listener, soak_one_in(&rng, 2) ? &peer : NULL);
        SOAK_CUT(weft_scope_close(&near));
        if (fd == -WEFT_EINVAL) { /* shut down: that was all */
            return 0;
        }
        if (fd < 0) {
            SOAK_CUT(fd);
            if (weft_cancelled()) {
                return 0;
            }
            continue;
        }
        struct net_server_member handler = {server, weft__rng_next(&rng), fd};
        if (soak_go(server->world, &rng, server->scope, server_handle_run, &handler,
                    sizeof handler)) {
            weft_close(fd);
        }
    }
}

static void client_reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Sends while another task receives; then the end comes back. */
static void client_whole(struct net_server_member *m, struct weft__rng *rng, struct net_flow *f)
{
    struct net_flow_side reader = {f, weft__rng_next(rng)};
    uint8_t byte;
    weft_scope scope;

    weft_scope_open(&scope);
    soak_go(m->server->world, rng, &scope, soak_flow_read_run, &reader, sizeof reader);
    flow_write(f, rng);
    if (a_load(&f->broken, relaxed)) {
        weft_scope_cancel(&scope);
    }
    SOAK_CUT(weft_scope_close(&scope));
    if (a_load(&f->broken, relaxed) || weft_cancelled()) {
        return;
    }
    SOAK(flow_may_break(f) || f->got == f->limit);
    weft_shutdown(f->out, SHUT_WR);
    ssize_t n = weft_recv(f->in, &byte, 1, 0);
    SOAK(n == 0 || (net_is_gone(n) && flow_may_break(f)) || SOAK_CUT((int)n));
}

static void client_slow(struct weft__rng *rng, struct net_flow *f)
{
    uint8_t buffer[100];
    ssize_t n = 0;

    f->limit = weft__min(f->limit, 5000u); /* fits into the socket: nobody else reads */
    flow_write(f, rng);
    weft_shutdown(f->out, SHUT_WR);
    while (!a_load(&f->broken, relaxed) && (n = weft_recv(f->in, buffer, sizeof buffer, 0)) > 0) {
        net_check(f->seed, f->got, buffer, (size_t)n);
        f->got += (uint64_t)n;
        if (SOAK_CUT(weft_sleep((int64_t)weft__rng_below(rng, 200000)))) {
            return;
        }
    }
    SOAK(flow_may_break(f) || f->got == f->sent || SOAK_CUT((int)n));
}

static int server_client_run(void *arg)
{
    struct net_server_member *m = arg;
    struct weft__rng rng;

    weft__rng_seed(&rng, m->seed);
    int fd = weft_connect_addr(&m->server->addr);
    if (fd < 0) {
        SOAK_CUT(fd);
        return 0;
    }
    struct net_flow f = {.seed = m->seed, .limit = weft__rng_below(&rng, 60000), .in = fd,
                         .out = fd, .is_socket = true, .may_break = m->server->kills,
                         .other = m->server->scope};
    switch (weft__rng_below(&rng, 6)) {
    case 0:
        flow_write(&f, &rng);
        client_reset(fd);
        break;
    case 1: /* goes without having read */
        f.limit = weft__min(f.limit, 5000u);
        flow_write(&f, &rng);
        break;
    case 2: /* nothing to say */
        weft_shutdown(fd, SHUT_WR);
        flow_read(&(struct net_flow){.limit = 1, .in = fd, .is_socket = true, .may_break = true},
                  &rng);
        break;
    case 3:
        client_slow(&rng, &f);
        break;
    default:
        client_whole(m, &rng, &f);
        break;
    }
    weft_close(fd);
    return 0;
}

static void play_server(struct soak_world *world, struct weft__rng *rng)
{
    static ATOMIC(uint64_t) names;
    struct net_server server = {.world = world, .kills = soak_one_in(rng, 3)};
    weft_scope scope, clients;
    char where[64] = "127.0.0.1:0";

    if (soak_one_in(rng, 2)) {
        snprintf(where, sizeof where, "unix:@weft-soak-%d-%llu", (int)getpid(),
                 (unsigned long long)a_add(&names, 1, relaxed));
    }
    server.listener = weft_listen(where, NULL);
    if (server.listener < 0) {
        SOAK_CUT(server.listener);
        return;
    }
    SOAK_EQ(weft_sock_here(server.listener, &server.addr), 0);
    soak_open(world, rng, &scope);
    server.scope = &scope;
    for (uint64_t i = 1 + weft__rng_below(rng, 2); i > 0; i--) {
        struct net_server_member m = {&server, weft__rng_next(rng), -1};
        soak_go(world, rng, &scope, server_accept_run, &m, sizeof m);
    }
    weft_scope_open(&clients);
    for (uint64_t i = 1 + weft__rng_below(rng, NET_CLIENTS_MAX); i > 0; i--) {
        struct net_server_member m = {&server, weft__rng_next(rng), -1};
        soak_go(world, rng, &clients, server_client_run, &m, sizeof m);
    }
    SOAK_CUT(weft_scope_close(&clients));
    if (server.addr.raw.ss_family == AF_INET && soak_one_in(rng, 2)) {
        weft_shutdown(server.listener, SHUT_RD);
    } else {
        weft_scope_cancel(&scope);
    }
    soak_close(&scope);
    weft_close(server.listener);
}

/* ---- closed by another task, while all kinds of waits go on ---- */

struct net_closing {
    ATOMIC(uint32_t) fds[2];
    uint64_t seed;
    bool listens;
};

/* May come too late, and meet another play_close's descriptor of this number: all codes are good,
 * but it ends. */
static int close_wait_run(void *arg)
{
    struct net_closing *c = *(struct net_closing **)arg;
    static ATOMIC(uint64_t) count;
    static const char filler[3000];
    char buffer[3000];
    uint64_t which = a_add(&count, 1, relaxed);
    int fd = (int)a_load(&c->fds[which % 2], relaxed), more = -1;
    ssize_t rc = 0;

    for (int i = 0; i < 50 && rc >= 0; i++) {
        switch (which / 2 % 6) {
        case 0:
            rc = weft_wait_fd(fd, WEFT_FD_READ);
            break;
        case 1:
            rc = more = weft_accept(fd, NULL);
            if (more >= 0) {
                weft_close(more);
            }
            break;
        case 2:
            rc = weft_send(fd, filler, sizeof filler, 0);
            break;
        case 3:
            rc = weft_write(fd, filler, sizeof filler);
            break;
        default:
            rc = weft_recv(fd, buffer, sizeof buffer, 0);
            break;
        }
        soak_moved();
        if (rc == 0) { /* the end */
            break;
        }
    }
    return 0;
}

static int close_run(void *arg)
{
    struct net_closing *c = *(struct net_closing **)arg;
    struct weft__rng rng;

    weft__rng_seed(&rng, c->seed);
    for (uint64_t i = weft__rng_below(&rng, 20); i > 0; i--) {
        if (weft_yield() < 0) {
            break;
        }
    }
    weft_close((int)a_load(&c->fds[0], relaxed));
    weft_close((int)a_load(&c->fds[1], relaxed));
    return 0;
}

static void play_close(struct soak_world *world, struct weft__rng *rng)
{
    struct net_closing closing = {.seed = weft__rng_next(rng)}, *c = &closing;
    bool is_socket;
    int fds[2];
    weft_scope scope;

    if (!soak_net_pair(rng, fds, &is_socket)) {
        return;
    }
    if (soak_one_in(rng, 3)) {
        weft_close(fds[0]);
        fds[0] = weft_listen("127.0.0.1:0", NULL);
        if (fds[0] < 0) {
            SOAK_CUT(fds[0]);
            weft_close(fds[1]);
            return;
        }
    }
    for (int i = 0; i < 2; i++) {
        int wild = fcntl(fds[i], F_DUPFD_CLOEXEC, NET_WILD);
        SOAK(wild >= NET_WILD);
        a_store(&closing.fds[i], (uint32_t)wild, relaxed);
        weft_close(fds[i]);
    }
    soak_open(world, rng, &scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND)); /* who came too late is let go */
    for (uint64_t i = 1 + weft__rng_below(rng, 6); i > 0; i--) {
        soak_go(world, rng, &scope, close_wait_run, &c, sizeof c);
    }
    if (soak_go(world, rng, &scope, close_run, &c, sizeof c)) {
        close_run(&c);
    }
    soak_close(&scope);
}

/* ---- descriptors that are handed over ---- */

struct net_passing {
    int fds[2];
    uint32_t count;
    ATOMIC(uint32_t) sent, got;
};

static ssize_t pass_send(int to, int fd)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec byte = {"x", 1};
    struct msghdr msg = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control,
                         .msg_controllen = sizeof control.space};

    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    return weft_sendmsg(to, &msg, 0);
}

static int pass_send_run(void *arg)
{
    struct net_passing *p = *(struct net_passing **)arg;
    int pair[2];

    for (uint32_t i = 0; i < p->count; i++) {
        SOAK_EQ(weft_pipe(pair), 0);
        SOAK_EQ(weft_write(pair[1], &i, sizeof i) < 0 ? weft_cancelled() - 1 : 0, 0);
        ssize_t n = pass_send(p->fds[1], pair[0]);
        weft_close(pair[0]);
        weft_close(pair[1]);
        if (n < 0) {
            SOAK_CUT((int)n);
            break;
        }
        a_add(&p->sent, 1, relaxed);
    }
    weft_shutdown(p->fds[1], SHUT_WR);
    return 0;
}

static int pass_receive_run(void *arg)
{
    struct net_passing *p = *(struct net_passing **)arg;

    for (;;) {
        union {
            struct cmsghdr head;
            char space[CMSG_SPACE(sizeof(int))];
        } control;
        char byte;
        int fd;
        struct iovec part = {&byte, 1};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control.space};
        ssize_t n = weft_recvmsg(p->fds[0], &msg, 0);
        if (n <= 0) {
            SOAK(n == 0 || SOAK_CUT((int)n));
            return 0;
        }
        SOAK(byte == 'x' && msg.msg_controllen > 0);
        memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
        SOAK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        a_add(&p->got, 1, relaxed);
        weft_close(fd);
        soak_moved();
    }
}

static void play_pass(struct soak_world *world, struct weft__rng *rng)
{
    struct net_passing passing = {.count = (uint32_t)weft__rng_below(rng, 30)}, *p = &passing;
    weft_scope scope;

    SOAK_EQ(weft_socketpair(passing.fds), 0);
    soak_open(world, rng, &scope);
    soak_go(world, rng, &scope, pass_send_run, &p, sizeof p);
    soak_go(world, rng, &scope, pass_receive_run, &p, sizeof p);
    bool cut = soak_close(&scope);
    SOAK(cut || a_load(&passing.got, relaxed) == passing.count);
    SOAK(a_load(&passing.got, relaxed) <= a_load(&passing.sent, relaxed));
    weft_close(passing.fds[0]);
    weft_close(passing.fds[1]);
}

struct soak_play soak_net[] = {
    {.name = "net_flow", .run = play_flow, .weight = 6},
    {.name = "net_records", .run = play_records, .weight = 5},
    {.name = "net_server", .run = play_server, .weight = 6},
    {.name = "net_close", .run = play_close, .weight = 4},
    {.name = "net_pass", .run = play_pass, .weight = 4},
    {.name = NULL},
};
