/* epoll.c - the outside by epoll: every operation is tried, and tried again when its descriptor is
 * said to be ready.
 *
 * Called by op.c, which holds the lock of the descriptor, and by core through struct weft__poll.
 * Each seat that has begun an operation has a part: an epoll and an eventfd that rouses who waits
 * in it.
 *
 * Ours (entry->is_ours) are registered once, edge-triggered, for everything, in the part of the
 * seat that was first to wait; to move them would cost two calls.  entry->ready says which
 * directions may go on: a bit is taken away by an attempt that found nothing, and given by an
 * event.  So while it is missing an event is on its way, and waiting needs no call at all.  A TCP
 * socket that gives fewer bytes than were asked has given all, and its bit goes too; not when the
 * peer has hung up, though, or has sent urgent data, at whose place a read stops short.
 *
 * Those of others are armed for one event at each wait, and found by the kernel as what the number
 * means then: so they may be closed and opened behind our back.
 *
 * An event carries the descriptor's number and the round in which it was registered: one of an
 * older round is of a file that is gone.  Events are taken by whoever polls first, the sitter or a
 * helper, each into a place of its own, and say nothing but "try again": what to try is decided
 * under the descriptor's lock.  Only those that a sitter's wait has brought lie in the part, under
 * its lock, until the sitter's next turn or a helper takes them.
 *
 * The rouse is an edge as well, so that nobody need read the eventfd.  A helper that takes it gives
 * it back; the sitter that takes it in its turn remembers it for the wait.
 *
 * Regular files are always ready and never said to be: -EPERM sends them to the pool.
 *
 * Rejected: one epoll for all seats (each wait wakes another, and the woken task has its caches
 * elsewhere); pointers in the events (an event that was taken before a close comes after it).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/homelock.h"
#include "base/stat.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "base/time.h"
#include "core/idle.h"
#include "core/runtime.h"
#include "io/driver.h"
#include "weft/err.h"
#include "weft/time.h"

#define EPOLL_BATCH 128 /* events that are taken at once */

#define EPOLL_ALL    (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP)
#define EPOLL_ENDS   (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)
#define EPOLL_INS    (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)
#define EPOLL_OUTS   (EPOLLOUT | EPOLLHUP | EPOLLERR)
#define EPOLL_STREAM (UINT32_C(1) << 20) /* in entry->events, and no event: TCP */

#define EPOLL_BELL UINT64_MAX /* the data of the eventfd's events */

/* A seat's. */
struct epoll_part {
    struct weft__homelock lock; /* WEFT_RANK_RING: who takes what is kept */
    int epoll, bell;            /* -1: not yet */
    struct epoll_state *state;
    bool rung;                  /* the sitter's own: it was roused before it waited */
    ATOMIC(bool) waits;         /* the sitter is in its wait, which sees what comes */
    ATOMIC(int) kept;           /* events that a wait has brought; only the sitter's wait sets it */
    struct epoll_event events[EPOLL_BATCH]; /* the kept ones; the sitter's own while there are 0 */
    /* By this seat's sitter: operations begun less those ended, wherever they were registered. */
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(int64_t) pending;
};

/* A run's. */
struct epoll_state {
    struct weft__runtime *runtime;
    struct weft__lock making;  /* WEFT_RANK_RING: parts come to be */
    ATOMIC(uint32_t) round;    /* of the last registration */
    ATOMIC(int64_t) pending;   /* by threads without a seat */
    size_t part_count;
    struct epoll_part parts[]; /* one for each seat */
};

/* ---- parts ---- */

static struct epoll_state *epoll_state_of(struct weft__runtime *rt)
{
    struct weft__io *io = rt->io;
    return io->state;
}

static void epoll_part_close(struct epoll_part *part)
{
    if (part->bell >= 0) {
        weft__sys_close(part->bell);
    }
    if (part->epoll >= 0) {
        weft__sys_close(part->epoll);
    }
    part->epoll = part->bell = -1;
}

