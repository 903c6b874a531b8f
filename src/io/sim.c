/* sim.c - a machine that is simulated: its network, its pipes, and its disk's moods.
 *
 * A driver like the others, for tests and for weft check, in whose runs it is always the one.
 * Sockets and pipes are objects in memory; everything lies on one machine, which has every address.
 * What takes time (a delay of the network) is a timer, so it goes by the run's clock, a virtual one
 * too.  What goes wrong is drawn from one generator, so the same seed gives the same run; in a run
 * that weft check steers it is a choice like that of a schedule, found, shrunk and replayed.
 *
 * An operation is tried when it begins.  One that has to wait stays with its socket.  Whatever
 * changes a socket's state TOUCHES it, and before the lock is dropped the waiting operations of all
 * that were touched are tried again, which may touch others.
 *
 * A wait that nothing on the machine will end is not told to core as under way.  So it is a
 * deadlock, and reported as one, which is what a test wants.
 *
 * The numbers of descriptors are real: each object holds one of the kernel's that leads to nothing
 * (O_PATH), so that no file has its number and a forgotten close is seen as it would be.
 *
 * One lock for the whole machine: this is no place for speed.  The memory for an operation is made
 * before the lock is taken, and freed after it, since only then the last call of a timer in it is
 * sure to be over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/sim.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/sys.h"
#include "core/clock.h"
#include "core/runtime.h"
#include "weft/err.h"
#include "weft/time.h"

#define SIM_PAGE_BITS    6
#define SIM_PAGE_SIZE    (1 << SIM_PAGE_BITS)
#define SIM_PAGES_MAX    (1 << 14)
#define SIM_FAULTS_CHECK 3 /* in one schedule: with many, no protocol would come to an end */

struct sim_page {
    struct weft__sim_sock *socks[SIM_PAGE_SIZE];
};

struct weft__sim weft__sim = {
    .lock = LOCK_INIT(WEFT_RANK_SIM),
    .socks = {&weft__sim.socks, &weft__sim.socks},
    .flows = {&weft__sim.flows, &weft__sim.flows},
    .air = {&weft__sim.air, &weft__sim.air},
    .dirty = {&weft__sim.dirty, &weft__sim.dirty},
    .debris = {{&weft__sim.debris.socks, &weft__sim.debris.socks},
               {&weft__sim.debris.flows, &weft__sim.debris.flows},
               {&weft__sim.debris.mails, &weft__sim.debris.mails}},
};

static ATOMIC(struct sim_page *) sim_pages[SIM_PAGES_MAX];

/* ---- chance ---- */

int64_t weft__sim_now(void)
{
    return weft__now(weft__sim.runtime);
}

void weft__sim_note(uint32_t what, uint64_t a, uint64_t b)
{
    bool is_virtual = weft__sim.runtime && weft__sim.runtime->options.virtual_clock;
    int64_t when = is_virtual ? weft__sim_now() - weft__sim.began : 0;
    const uint64_t words[] = {what, a, b, (uint64_t)when};
    uint64_t hash = weft__sim.counts.trace;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(words); i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    weft__sim.counts.trace = hash;
}

bool weft__sim_fault(double probability, enum weft__mishap mishap)
{
    if (probability <= 0 || weft__sim.faults_left == 0) {
        return false;
    }
    bool happens = probability >= 1;
    if (!happens && weft__control) {
        happens = weft__control_choose(3) == 1;
    } else if (!happens) {
        happens = (double)(weft__rng_next(&weft__sim.rng) >> 11) * 0x1p-53 < probability;
    }
    if (happens) {
        weft__sim.faults_left--;
        if (weft__control) {
            weft__control_say_mishap(mishap);
        }
    }
    return happens;
}

size_t weft__sim_part(size_t n, double probability, enum weft__mishap mishap)
{
    bool is_read = mishap == WEFT__MISHAP_PART_RECEIVED;
    if (n < 2 || !weft__sim_fault(probability, mishap)) {
        return n;
    }
    ++*(is_read ? &weft__sim.counts.short_reads : &weft__sim.counts.short_writes);
    if (weft__control) {
        return weft__control_choose(2) == 1 ? n / 2 : 1;
    }
    return 1 + (size_t)weft__rng_below(&weft__sim.rng, n - 1);
}

