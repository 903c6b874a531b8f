/* block.c - calls that may block in the kernel.
 *
 * All strands may share one kernel thread, so none of them may block it while another could run.
 * Each call asks first (poll, WNOHANG, LOCK_NB), and makes the real call once that would return at
 * once.  Until then its strand waits: for other strands to write to the pipe, close the socket,
 * send the signal; and, when nobody else can run, for the world.
 *
 * A pipe or socket pair that the program made and shares with no other process is INSIDE: when all
 * wait for such, the world will not help, and it is a deadlock.
 *
 * Regular files never block and go straight through: no point, no question.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/block.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "check/preload/chance.h"
#include "check/preload/hooks.h"
#include "check/preload/misc.h"
#include "check/preload/signals.h"
#include "check/preload/thread.h"
#include "check/state.h"

#define BLOCK_FDS       1024
#define BLOCK_LOOK_MAX  64   /* descriptors polled together while nobody can run */
#define BLOCK_REST_MIN  50000   /* ns between two questions that poll cannot answer, at first */
#define BLOCK_REST_MAX  5000000
#define BLOCK_PIPE      4096 /* what a pipe that poll calls writable has room for */

struct block_fd {
    uint16_t channel; /* 1 + the descriptor whose state this one shares; 0: its own */
    bool inside;
};

static struct block_fd block_fds[BLOCK_FDS + 1]; /* the last one: all sockets of the network */
static struct weft__block_wait *block_waiting;
static int block_children; /* processes that have our descriptors, and may send signals */

/* ---- waiting ---- */

int weft__block_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    static int (*real)(struct pollfd *, nfds_t, int);

    return WEFT__REAL(real, "poll")(fds, n, timeout_ms);
}

bool weft__block_polled(const struct weft__block_wait *wait)
{
    int before = errno;
    bool ready = weft__block_poll(wait->fds, wait->n_fds, 0) != 0; /* an error is an answer too */

    errno = before;
    return ready;
}

static bool block_is_over(const struct weft__block_wait *wait)
{
    return wait->ready(wait) || weft__signals_has(wait->strand) || weft__cancel_due(wait->strand);
}

static bool block_can(const struct weft__strand *strand)
{
    return block_is_over(strand->next.arg);
}

/* Leaves the processor to others until news came.  False: the deadline did. */
static bool block_sleep(struct weft__block_wait *wait, struct weft__operation *op)
{
    struct weft__block_wait **link = &block_waiting;
    bool in_time = true;

    wait->next = block_waiting;
    block_waiting = wait;
    if (wait->deadline == WEFT__NO_DEADLINE) {
        weft__go_outside(op);
    } else {
        op->can = block_can;
        op->arg = wait;
        op->deadline = wait->deadline;
        in_time = weft__point(op) == WEFT__GO;
    }
    while (*link != wait)
        link = &(*link)->next;
    *link = wait->next;
    return in_time;
}

enum weft__block_end weft__block_until(struct weft__block_wait *wait, uintptr_t pc)
{
    struct weft__operation op = {.op = wait->op,
                                 .object = wait->object,
                                 .pc = pc,
                                 .caller = weft__caller(),
                                 .deadline = WEFT__NO_DEADLINE};

    wait->strand = weft__strand_self();
    weft__point(&op);
    weft__cancel_point();
    while (!wait->ready(wait)) {
        weft__cancel_point();
        if (weft__signals_has(wait->strand)) {
            if (!wait->restarts)
                return WEFT__BLOCK_INTERRUPTED;
            weft__signals_deliver(pc);
            continue;
        }
        if (!block_sleep(wait, &op))
            return wait->ready(wait) ? WEFT__BLOCK_READY : WEFT__BLOCK_TIMED_OUT;
    }
    return WEFT__BLOCK_READY;
}

void weft__block_news(void)
{
    for (struct weft__block_wait *w = block_waiting; w != NULL; w = w->next) {
        if (w->strand->state == WEFT__STRAND_OUTSIDE && block_is_over(w))
            weft__wake_outside(w->strand);
        else if (w->strand->state == WEFT__STRAND_LIVE)
            weft__changed(w->object);
    }
}