static int epoll_part_open(struct epoll_part *part)
{
    int rc = part->epoll = weft__sys_epoll_create();
    if (rc >= 0) {
        rc = part->bell = weft__sys_eventfd();
    }
    if (rc >= 0) {
        rc = weft__sys_epoll_ctl(part->epoll, EPOLL_CTL_ADD, part->bell, EPOLLIN | EPOLLET,
                                 EPOLL_BELL);
    }
    if (rc < 0) {
        epoll_part_close(part);
    }
    return rc;
}

/* For the first time on this seat, under the lock of a descriptor: calls, but no allocation. */
static int epoll_part_make(struct epoll_state *state, struct weft__worker *w, bool is_home)
{
    struct epoll_part *part = &state->parts[w->index];
    int rc = 0;
    lock_take(&state->making);
    if (part->epoll < 0) {
        rc = epoll_part_open(part);
        if (rc == 0) {
            a_store(&w->polled, part, release); /* pairs with weft__poll_at */
        }
    }
    lock_drop(&state->making);
    if (rc == 0 && !is_home) { /* its sitter may sleep where no event wakes it */
        weft__idle_wake_all(state->runtime);
    }
    return rc;
}

/* Where what the caller begins is registered: its seat's part, or as a guest the first one's. */
static int epoll_part_of(struct weft__thread *self, struct epoll_state *state,
                         struct epoll_part **ret_part)
{
    struct weft__worker *seat = weft__seat(self);
    struct weft__worker *w = seat ? seat : &state->runtime->workers[0];
    if (WEFT_UNLIKELY(a_load(&w->polled, acquire) == NULL)) {
        int rc = epoll_part_make(state, w, seat != NULL);
        if (rc < 0) {
            return rc;
        }
    }
    *ret_part = a_load(&w->polled, acquire);
    return 0;
}

static void epoll_count(struct epoll_state *state, int64_t change)
{
    struct weft__worker *seat = weft__seat(weft__self());
    if (seat) {
        ATOMIC(int64_t) *pending = &state->parts[seat->index].pending;
        a_store(pending, a_load(pending, relaxed) + change, relaxed);
    } else {
        a_add(&state->pending, change, relaxed);
    }
}

/* A system call, for the statistics. */
static void epoll_note_call(void)
{
    struct weft__worker *seat = weft__seat(weft__self());
    if (seat) {
        weft__stat_add(&seat->io_entered, 1);
    }
}

/* ---- readiness ---- */

static uint32_t epoll_need(const struct weft__io_op *op)
{
    switch (op->code) {
    case WEFT__IO_POLL:
        return (uint32_t)op->flags & EPOLL_ALL;
    case WEFT__IO_SEND:
    case WEFT__IO_SENDMSG:
    case WEFT__IO_WRITE:
    case WEFT__IO_CONNECT:
        return EPOLLOUT;
    default:
        return EPOLLIN;
    }
}

/* The attempt came to n, which is not -EAGAIN: what does that tell of the next one? */
static void epoll_used(struct weft__fd *entry, const struct weft__io_op *op, ssize_t n)
{
    bool is_short = op->code == WEFT__IO_RECV && op->flags == 0 && n > 0 && (size_t)n < op->size;
    if (is_short && entry->events & EPOLL_STREAM && !(entry->ready & EPOLL_ENDS)) {
        entry->ready &= ~(uint32_t)EPOLLIN;
    }
}

/* -EAGAIN that nobody will ever tell the end of: it is the result.  See attempt_connect. */
static bool epoll_is_told(const struct weft__io_op *op)
{
    return op->code != WEFT__IO_CONNECT || op->round == 1;
}

/* True: it has come to something, and *ret_n says what.  The entry is locked. */
static bool epoll_attempt(struct weft__fd *entry, struct weft__io_op *op, ssize_t *ret_n)
{
    ssize_t n = weft__outside_kernel.attempt(op);
    if (n == -EAGAIN && epoll_is_told(op)) {
        entry->ready &= ~epoll_need(op);
        return false;
    }
    epoll_used(entry, op, n);
    *ret_n = n;
    return true;
}