int64_t weft__sim_arrival(int64_t min_ns, int64_t max_ns)
{
    int64_t delay = min_ns;
    if (max_ns > min_ns && weft__control) {
        delay = weft__control_choose(2) == 1 ? max_ns : min_ns;
    } else if (max_ns > min_ns) {
        delay += (int64_t)weft__rng_below(&weft__sim.rng, (uint64_t)(max_ns - min_ns) + 1);
    }
    return weft__sim_now() + delay;
}

void weft__sim_arm(struct weft__timer *timer, int64_t at)
{
    weft__clock_arm(weft__self(), weft__sim.runtime, timer, at);
}

/* ---- the lock ---- */

void weft__sim_lock(void)
{
    lock_take_object(&weft__sim.lock);
}

void weft__sim_touch(struct weft__sim_sock *sock)
{
    if (sock && !list_is_linked(&sock->dirty)) {
        list_push_back(&weft__sim.dirty, &sock->dirty);
    }
}

static void sim_end(struct weft__io_op *op, ssize_t result)
{
    list_remove(&op->link);
    op->home = NULL;
    if (op->word != 0) {
        weft__sim_fd_free((int)op->word - 1);
        op->word = 0;
    }
    weft__io_complete(op, result);
}

void weft__sim_end_all(struct weft__sim_sock *sock, ssize_t result)
{
    LIST_FOR_EACH(&sock->ops, it) {
        sim_end(container_of(it, struct weft__io_op, link), result);
    }
}

static void sim_try_all(struct weft__sim_sock *sock)
{
    LIST_FOR_EACH(&sock->ops, it) {
        struct weft__io_op *op = container_of(it, struct weft__io_op, link);
        struct weft__sim_ready ready = {.fd = (int)op->word - 1};
        ssize_t result = weft__sim_try(sock, op, &ready);
        if (result != -WEFT_EAGAIN) {
            op->word = (uint32_t)(ready.fd + 1);
            sim_end(op, result);
        }
    }
}

static void sim_free_mails(struct weft__list *mails)
{
    struct weft__list *node;
    while ((node = list_pop_front(mails)) != NULL) {
        struct weft__sim_mail *mail = container_of(node, struct weft__sim_mail, link);
        weft__timer_stop(&mail->timer);
        weft__free(mail);
    }
}

static void sim_free(struct weft__sim_debris *debris)
{
    struct weft__list *node;
    while ((node = list_pop_front(&debris->socks)) != NULL) {
        struct weft__sim_sock *sock = container_of(node, struct weft__sim_sock, link);
        weft__timer_stop(&sock->timer);
        weft__free(sock);
    }
    while ((node = list_pop_front(&debris->flows)) != NULL) {
        struct weft__sim_flow *flow = container_of(node, struct weft__sim_flow, link);
        for (size_t i = 0; i < WEFT__SIM_SEGMENTS; i++) {
            weft__timer_stop(&flow->segments[i].timer);
        }
        weft__free(flow);
    }
    sim_free_mails(&debris->mails);
}

static void sim_debris_take(struct weft__sim_debris *ret)
{
    list_init(&ret->socks);
    list_init(&ret->flows);
    list_init(&ret->mails);
    list_splice_back(&ret->socks, &weft__sim.debris.socks);
    list_splice_back(&ret->flows, &weft__sim.debris.flows);
    list_splice_back(&ret->mails, &weft__sim.debris.mails);
}

void weft__sim_unlock(bool is_timer)
{
    struct weft__sim_debris debris;
    struct weft__list *node;
    while ((node = list_pop_front(&weft__sim.dirty)) != NULL) {
        sim_try_all(container_of(node, struct weft__sim_sock, dirty));
    }
    if (is_timer) {
        lock_drop(&weft__sim.lock);
        return;
    }
    sim_debris_take(&debris);
    lock_drop(&weft__sim.lock);
    sim_free(&debris);
}

/* ---- descriptors ---- */

static struct weft__sim_sock **sim_place(int fd)
{
    if (fd < 0 || fd >> SIM_PAGE_BITS >= SIM_PAGES_MAX) {
        return NULL;
    }
    struct sim_page *page = a_load(&sim_pages[fd >> SIM_PAGE_BITS], acquire);
    return page ? &page->socks[fd & (SIM_PAGE_SIZE - 1)] : NULL;
}

struct weft__sim_sock *weft__sim_find(int fd)
{
    struct weft__sim_sock **place = sim_place(fd);
    return place ? *place : NULL;
}

