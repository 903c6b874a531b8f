/* op.h - one operation on the outside world, from the call to its result; see op.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_OP_H
#define WEFT_IO_OP_H

#include <sys/socket.h>
#include <sys/stat.h>

#include "core/park.h"

enum weft__io_code {
    WEFT__IO_RECV,    /* fd, buffer, size, flags: as recv(2) */
    WEFT__IO_SEND,    /* likewise */
    WEFT__IO_RECVMSG, /* fd, msg, flags */
    WEFT__IO_SENDMSG,
    WEFT__IO_READ,  /* fd, buffer, size, offset; -1: at the descriptor's own position */
    WEFT__IO_WRITE, /* likewise */
    WEFT__IO_ACCEPT,  /* fd; buffer: a weft_addr, or NULL */
    WEFT__IO_CONNECT, /* fd, buffer: the sockaddr, size */
    WEFT__IO_POLL,    /* fd, flags: events; result: those that are there */
    WEFT__IO_OPEN,    /* path, flags, mode */
    WEFT__IO_FSYNC,   /* fd */
    WEFT__IO_CODES
};

/* A bit for each, for sets of them. */
#define WEFT__IO_BIT(code) (UINT32_C(1) << (code))

struct weft__fd;

/* Where an operation is. */
enum weft__io_stage {
    WEFT__IO_QUEUED = 0, /* others of its direction are before it */
    WEFT__IO_BEGUN = 1,  /* the driver's */
    WEFT__IO_DONE = 2    /* ended before it was the driver's */
};

/* On the caller's stack. */
struct weft__io_op {
    enum weft__io_code code;
    int fd;
    void *buffer;
    size_t size;
    int64_t offset;
    int flags;
    mode_t mode;
    const char *path;
    struct msghdr *msg;
    const struct weft__wait_kind *kind; /* what its sleep is called in reports */
    const void *site;
    bool is_bounded; /* it ends by itself, soon: of a file */

    ssize_t result;
    /* op.c's own */
    struct weft__task *task;
    uint64_t ticket, second; /* of the first sleep, and of the one after a cancel */
    ATOMIC(uint64_t) state;  /* see op.c */
    enum weft__io_stage stage; /* under the entry's lock, if there is one */
    bool is_closed;          /* its descriptor was closed under it */
    bool is_canceled;        /* the driver has been told; it is told once */
    bool is_in_close;        /* queued while its descriptor was being closed */
    bool is_again;           /* begun before, in vain, */
    uint32_t closes;         /* when its number had been closed so many times */
    struct weft__fd *entry;
    struct weft__list in_fd; /* under the entry's lock: its direction's queue */
    /* the driver's own */
    struct weft__list link;
    void *home;              /* the part that has it */
    uint32_t word;
    uint32_t round;
};

/* Does it say of itself that it does not wait? */
static inline bool weft__io_op_is_impatient(const struct weft__io_op *op)
{
    const uint32_t codes = WEFT__IO_BIT(WEFT__IO_RECV) | WEFT__IO_BIT(WEFT__IO_SEND) |
                           WEFT__IO_BIT(WEFT__IO_RECVMSG) | WEFT__IO_BIT(WEFT__IO_SENDMSG);
    return (WEFT__IO_BIT(op->code) & codes) && (op->flags & MSG_DONTWAIT);
}

/* Sleeps, if it must.  Does it, and returns what it came to: a count, a descriptor, or a code.  The
 * caller is not inside. */
ssize_t weft__io_do(struct weft__io_op *op);

/* ---- descriptors, as far as Weft knows them ---- */

/* One each, from the first operation on it until it is closed.  What is known of it is for the
 * driver: a new descriptor of the same number begins with all of it zero. */
struct weft__fd {
    struct weft__lock lock; /* WEFT_RANK_FD */
    bool is_ours;           /* made by Weft, so nobody but Weft closes it */
    uint32_t closing;       /* who has ended its operations, and is about to close it */
    uint32_t closes;        /* so many have, ever */
    struct weft__list in, out, polls; /* operations, in the order of their calls */
    /* the driver's */
    void *home;
    uint32_t events;        /* it is registered for */
    uint32_t ready;         /* and that have come and were not used up */
    uint32_t hint;
};

/* Never sleeps.  NULL: no memory, or no descriptor (< 0). */
struct weft__fd *weft__fd_entry(int fd);

/* Never sleeps.  A descriptor that Weft has just made: nothing is known of it. */
void weft__fd_made(int fd);

/* Never sleeps.  Ends all operations on it, and closes it. */
int weft__fd_close(int fd);

/* All entries are freed: no run, and nothing under way. */
void weft__fd_forget_all(void);

#endif
