/* sim_name.c - who is where on the simulated machine: addresses, and how connections come about.
 *
 * Called by sim.c and sim_call.c, under the machine's lock.
 *
 * A connect that finds its way (after the delay of a network both ways) knocks at the listener: its
 * other side, made beforehand, joins those who wait to be accepted, and the connect is over, as
 * TCP's is, before anybody accepts.  When the backlog is full it waits at the door, and comes in
 * when an accept makes room.
 *
 * Names are searched for one after the other.  A test has few.
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/panic.h"
#include "base/sys.h"
#include "core/control.h"
#include "io/addr.h"
#include "io/sim.h"
#include "weft/err.h"
#include "weft/time.h"

/* ---- addresses ---- */

static bool simname_is_ip(const weft_addr *addr)
{
    return addr->raw.ss_family == AF_INET || addr->raw.ss_family == AF_INET6;
}

static struct sockaddr_in simname_v4(const weft_addr *addr)
{
    struct sockaddr_in v4;
    memcpy(&v4, &addr->raw, sizeof v4);
    return v4;
}

static struct sockaddr_in6 simname_v6(const weft_addr *addr)
{
    struct sockaddr_in6 v6;
    memcpy(&v6, &addr->raw, sizeof v6);
    return v6;
}

/* The port of IPv6 lies where that of IPv4 does. */
static uint16_t simname_port(const weft_addr *addr)
{
    return ntohs(simname_v4(addr).sin_port);
}

static void simname_set_port(weft_addr *addr, uint16_t port)
{
    struct sockaddr_in v4 = simname_v4(addr);
    v4.sin_port = htons(port);
    memcpy(&addr->raw, &v4, sizeof v4);
}

static bool simname_is_any(const weft_addr *addr)
{
    struct sockaddr_in6 v6 = simname_v6(addr);
    return addr->raw.ss_family == AF_INET ? simname_v4(addr).sin_addr.s_addr == INADDR_ANY
                                          : IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

bool weft__sim_is_silent(const weft_addr *addr)
{
    static const uint32_t nets[] = {0xc0000200, 0xc6336400, 0xcb007100};
    weft_addr plain = *addr;
    if (!simname_is_ip(addr)) {
        return false;
    }
    weft__addr_unmap(&plain);
    if (plain.raw.ss_family == AF_INET6) {
        struct sockaddr_in6 v6 = simname_v6(&plain);
        return ntohl(v6.sin6_addr.s6_addr32[0]) == 0x20010db8;
    }
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(nets); i++) {
        if ((ntohl(simname_v4(&plain).sin_addr.s_addr) & 0xffffff00) == nets[i]) {
            return true;
        }
    }
    return false;
}

static bool simname_is_path(const weft_addr *addr)
{
    const size_t before = offsetof(struct sockaddr_un, sun_path);
    return addr->raw.ss_family == AF_UNIX && addr->size > before &&
           ((const char *)&addr->raw)[before] != 0;
}

/* A copy; the path of a file ends where its text does. */
static weft_addr simname_of(const void *addr, size_t size)
{
    const size_t before = offsetof(struct sockaddr_un, sun_path);
    weft_addr copy = {.size = (socklen_t)size};
    memcpy(&copy.raw, addr, size);
    if (simname_is_path(&copy)) {
        size_t length = strnlen((const char *)&copy.raw + before, size - before);
        copy.size = (socklen_t)(before + length + 1);
    }
    return copy;
}

/* As one of the family is told it: IPv4 in the dress of IPv6, or out of it; of Unix, no name. */
static weft_addr simname_dressed(const weft_addr *addr, int domain)
{
    weft_addr copy = *addr;
    if (domain == AF_UNIX && addr->size == 0) {
        copy.size = sizeof(sa_family_t);
        copy.raw.ss_family = AF_UNIX;
    } else if (domain == AF_INET) {
        weft__addr_unmap(&copy);
    } else if (domain == AF_INET6 && addr->raw.ss_family == AF_INET) {
        struct sockaddr_in v4 = simname_v4(addr);
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
        v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
        memcpy(&v6.sin6_addr.s6_addr[12], &v4.sin_addr, sizeof v4.sin_addr);
        memcpy(&copy.raw, &v6, sizeof v6);
        copy.size = sizeof v6;
    }
    return copy;
}