/* There is a place for the descriptor.  False: no memory. */
static bool sim_make_place(int fd)
{
    ATOMIC(struct sim_page *) *at = &sim_pages[fd >> SIM_PAGE_BITS];
    struct sim_page *page = a_load(at, acquire), *other = NULL;
    if (page) {
        return true;
    }
    page = weft__alloc_zero(sizeof *page);
    if (page && !a_cas(at, &other, page, acq_rel, acquire)) { /* somebody was faster */
        weft__free(page);
    }
    return page != NULL;
}

int weft__sim_fd_new(void)
{
    int fd = weft__sys_open("/dev/null", O_PATH, 0); /* the kernel calls it no file and no socket */
    if (fd < 0) {
        return fd;
    }
    if (fd >> SIM_PAGE_BITS >= SIM_PAGES_MAX || !sim_make_place(fd)) {
        weft__sim_fd_free(fd);
        return -WEFT_ENOMEM;
    }
    return fd;
}

void weft__sim_fd_free(int fd)
{
    if (fd >= 0) {
        weft__sys_close(fd);
    }
}

/* ---- objects ---- */

struct weft__sim_sock *weft__sim_sock_new(enum weft__sim_kind kind, int domain)
{
    struct weft__sim_sock *sock = weft__alloc_zero(sizeof *sock);
    if (sock) {
        sock->kind = kind;
        sock->domain = domain;
        sock->fd = -1;
        list_init(&sock->link);
        list_init(&sock->dirty);
        list_init(&sock->ops);
        list_init(&sock->in_backlog);
        list_init(&sock->accepts);
        list_init(&sock->knocking);
        list_init(&sock->mail);
    }
    return sock;
}

struct weft__sim_flow *weft__sim_flow_new(bool has_network)
{
    struct weft__sim_flow *flow = weft__alloc(sizeof *flow);
    if (flow) {
        memset(flow, 0, offsetof(struct weft__sim_flow, bytes));
        flow->has_network = has_network;
        list_init(&flow->link);
    }
    return flow;
}

void weft__sim_sock_place(struct weft__sim_sock *sock, int fd)
{
    struct weft__sim_sock **place = sim_place(fd);
    WEFT_CHECK(place && sock->fd < 0);
    if (*place) { /* its number was closed behind our back */
        (*place)->fd = -1;
    }
    *place = sock;
    sock->fd = fd;
    weft__sim_note('f', sock->number, 0);
}

void weft__sim_sock_add(struct weft__sim_sock *sock, int fd)
{
    list_push_back(&weft__sim.socks, &sock->link);
    sock->number = ++weft__sim.number_last;
    weft__sim.counts.sockets++;
    if (fd >= 0) {
        weft__sim_sock_place(sock, fd);
    }
}

void weft__sim_flow_join(struct weft__sim_flow *flow, struct weft__sim_sock *from,
                         struct weft__sim_sock *to)
{
    WEFT_CHECK(!flow->from && !flow->to);
    flow->from = from;
    flow->to = to;
    from->out = to->in = flow;
    list_push_back(&weft__sim.flows, &flow->link);
}

void weft__sim_sock_drop(struct weft__sim_sock *sock)
{
    struct weft__sim_sock **place = sim_place(sock->fd);
    if (place && *place == sock) {
        *place = NULL;
    }
    list_remove(&sock->dirty);
    list_remove(&sock->link);
    list_push_back(&weft__sim.debris.socks, &sock->link);
}

void weft__sim_flow_drop(struct weft__sim_flow *flow)
{
    list_remove(&flow->link);
    list_push_back(&weft__sim.debris.flows, &flow->link);
}

void weft__sim_mail_drop(struct weft__sim_mail *mail)
{
    list_remove(&mail->link);
    list_push_back(&weft__sim.debris.mails, &mail->link);
}

/* ---- operations ---- */

ssize_t weft__sim_try(struct weft__sim_sock *sock, struct weft__io_op *op,
                      struct weft__sim_ready *ready)
{
    int events;
    switch (op->code) {
    case WEFT__IO_RECV:
    case WEFT__IO_RECVMSG:
    case WEFT__IO_READ:
        return weft__sim_recv(sock, op);
    case WEFT__IO_SEND:
    case WEFT__IO_SENDMSG:
    case WEFT__IO_WRITE:
        return weft__sim_send(sock, op, ready);
    case WEFT__IO_ACCEPT:
        return weft__sim_accept(sock, op, ready);
    case WEFT__IO_CONNECT:
        return weft__sim_connect(sock, op, ready);
    case WEFT__IO_POLL:
        events = weft__sim_events(sock) & (op->flags | POLLERR | POLLHUP);
        return events ? events : -WEFT_EAGAIN;
    case WEFT__IO_OPEN:
    case WEFT__IO_FSYNC:
    case WEFT__IO_CODES:
        break;
    }
    return -WEFT_EINVAL;
}

