/* driver.h - what is asked of whoever carries operations to the outside: io_uring, epoll, the
 * simulation.
 *
 * An operation (struct weft__io_op) lies on its caller's stack.  The driver is handed it once, by
 * begin, and completes it once, by weft__io_complete; in between it may read and write what the
 * operation points to, and afterwards nothing of it.  A cancel asks for the end to come soon; the
 * operation is completed all the same, by its own outcome: -ECANCELED if it did not happen, else
 * what it came to.
 *
 * op.c is the only caller.  It sees to it that on one descriptor the operations of one direction
 * come one after the other, that none is begun in a cancelled scope, and that the caller sleeps
 * until the completion.  driver_test.c is the body of tests that every driver passes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_DRIVER_H
#define WEFT_IO_DRIVER_H

#include <sys/socket.h>
#include <sys/stat.h>

#include "core/poll.h"
#include "io/op.h"

struct weft__io_driver {
    const char *name;
    uint32_t codes; /* what it carries, a bit for each weft__io_code; the rest goes to the pool */

    /* Never sleeps.  For a run, at its first operation.  0, or a code: not here. */
    int (*start)(struct weft__runtime *rt, void **ret_state);

    /* Never sleeps.  The operation has been armed (op->ticket) and its descriptor locked
     * (op->entry), if it has one.  The caller is inside.
     *
     * 0: under way.  1: done at once, op->result says how, and it is not completed.  -WEFT_ENOMEM
     * or the like: it could not begin. */
    int (*begin)(struct weft__thread *self, struct weft__io_op *op);

    /* Never sleeps.  Any thread inside.  The operation has begun and is not taken back by its
     * caller before this returns; it may have been completed.  At most once each. */
    void (*cancel)(struct weft__io_op *op);

    /* Never sleeps.  The descriptor is about to be closed; its entry is locked. */
    void (*forget)(struct weft__runtime *rt, int fd, struct weft__fd *entry);

    struct weft__poll poll;
};

extern const struct weft__io_driver weft__io_uring;
extern const struct weft__io_driver weft__io_epoll;
extern const struct weft__io_driver weft__io_sim;

/* The outside as calls that never sleep: the kernel's, or the simulation's.  Codes as the kernel
 * gives them.  All descriptors are close-on-exec and non-blocking. */
struct weft__outside {
    int (*socket)(int domain, int type, int protocol);
    int (*socketpair)(int domain, int type, int ret_fds[2]);
    int (*pipe)(int ret_fds[2]);
    int (*bind)(int fd, const struct sockaddr *addr, socklen_t size);
    int (*listen)(int fd, int backlog);
    int (*shutdown)(int fd, int how);
    int (*sockname)(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size);
    int (*peername)(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size);
    int (*set_option)(int fd, int level, int name, int value);
    int (*get_option)(int fd, int level, int name, int *ret_value);
    int (*close)(int fd);
    /* One attempt, -EAGAIN if it would wait. */
    ssize_t (*attempt)(struct weft__io_op *op);
};

extern const struct weft__outside weft__outside_kernel; /* attempt.c */
extern const struct weft__outside weft__outside_sim;

/* The one of the calling thread's run, or the kernel's. */
const struct weft__outside *weft__outside(void);

/* ---- driver.c: the driver of a run ---- */

struct weft__io {
    const struct weft__io_driver *driver;
    void *state; /* the driver's */
    struct weft__runtime *runtime;
    struct weft__poll poll; /* the driver's, with an end of ours */
};

/* Never sleeps.  The run's driver, started at the first call.  NULL: it could not be, and *ret_code
 * says why. */
struct weft__io *weft__io_of(struct weft__runtime *rt, int *ret_code);

/* Never sleeps.  Is the run's outside the simulation?  Starts no other driver. */
bool weft__io_is_played(struct weft__runtime *rt);

/* The completed operation: wakes its caller.  Any thread inside; at most the driver's own locks and
 * the entry's are held.  The operation must not be touched after that. */
void weft__io_complete(struct weft__io_op *op, ssize_t result);

/* Never sleeps.  Asks the driver for the end of one that has begun, unless it has been asked
 * before.  The entry is locked, if it has one. */
void weft__io_ask(struct weft__io *io, struct weft__io_op *op);

#endif