/* Would an attempt find nothing, for certain? */
static bool epoll_is_drained(const struct weft__fd *entry, const struct weft__io_op *op)
{
    bool is_told = op->code != WEFT__IO_POLL && op->code != WEFT__IO_CONNECT;
    return is_told && entry->is_ours && entry->events && !(entry->ready & epoll_need(op));
}

/* ---- registration ---- */

static uint32_t epoll_round(struct epoll_state *state)
{
    uint32_t round = a_add(&state->round, 1, relaxed) + 1;
    return round != 0 ? round : a_add(&state->round, 1, relaxed) + 1;
}

static uint64_t epoll_data(int fd, uint32_t round)
{
    return (uint64_t)round << 32 | (uint32_t)fd;
}

static uint32_t epoll_kind_of(int fd)
{
    int domain = 0, type = 0;
    bool is_tcp = weft__sys_get_option(fd, SOL_SOCKET, SO_TYPE, &type) == 0 &&
                  type == SOCK_STREAM &&
                  weft__sys_get_option(fd, SOL_SOCKET, SO_DOMAIN, &domain) == 0 &&
                  (domain == AF_INET || domain == AF_INET6);
    return is_tcp ? EPOLL_STREAM : 0;
}

/* Once, for all that will ever be waited for. */
static int epoll_register(struct epoll_part *part, struct weft__fd *entry, int fd)
{
    if (entry->events) {
        return 0;
    }
    uint32_t round = epoll_round(part->state);
    uint64_t data = epoll_data(fd, round);
    int rc = weft__sys_epoll_ctl(part->epoll, EPOLL_CTL_ADD, fd, EPOLL_ALL | EPOLLET, data);
    if (rc == -EEXIST) {
        rc = weft__sys_epoll_ctl(part->epoll, EPOLL_CTL_MOD, fd, EPOLL_ALL | EPOLLET, data);
    }
    epoll_note_call();
    if (rc < 0) {
        return rc;
    }
    entry->home = part;
    entry->hint = round;
    entry->events = EPOLL_ALL | epoll_kind_of(fd);
    return 0;
}

static uint32_t epoll_need_of_first(struct weft__list *queue)
{
    if (list_empty(queue)) {
        return 0;
    }
    struct weft__io_op *op = container_of(queue->next, struct weft__io_op, in_fd);
    return op->home ? epoll_need(op) : 0;
}

/* What anybody waits for. */
static uint32_t epoll_need_of_all(struct weft__fd *entry)
{
    uint32_t need = epoll_need_of_first(&entry->in) | epoll_need_of_first(&entry->out);
    LIST_FOR_EACH (&entry->polls, it) {
        struct weft__io_op *op = container_of(it, struct weft__io_op, in_fd);
        need |= op->home ? epoll_need(op) : 0;
    }
    return need;
}

/* For one event, of what the number means now. */
static int epoll_arm(struct epoll_part *part, struct weft__fd *entry, int fd, uint32_t need)
{
    uint32_t round = epoll_round(part->state), events = need | EPOLLONESHOT;
    uint64_t data = epoll_data(fd, round);
    int rc = weft__sys_epoll_ctl(part->epoll, EPOLL_CTL_MOD, fd, events, data);
    if (rc == -ENOENT) {
        rc = weft__sys_epoll_ctl(part->epoll, EPOLL_CTL_ADD, fd, events, data);
    }
    epoll_note_call();
    if (rc < 0) {
        return rc;
    }
    entry->home = part;
    entry->hint = round;
    return 0;
}

/* ---- operations ---- */

/* The operation is the driver's no longer, and must not be touched after. */
static void epoll_finish(struct weft__io_op *op, ssize_t result)
{
    struct epoll_part *part = op->home;
    WEFT_CHECK(part != NULL);
    op->home = NULL;
    epoll_count(part->state, -1);
    weft__io_complete(op, result);
}

