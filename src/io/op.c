/* op.c - one operation on the outside world, from the call to its result.
 *
 * The caller's frame holds the operation.  It arms the caller's sleep, queues the operation at its
 * descriptor, and, if nothing is before it, gives it to the driver; then it parks.  Completed, the
 * caller's own frame takes the operation off the queue and begins the next one.
 *
 * A cancel never leaves an operation to itself: what the kernel still writes to must not be a frame
 * that is gone.  So there are two sleeps.  The canceller ends the first; the caller then asks the
 * driver for the end, and sleeps until it has come, firmly.  How the completion meets that:
 *
 *     complete:  result written                    caller:  first sleep ended by a cancel
 *                claim the first sleep: won, done           driver->cancel
 *                lost: state := DONE,                       parked firmly, and then
 *                      was there a second ticket?           state: OPEN -> second ticket,
 *                      then claim that                      but if it is DONE, wake oneself
 *
 * state is changed by both with one exchange each, so exactly one of the two wakes the caller.  The
 * completion touches the operation for the last time in the claim that it wins, or in the exchange.
 *
 * SPDX-License-Identifier: MIT
 */
#include <poll.h>

#include "base/panic.h"
#include "core/runtime.h"
#include "core/worker.h"
#include "io/driver.h"
#include "io/plain.h"
#include "weft/err.h"

/* Of weft__io_op.state; anything else is the ticket of the second sleep. */
#define OP_OPEN UINT64_C(0)
#define OP_DONE UINT64_C(1)

#define OP_ERESTARTSYS 512 /* leaks out of rings, on Linux 6.18 at least */

#define OP_CODES_IN                                                                               \
    (WEFT__IO_BIT(WEFT__IO_RECV) | WEFT__IO_BIT(WEFT__IO_RECVMSG) | WEFT__IO_BIT(WEFT__IO_READ) | \
     WEFT__IO_BIT(WEFT__IO_ACCEPT))
#define OP_CODES_OUT                                                                               \
    (WEFT__IO_BIT(WEFT__IO_SEND) | WEFT__IO_BIT(WEFT__IO_SENDMSG) | WEFT__IO_BIT(WEFT__IO_WRITE) | \
     WEFT__IO_BIT(WEFT__IO_CONNECT))

static bool op_is_one_of(const struct weft__io_op *op, uint32_t codes)
{
    return (WEFT__IO_BIT(op->code) & codes) != 0;
}

/* Where it waits its turn; NULL: nowhere, it has a place in the file of its own. */
static struct weft__list *op_queue(const struct weft__io_op *op, struct weft__fd *entry)
{
    if (op->code == WEFT__IO_POLL) {
        return &entry->polls;
    }
    return op_is_one_of(op, OP_CODES_IN) ? &entry->in : &entry->out;
}

static bool op_has_entry(const struct weft__io_op *op)
{
    bool is_at = op_is_one_of(op, WEFT__IO_BIT(WEFT__IO_READ) | WEFT__IO_BIT(WEFT__IO_WRITE)) &&
                 op->offset >= 0;
    return !is_at && op->code != WEFT__IO_OPEN && op->code != WEFT__IO_FSYNC;
}

/* ---- completion ---- */

void weft__io_complete(struct weft__io_op *op, ssize_t result)
{
    struct weft__task *task = op->task;
    op->result = result;
    enum weft__claim claim = weft__claim(task, op->ticket, 0);
    if (claim == WEFT__CLAIM_LOST) {
        uint64_t second = a_xchg(&op->state, OP_DONE, acq_rel); /* pairs with op_publish */
        WEFT_CHECK(second != OP_DONE);
        if (second != OP_OPEN) {
            claim = weft__claim(task, second, 0);
        }
    }
    if (claim == WEFT__CLAIM_MUST_READY) {
        weft__ready(task);
    }
}

/* The caller of the operation is parked for the second time, and only a completion will wake it. */
static void op_publish(void *arg)
{
    struct weft__io_op *op = arg;
    struct weft__task *task = op->task;
    uint64_t second = op->second, open = OP_OPEN;
    if (a_cas(&op->state, &open, second, acq_rel, acquire)) { /* pairs with weft__io_complete */
        return; /* and the operation may be gone */
    }
    WEFT_CHECK(open == OP_DONE);
    if (weft__claim(task, second, 0) == WEFT__CLAIM_MUST_READY) {
        weft__ready(task);
    }
}

