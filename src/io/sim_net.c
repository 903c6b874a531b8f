/* sim_net.c - bytes and datagrams of the simulated machine: how they travel, and how that ends.
 *
 * Called by sim.c, under the machine's lock unless said otherwise.
 *
 * A connection is two flows.  A flow's bytes lie in one ring from the send to the receive; three
 * counts say where they are: sent >= arrived >= taken.  What is in the air is a list of segments,
 * each with the count up to which all has arrived when its timer fires.  They arrive in order, as
 * TCP's do, however long each one took.  A segment may carry an end (the sender sends no more) or a
 * reset.  When too many are in the air the last one carries what is new.
 *
 * As Linux does it: what has arrived before a reset can still be read; the reset is told once, as
 * ECONNRESET, and afterwards there is nothing to read and a send says EPIPE.  Who closes with bytes
 * unread resets; who closes without, ends, and whoever sends to him then is reset, too.
 *
 * Under weft check what was sent is ordered before what is done after the receive: both name the
 * flow, or the mailbox.
 *
 * SPDX-License-Identifier: MIT
 */
#include <poll.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/panic.h"
#include "core/control.h"
#include "io/sim.h"
#include "weft/err.h"
#include "weft/time.h"

#define SIMNET_REORDER_NS (1 * WEFT_MS) /* that a datagram is late, beyond the longest delay */

static int simnet_take_error(struct weft__sim_sock *sock)
{
    int code = sock->error;
    sock->error = 0;
    return code;
}

/* ---- flows ---- */

static void simnet_apply(struct weft__sim_flow *flow, uint64_t upto, bool ends, bool resets)
{
    WEFT_CHECK(upto >= flow->arrived && upto <= flow->sent);
    struct weft__sim_sock *to = flow->to;
    if (resets && to && !flow->was_reset) {
        to->error = flow->has_ended ? -EPIPE : -ECONNRESET;
        if (to->out) {
            to->out->is_dead = true;
        }
    }
    flow->arrived = upto;
    flow->has_ended |= ends;
    flow->was_reset |= resets;
    weft__sim_note('a', upto, (uint64_t)ends * 2 + resets);
    weft__control_order(flow);
    weft__sim_touch(to);
}

/* All that has arrived by then. */
static void simnet_apply_until(struct weft__sim_flow *flow, int64_t at)
{
    while (flow->count > 0 && flow->segments[flow->first].at <= at) {
        struct weft__sim_segment *s = &flow->segments[flow->first];
        flow->first = (flow->first + 1) % WEFT__SIM_SEGMENTS;
        flow->count--;
        simnet_apply(flow, s->upto, s->ends, s->resets);
    }
}

static void simnet_segment_came(struct weft__timer *timer)
{
    struct weft__sim_segment *s = container_of(timer, struct weft__sim_segment, timer);
    weft__sim_lock();
    simnet_apply_until(s->flow, s->at);
    weft__sim_unlock(true);
}

/* All that was sent comes by `at`. */
static void simnet_put(struct weft__sim_flow *flow, int64_t at, bool ends, bool resets)
{
    uint32_t next = (flow->first + flow->count) % WEFT__SIM_SEGMENTS;
    struct weft__sim_segment *s = &flow->segments[next], *last = NULL;
    if (flow->count > 0) {
        last = &flow->segments[(next + WEFT__SIM_SEGMENTS - 1) % WEFT__SIM_SEGMENTS];
        at = weft__max(at, last->at);
    }
    /* pairs with the release by which the firer touches it for the last time */
    bool is_free = flow->count < WEFT__SIM_SEGMENTS &&
                   a_load(&s->timer.state, acquire) == WEFT__TIMER_OFF;
    if (!is_free && last) {
        last->upto = flow->sent;
        last->ends |= ends;
        last->resets |= resets;
        return;
    }
    if (!is_free || (!last && at <= weft__sim_now())) {
        simnet_apply(flow, flow->sent, ends, resets);
        return;
    }
    s->flow = flow;
    s->at = at;
    s->upto = flow->sent;
    s->ends = ends;
    s->resets = resets;
    s->timer.call = simnet_segment_came;
    flow->count++;
    if (at != WEFT_NEVER) {
        weft__sim_arm(&s->timer, at);
    }
}