static int epoll_begin(struct weft__thread *self, struct weft__io_op *op)
{
    struct weft__fd *entry = op->entry;
    op->home = NULL;
    if (!entry) {
        op->result = weft__outside_kernel.attempt(op);
        return op->result == -EAGAIN ? -EPERM : 1; /* of a file */
    }
    WEFT_CHECK(lock_is_held(&entry->lock));
    if (!epoll_is_drained(entry, op) && epoll_attempt(entry, op, &op->result)) {
        return 1;
    }
    if (WEFT_UNLIKELY(a_load(&weft__forked, relaxed))) {
        return -WEFT_ESHUTDOWN; /* what is registered here is the parent's */
    }
    struct epoll_part *part = entry->home;
    struct epoll_state *state = epoll_state_of(self->task->runtime);
    int rc = part ? 0 : epoll_part_of(self, state, &part);
    if (rc == 0 && entry->is_ours) {
        bool is_new = !entry->events;
        rc = epoll_register(part, entry, op->fd);
        if (is_new) {
            entry->ready = EPOLL_ALL & ~(EPOLL_ENDS | epoll_need(op));
        }
    } else if (rc == 0) {
        rc = epoll_arm(part, entry, op->fd, epoll_need_of_all(entry) | epoll_need(op));
    }
    if (rc == 0) {
        op->home = part;
        epoll_count(state, 1);
    } else if (rc != -EBADF && op->is_in_close) {
        rc = -ECANCELED; /* said of another file than what was attempted: begun again */
    }
    return rc;
}

static void epoll_cancel(struct weft__io_op *op)
{
    WEFT_CHECK(op->entry != NULL && lock_is_held(&op->entry->lock));
    if (op->home) { /* else it has been completed */
        epoll_finish(op, -ECANCELED);
    }
}

static void epoll_forget(struct weft__runtime *rt, int fd, struct weft__fd *entry)
{
    struct epoll_part *part = entry->home;
    (void)rt;
    /* The child of a fork has the parent's epoll: what it closes still is the parent's. */
    if (part && !a_load(&weft__forked, relaxed)) {
        int rc = weft__sys_epoll_ctl(part->epoll, EPOLL_CTL_DEL, fd, 0, 0);
        WEFT_CHECK(rc == 0 || rc == -ENOENT || rc == -EBADF || rc == -EPERM);
    }
}

/* ---- events ---- */

/* True: it was under way, and has come to something. */
static bool epoll_retry(struct weft__fd *entry, struct weft__io_op *op)
{
    ssize_t n;
    if (!op->home || !epoll_attempt(entry, op, &n)) {
        return false;
    }
    epoll_finish(op, n);
    return true;
}

static bool epoll_retry_first(struct weft__fd *entry, struct weft__list *queue)
{
    return !list_empty(queue) &&
           epoll_retry(entry, container_of(queue->next, struct weft__io_op, in_fd));
}

/* What was armed for one event has had it. */
static void epoll_rearm(struct epoll_part *part, struct weft__fd *entry, int fd)
{
    uint32_t need = epoll_need_of_all(entry);
    int rc = need ? epoll_arm(part, entry, fd, need) : 0;
    if (rc == 0) {
        return;
    }
    /* Nobody will tell us any more: who waits is told why. */
    if (epoll_need_of_first(&entry->in)) {
        epoll_finish(container_of(entry->in.next, struct weft__io_op, in_fd), rc);
    }
    if (epoll_need_of_first(&entry->out)) {
        epoll_finish(container_of(entry->out.next, struct weft__io_op, in_fd), rc);
    }
    LIST_FOR_EACH (&entry->polls, it) {
        struct weft__io_op *op = container_of(it, struct weft__io_op, in_fd);
        if (op->home) {
            epoll_finish(op, rc);
        }
    }
}