/* Sleeps until the world has news for somebody, or for that long if poll cannot tell. */
static void block_rest(long ns)
{
    static int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    struct timespec timeout = {0, ns};
    struct pollfd fds[BLOCK_LOOK_MAX];
    nfds_t n = 0;
    bool all = true;

    for (struct weft__block_wait *w = block_waiting; w != NULL; w = w->next) {
        if (w->strand->state != WEFT__STRAND_OUTSIDE)
            continue;
        all = all && w->n_fds > 0 && n + w->n_fds <= BLOCK_LOOK_MAX;
        for (unsigned long i = 0; i < w->n_fds && n < BLOCK_LOOK_MAX; i++)
            fds[n++] = w->fds[i];
    }
    (void)WEFT__REAL(real, "ppoll")(fds, n, all ? NULL : &timeout, NULL);
}

bool weft__block_look(bool wait)
{
    for (long rest = BLOCK_REST_MIN;; rest = weft__min(rest * 2, (long)BLOCK_REST_MAX)) {
        bool any = false, outside = false;
        for (struct weft__block_wait *w = block_waiting; w != NULL; w = w->next) {
            if (w->strand->state != WEFT__STRAND_OUTSIDE)
                continue;
            if (block_is_over(w)) {
                weft__wake_outside(w->strand);
                any = true;
            }
            outside = outside || !w->inside || block_children > 0;
        }
        if (any || !wait || !outside)
            return any;
        weft__engine->outcome->not_deterministic = 1;
        block_rest(rest);
    }
}

/* ---- descriptors ---- */

static struct block_fd *block_entry(int fd)
{
    return fd >= 0 && fd < BLOCK_FDS ? &block_fds[fd] : &block_fds[BLOCK_FDS];
}

bool weft__block_is_inside(int fd)
{
    return block_entry(fd)->inside;
}

static uintptr_t block_object(int fd, mode_t mode)
{
    struct block_fd *entry = block_entry(fd);

    if (entry->channel != 0)
        return (uintptr_t)&block_fds[entry->channel - 1];
    return (uintptr_t)(S_ISSOCK(mode) ? &block_fds[BLOCK_FDS] : entry);
}

static void block_pair(int a, int b)
{
    *block_entry(a) = (struct block_fd){.channel = (uint16_t)(weft__min(a, BLOCK_FDS) + 1),
                                        .inside = true};
    *block_entry(b) = *block_entry(a);
}

uintptr_t weft__block_channel(int fd)
{
    return block_object(fd, 0);
}

void weft__block_forked(void)
{
    block_children++;
}

void weft__block_reaped(void)
{
    block_children -= block_children > 0;
}

/* A call on a descriptor, from its point to its end. */
struct block_call {
    uintptr_t object, pc;
    mode_t mode;
    bool never_waits; /* the program asked for that */
};

/* Must the call be looked after?  Not for files, nor for what is no descriptor at all. */
static bool block_begin(struct block_call *call, int fd, uintptr_t pc)
{
    struct stat stat;
    int before = errno, flags;

    if (!weft__block_controlled(pc))
        return false;
    if (fstat(fd, &stat) != 0 || S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode) ||
        S_ISBLK(stat.st_mode)) {
        errno = before;
        return false;
    }
    flags = weft__block_fcntl(fd, F_GETFL, NULL);
    *call = (struct block_call){.object = block_object(fd, stat.st_mode),
                                .pc = pc,
                                .mode = stat.st_mode,
                                .never_waits = (flags & O_NONBLOCK) != 0};
    errno = before;
    return true;
}

static void block_wait_for(const struct block_call *call, int fd, short events)
{
    struct pollfd fds = {.fd = fd, .events = events};
    struct weft__block_wait wait = {.op = WEFT__OP_IO,
                                    .object = call->object,
                                    .deadline = WEFT__NO_DEADLINE,
                                    .ready = weft__block_polled,
                                    .fds = &fds,
                                    .n_fds = 1,
                                    .inside = weft__block_is_inside(fd),
                                    .restarts = true};
    struct weft__operation op = {.op = WEFT__OP_IO,
                                 .object = call->object,
                                 .pc = call->pc,
                                 .caller = weft__caller(),
                                 .deadline = WEFT__NO_DEADLINE};

    if (call->never_waits)
        weft__point(&op);
    else
        (void)weft__block_until(&wait, call->pc);
}