/* ---- begin and end ---- */

static int op_begin_queued(struct weft__thread *self, struct weft__io *io, struct weft__io_op *op)
{
    struct weft__fd *entry = weft__fd_entry(op->fd);
    if (!entry) {
        return op->fd < 0 ? -EBADF : -WEFT_ENOMEM;
    }
    struct weft__list *queue = op_queue(op, entry);
    int rc = 0;
    op->entry = entry;
    lock_take_object(&entry->lock);
    if (op->is_again && op->closes != entry->closes) { /* closed between its end and now */
        lock_drop(&entry->lock);
        return -EBADF;
    }
    op->closes = entry->closes;
    op->is_in_close = entry->closing > 0;
    bool is_first = list_empty(queue) || op->code == WEFT__IO_POLL;
    list_push_back(queue, &op->in_fd);
    op->stage = is_first ? WEFT__IO_BEGUN : WEFT__IO_QUEUED;
    if (is_first) {
        rc = io->driver->begin(self, op);
        if (rc != 0) {
            list_remove(&op->in_fd);
        }
    }
    lock_drop(&entry->lock);
    return rc;
}

/* 0: it is under way, or waits its turn.  1: it is done.  Or a code. */
static int op_begin(struct weft__thread *self, struct weft__io *io, struct weft__io_op *op)
{
    op->is_closed = op->is_canceled = false;
    op->entry = NULL;
    list_init(&op->in_fd);
    a_store(&op->state, OP_OPEN, relaxed);
    if (op_has_entry(op)) {
        return op_begin_queued(self, io, op);
    }
    op->stage = WEFT__IO_BEGUN;
    return io->driver->begin(self, op);
}

/* Off the queue, and the next one's turn. */
static void op_end(struct weft__thread *self, struct weft__io *io, struct weft__io_op *op)
{
    struct weft__fd *entry = op->entry;
    if (!entry) {
        return;
    }
    lock_take_object(&entry->lock);
    bool was_there = list_is_linked(&op->in_fd); /* else it was closed */
    struct weft__list *queue = op_queue(op, entry);
    list_remove(&op->in_fd);
    if (was_there && op->code != WEFT__IO_POLL && !list_empty(queue)) {
        struct weft__io_op *next = container_of(queue->next, struct weft__io_op, in_fd);
        if (next->stage == WEFT__IO_QUEUED) {
            next->stage = WEFT__IO_BEGUN;
            int rc = io->driver->begin(self, next);
            if (rc != 0) { /* its caller will take it off, and begin the one after it */
                next->stage = WEFT__IO_DONE;
                weft__io_complete(next, rc == 1 ? next->result : rc);
            }
        }
    }
    lock_drop(&entry->lock);
}

/* ---- cancel ---- */

void weft__io_ask(struct weft__io *io, struct weft__io_op *op)
{
    if (op->stage == WEFT__IO_BEGUN && !op->is_canceled) {
        op->is_canceled = true;
        io->driver->cancel(op);
    }
}

/* Asks for the end.  True: there is nothing to wait for. */
static bool op_ask(struct weft__io *io, struct weft__io_op *op)
{
    bool is_over = false;
    if (op->entry) {
        lock_take_object(&op->entry->lock);
    }
    if (a_load(&op->state, acquire) == OP_DONE) {
        is_over = true;
    } else if (op->stage == WEFT__IO_QUEUED) {
        op->stage = WEFT__IO_DONE;
        op->result = -WEFT_ECANCELED;
        is_over = true;
    } else {
        weft__io_ask(io, op);
    }
    if (op->entry) {
        lock_drop(&op->entry->lock);
    }
    return is_over;
}