static void simnet_push(struct weft__sim_flow *flow, bool ends, bool resets)
{
    const weft_sim_options *o = &weft__sim.options;
    if (!flow->has_network) {
        simnet_apply(flow, flow->sent, ends, resets);
    } else if (weft__sim.is_split) {
        simnet_put(flow, WEFT_NEVER, ends, resets);
    } else {
        simnet_put(flow, weft__sim_arrival(o->delay_min_ns, o->delay_max_ns), ends, resets);
    }
}

static void simnet_heal_flow(struct weft__sim_flow *flow)
{
    const weft_sim_options *o = &weft__sim.options;
    int64_t at = weft__sim_arrival(o->delay_min_ns, o->delay_max_ns);
    for (uint32_t i = 0; i < flow->count; i++) {
        struct weft__sim_segment *s = &flow->segments[(flow->first + i) % WEFT__SIM_SEGMENTS];
        if (s->at == WEFT_NEVER) {
            s->at = at;
            weft__sim_arm(&s->timer, at);
        }
    }
}

void weft__sim_heal(void)
{
    LIST_FOR_EACH(&weft__sim.flows, it) {
        simnet_heal_flow(container_of(it, struct weft__sim_flow, link));
    }
    LIST_FOR_EACH(&weft__sim.socks, it) {
        weft__sim_ask_again(container_of(it, struct weft__sim_sock, link));
    }
}

/* Both sides know at once; what was in the air is lost. */
static void simnet_break(struct weft__sim_sock *sock)
{
    struct weft__sim_flow *flows[] = {sock->in, sock->out};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(flows); i++) {
        struct weft__sim_flow *flow = flows[i];
        flow->sent = flow->arrived;
        flow->count = 0; /* their timers find nothing */
        flow->is_dead = flow->has_ended = flow->was_reset = true;
        if (flow->to) {
            flow->to->error = -ECONNRESET;
            weft__sim_touch(flow->to);
        }
    }
    weft__sim.counts.resets++;
    weft__sim_note('b', sock->number, 0);
}

static void simnet_copy_in(struct weft__sim_flow *flow, const struct iovec *iov, size_t n)
{
    while (n > 0) {
        size_t at = flow->sent % WEFT__SIM_BUFFER, part = weft__min(n, iov->iov_len);
        size_t first = weft__min(part, WEFT__SIM_BUFFER - at);
        memcpy(flow->bytes + at, iov->iov_base, first);
        memcpy(flow->bytes, (char *)iov->iov_base + first, part - first);
        flow->sent += part;
        n -= part;
        iov++;
    }
}

static void simnet_copy_out(const struct weft__sim_flow *flow, const struct iovec *iov, size_t n)
{
    uint64_t from = flow->taken;
    while (n > 0) {
        size_t at = from % WEFT__SIM_BUFFER, part = weft__min(n, iov->iov_len);
        size_t first = weft__min(part, WEFT__SIM_BUFFER - at);
        memcpy(iov->iov_base, flow->bytes + at, first);
        memcpy((char *)iov->iov_base + first, flow->bytes, part - first);
        from += part;
        n -= part;
        iov++;
    }
}