static void sim_unready(struct weft__sim_ready *ready)
{
    weft__sim_fd_free(ready->fd);
    if (ready->twin) {
        weft__free(ready->twin->in);
        weft__free(ready->twin->out);
        weft__free(ready->twin);
    }
    weft__free(ready->mail);
}

/* The other side of a connection, and the connection. */
static int sim_make_twin(int domain, struct weft__sim_ready *ret)
{
    struct weft__sim_sock *twin = weft__sim_sock_new(WEFT__SIM_STREAM, domain);
    if (!twin) {
        return -WEFT_ENOMEM;
    }
    ret->twin = twin;
    twin->in = weft__sim_flow_new(domain != AF_UNIX);
    twin->out = weft__sim_flow_new(domain != AF_UNIX);
    return twin->in && twin->out ? 0 : -WEFT_ENOMEM;
}

static int sim_make_ready(const struct weft__io_op *op, enum weft__sim_kind kind, int domain,
                          struct weft__sim_ready *ret)
{
    switch (op->code) {
    case WEFT__IO_ACCEPT:
        ret->fd = kind == WEFT__SIM_LISTENER ? weft__sim_fd_new() : -1;
        return kind == WEFT__SIM_LISTENER && ret->fd < 0 ? ret->fd : 0;
    case WEFT__IO_CONNECT:
        return kind == WEFT__SIM_FRESH ? sim_make_twin(domain, ret) : 0;
    case WEFT__IO_SEND:
    case WEFT__IO_SENDMSG:
    case WEFT__IO_WRITE:
        return kind == WEFT__SIM_DATAGRAM ? weft__sim_mail_make(op, &ret->mail) : 0;
    default:
        return 0;
    }
}

static void sim_hang(struct weft__sim_sock *sock, struct weft__io_op *op,
                     struct weft__sim_ready *ready)
{
    op->home = sock;
    op->word = (uint32_t)(ready->fd + 1);
    ready->fd = -1;
    list_push_back(&sock->ops, &op->link);
}

/* *ret_mine: it is of the machine; else nothing was done. */
static ssize_t sim_do(struct weft__io_op *op, bool may_hang, bool *ret_mine)
{
    struct weft__sim_ready ready = WEFT__SIM_READY_NONE;
    enum weft__sim_kind kind = WEFT__SIM_FRESH;
    int domain = 0;
    list_init(&op->link);
    op->home = NULL;
    op->word = 0;
    weft__sim_lock();
    struct weft__sim_sock *sock = op->code == WEFT__IO_OPEN ? NULL : weft__sim_find(op->fd);
    *ret_mine = sock != NULL;
    if (sock) {
        kind = sock->kind;
        domain = sock->domain;
    }
    weft__sim_unlock(false);
    if (!*ret_mine) {
        return 0;
    }
    ssize_t result = sim_make_ready(op, kind, domain, &ready);
    if (result == 0) {
        weft__sim_lock();
        sock = weft__sim_find(op->fd);
        result = sock ? weft__sim_try(sock, op, &ready) : -EBADF;
        if (sock && result == -WEFT_EAGAIN && may_hang) {
            sim_hang(sock, op, &ready);
        }
        weft__sim_unlock(false);
    }
    sim_unready(&ready);
    return result;
}

static int sim_begin(struct weft__thread *self WEFT_UNUSED, struct weft__io_op *op)
{
    bool is_mine;
    ssize_t result = sim_do(op, true, &is_mine);
    if (!is_mine) {
        return weft__sim_disk_begin(op);
    }
    if (result == -WEFT_EAGAIN) {
        return 0;
    }
    op->result = result;
    return 1;
}

static ssize_t sim_attempt(struct weft__io_op *op)
{
    bool is_mine;
    ssize_t result = sim_do(op, false, &is_mine);
    return is_mine ? result : weft__sim_disk_attempt(op);
}

static void sim_cancel(struct weft__io_op *op)
{
    weft__sim_lock();
    struct weft__sim_sock *sock = op->home;
    if (sock) {
        if (op->code == WEFT__IO_CONNECT) {
            weft__sim_give_up(sock);
        }
        sim_end(op, -WEFT_ECANCELED);
    }
    weft__sim_unlock(false);
    if (!sock) {
        weft__sim_disk_cancel(op);
    }
}