/* The real call was made: what it read was written before, what it wrote may be read now. */
static ssize_t block_end(const struct block_call *call, ssize_t result, bool wrote)
{
    int before = errno;

    if (result >= 0 && wrote)
        weft__happened_release(call->object);
    if (result >= 0)
        weft__happened_acquire(call->object);
    weft__value((uint64_t)result, WEFT__EVENT_HAS_VALUE | (result < 0 ? WEFT__EVENT_FAILED : 0));
    if (result >= 0) {
        weft__changed(call->object);
        weft__block_news();
    }
    weft__signals_deliver(call->pc);
    errno = before;
    return result;
}

void weft__block_readable(int fd, uintptr_t pc)
{
    struct block_call call;

    if (block_begin(&call, fd, pc) && !call.never_waits)
        block_wait_for(&call, fd, POLLIN);
}

/* ---- reading ---- */

#define BLOCK_READ(call, fd, expression)                                                           \
    __extension__({                                                                                \
        ssize_t block_result;                                                                      \
        if (block_begin(&(call), (fd), WEFT__PC())) {                                              \
            block_wait_for(&(call), (fd), POLLIN);                                                 \
            block_result = block_end(&(call), (expression), false);                                \
        } else {                                                                                   \
            block_result = (expression);                                                           \
        }                                                                                          \
        block_result;                                                                              \
    })

WEFT__EXPORT ssize_t read(int fd, void *to, size_t size);
ssize_t read(int fd, void *to, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    struct block_call call;
    ssize_t result;

    if (weft__block_controlled(WEFT__PC()) && weft__chance_is(fd)) {
        weft__chance_fill(to, size);
        return (ssize_t)size;
    }
    result = BLOCK_READ(call, fd, WEFT__REAL(real, "read")(fd, to, size));
    if (result > 0)
        weft__hook_libc(WEFT__OP_WRITE, to, (size_t)result, WEFT__PC());
    return result;
}

WEFT__EXPORT ssize_t readv(int fd, const struct iovec *vector, int n);
ssize_t readv(int fd, const struct iovec *vector, int n)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    struct block_call call;

    return BLOCK_READ(call, fd, WEFT__REAL(real, "readv")(fd, vector, n));
}

WEFT__EXPORT ssize_t recv(int fd, void *to, size_t size, int flags);
ssize_t recv(int fd, void *to, size_t size, int flags)
{
    static ssize_t (*real)(int, void *, size_t, int);
    struct block_call call;
    ssize_t result = flags & MSG_DONTWAIT
                         ? WEFT__REAL(real, "recv")(fd, to, size, flags)
                         : BLOCK_READ(call, fd, WEFT__REAL(real, "recv")(fd, to, size, flags));

    if (result > 0)
        weft__hook_libc(WEFT__OP_WRITE, to, weft__min((size_t)result, size), WEFT__PC());
    return result;
}

WEFT__EXPORT ssize_t recvfrom(int fd, void *to, size_t size, int flags, __SOCKADDR_ARG from,
                              socklen_t *from_size);
ssize_t recvfrom(int fd, void *to, size_t size, int flags, __SOCKADDR_ARG from,
                 socklen_t *from_size)
{
    static ssize_t (*real)(int, void *, size_t, int, __SOCKADDR_ARG, socklen_t *);
    struct block_call call;

    if (flags & MSG_DONTWAIT)
        return WEFT__REAL(real, "recvfrom")(fd, to, size, flags, from, from_size);
    return BLOCK_READ(call, fd, WEFT__REAL(real, "recvfrom")(fd, to, size, flags, from, from_size));
}

WEFT__EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags);
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, struct msghdr *, int);
    struct block_call call;

    if (flags & MSG_DONTWAIT)
        return WEFT__REAL(real, "recvmsg")(fd, message, flags);
    return BLOCK_READ(call, fd, WEFT__REAL(real, "recvmsg")(fd, message, flags));
}