weft_addr weft__sim_source(const struct weft__sim_sock *sock, const weft_addr *to, int domain)
{
    weft_addr from = sock->here;
    if (simname_is_ip(&from) && from.size != 0 && simname_is_any(&from)) {
        weft__addr_loopback(to->raw.ss_family, 0, &from);
        from = simname_is_any(to) ? from : *to; /* everything is one machine */
        simname_set_port(&from, simname_port(&sock->here));
    }
    return simname_dressed(&from, domain);
}

/* Does who is at `here` hear what is sent to `addr`? */
static bool simname_hears(const struct weft__sim_sock *sock, const weft_addr *addr)
{
    weft_addr here = sock->here, there = *addr;
    if (!simname_is_ip(&here) || !simname_is_ip(&there)) {
        return here.size == there.size && memcmp(&here.raw, &there.raw, here.size) == 0;
    }
    if (simname_port(&here) != simname_port(&there)) {
        return false;
    }
    weft__addr_unmap(&here);
    weft__addr_unmap(&there);
    bool is_dual = here.raw.ss_family == AF_INET6 && !sock->only_ipv6;
    if (simname_is_any(&here)) {
        return here.raw.ss_family == there.raw.ss_family || is_dual;
    }
    if (simname_is_any(&there)) { /* this machine, that is: the loopback, or anywhere */
        return here.raw.ss_family == there.raw.ss_family;
    }
    return weft__addr_equal(&here, &there);
}

static bool simname_is_stream(const struct weft__sim_sock *sock)
{
    return sock->kind != WEFT__SIM_DATAGRAM;
}

/* The next socket after `after` (NULL: the first) that has this name. */
static struct weft__sim_sock *simname_find(const weft_addr *addr, bool is_stream,
                                           const struct weft__sim_sock *after)
{
    bool is_on = after == NULL;
    LIST_FOR_EACH(&weft__sim.socks, it) {
        struct weft__sim_sock *sock = container_of(it, struct weft__sim_sock, link);
        if (is_on && sock->is_bound && simname_is_stream(sock) == is_stream &&
            simname_hears(sock, addr)) {
            return sock;
        }
        is_on |= sock == after;
    }
    return NULL;
}

/* Is a name that it would like taken? */
static bool simname_is_taken(const struct weft__sim_sock *sock, const weft_addr *addr)
{
    struct weft__sim_sock would = {.here = *addr, .only_ipv6 = sock->only_ipv6};
    LIST_FOR_EACH(&weft__sim.socks, it) {
        struct weft__sim_sock *other = container_of(it, struct weft__sim_sock, link);
        if (!other->is_bound || other == sock || (other->reuse_port && sock->reuse_port) ||
            simname_is_stream(other) != simname_is_stream(sock)) {
            continue;
        }
        bool is_clash = simname_is_ip(addr)
                            ? simname_hears(other, addr) || simname_hears(&would, &other->here)
                            : simname_hears(other, addr);
        if (is_clash) {
            return true;
        }
    }
    return false;
}

static int simname_give_port(const struct weft__sim_sock *sock, weft_addr *addr)
{
    uint32_t n = WEFT__SIM_PORT_LAST - WEFT__SIM_PORT_FIRST + 1;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t port = weft__sim.port_next;
        weft__sim.port_next = (uint16_t)(port == WEFT__SIM_PORT_LAST ? WEFT__SIM_PORT_FIRST
                                                                     : port + 1);
        simname_set_port(addr, port);
        if (!simname_is_taken(sock, addr)) {
            return 0;
        }
    }
    return -EADDRINUSE;
}

/* An abstract name of its own, as Linux gives: five digits. */
static void simname_give_word(weft_addr *addr)
{
    static const char digits[] = "0123456789abcdef";
    char *path = (char *)&addr->raw + offsetof(struct sockaddr_un, sun_path);
    uint32_t number = ++weft__sim.number_last;
    path[0] = 0;
    for (size_t i = 0; i < 5; i++) {
        path[5 - i] = digits[number >> (4 * i) & 15];
    }
    addr->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 6);
}