static size_t simnet_size(const struct iovec *iov, size_t n_iov)
{
    size_t size = 0;
    for (size_t i = 0; i < n_iov; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

/* ---- streams ---- */

static ssize_t simnet_stream_recv(struct weft__sim_sock *sock, const struct iovec *iov,
                                  size_t n_iov, int flags)
{
    struct weft__sim_flow *flow = sock->in;
    if (!flow) {
        return sock->kind == WEFT__SIM_PIPE ? -EBADF : -ENOTCONN;
    }
    size_t there = flow->arrived - flow->taken, n = weft__min(there, simnet_size(iov, n_iov));
    if (there == 0 && sock->error) {
        return simnet_take_error(sock);
    }
    if (there == 0 && !flow->has_ended && !flow->was_reset && !sock->is_shut_in) {
        return simnet_size(iov, n_iov) == 0 ? 0 : -WEFT_EAGAIN;
    }
    n = weft__sim_part(n, weft__sim.options.short_read, WEFT__MISHAP_PART_RECEIVED);
    simnet_copy_out(flow, iov, n);
    if (!(flags & MSG_PEEK)) {
        flow->taken += n;
        weft__sim_touch(flow->from);
    }
    weft__control_order(flow);
    weft__sim_note('r', sock->number, n);
    return (ssize_t)n;
}

/* Nobody will read it.  TCP finds that out by the answer to what it sends. */
static ssize_t simnet_send_in_vain(struct weft__sim_sock *sock, size_t n)
{
    sock->out->is_dead = true;
    if (!sock->out->has_network || n == 0) {
        return n == 0 ? 0 : -EPIPE;
    }
    sock->error = sock->in && sock->in->has_ended ? -EPIPE : -ECONNRESET;
    weft__sim_touch(sock);
    return (ssize_t)n;
}

static ssize_t simnet_stream_send(struct weft__sim_sock *sock, const struct iovec *iov,
                                  size_t n_iov)
{
    struct weft__sim_flow *flow = sock->out;
    if (!flow) {
        return sock->kind == WEFT__SIM_PIPE ? -EBADF : -ENOTCONN;
    }
    if (sock->error) {
        return simnet_take_error(sock);
    }
    size_t n = simnet_size(iov, n_iov), room = WEFT__SIM_BUFFER - (flow->sent - flow->taken);
    if (sock->is_shut_out || flow->is_dead) {
        return -EPIPE;
    }
    if (!flow->to) {
        return simnet_send_in_vain(sock, n);
    }
    if (room == 0 && n > 0) {
        return -WEFT_EAGAIN;
    }
    double reset = flow->has_network && n > 0 ? weft__sim.options.reset : 0;
    if (weft__sim_fault(reset, WEFT__MISHAP_BROKEN)) {
        simnet_break(sock);
        return simnet_take_error(sock);
    }
    n = weft__min(n, room);
    n = weft__sim_part(n, weft__sim.options.short_write, WEFT__MISHAP_PART_TAKEN);
    simnet_copy_in(flow, iov, n);
    weft__sim.counts.bytes += n;
    weft__sim_note('s', sock->number, n);
    weft__control_order(flow);
    simnet_push(flow, false, false);
    return (ssize_t)n;
}

/* ---- datagrams ---- */

static void simnet_deliver(struct weft__sim_mail *mail)
{
    struct weft__sim_sock *to = mail->to;
    list_remove(&mail->link);
    if (!to || to->is_shut_in || to->mail_bytes + mail->size > WEFT__SIM_BUFFER) {
        weft__sim.counts.dropped += to != NULL;
        weft__sim_mail_drop(mail);
        return;
    }
    to->mail_bytes += mail->size;
    list_push_back(&to->mail, &mail->link);
    weft__sim_note('m', to->number, mail->size);
    weft__control_order(to);
    weft__sim_touch(to);
}

static void simnet_mail_came(struct weft__timer *timer)
{
    weft__sim_lock();
    struct weft__sim_mail *mail = container_of(timer, struct weft__sim_mail, timer);
    if (mail->to) { /* else it was let go */
        simnet_deliver(mail);
    }
    weft__sim_unlock(true);
}

static void simnet_mail_send(struct weft__sim_mail *mail, bool has_network)
{
    const weft_sim_options *o = &weft__sim.options;
    weft__sim.counts.datagrams++;
    if (!has_network) {
        simnet_deliver(mail);
        return;
    }
    if (weft__sim.is_split || weft__sim_fault(o->drop, WEFT__MISHAP_LOST)) {
        weft__sim.counts.dropped++;
        weft__sim_note('d', mail->to->number, mail->size);
        weft__sim_mail_drop(mail);
        return;
    }
    int64_t at = weft__sim_arrival(o->delay_min_ns, o->delay_max_ns);
    if (weft__sim_fault(o->reorder, WEFT__MISHAP_LATE)) {
        weft__sim.counts.reordered++;
        at = weft__sim_now() + o->delay_max_ns + SIMNET_REORDER_NS;
    }
    if (at <= weft__sim_now()) {
        simnet_deliver(mail);
        return;
    }
    list_push_back(&weft__sim.air, &mail->link);
    mail->timer.call = simnet_mail_came;
    weft__sim_arm(&mail->timer, at);
}

static void simnet_gather(const struct iovec *iov, size_t n_iov, unsigned char *to)
{
    for (size_t i = 0; i < n_iov; i++) {
        memcpy(to, iov[i].iov_base, iov[i].iov_len);
        to += iov[i].iov_len;
    }
}

/* What the operation moves, as a list. */
static const struct iovec *simnet_iov(const struct weft__io_op *op, struct iovec *own,
                                      size_t *ret_n)
{
    if (op->code == WEFT__IO_SENDMSG || op->code == WEFT__IO_RECVMSG) {
        *ret_n = op->msg->msg_iovlen;
        return op->msg->msg_iov;
    }
    *own = (struct iovec){.iov_base = op->buffer, .iov_len = op->size};
    *ret_n = 1;
    return own;
}

int weft__sim_mail_make(const struct weft__io_op *op, struct weft__sim_mail **ret)
{
    struct iovec own;
    size_t n_iov;
    const struct iovec *iov = simnet_iov(op, &own, &n_iov);
    size_t size = simnet_size(iov, n_iov);
    if (size > WEFT__SIM_DATAGRAM_MAX) {
        return -EMSGSIZE;
    }
    struct weft__sim_mail *mail = weft__alloc(sizeof *mail + size);
    if (!mail) {
        return -WEFT_ENOMEM;
    }
    memset(mail, 0, sizeof *mail);
    list_init(&mail->link);
    mail->size = size;
    simnet_gather(iov, n_iov, mail->bytes);
    *ret = mail;
    return 0;
}

/* Whom it goes to, and where that is.  NULL and 0: into the void. */
static struct weft__sim_sock *simnet_addressee(struct weft__sim_sock *sock,
                                               const struct weft__io_op *op, weft_addr *ret_to,
                                               int *ret_code)
{
    weft_addr to = sock->peer;
    *ret_code = 0;
    if (op->code == WEFT__IO_SENDMSG && op->msg->msg_name) {
        if (op->msg->msg_namelen > sizeof to.raw) {
            *ret_code = -WEFT_EINVAL;
            return NULL;
        }
        to.size = op->msg->msg_namelen;
        memcpy(&to.raw, op->msg->msg_name, to.size);
    } else if (sock->mate) {
        return sock->mate;
    }
    if (to.size == 0) {
        *ret_code = sock->domain == AF_UNIX ? -ENOTCONN : -EDESTADDRREQ;
        return NULL;
    }
    *ret_to = to;
    *ret_code = weft__sim_bind_any(sock, NULL);
    if (*ret_code < 0 || weft__sim_is_silent(&to)) {
        return NULL;
    }
    return weft__sim_mailbox(sock, &to, ret_code);
}

static ssize_t simnet_datagram_send(struct weft__sim_sock *sock, struct weft__io_op *op,
                                    struct weft__sim_ready *ready)
{
    int code;
    if (sock->error) {
        return simnet_take_error(sock);
    }
    if (sock->is_shut_out) {
        return -EPIPE;
    }
    if (!ready->mail) { /* it has waited for room: begin again */
        return sock->mate && sock->mate->mail_bytes > WEFT__SIM_BUFFER / 2 ? -WEFT_EAGAIN : -EINTR;
    }
    weft_addr where = {.size = 0};
    struct weft__sim_sock *to = simnet_addressee(sock, op, &where, &code);
    if (code < 0) {
        return code;
    }
    struct weft__sim_mail *mail = ready->mail;
    ssize_t size = (ssize_t)mail->size;
    if (!to && sock->peer.size != 0 && sock->domain != AF_UNIX &&
        !weft__sim_is_silent(&sock->peer)) {
        sock->error = -ECONNREFUSED; /* the answer that there is nobody */
    }
    if (!to) {
        return size;
    }
    if (sock->domain == AF_UNIX && to->mail_bytes + mail->size > WEFT__SIM_BUFFER) {
        return to == sock->mate ? -WEFT_EAGAIN : -ENOBUFS;
    }
    ready->mail = NULL;
    mail->to = to;
    mail->from = weft__sim_source(sock, &where, to->domain);
    weft__sim_note('s', sock->number, mail->size);
    weft__control_order(to);
    simnet_mail_send(mail, sock->domain != AF_UNIX);
    return size;
}

static void simnet_scatter(const struct weft__sim_mail *mail, const struct iovec *iov, size_t n)
{
    const unsigned char *from = mail->bytes;
    while (n > 0) {
        size_t part = weft__min(n, iov->iov_len);
        memcpy(iov->iov_base, from, part);
        from += part;
        n -= part;
        iov++;
    }
}

static ssize_t simnet_datagram_recv(struct weft__sim_sock *sock, struct weft__io_op *op,
                                    const struct iovec *iov, size_t n_iov)
{
    if (sock->error) {
        return simnet_take_error(sock);
    }
    if (list_empty(&sock->mail)) {
        return sock->is_shut_in ? 0 : -WEFT_EAGAIN;
    }
    struct weft__sim_mail *mail = container_of(sock->mail.next, struct weft__sim_mail, link);
    size_t room = simnet_size(iov, n_iov), n = weft__min(mail->size, room);
    size_t told = op->flags & MSG_TRUNC ? mail->size : n;
    simnet_scatter(mail, iov, n);
    if (op->code == WEFT__IO_RECVMSG) {
        struct msghdr *msg = op->msg;
        msg->msg_flags = mail->size > room ? MSG_TRUNC : 0;
        msg->msg_controllen = 0;
        if (msg->msg_name) {
            memcpy(msg->msg_name, &mail->from.raw, weft__min(msg->msg_namelen, mail->from.size));
            msg->msg_namelen = mail->from.size;
        }
    }
    weft__control_order(sock);
    weft__sim_note('r', sock->number, n);
    if (!(op->flags & MSG_PEEK)) {
        sock->mail_bytes -= mail->size;
        weft__sim_mail_drop(mail);
        weft__sim_touch(sock->mate);
    }
    return (ssize_t)told;
}

/* ---- both ---- */

static bool simnet_is_misplaced(const struct weft__sim_sock *sock, const struct weft__io_op *op)
{
    bool is_file_call = op->code == WEFT__IO_READ || op->code == WEFT__IO_WRITE;
    return is_file_call ? op->offset >= 0 : sock->kind == WEFT__SIM_PIPE;
}

ssize_t weft__sim_recv(struct weft__sim_sock *sock, struct weft__io_op *op)
{
    struct iovec own;
    size_t n_iov;
    const struct iovec *iov = simnet_iov(op, &own, &n_iov);
    if (simnet_is_misplaced(sock, op)) {
        return sock->kind == WEFT__SIM_PIPE && op->code != WEFT__IO_READ ? -ENOTSOCK : -ESPIPE;
    }
    if (sock->kind == WEFT__SIM_DATAGRAM) {
        return simnet_datagram_recv(sock, op, iov, n_iov);
    }
    if (op->code == WEFT__IO_RECVMSG) {
        op->msg->msg_flags = 0;
        op->msg->msg_controllen = 0;
        op->msg->msg_namelen = 0;
    }
    int flags = op->code == WEFT__IO_READ ? 0 : op->flags;
    return simnet_stream_recv(sock, iov, n_iov, flags);
}

ssize_t weft__sim_send(struct weft__sim_sock *sock, struct weft__io_op *op,
                       struct weft__sim_ready *ready)
{
    struct iovec own;
    size_t n_iov;
    const struct iovec *iov = simnet_iov(op, &own, &n_iov);
    if (simnet_is_misplaced(sock, op)) {
        return sock->kind == WEFT__SIM_PIPE && op->code != WEFT__IO_WRITE ? -ENOTSOCK : -ESPIPE;
    }
    if (op->code == WEFT__IO_SENDMSG && op->msg->msg_controllen > 0) {
        return -WEFT_ENOTSUP; /* descriptors and credentials */
    }
    if (sock->kind == WEFT__SIM_DATAGRAM) {
        return simnet_datagram_send(sock, op, ready);
    }
    return simnet_stream_send(sock, iov, n_iov);
}

static int simnet_stream_events(const struct weft__sim_sock *sock)
{
    const struct weft__sim_flow *in = sock->in, *out = sock->out;
    int events = sock->error ? POLLERR | POLLIN | POLLOUT : 0;
    bool is_over = in && (in->has_ended || in->was_reset || sock->is_shut_in);
    if (in && (in->arrived > in->taken || is_over)) {
        events |= POLLIN;
    }
    if (in && is_over && in->has_ended) {
        events |= sock->kind == WEFT__SIM_PIPE ? POLLHUP : POLLRDHUP;
    }
    if (is_over && (sock->is_shut_out || (out && out->is_dead))) {
        events |= POLLHUP;
    }
    if (out && (out->is_dead || out->sent - out->taken < WEFT__SIM_BUFFER)) {
        events |= POLLOUT;
    }
    if (out && !out->to && sock->kind == WEFT__SIM_PIPE) {
        events |= POLLERR;
    }
    return events;
}

int weft__sim_events(const struct weft__sim_sock *sock)
{
    int events = sock->error ? POLLERR : 0;
    switch (sock->kind) {
    case WEFT__SIM_FRESH:
        return events | POLLOUT | POLLHUP; /* as Linux has it */
    case WEFT__SIM_CONNECTING:
        return events;
    case WEFT__SIM_LISTENER:
        return events | (sock->waiting > 0 ? POLLIN : 0);
    case WEFT__SIM_STREAM:
    case WEFT__SIM_PIPE:
        return simnet_stream_events(sock);
    case WEFT__SIM_DATAGRAM:
        events |= list_empty(&sock->mail) && !sock->is_shut_in ? 0 : POLLIN;
        events |= sock->mate && sock->mate->mail_bytes >= WEFT__SIM_BUFFER ? 0 : POLLOUT;
        return events;
    }
    return 0;
}

int weft__sim_shut(struct weft__sim_sock *sock, int how)
{
    bool is_in = how == SHUT_RD || how == SHUT_RDWR, is_out = how == SHUT_WR || how == SHUT_RDWR;
    if (!is_in && !is_out) {
        return -WEFT_EINVAL;
    }
    if (sock->kind == WEFT__SIM_LISTENER && is_in) {
        weft__sim_deafen(sock);
        return 0;
    }
    bool is_joined = sock->kind == WEFT__SIM_STREAM ||
                     (sock->kind == WEFT__SIM_DATAGRAM && (sock->mate || sock->peer.size != 0));
    if (!is_joined) {
        return sock->kind == WEFT__SIM_PIPE ? -ENOTSOCK : -ENOTCONN;
    }
    if (is_out && !sock->is_shut_out && sock->out && !sock->out->is_dead) {
        simnet_push(sock->out, true, false);
    }
    sock->is_shut_in |= is_in;
    sock->is_shut_out |= is_out;
    weft__sim_touch(sock);
    return 0;
}

/* ---- the end ---- */

static void simnet_leave_in(struct weft__sim_sock *sock, bool *ret_unread)
{
    struct weft__sim_flow *flow = sock->in;
    *ret_unread = flow && flow->sent > flow->taken;
    if (!flow) {
        return;
    }
    sock->in = NULL;
    flow->to = NULL;
    weft__sim_touch(flow->from);
    if (flow->from && !flow->has_network) {
        flow->is_dead = true;
    }
    if (!flow->from) {
        weft__sim_flow_drop(flow);
    }
}

static void simnet_leave_out(struct weft__sim_sock *sock, bool resets)
{
    struct weft__sim_flow *flow = sock->out;
    if (!flow) {
        return;
    }
    sock->out = NULL;
    flow->from = NULL;
    if (!flow->to) {
        weft__sim_flow_drop(flow);
    } else if (!flow->is_dead && (resets || !sock->is_shut_out)) {
        simnet_push(flow, !resets, resets);
    }
}

static void simnet_leave_mail(struct weft__sim_sock *sock)
{
    LIST_FOR_EACH(&sock->mail, it) {
        weft__sim_mail_drop(container_of(it, struct weft__sim_mail, link));
    }
    LIST_FOR_EACH(&weft__sim.air, it) {
        struct weft__sim_mail *mail = container_of(it, struct weft__sim_mail, link);
        if (mail->to == sock) {
            mail->to = NULL;
            weft__sim_mail_drop(mail);
        }
    }
    if (sock->mate) {
        sock->mate->mate = NULL;
        sock->mate->error = -ECONNREFUSED;
        weft__sim_touch(sock->mate);
    }
}

void weft__sim_leave(struct weft__sim_sock *sock)
{
    bool has_unread;
    weft__sim_note('c', sock->number, 0);
    weft__sim_end_all(sock, -EBADF); /* begun while it was being closed */
    if (sock->kind == WEFT__SIM_LISTENER) {
        weft__sim_deafen(sock);
    }
    weft__sim_give_up(sock);
    simnet_leave_in(sock, &has_unread);
    simnet_leave_out(sock, has_unread && sock->kind == WEFT__SIM_STREAM);
    simnet_leave_mail(sock);
    weft__sim_sock_drop(sock);
}