static void op_cancel(struct weft__thread **self, struct weft__io *io, struct weft__io_op *op)
{
    struct weft__task *task = (*self)->task;
    if (op_ask(io, op) || a_load(&op->state, acquire) == OP_DONE) {
        return;
    }
    op->second = weft__park_ticket(task);
    int rc = weft__park(self, &(struct weft__parking){.kind = op->kind,
                                                      .object = op->entry,
                                                      .site = op->site,
                                                      .release = op_publish,
                                                      .release_arg = op,
                                                      .ticket = op->second,
                                                      .is_uncancellable = true});
    WEFT_CHECK(rc == 0);
}

/* ---- the whole ---- */

static bool op_was_ended(ssize_t result)
{
    return result == -ECANCELED || result == -EINTR || result == -OP_ERESTARTSYS;
}

/* Once through the driver.  *ret_asked: a cancel of the caller's scope has asked for its end. */
static ssize_t op_once(struct weft__thread **self, struct weft__io *io, struct weft__io_op *op,
                       bool *ret_asked)
{
    struct weft__task *task = (*self)->task;
    struct weft__worker *w = weft__seat(*self);
    op->task = task;
    op->ticket = weft__park_arm(task);
    if (w) {
        weft__stat_add(&w->io_begun, 1);
    }
    int rc = op_begin(*self, io, op);
    if (rc != 0) {
        weft__park_disarm(task);
        return rc == 1 ? op->result : rc;
    }
    if (w) {
        weft__stat_add(&w->io_slept, 1);
    }
    if (op->is_bounded) {
        weft__runtime_external_begin(io->runtime);
    }
    rc = weft__park(self, &(struct weft__parking){.kind = op->kind,
                                                  .object = op->entry,
                                                  .site = op->site,
                                                  .keeps_cancel = true});
    if (rc == -WEFT_ECANCELED) {
        *ret_asked = true;
        op_cancel(self, io, op);
    }
    if (op->is_bounded) {
        weft__runtime_external_end(io->runtime);
    }
    op_end(*self, io, op);
    return op->result;
}

static ssize_t op_run(struct weft__thread **self, struct weft__io *io, struct weft__io_op *op);

/* A connect is the one operation that goes on when its wait has ended in vain: the next one is told
 * that it is on its way, or that it is there. */
static bool op_went_on(const struct weft__io_op *op)
{
    return op->code == WEFT__IO_CONNECT && op->is_again;
}

/* Until it is over: the one after that is told how it ended.  -EBADF: its number was closed. */
static ssize_t op_await_connect(struct weft__thread **self, struct weft__io *io,
                                const struct weft__io_op *op)
{
    struct weft__io_op wait = {.code = WEFT__IO_POLL,
                               .fd = op->fd,
                               .flags = POLLOUT,
                               .kind = op->kind,
                               .site = op->site,
                               .is_again = true,
                               .closes = op->closes};
    return op_run(self, io, &wait);
}

static ssize_t op_run(struct weft__thread **self, struct weft__io *io, struct weft__io_op *op)
{
    for (;; op->is_again = true) {
        bool asked = false;
        ssize_t result = op_once(self, io, op, &asked);
        if (op_went_on(op) && result == -EISCONN) {
            return 0;
        }
        if (op_went_on(op) && result == -EALREADY) {
            result = op_await_connect(self, io, op);
            if (result < 0) {
                return result;
            }
            continue;
        }
        if (!op_was_ended(result)) {
            return result;
        }
        if (op->is_closed) {
            return -EBADF;
        }
        if (asked || weft__op_cancelled(*self)) {
            weft__owner_ops.delivered((*self)->task);
            return -WEFT_ECANCELED;
        }
        /* Nobody asked: a signal, the thread that had begun it is gone, or it began while its
         * descriptor was being closed.  It did not happen. */
    }
}

ssize_t weft__io_do(struct weft__io_op *op)
{
    /* steered, all of it is done to one object, the simulated machine */
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, &weft__io_sim, op->site);
    struct weft__runtime *rt = self->task->runtime;
    int code = 0;
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    struct weft__io *io = rt ? weft__io_of(rt, &code) : NULL;
    if (!io) {
        weft__leave(self);
        return rt ? code : weft__io_plain(op);
    }
    ssize_t result;
    if (weft__io_op_is_impatient(op)) {
        result = weft__outside()->attempt(op);
    } else {
        op->is_again = false;
        result = op_run(&self, io, op);
    }
    weft__leave(self);
    return result;
}