/* The entry is locked. */
static bool epoll_happen(struct epoll_part *part, struct weft__fd *entry, int fd, uint32_t events)
{
    bool any = false;
    entry->ready |= events & (EPOLL_ALL | EPOLL_ENDS);
    entry->ready |= events & EPOLL_INS ? EPOLLIN : 0;
    entry->ready |= events & EPOLL_OUTS ? EPOLLOUT : 0;
    if (events & EPOLL_INS) {
        any = epoll_retry_first(entry, &entry->in);
    }
    if (events & EPOLL_OUTS) {
        any = epoll_retry_first(entry, &entry->out) || any;
    }
    LIST_FOR_EACH (&entry->polls, it) {
        any = epoll_retry(entry, container_of(it, struct weft__io_op, in_fd)) || any;
    }
    if (!entry->is_ours) {
        epoll_rearm(part, entry, fd);
    }
    return any;
}

/* No lock is held.  True: something has become ready.  *ret_rung: the bell was among them. */
static bool epoll_deliver(struct epoll_part *part, const struct epoll_event *events, int n,
                          bool *ret_rung)
{
    bool any = false;
    for (int i = 0; i < n; i++) {
        uint64_t data = events[i].data.u64;
        if (data == EPOLL_BELL) {
            *ret_rung = true;
            continue;
        }
        int fd = (int)(uint32_t)data;
        struct weft__fd *entry = weft__fd_entry(fd);
        WEFT_CHECK(entry != NULL); /* it was there when the descriptor was registered */
        lock_take_object(&entry->lock);
        if (entry->home == part && entry->hint == (uint32_t)(data >> 32)) {
            any = epoll_happen(part, entry, fd, events[i].events) || any;
        }
        lock_drop(&entry->lock);
    }
    return any;
}

static bool epoll_has_kept(struct epoll_part *part)
{
    return a_load(&part->kept, acquire) != 0;
}

/* Moves the events that a wait has brought; the part is locked. */
static int epoll_take_kept(struct epoll_part *part, struct epoll_event *ret_events)
{
    int n = a_load(&part->kept, acquire); /* pairs with the release in epoll_wait_until */
    memcpy(ret_events, part->events, (size_t)n * sizeof *ret_events);
    a_store(&part->kept, 0, release); /* and the next wait may write there */
    return n;
}

/* What is there now. */
static int epoll_look(struct epoll_part *part, struct epoll_event *ret_events)
{
    int n = weft__sys_epoll_wait(part->epoll, ret_events, EPOLL_BATCH, 0);
    WEFT_CHECK(n >= 0 || n == -EINTR);
    epoll_note_call();
    return weft__max(n, 0);
}

static bool epoll_turn(struct weft__worker *w, bool is_last)
{
    struct epoll_part *part = a_load(&w->polled, relaxed);
    struct epoll_event events[EPOLL_BATCH];
    int n = 0;
    if (epoll_has_kept(part)) {
        bool has_lock = homelock_enter(&part->lock);
        n = epoll_take_kept(part, events);
        homelock_leave(&part->lock, has_lock);
    } else if (!is_last) {
        n = epoll_look(part, events);
    }
    return epoll_deliver(part, events, n, &part->rung);
}

static bool epoll_has_news(struct weft__worker *w)
{
    struct epoll_part *part = a_load(&w->polled, acquire); /* pairs with epoll_part_make */
    struct pollfd asked = {.fd = part->epoll, .events = POLLIN};
    return epoll_has_kept(part) || weft__sys_poll(&asked, 1, 0) > 0;
}

static bool epoll_help(struct weft__worker *w)
{
    struct epoll_part *part = a_load(&w->polled, acquire); /* pairs with epoll_part_make */
    struct epoll_event events[EPOLL_BATCH];
    bool rung = false;
    int n = 0;
    if (epoll_has_kept(part)) {
        weft__homelock_take(&part->lock);
        n = epoll_take_kept(part, events);
        homelock_drop(&part->lock);
    } else if (!a_load(&part->waits, relaxed)) {
        n = epoll_look(part, events);
    }
    bool any = epoll_deliver(part, events, n, &rung);
    if (rung) { /* it was for the sitter */
        weft__sys_eventfd_raise(part->bell);
    }
    return any;
}