static void sim_forget(struct weft__runtime *rt WEFT_UNUSED, int fd WEFT_UNUSED,
                       struct weft__fd *entry WEFT_UNUSED)
{
}

/* ---- a run ---- */

static void sim_read_word(const char *name, const char *value, weft_sim_options *o)
{
    const struct {
        const char *name;
        double *fraction;
        int64_t *ns;
        uint64_t *count;
    } words[] = {
        {.name = "seed", .count = &o->seed},
        {.name = "delay_min", .ns = &o->delay_min_ns},
        {.name = "delay_max", .ns = &o->delay_max_ns},
        {.name = "short_read", .fraction = &o->short_read},
        {.name = "short_write", .fraction = &o->short_write},
        {.name = "drop", .fraction = &o->drop},
        {.name = "reorder", .fraction = &o->reorder},
        {.name = "reset", .fraction = &o->reset},
        {.name = "disk_delay_min", .ns = &o->disk_delay_min_ns},
        {.name = "disk_delay_max", .ns = &o->disk_delay_max_ns},
        {.name = "disk_error", .fraction = &o->disk_error},
        {.name = "disk_bytes_max", .count = &o->disk_bytes_max},
        {.name = "faults_max", .count = &o->faults_max},
    };
    char *end = NULL;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(words); i++) {
        if (strcmp(words[i].name, name) != 0) {
            continue;
        }
        if (words[i].fraction) {
            *words[i].fraction = strtod(value, &end);
        } else if (words[i].ns) {
            *words[i].ns = strtoll(value, &end, 10);
        } else {
            *words[i].count = strtoull(value, &end, 10);
        }
    }
    if (!end || end == value || *end) {
        weft__log("WEFT_SIM: '%s=%s' means nothing and is ignored", name, value);
    }
}

/* WEFT_SIM=drop=0.1,delay_max=1000000 */
static void sim_read_environment(weft_sim_options *ret)
{
    const char *text = getenv("WEFT_SIM");
    const char *seed = getenv("WEFT_SIM_SEED");
    while (text && *text) {
        char word[64];
        size_t n = strcspn(text, ","), kept = weft__min(n, sizeof word - 1);
        memcpy(word, text, kept);
        word[kept] = 0;
        char *equals = strchr(word, '=');
        if (equals) {
            *equals = 0;
        }
        sim_read_word(word, equals ? equals + 1 : "", ret);
        text += n + (text[n] == ',');
    }
    if (seed) {
        sim_read_word("seed", seed, ret);
    }
}

/* All is as at the beginning of a run. */
static void sim_reset(void)
{
    weft_sim_options *o = &weft__sim.options;
    weft__rng_seed(&weft__sim.rng, o->seed ? o->seed : 1);
    weft__sim.faults_left = o->faults_max ? o->faults_max
                            : weft__control ? SIM_FAULTS_CHECK
                                            : UINT64_MAX;
    memset(&weft__sim.counts, 0, sizeof weft__sim.counts);
    weft__sim.number_last = 0;
    weft__sim.port_next = WEFT__SIM_PORT_FIRST;
    weft__sim.is_split = false;
}

static bool sim_is_fraction(double x)
{
    return x >= 0 && x <= 1;
}

static bool sim_is_valid(const weft_sim_options *o)
{
    return sim_is_fraction(o->short_read) && sim_is_fraction(o->short_write) &&
           sim_is_fraction(o->drop) && sim_is_fraction(o->reorder) && sim_is_fraction(o->reset) &&
           sim_is_fraction(o->disk_error) && o->delay_min_ns >= 0 && o->delay_max_ns >= 0 &&
           o->disk_delay_min_ns >= 0 && o->disk_delay_max_ns >= 0;
}

static int sim_start(struct weft__runtime *rt, void **ret_state)
{
    weft_sim_options from_environment = {0};
    *ret_state = &weft__sim;
    sim_read_environment(&from_environment);
    lock_take(&weft__sim.lock);
    WEFT_CHECK(!weft__sim.runtime);
    weft__sim.runtime = rt;
    weft__sim.began = weft__sim_now();
    if (!weft__sim.is_set && sim_is_valid(&from_environment)) {
        weft__sim.options = from_environment;
    }
    sim_reset();
    lock_drop(&weft__sim.lock);
    return 0;
}