int weft__sim_bind(struct weft__sim_sock *sock, const struct sockaddr *addr, socklen_t size)
{
    weft_addr here;
    if (sock->is_bound || size < sizeof(sa_family_t) || size > sizeof here.raw) {
        return -WEFT_EINVAL;
    }
    here = simname_of(addr, size);
    if (here.raw.ss_family != sock->domain) {
        return -EAFNOSUPPORT;
    }
    if (weft__sim_is_silent(&here)) {
        return -EADDRNOTAVAIL;
    }
    int rc = 0;
    if (simname_is_ip(&here) && simname_port(&here) == 0) {
        rc = simname_give_port(sock, &here);
    } else if (size == sizeof(sa_family_t)) {
        simname_give_word(&here);
    } else if (simname_is_taken(sock, &here)) {
        rc = -EADDRINUSE;
    }
    if (rc == 0) {
        sock->here = here;
        sock->is_bound = true;
    }
    return rc;
}

int weft__sim_bind_any(struct weft__sim_sock *sock, const weft_addr *peer)
{
    if (sock->is_bound || sock->domain == AF_UNIX) {
        return 0;
    }
    weft_addr here;
    weft__addr_loopback(sock->domain, 0, &here);
    if (!peer) {
        weft__addr_any(sock->domain, 0, &here);
    } else if (peer->raw.ss_family == sock->domain && !simname_is_any(peer) &&
               !weft__sim_is_silent(peer)) {
        here = *peer; /* everything is one machine */
        simname_set_port(&here, 0);
    }
    return weft__sim_bind(sock, (const struct sockaddr *)&here.raw, here.size);
}

/* Why there is no socket of the kind wanted under this Unix name. */
static int simname_nobody(const weft_addr *addr, bool is_datagram)
{
    struct stat st;
    if (simname_find(addr, is_datagram, NULL)) {
        return -EPROTOTYPE;
    }
    const char *path = (const char *)&addr->raw + offsetof(struct sockaddr_un, sun_path);
    int rc = simname_is_path(addr) ? weft__sys_lstat(path, &st) : 0;
    return rc < 0 ? rc : -ECONNREFUSED;
}

/* ---- datagrams ---- */

struct weft__sim_sock *weft__sim_mailbox(const struct weft__sim_sock *from, const weft_addr *addr,
                                         int *ret_code)
{
    weft_addr there = simname_of(&addr->raw, addr->size);
    struct weft__sim_sock *to = simname_find(&there, false, NULL);
    *ret_code = 0;
    if (to && to->peer.size != 0 && !simname_hears(from, &to->peer)) {
        to = NULL; /* it hears its peer alone */
    }
    if (!to && from->domain == AF_UNIX) {
        *ret_code = simname_nobody(&there, true);
    }
    return to;
}

static int simname_connect_datagram(struct weft__sim_sock *sock, const weft_addr *to)
{
    int code = 0;
    if (to->raw.ss_family == AF_UNSPEC) {
        sock->peer.size = 0;
        return 0;
    }
    if (sock->domain == AF_UNIX && !weft__sim_mailbox(sock, to, &code)) {
        return code;
    }
    code = weft__sim_bind_any(sock, to);
    if (code == 0) {
        sock->peer = *to;
    }
    return code;
}

/* ---- listening ---- */

int weft__sim_listen(struct weft__sim_sock *sock, int backlog)
{
    if (sock->kind != WEFT__SIM_FRESH && sock->kind != WEFT__SIM_LISTENER) {
        return sock->kind == WEFT__SIM_PIPE       ? -ENOTSOCK
               : sock->kind == WEFT__SIM_DATAGRAM ? -EOPNOTSUPP
                                                  : -WEFT_EINVAL;
    }
    if (sock->domain == AF_UNIX && !sock->is_bound) {
        return -WEFT_EINVAL;
    }
    int rc = weft__sim_bind_any(sock, NULL);
    if (rc == 0) {
        int limit = weft__min(weft__max(backlog, 1), WEFT__SIM_BACKLOG_MAX);
        sock->kind = WEFT__SIM_LISTENER;
        sock->backlog = (size_t)limit;
        weft__sim_touch(sock);
    }
    return rc;
}

static void simname_stand_at(struct weft__list *queue, struct weft__sim_sock *sock)
{
    list_remove(&sock->in_backlog);
    list_push_back(queue, &sock->in_backlog);
}

/* The listener of an address; NULL: nobody listens.  Of several, which share the port, any. */
static struct weft__sim_sock *simname_listener(const weft_addr *addr)
{
    struct weft__sim_sock *found = NULL, *sock = NULL;
    uint64_t n = 0;
    while ((sock = simname_find(addr, true, sock)) != NULL) {
        if (sock->kind == WEFT__SIM_LISTENER) {
            n++;
            found = found && weft__rng_below(&weft__sim.rng, n) != 0 ? found : sock;
        }
    }
    return found;
}