WEFT__EXPORT int accept(int fd, __SOCKADDR_ARG from, socklen_t *from_size);
int accept(int fd, __SOCKADDR_ARG from, socklen_t *from_size)
{
    static int (*real)(int, __SOCKADDR_ARG, socklen_t *);
    struct block_call call;

    return (int)BLOCK_READ(call, fd, WEFT__REAL(real, "accept")(fd, from, from_size));
}

WEFT__EXPORT int accept4(int fd, __SOCKADDR_ARG from, socklen_t *from_size, int flags);
int accept4(int fd, __SOCKADDR_ARG from, socklen_t *from_size, int flags)
{
    static int (*real)(int, __SOCKADDR_ARG, socklen_t *, int);
    struct block_call call;

    return (int)BLOCK_READ(call, fd, WEFT__REAL(real, "accept4")(fd, from, from_size, flags));
}

/* ---- writing ---- */

static ssize_t block_write(int fd, const void *from, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);

    return WEFT__REAL(real, "write")(fd, from, size);
}

/* A blocking write is done when all is written: in pieces that never block. */
static ssize_t block_write_all(const struct block_call *call, int fd, const char *from, size_t size,
                               int flags)
{
    static ssize_t (*real)(int, const void *, size_t, int);
    size_t done = 0;
    ssize_t n;

    do {
        block_wait_for(call, fd, POLLOUT);
        if (S_ISSOCK(call->mode))
            n = WEFT__REAL(real, "send")(fd, from + done, size - done, flags | MSG_DONTWAIT);
        else
            n = block_write(fd, from + done, weft__min(size - done, (size_t)BLOCK_PIPE));
        if (n < 0 && errno == EAGAIN && !call->never_waits)
            continue;
        if (n < 0)
            return block_end(call, done > 0 ? (ssize_t)done : n, true);
        done += (size_t)n;
        (void)block_end(call, n, true);
    } while (done < size && !call->never_waits);
    return (ssize_t)done;
}

WEFT__EXPORT ssize_t write(int fd, const void *from, size_t size);
ssize_t write(int fd, const void *from, size_t size)
{
    struct block_call call;

    if (fd == 2 && weft__engine != NULL && !weft__is_system(WEFT__PC()) &&
        weft__misc_heard(from, size)) {
        return block_write(fd, from, size);
    }
    weft__hook_libc(WEFT__OP_READ, from, size, WEFT__PC());
    if (!block_begin(&call, fd, WEFT__PC()))
        return block_write(fd, from, size);
    if (!S_ISSOCK(call.mode) && (!S_ISFIFO(call.mode) || call.never_waits)) {
        block_wait_for(&call, fd, POLLOUT);
        return block_end(&call, block_write(fd, from, size), true);
    }
    return block_write_all(&call, fd, from, size, 0);
}

WEFT__EXPORT ssize_t send(int fd, const void *from, size_t size, int flags);
ssize_t send(int fd, const void *from, size_t size, int flags)
{
    static ssize_t (*real)(int, const void *, size_t, int);
    struct block_call call;

    weft__hook_libc(WEFT__OP_READ, from, size, WEFT__PC());
    if (!block_begin(&call, fd, WEFT__PC()))
        return WEFT__REAL(real, "send")(fd, from, size, flags);
    call.never_waits = call.never_waits || (flags & MSG_DONTWAIT) != 0;
    return block_write_all(&call, fd, from, size, flags);
}

#define BLOCK_WRITE(call, fd, expression)                                                          \
    __extension__({                                                                                \
        ssize_t block_result;                                                                      \
        if (block_begin(&(call), (fd), WEFT__PC())) {                                              \
            block_wait_for(&(call), (fd), POLLOUT);                                                \
            block_result = block_end(&(call), (expression), true);                                 \
        } else {                                                                                   \
            block_result = (expression);                                                           \
        }                                                                                          \
        block_result;                                                                              \
    })

WEFT__EXPORT ssize_t writev(int fd, const struct iovec *vector, int n);
ssize_t writev(int fd, const struct iovec *vector, int n)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    struct block_call call;

    return BLOCK_WRITE(call, fd, WEFT__REAL(real, "writev")(fd, vector, n));
}

WEFT__EXPORT ssize_t sendto(int fd, const void *from, size_t size, int flags,
                            __CONST_SOCKADDR_ARG to, socklen_t to_size);