/* The machine is switched off.  Of a run that was given up nobody closes the descriptors. */
static void sim_stop_socks(void)
{
    struct weft__list *node;
    while ((node = list_pop_front(&weft__sim.socks)) != NULL) {
        struct weft__sim_sock *sock = container_of(node, struct weft__sim_sock, link);
        if (weft__control) {
            weft__sim_fd_free(sock->fd);
        }
        weft__sim_give_up(sock);
        list_splice_back(&weft__sim.debris.mails, &sock->mail);
        list_push_back(&weft__sim.debris.socks, &sock->link);
    }
}

static void sim_stop(struct weft__runtime *rt)
{
    struct weft__sim_debris debris;
    weft__sim_disk_stop();
    WEFT_CHECK(weft__sim.runtime == rt);
    sim_stop_socks();
    list_init(&weft__sim.dirty);
    list_splice_back(&weft__sim.debris.flows, &weft__sim.flows);
    list_splice_back(&weft__sim.debris.mails, &weft__sim.air);
    sim_debris_take(&debris);
    sim_free(&debris);
    weft__sim.runtime = NULL;
    lock_init(&weft__sim.lock, WEFT_RANK_SIM); /* a run that was given up may hold it */
    for (size_t i = 0; i < SIM_PAGES_MAX; i++) {
        weft__free(a_xchg(&sim_pages[i], NULL, relaxed));
    }
}

static bool sim_poll_nothing(struct weft__worker *w WEFT_UNUSED)
{
    return false;
}

static bool sim_turn(struct weft__worker *w, bool is_last WEFT_UNUSED)
{
    return sim_poll_nothing(w);
}

static int sim_wait(struct weft__worker *w WEFT_UNUSED, int64_t until WEFT_UNUSED)
{
    weft__panic("nobody waits in the simulation");
}

static void sim_rouse(struct weft__worker *w WEFT_UNUSED)
{
}

/* What will come by itself comes by a timer, of which core knows. */
static bool sim_is_pending(struct weft__runtime *rt WEFT_UNUSED)
{
    return false;
}

const struct weft__io_driver weft__io_sim = {
    .name = "sim",
    .codes = WEFT__IO_BIT(WEFT__IO_CODES) - 1,
    .start = sim_start,
    .begin = sim_begin,
    .cancel = sim_cancel,
    .forget = sim_forget,
    .poll = {.number = WEFT_IO_SIM,
             .turn = sim_turn,
             .has_news = sim_poll_nothing,
             .help = sim_poll_nothing,
             .wait = sim_wait,
             .rouse = sim_rouse,
             .is_pending = sim_is_pending,
             .stop = sim_stop},
};

const struct weft__outside weft__outside_sim = {
    .socket = weft__sim_call_socket,
    .socketpair = weft__sim_call_socketpair,
    .pipe = weft__sim_call_pipe,
    .bind = weft__sim_call_bind,
    .listen = weft__sim_call_listen,
    .shutdown = weft__sim_call_shutdown,
    .sockname = weft__sim_call_sockname,
    .peername = weft__sim_call_peername,
    .set_option = weft__sim_call_set_option,
    .get_option = weft__sim_call_get_option,
    .close = weft__sim_call_close,
    .attempt = sim_attempt,
};

/* ---- the public calls ---- */

static void sim_set_split(bool is_split)
{
    bool was_split = weft__sim.is_split;
    weft__sim.is_split = is_split;
    if (was_split && !is_split) {
        weft__sim_heal();
    }
}

int weft_sim_set(const weft_sim_options *options)
{
    static const weft_sim_options none;
    const weft_sim_options *o = options ? options : &none;
    if (!sim_is_valid(o)) {
        return -WEFT_EINVAL;
    }
    struct weft__thread *self = weft__enter();
    weft__sim_lock();
    sim_set_split(false);
    weft__sim.options = *o;
    weft__sim.is_set = options != NULL;
    sim_reset();
    weft__sim_unlock(false);
    weft__leave(self);
    return 0;
}

void weft_sim_partition(bool is_cut)
{
    struct weft__thread *self = weft__enter();
    weft__sim_lock();
    sim_set_split(is_cut);
    weft__sim_unlock(false);
    weft__leave(self);
}

void weft_sim_stats(weft_sim_counts *ret_counts)
{
    struct weft__thread *self = weft__enter();
    weft__sim_lock();
    *ret_counts = weft__sim.counts;
    weft__sim_unlock(false);
    weft__leave(self);
}