/* The connection is there. */
static void simname_admit(struct weft__sim_sock *listener, struct weft__sim_sock *sock)
{
    struct weft__sim_sock *twin = sock->twin;
    struct weft__sim_flow *here = twin->out, *there = twin->in;
    WEFT_CHECK(twin && listener->waiting < listener->backlog);
    sock->twin = NULL;
    sock->kind = WEFT__SIM_STREAM;
    list_remove(&sock->in_backlog);
    weft__sim_sock_add(twin, -1);
    weft__sim_flow_join(there, sock, twin);
    weft__sim_flow_join(here, twin, sock);
    if (listener->domain != AF_UNIX && simname_is_any(&sock->peer)) {
        weft_addr where = sock->here;
        simname_set_port(&where, simname_port(&sock->peer));
        sock->peer = where;
    }
    twin->here = listener->domain == AF_UNIX ? listener->here
                                             : simname_dressed(&sock->peer, listener->domain);
    twin->peer = simname_dressed(&sock->here, listener->domain);
    listener->waiting++;
    simname_stand_at(&listener->accepts, twin);
    weft__sim_note('k', sock->number, twin->number);
    weft__control_order(listener);
    weft__sim_touch(listener);
    weft__sim_touch(sock);
}

/* 0: in, or at the door.  -ECONNREFUSED. */
static int simname_knock(struct weft__sim_sock *sock)
{
    struct weft__sim_sock *listener = simname_listener(&sock->peer);
    if (!listener) {
        return sock->domain == AF_UNIX ? simname_nobody(&sock->peer, false) : -ECONNREFUSED;
    }
    weft__control_order(listener);
    if (listener->waiting < listener->backlog) {
        simname_admit(listener, sock);
    } else {
        sock->is_knocking = true;
        simname_stand_at(&listener->knocking, sock);
    }
    return 0;
}

void weft__sim_give_up(struct weft__sim_sock *sock)
{
    struct weft__sim_sock *twin = sock->twin;
    if (sock->kind != WEFT__SIM_CONNECTING) {
        return;
    }
    list_remove(&sock->in_backlog);
    sock->is_knocking = false;
    sock->kind = WEFT__SIM_FRESH;
    sock->twin = NULL;
    weft__sim_flow_drop(twin->in);
    weft__sim_flow_drop(twin->out);
    weft__sim_sock_drop(twin);
}

static void simname_refuse(struct weft__sim_sock *sock, int code)
{
    weft__sim_give_up(sock);
    sock->error = code;
    weft__sim_touch(sock);
}

void weft__sim_deafen(struct weft__sim_sock *listener)
{
    struct weft__list *node;
    listener->kind = WEFT__SIM_FRESH;
    while ((node = list_pop_front(&listener->accepts)) != NULL) {
        struct weft__sim_sock *twin = container_of(node, struct weft__sim_sock, in_backlog);
        struct weft__sim_sock *peer = twin->out->to;
        weft__sim_leave(twin);
        if (peer && peer->in) { /* whatever it has sent */
            peer->error = -ECONNRESET;
            peer->in->was_reset = true;
        }
    }
    listener->waiting = 0;
    while ((node = list_pop_front(&listener->knocking)) != NULL) {
        simname_refuse(container_of(node, struct weft__sim_sock, in_backlog), -ECONNREFUSED);
    }
    weft__sim_touch(listener);
}

ssize_t weft__sim_accept(struct weft__sim_sock *sock, struct weft__io_op *op,
                         struct weft__sim_ready *ready)
{
    weft_addr *ret_peer = op->buffer;
    if (sock->kind != WEFT__SIM_LISTENER) {
        return sock->kind == WEFT__SIM_PIPE       ? -ENOTSOCK
               : sock->kind == WEFT__SIM_DATAGRAM ? -EOPNOTSUPP
                                                  : -WEFT_EINVAL;
    }
    weft__control_order(sock);
    if (sock->waiting == 0) {
        return -WEFT_EAGAIN;
    }
    if (ready->fd < 0) { /* it became a listener just now */
        return -EINTR;
    }
    struct weft__list *node = list_pop_front(&sock->accepts);
    struct weft__sim_sock *twin = container_of(node, struct weft__sim_sock, in_backlog);
    int fd = ready->fd;
    ready->fd = -1;
    weft__sim_sock_place(twin, fd);
    sock->waiting--;
    if (ret_peer) {
        *ret_peer = twin->peer;
    }
    node = list_pop_front(&sock->knocking);
    if (node) {
        struct weft__sim_sock *next = container_of(node, struct weft__sim_sock, in_backlog);
        next->is_knocking = false;
        simname_admit(sock, next);
    }
    return fd;
}