ssize_t sendto(int fd, const void *from, size_t size, int flags, __CONST_SOCKADDR_ARG to,
               socklen_t to_size)
{
    static ssize_t (*real)(int, const void *, size_t, int, __CONST_SOCKADDR_ARG, socklen_t);
    struct block_call call;

    return BLOCK_WRITE(call, fd, WEFT__REAL(real, "sendto")(fd, from, size, flags, to, to_size));
}

WEFT__EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);
    struct block_call call;

    return BLOCK_WRITE(call, fd, WEFT__REAL(real, "sendmsg")(fd, message, flags));
}

WEFT__EXPORT int shutdown(int fd, int how);
int shutdown(int fd, int how)
{
    static int (*real)(int, int);
    int result = WEFT__REAL(real, "shutdown")(fd, how);

    if (weft__block_controlled(WEFT__PC()))
        weft__block_news();
    return result;
}

/* ---- descriptors come and go ---- */

WEFT__EXPORT int close(int fd);
int close(int fd)
{
    static int (*real)(int);
    struct block_call call;
    bool told = block_begin(&call, fd, WEFT__PC());
    int result;

    if (told) {
        call.never_waits = true;
        block_wait_for(&call, fd, 0);
    }
    if (weft__block_controlled(WEFT__PC()) && fd >= 0 && fd < BLOCK_FDS) {
        block_fds[fd] = (struct block_fd){0};
        weft__chance_forget(fd);
    }
    if (weft__block_controlled(WEFT__PC()))
        weft__block_closing_file();
    result = WEFT__REAL(real, "close")(fd);
    return told ? (int)block_end(&call, result, true) : result;
}

static int block_made_pair(int result, const int *fds, uintptr_t pc)
{
    if (result == 0 && weft__block_controlled(pc))
        block_pair(fds[0], fds[1]);
    return result;
}

WEFT__EXPORT int pipe(int fds[2]);
int pipe(int fds[2])
{
    static int (*real)(int *);

    return block_made_pair(WEFT__REAL(real, "pipe")(fds), fds, WEFT__PC());
}

WEFT__EXPORT int pipe2(int fds[2], int flags);
int pipe2(int fds[2], int flags)
{
    static int (*real)(int *, int);

    return block_made_pair(WEFT__REAL(real, "pipe2")(fds, flags), fds, WEFT__PC());
}

WEFT__EXPORT int socketpair(int domain, int type, int protocol, int fds[2]);
int socketpair(int domain, int type, int protocol, int fds[2])
{
    static int (*real)(int, int, int, int *);

    return block_made_pair(WEFT__REAL(real, "socketpair")(domain, type, protocol, fds), fds,
                           WEFT__PC());
}

WEFT__EXPORT int eventfd(unsigned count, int flags);
int eventfd(unsigned count, int flags)
{
    static int (*real)(unsigned, int);
    int fd = WEFT__REAL(real, "eventfd")(count, flags);

    if (fd >= 0 && weft__block_controlled(WEFT__PC()))
        block_pair(fd, fd);
    return fd;
}

/* Another name for the same thing. */
static int block_copied(int result, int fd, uintptr_t pc)
{
    struct block_fd entry;

    if (result < 0 || result == fd || !weft__block_controlled(pc))
        return result;
    entry = *block_entry(fd);
    if (entry.channel == 0)
        entry.channel = (uint16_t)(weft__min(fd, BLOCK_FDS) + 1);
    *block_entry(result) = entry;
    weft__block_news(); /* what had that number before is closed */
    return result;
}

WEFT__EXPORT int dup(int fd);
int dup(int fd)
{
    static int (*real)(int);

    return block_copied(WEFT__REAL(real, "dup")(fd), fd, WEFT__PC());
}

WEFT__EXPORT int dup2(int fd, int to);
int dup2(int fd, int to)
{
    static int (*real)(int, int);

    return block_copied(WEFT__REAL(real, "dup2")(fd, to), fd, WEFT__PC());
}

WEFT__EXPORT int dup3(int fd, int to, int flags);
int dup3(int fd, int to, int flags)
{
    static int (*real)(int, int, int);

    return block_copied(WEFT__REAL(real, "dup3")(fd, to, flags), fd, WEFT__PC());
}