/* Takes the bell out of what has come; returns how many are left. */
static int epoll_sift(struct epoll_event *events, int n)
{
    int left = 0;
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 != EPOLL_BELL) {
            events[left++] = events[i];
        }
    }
    return left;
}

static int epoll_wait_until(struct weft__worker *w, int64_t until)
{
    struct epoll_part *part = a_load(&w->polled, relaxed);
    if (epoll_has_kept(part) || part->rung) {
        part->rung = false;
        return 0;
    }
    int64_t limit = until == WEFT_NEVER ? -1 : weft__max(until - weft__time_now(), INT64_C(0));
    a_store(&part->waits, true, relaxed);
    int n = weft__sys_epoll_wait(part->epoll, part->events, EPOLL_BATCH, limit);
    a_store(&part->waits, false, relaxed);
    WEFT_CHECK(n >= 0 || n == -EINTR);
    weft__stat_add(&w->io_entered, 1);
    if (n == 0) {
        return -ETIMEDOUT;
    }
    n = epoll_sift(part->events, weft__max(n, 0));
    a_store(&part->kept, n, release); /* pairs with the acquire in epoll_take_kept */
    return 0;
}

static void epoll_rouse(struct weft__worker *w)
{
    struct epoll_part *part = a_load(&w->polled, acquire); /* pairs with epoll_part_make */
    weft__sys_eventfd_raise(part->bell);
}

static bool epoll_is_pending(struct weft__runtime *rt)
{
    struct epoll_state *state = epoll_state_of(rt);
    int64_t pending = a_load(&state->pending, acquire);
    for (size_t i = 0; i < state->part_count; i++) {
        pending += a_load(&state->parts[i].pending, acquire);
    }
    return pending != 0;
}

/* ---- start and stop ---- */

static int epoll_start(struct weft__runtime *rt, void **ret_state)
{
    size_t n = rt->worker_count, size = sizeof(struct epoll_state) + n * sizeof(struct epoll_part);
    struct epoll_state *state = weft__alloc_aligned(WEFT_CACHE_LINE, size);
    if (!state) {
        return -WEFT_ENOMEM;
    }
    memset(state, 0, size);
    state->runtime = rt;
    state->part_count = n;
    lock_init(&state->making, WEFT_RANK_RING);
    for (size_t i = 0; i < n; i++) {
        struct epoll_part *part = &state->parts[i];
        weft__homelock_init(&part->lock, WEFT_RANK_RING);
        part->epoll = part->bell = -1;
        part->state = state;
    }
    *ret_state = state;
    return 0;
}

static void epoll_stop(struct weft__runtime *rt)
{
    struct epoll_state *state = epoll_state_of(rt);
    WEFT_CHECK(!epoll_is_pending(rt));
    for (size_t i = 0; i < state->part_count; i++) {
        epoll_part_close(&state->parts[i]);
        a_store(&rt->workers[i].polled, NULL, relaxed);
    }
    weft__free(state);
}

const struct weft__io_driver weft__io_epoll = {
    .name = "epoll",
    .codes = WEFT__IO_BIT(WEFT__IO_CODES) - 1 -
             (WEFT__IO_BIT(WEFT__IO_OPEN) | WEFT__IO_BIT(WEFT__IO_FSYNC)),
    .start = epoll_start,
    .begin = epoll_begin,
    .cancel = epoll_cancel,
    .forget = epoll_forget,
    .poll = {.number = WEFT_IO_EPOLL,
             .turn = epoll_turn,
             .has_news = epoll_has_news,
             .help = epoll_help,
             .wait = epoll_wait_until,
             .rouse = epoll_rouse,
             .is_pending = epoll_is_pending,
             .stop = epoll_stop},
};