/* ---- connecting ---- */

static void simname_arrives(struct weft__timer *timer)
{
    struct weft__sim_sock *sock = container_of(timer, struct weft__sim_sock, timer);
    weft__sim_lock();
    if (sock->kind == WEFT__SIM_CONNECTING && !sock->is_knocking && !weft__sim.is_split) {
        int code = simname_knock(sock);
        if (code < 0) {
            simname_refuse(sock, code);
        }
    }
    weft__sim_unlock(true);
}

static int simname_set_out(struct weft__sim_sock *sock)
{
    const weft_sim_options *o = &weft__sim.options;
    int64_t at = weft__sim_now();
    if (sock->domain != AF_UNIX) {
        at = weft__sim_arrival(2 * o->delay_min_ns, 2 * o->delay_max_ns);
    }
    if (weft__sim_is_silent(&sock->peer) || (sock->domain != AF_UNIX && weft__sim.is_split)) {
        return 0; /* and nobody will answer */
    }
    if (at <= weft__sim_now()) {
        return simname_knock(sock);
    }
    sock->timer.call = simname_arrives;
    weft__sim_arm(&sock->timer, at);
    return 0;
}

void weft__sim_ask_again(struct weft__sim_sock *sock)
{
    /* pairs with the release by which the firer touches it for the last time */
    uint32_t state = a_load(&sock->timer.state, acquire);
    if (sock->kind != WEFT__SIM_CONNECTING || sock->is_knocking || state == WEFT__TIMER_ARMED) {
        return;
    }
    bool is_silent = weft__sim_is_silent(&sock->peer);
    int code = state == WEFT__TIMER_OFF ? simname_set_out(sock)
               : is_silent              ? 0
                                        : simname_knock(sock);
    if (code < 0) {
        simname_refuse(sock, code);
    }
}

static int simname_check_peer(const struct weft__sim_sock *sock, const struct weft__io_op *op,
                              weft_addr *ret)
{
    if (op->size < sizeof(sa_family_t) || op->size > sizeof ret->raw) {
        return -WEFT_EINVAL;
    }
    *ret = simname_of(op->buffer, op->size);
    if (ret->raw.ss_family != sock->domain && ret->raw.ss_family != AF_UNSPEC) {
        return -EAFNOSUPPORT;
    }
    return 0;
}

/* What is to be said to who connects, or asks whether it has. */
static ssize_t simname_state(struct weft__sim_sock *sock)
{
    if (sock->error) {
        int code = sock->error;
        sock->error = 0;
        return code;
    }
    return sock->kind == WEFT__SIM_CONNECTING ? -WEFT_EAGAIN : 0;
}

ssize_t weft__sim_connect(struct weft__sim_sock *sock, struct weft__io_op *op,
                          struct weft__sim_ready *ready)
{
    weft_addr peer = {.size = 0};
    if (op->home == sock) { /* it waits: has it come? */
        return simname_state(sock);
    }
    int rc = sock->kind == WEFT__SIM_PIPE ? -ENOTSOCK : simname_check_peer(sock, op, &peer);
    if (rc < 0) {
        return rc;
    }
    if (sock->kind == WEFT__SIM_DATAGRAM) {
        return simname_connect_datagram(sock, &peer);
    }
    if (sock->kind != WEFT__SIM_FRESH || sock->in) {
        return sock->kind == WEFT__SIM_CONNECTING ? -EALREADY : -EISCONN;
    }
    if (!ready->twin || a_load(&sock->timer.state, acquire) != WEFT__TIMER_OFF) {
        return -EALREADY; /* the one before it was given up, and is still on its way */
    }
    rc = weft__sim_bind_any(sock, &peer);
    if (rc < 0) {
        return rc;
    }
    sock->peer = peer;
    sock->twin = ready->twin;
    ready->twin = NULL;
    sock->kind = WEFT__SIM_CONNECTING;
    rc = simname_set_out(sock);
    if (rc < 0) {
        weft__sim_give_up(sock);
        return rc;
    }
    return simname_state(sock);
}
