/* uring.c - operations carried by the kernel's ring, io_uring.
 *
 * Called by op.c, and through core/poll.h by the workers.  Each seat has a PART with a ring of its
 * own, made at the first operation begun there.  What is begun on a seat is written into its ring
 * and submitted when the sitter next looks around, all of a turn together; what has completed is
 * taken from it then.  A sitter with nothing to do sleeps in the kernel, in the one call that also
 * submits.  Who has no seat uses the part of seat 0, as a guest, and submits and delivers itself.
 *
 * The part's memory, and our half of the ring, belong to who holds part->lock: home is the sitter.
 * Nobody enters the kernel, and nothing is completed, under it, but for making room in a full ring.
 * So that it is known whether the kernel may be reading what was not yet submitted, entering counts
 * those who are about to enter, and is raised under the lock.
 *
 * A request is an operation's address, where it is (enum uring_stage), and a number that changes
 * each time (op->round), so that a completion which does not belong is noticed.  op->round is 0
 * when no request is under way; a cancel looks at that under the lock, and so does who delivers:
 *
 *     not written yet, the ring being full       it is completed here and now
 *     written, nobody enters the kernel          likewise; the entry becomes a no-op
 *     written, and somebody may be submitting    submitted for certain, then as the next
 *     submitted                                  the kernel is asked to give it up
 *     completed for now, to be submitted again   who delivers sees URING_CANCELED, and does not
 *
 * A thread that submitted something learns of it at the next moment it is in the kernel, be it by
 * the tick of the clock: so what completes for one that computes is there 4 ms later at the most,
 * and may be delivered by any thread.  What was submitted by a thread that has ended is completed
 * with -ECANCELED when its time comes; it did not happen, and op.c begins it again.
 *
 * Rejected: rings with DEFER_TASKRUN (completions wait for their thread); a kernel thread that
 * submits (SQPOLL: a CPU for each ring).  More in docs/decisions/0024.
 *
 * SPDX-License-Identifier: MIT
 */
#include <poll.h>

#include "base/alloc.h"
#include "base/homelock.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "base/sysring.h"
#include "base/time.h"
#include "core/idle.h"
#include "core/self.h"
#include "io/driver.h"
#include "io/uring_request.h"
#include "weft/err.h"
#include "weft/time.h"

#define URING_ENTRIES     256  /* that may be written before they must be submitted */
#define URING_COMPLETIONS 4096 /* room; beyond it the kernel keeps them in lists of its own */
#define URING_BATCH       32   /* delivered under one hold of the lock */
#define URING_BATCHES_MAX 16   /* in one go */
#define URING_AHEAD       4    /* so many completions ahead memory is fetched */
#define URING_HELP_SPINS  64   /* for so long a sitter must not have switched, to be helped */

enum uring_stage {
    URING_WHOLE = 0, /* the operation */
    URING_READY,     /* the wait until it is worth trying */
    URING_FIRM,      /* an open that may wait */
    URING_ROUSE,     /* not an operation: somebody rouses the sitter */
    URING_NOTHING    /* not one any more */
};

/* op->round, and a request's user_data. */
#define URING_STAGE_MASK   UINT64_C(7)
#define URING_STAGE_SHIFT  16
#define URING_NUMBER_SHIFT 48
#define URING_NUMBER_MAX   UINT32_C(0xffff)
#define URING_ADDRESS_MASK UINT64_C(0x0000fffffffffff8)
#define URING_CANCELED     (UINT32_C(1) << 24)

struct uring_part {
    struct weft__homelock lock; /* WEFT_RANK_RING */
    struct weft__worker *seat;
    struct weft__sys_ring ring;
    uint32_t tail;             /* of what is written to be submitted */
    uint32_t number;           /* of the last request */
    struct weft__list backlog; /* operations that found the ring full */
    uint64_t rouse_data;       /* the request that waits for eventfd, */
    int32_t rouser;            /* and the thread that made it; 0: there is none */
    int eventfd;
    bool was_roused;           /* that request has completed, and who took that was a guest */
    ATOMIC(bool) is_resting;   /* the sitter is in wait; set under the lock */
    ATOMIC(uint32_t) entering; /* threads in the kernel, or about to be, that submit */
    struct weft__stat begun;   /* under the lock */
    ATOMIC(uint64_t) ended;
};

/* One that is completed once the lock is dropped. */
struct uring_done {
    struct weft__io_op *op;
    ssize_t result;
};

/* What a send makes of the order of things goes through the kernel, where ThreadSanitizer does not
 * see it: for it each operation's end comes after the beginnings of all before it. */
static char uring_order;

static bool uring_is_home(const struct uring_part *part)
{
    return weft__seat(weft__self()) == part->seat;
}

static bool uring_lock(struct uring_part *part, bool is_home)
{
    if (WEFT_LIKELY(is_home)) {
        return homelock_enter(&part->lock);
    }
    weft__homelock_take(&part->lock);
    return true;
}

static void uring_unlock(struct uring_part *part, bool is_home, bool has_lock)
{
    if (WEFT_LIKELY(is_home)) {
        homelock_leave(&part->lock, has_lock);
    } else {
        homelock_drop(&part->lock);
    }
}

/* ---- requests; the caller has the lock ---- */

static uint32_t uring_unsubmitted(const struct uring_part *part)
{
    return a_load(part->ring.sq_tail, relaxed) - a_load(part->ring.sq_head, acquire);
}

static bool uring_has_completed(const struct uring_part *part)
{
    return a_load(part->ring.cq_tail, acquire) != a_load(part->ring.cq_head, relaxed);
}

/* A place to write a request; NULL: the ring is full, and the kernel takes nothing now. */
static struct io_uring_sqe *uring_slot(struct uring_part *part)
{
    struct weft__sys_ring *ring = &part->ring;
    if (uring_unsubmitted(part) == ring->sq_size) {
        int rc = weft__sys_ring_enter(ring, ring->sq_size);
        if (rc < 0 || uring_unsubmitted(part) == ring->sq_size) {
            return NULL;
        }
    }
    return &ring->sqes[part->tail & (ring->sq_size - 1)];
}

static void uring_publish(struct uring_part *part)
{
    a_store(part->ring.sq_tail, ++part->tail, release); /* pairs with the kernel's acquire */
}

static uint32_t uring_number(struct uring_part *part)
{
    part->number = part->number < URING_NUMBER_MAX ? part->number + 1 : 1;
    return part->number;
}

static uint64_t uring_data(const struct weft__io_op *op)
{
    uint64_t at = (uint64_t)(uintptr_t)op;
    uint64_t number = op->round & URING_NUMBER_MAX;
    WEFT_CHECK(!(at & URING_STAGE_MASK) && !(at >> URING_NUMBER_SHIFT));
    return at | number << URING_NUMBER_SHIFT | (op->round >> URING_STAGE_SHIFT & URING_STAGE_MASK);
}

static enum uring_stage uring_stage_of(const struct weft__io_op *op)
{
    return (enum uring_stage)(op->round >> URING_STAGE_SHIFT & URING_STAGE_MASK);
}

static void uring_write(struct uring_part *part, struct weft__io_op *op, struct io_uring_sqe *sqe,
                        bool is_unready)
{
    switch (uring_stage_of(op)) {
    case URING_READY:
        weft__uring_fill_poll(sqe, op);
        break;
    case URING_FIRM:
        weft__uring_fill_open(sqe, op);
        break;
    default:
        weft__uring_fill(sqe, op, is_unready);
    }
    sqe->user_data = uring_data(op);
    op->word = part->tail;
    uring_publish(part);
}

/* The operation's next request. */
static void uring_put(struct uring_part *part, struct weft__io_op *op, enum uring_stage stage,
                      bool is_unready)
{
    struct io_uring_sqe *sqe = uring_slot(part);
    op->round = uring_number(part) | (uint32_t)stage << URING_STAGE_SHIFT;
    op->word = part->tail;
    if (WEFT_UNLIKELY(!sqe)) {
        list_push_back(&part->backlog, &op->link);
        return;
    }
    uring_write(part, op, sqe, is_unready);
}

/* What found the ring full. */
static void uring_refill(struct uring_part *part)
{
    struct io_uring_sqe *sqe;
    while (!list_empty(&part->backlog) && (sqe = uring_slot(part)) != NULL) {
        struct weft__list *node = list_pop_front(&part->backlog);
        uring_write(part, container_of(node, struct weft__io_op, link), sqe, false);
    }
}

/* The request itself, if the kernel has not taken it yet.  The word alone does not tell: it comes
 * round. */
static struct io_uring_sqe *uring_find_unsubmitted(struct uring_part *part,
                                                   const struct weft__io_op *op)
{
    struct weft__sys_ring *ring = &part->ring;
    uint32_t behind = part->tail - op->word; /* 1: it is the last one */
    struct io_uring_sqe *sqe = &ring->sqes[op->word & (ring->sq_size - 1)];
    bool is_there = behind != 0 && behind <= uring_unsubmitted(part);
    return is_there && sqe->user_data == uring_data(op) ? sqe : NULL;
}

/* ---- entering the kernel ---- */

/* Submits everything, and lets the kernel tell what has completed. */
static int uring_submit(struct uring_part *part, bool is_home)
{
    bool has_lock = uring_lock(part, is_home);
    uring_refill(part);
    uint32_t n = uring_unsubmitted(part);
    a_add(&part->entering, 1, relaxed); /* seen by the next one who has the lock */
    uring_unlock(part, is_home, has_lock);
    int rc = weft__sys_ring_enter(&part->ring, n);
    a_sub(&part->entering, 1, release); /* pairs with the acquire in uring_take_back */
    return rc;
}

static bool uring_has_overflow(const struct uring_part *part)
{
    return (a_load(part->ring.sq_flags, relaxed) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/* By a guest: what nobody else may ever submit.  If the kernel does not take it, a sitter that
 * sleeps is to try again. */
static void uring_submit_as_guest(struct uring_part *part)
{
    (void)uring_submit(part, false);
    if (a_load(&part->is_resting, relaxed) && uring_unsubmitted(part) != 0) {
        weft__sys_eventfd_raise(part->eventfd);
    }
}

/* By the sitter: is there anything that it should enter the kernel for? */
static bool uring_is_due(const struct uring_part *part)
{
    uint32_t flags = a_load(part->ring.sq_flags, relaxed);
    return (flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) != 0 ||
           uring_unsubmitted(part) != 0 || !list_empty(&part->backlog);
}

/* ---- delivery ---- */

/* What a request's end leads to: another one, or (URING_NOTHING) its operation's end. */
static enum uring_stage uring_next(const struct weft__io_op *op, enum uring_stage stage, int result)
{
    if (stage == URING_READY && result >= 0) {
        return URING_WHOLE;
    }
    if (stage == URING_WHOLE && weft__uring_must_open(op, result)) {
        return URING_FIRM;
    }
    /* kernels do that where a descriptor has O_NONBLOCK, some for any file, some for a few */
    return result == -EAGAIN && weft__uring_must_poll(op) ? URING_READY : URING_NOTHING;
}

/* Judges a completion, with the lock.  False: it is not the end of an operation. */
static bool uring_judge(struct uring_part *part, const struct io_uring_cqe *cqe,
                        struct uring_done *ret)
{
    uint64_t data = cqe->user_data;
    enum uring_stage stage = (enum uring_stage)(data & URING_STAGE_MASK);
    if (stage >= URING_ROUSE) {
        if (data == part->rouse_data) {
            part->was_roused = true;
            part->rouser = cqe->flags & IORING_CQE_F_MORE ? part->rouser : 0; /* arm it again */
        }
        return false;
    }
    struct weft__io_op *op = (void *)(uintptr_t)(data & URING_ADDRESS_MASK);
    WEFT_CHECK(op->home == part && data == uring_data(op));
    enum uring_stage next = uring_next(op, stage, cqe->res);
    *ret = (struct uring_done){op, cqe->res};
    if (next != URING_NOTHING && !(op->round & URING_CANCELED)) {
        uring_put(part, op, next, false);
        return false;
    }
    if (next != URING_NOTHING) {
        ret->result = -ECANCELED;
    }
    if (!(op->round & URING_CANCELED)) { /* else it may be closed, and another file's by now */
        weft__uring_learn(op, ret->result, cqe->flags);
    }
    op->round = 0;
    return true;
}

/* With many connections a delivery costs what its memory does: the operation, of which several
 * lines are wanted, and its task. */
static void uring_prefetch_op(const struct io_uring_cqe *cqe)
{
    uintptr_t op = (uintptr_t)(cqe->user_data & URING_ADDRESS_MASK); /* 0, if it is none */
    __builtin_prefetch((const void *)(op + offsetof(struct weft__io_op, code)));
    __builtin_prefetch((const void *)(op + offsetof(struct weft__io_op, task)));
    __builtin_prefetch((const void *)(op + offsetof(struct weft__io_op, home)));
}

static void uring_prefetch_task(const struct uring_done *done)
{
    __builtin_prefetch(&done->op->task->wait);
}

/* Takes what has completed, at most a batch, with the lock.  Returns how many operations ended. */
static size_t uring_take(struct uring_part *part, struct uring_done *ret)
{
    struct weft__sys_ring *ring = &part->ring;
    uint32_t head = a_load(ring->cq_head, relaxed);
    uint32_t there = a_load(ring->cq_tail, acquire) - head; /* pairs with the kernel's release */
    uint32_t taken = weft__min(there, (uint32_t)URING_BATCH);
    size_t n = 0;
    weft__san_acquire(&uring_order); /* after the tail: for all that has completed had begun */
    for (uint32_t i = 0; i < taken; i++) {
        uring_prefetch_op(&ring->cqes[(head + i + URING_AHEAD) & (ring->cq_size - 1)]);
        n += uring_judge(part, &ring->cqes[(head + i) & (ring->cq_size - 1)], &ret[n]);
    }
    a_store(ring->cq_head, head + taken, release); /* pairs with the kernel's acquire */
    return n;
}

/* So that a rouse, by whichever thread, completes something here.  The request stays; but one made
 * by another thread that sat here would be looked after by that thread, which may be busy. */
static bool uring_arm_rouse(struct uring_part *part, int32_t tid)
{
    struct io_uring_sqe *sqe;
    if (part->rouser == tid) {
        return true;
    }
    if ((sqe = uring_slot(part)) == NULL) {
        return false;
    }
    if (part->rouser != 0) {
        (void)weft__sys_ring_cancel(&part->ring, part->rouse_data);
    }
    part->rouser = tid;
    part->rouse_data = (uint64_t)uring_number(part) << URING_NUMBER_SHIFT | URING_ROUSE;
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_POLL_ADD;
    sqe->fd = part->eventfd;
    sqe->len = IORING_POLL_ADD_MULTI;
    sqe->poll32_events = POLLIN;
    sqe->user_data = part->rouse_data;
    uring_publish(part);
    return true;
}

/* A rouse that a guest finds is not for it: who sleeps here must get it all the same, or find that
 * it was here before it sleeps.  Home sleeps only after it has looked at who called it.  Where the
 * request has ended, for want of room for its completion, the guest makes another.
 * True: it is to be raised again. */
static bool uring_pass_rouse(struct uring_part *part, bool is_home)
{
    bool must_rouse =
        part->was_roused && !is_home && a_load(&part->is_resting, relaxed) &&
        (part->rouser != 0 || uring_arm_rouse(part, a_load(&weft__self()->tid, relaxed)));
    if (is_home || must_rouse) {
        part->was_roused = false;
    }
    return must_rouse;
}

/* Delivers what has completed; returns how many tasks that wakes.  A guest submits what that has
 * led to: the sitter may be asleep, and what it would have been woken for is taken. */
static size_t uring_deliver(struct uring_part *part, bool is_home)
{
    struct uring_done done[URING_BATCH];
    bool must_submit = false;
    size_t sum = 0;
    for (unsigned i = 0; i < URING_BATCHES_MAX && uring_has_completed(part); i++) {
        bool has_lock = uring_lock(part, is_home);
        size_t n = uring_take(part, done);
        bool must_rouse = uring_pass_rouse(part, is_home);
        must_submit = !is_home && (uring_unsubmitted(part) != 0 || !list_empty(&part->backlog));
        uring_unlock(part, is_home, has_lock);
        if (WEFT_UNLIKELY(must_rouse)) {
            weft__sys_eventfd_raise(part->eventfd);
        }
        for (size_t k = 0; k < n; k++) {
            if (k + 1 < n) {
                uring_prefetch_task(&done[k + 1]);
            }
            weft__io_complete(done[k].op, done[k].result);
        }
        sum += n;
    }
    if (sum > 0) {
        a_add(&part->ended, sum, release); /* pairs with the acquire in uring_is_pending */
    }
    if (WEFT_UNLIKELY(must_submit)) {
        uring_submit_as_guest(part);
    }
    return sum;
}

/* By who is not the sitter: both at once. */
static size_t uring_go_round(struct uring_part *part)
{
    if (uring_unsubmitted(part) != 0 || uring_has_overflow(part)) {
        uring_submit_as_guest(part);
    }
    return uring_deliver(part, false);
}

/* ---- parts ---- */

static void uring_part_free(struct uring_part *part)
{
    weft__sys_ring_close(&part->ring); /* before the memory that its requests may speak of */
    weft__sys_close(part->eventfd);
    weft__free(part);
}

static int uring_part_new(struct weft__worker *w, struct uring_part **ret)
{
    struct uring_part *part = weft__alloc_aligned(WEFT_CACHE_LINE, sizeof *part);
    if (!part) {
        return -WEFT_ENOMEM;
    }
    memset(part, 0, sizeof *part);
    weft__homelock_init(&part->lock, WEFT_RANK_RING);
    part->seat = w;
    list_init(&part->backlog);
    part->eventfd = weft__sys_eventfd();
    if (part->eventfd < 0) {
        int rc = part->eventfd;
        weft__free(part);
        return rc;
    }
    int rc = weft__sys_ring_open(URING_ENTRIES, URING_COMPLETIONS, &part->ring);
    if (rc < 0) {
        weft__sys_close(part->eventfd);
        weft__free(part);
        return rc;
    }
    *ret = part;
    return 0;
}

/* The first operation at a seat, or of a guest. */
static WEFT_NOINLINE int uring_part_make(struct weft__worker *w, bool is_home,
                                         struct uring_part **ret)
{
    struct uring_part *part = NULL;
    void *other = NULL;
    int rc = uring_part_new(w, &part);
    if (rc < 0) {
        return rc;
    }
    if (!a_cas(&w->polled, &other, part, acq_rel, acquire)) { /* a guest, or home, was faster */
        uring_part_free(part);
        part = other;
    }
    if (!is_home) {
        weft__idle_wake_all(w->runtime); /* who sleeps at the seat would not hear of the ring */
    }
    *ret = part;
    return 0;
}

/* ---- operations ---- */

static int uring_begin(struct weft__thread *self, struct weft__io_op *op)
{
    bool is_tried;
    weft__san_release(&uring_order);
    ssize_t n = weft__uring_try(op, &is_tried);
    if (n != -EAGAIN) {
        weft__san_acquire(&uring_order);
        op->result = n;
        return 1;
    }
    if (WEFT_UNLIKELY(a_load(&weft__forked, relaxed))) {
        return -WEFT_ESHUTDOWN; /* the rings stay with the parent */
    }
    struct weft__worker *w = weft__seat(self);
    bool is_home = w != NULL;
    w = is_home ? w : &op->task->runtime->workers[0];
    struct uring_part *part = a_load(&w->polled, acquire); /* pairs with uring_part_make */
    if (WEFT_UNLIKELY(!part)) {
        int rc = uring_part_make(w, is_home, &part);
        if (rc < 0) {
            return rc;
        }
    }
    list_init(&op->link);
    op->home = part;
    bool has_lock = uring_lock(part, is_home);
    bool is_ready = !is_tried || !weft__uring_is_packet(op);
    uring_put(part, op, is_ready ? URING_WHOLE : URING_READY, is_tried);
    weft__stat_add(&part->begun, 1);
    uring_unlock(part, is_home, has_lock);
    if (!is_home) {
        (void)uring_go_round(part);
    }
    return 0;
}

enum uring_end {
    URING_GONE,     /* it has completed */
    URING_TAKEN,    /* it is ours again: nobody has begun it */
    URING_WRITTEN,  /* the kernel may be taking it just now */
    URING_SUBMITTED /* the kernel has it */
};

/* A request that is to be given up. */
struct uring_target {
    uint64_t data;
    uint32_t word; /* its place among all that were ever written */
};

static bool uring_is_unsubmitted(const struct uring_part *part, uint32_t word)
{
    return (int32_t)(word - a_load(part->ring.sq_head, acquire)) >= 0;
}

static void uring_make_nothing(struct io_uring_sqe *sqe)
{
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_NOP;
    sqe->user_data = URING_NOTHING;
}

/* Begins a cancel. */
static enum uring_end uring_take_back(struct uring_part *part, struct weft__io_op *op,
                                      struct uring_target *ret, bool is_home)
{
    enum uring_end end = URING_GONE;
    struct io_uring_sqe *sqe;
    bool has_lock = uring_lock(part, is_home);
    /* Asked before the ring is looked at: who was entering may have submitted it since that look.
     * Pairs with uring_submit. */
    bool nobody_submits = a_load(&part->entering, acquire) == 0;
    if (op->round != 0) {
        *ret = (struct uring_target){uring_data(op), op->word};
        end = URING_SUBMITTED;
        if (list_is_linked(&op->link)) {
            list_remove(&op->link);
            end = URING_TAKEN;
        } else if ((sqe = uring_find_unsubmitted(part, op)) != NULL) {
            end = URING_WRITTEN;
            if (nobody_submits) {
                uring_make_nothing(sqe);
                end = URING_TAKEN;
            }
        }
        op->round = end == URING_TAKEN ? 0 : op->round | URING_CANCELED;
    }
    uring_unlock(part, is_home, has_lock);
    return end;
}

static void uring_cancel(struct weft__io_op *op)
{
    struct uring_part *part = op->home;
    struct uring_target target;
    if (a_load(&weft__forked, relaxed)) {
        return;
    }
    bool is_home = uring_is_home(part);
    enum uring_end end = uring_take_back(part, op, &target, is_home);
    if (end == URING_GONE) {
        return;
    }
    if (end == URING_TAKEN) {
        weft__io_complete(op, -ECANCELED);
        a_add(&part->ended, 1, release);
        return;
    }
    while (end == URING_WRITTEN && uring_is_unsubmitted(part, target.word)) {
        if (uring_submit(part, is_home) < 0) {
            (void)uring_deliver(part, is_home); /* the kernel wants room, or memory */
            weft__sys_yield();
        }
    }
    (void)weft__sys_ring_cancel(&part->ring, target.data);
}

/* ---- the seats ---- */

static bool uring_turn(struct weft__worker *w, bool is_last)
{
    struct uring_part *part = a_load(&w->polled, acquire);
    if (!is_last && uring_is_due(part)) {
        weft__stat_add(&w->io_entered, 1);
        (void)uring_submit(part, true);
    }
    return uring_deliver(part, true) > 0;
}

static bool uring_has_for_others(const struct uring_part *part)
{
    return uring_has_completed(part) || uring_has_overflow(part) || uring_unsubmitted(part) != 0;
}

/* Also what only the thread that began it can complete, and will once it has a CPU. */
static bool uring_has_news(struct weft__worker *w)
{
    const struct uring_part *part = a_load(&w->polled, acquire);
    return uring_has_for_others(part) ||
           (a_load(part->ring.sq_flags, relaxed) & IORING_SQ_TASKRUN) != 0;
}

/* Whoever switches comes by at its own ring soon, and many requests at once. */
static bool uring_help(struct weft__worker *w)
{
    struct uring_part *part = a_load(&w->polled, acquire);
    uint64_t epoch = weft__stat_read(&w->epoch);
    if (!uring_has_for_others(part)) {
        return false;
    }
    for (unsigned i = 0; i < URING_HELP_SPINS; i++) {
        a_relax();
    }
    return weft__stat_read(&w->epoch) == epoch && uring_go_round(part) > 0;
}

static int64_t uring_timeout(int64_t until)
{
    return until == WEFT_NEVER ? -1 : weft__max(until - weft__time_now(), INT64_C(0));
}

/* Everything that wait does under the lock.  False: it must not sleep now. */
static bool uring_prepare_wait(struct uring_part *part, uint32_t *ret_n)
{
    bool has_lock = uring_lock(part, true);
    uring_refill(part);
    bool may_wait = uring_arm_rouse(part, a_load(&weft__self()->tid, relaxed)) &&
                    list_empty(&part->backlog) && !uring_has_completed(part) && !part->was_roused;
    part->was_roused = false;
    a_store(&part->is_resting, may_wait, relaxed);
    *ret_n = uring_unsubmitted(part);
    a_add(&part->entering, 1, relaxed); /* as in uring_submit */
    uring_unlock(part, true, has_lock);
    return may_wait;
}

static int uring_wait(struct weft__worker *w, int64_t until)
{
    struct uring_part *part = a_load(&w->polled, acquire);
    uint32_t n;
    bool may_wait = uring_prepare_wait(part, &n);
    weft__stat_add(&w->io_entered, 1);
    int rc = may_wait ? weft__sys_ring_wait(&part->ring, n, uring_timeout(until))
                      : weft__sys_ring_enter(&part->ring, n);
    a_sub(&part->entering, 1, release);
    a_store(&part->is_resting, false, relaxed); /* seen late, it rouses once more: no harm */
    return rc == -ETIME ? -ETIMEDOUT : 0;
}

/* Whoever rouses may hold any lock, so it takes none. */
static void uring_rouse(struct weft__worker *w)
{
    struct uring_part *part = a_load(&w->polled, acquire);
    if (!a_load(&weft__forked, relaxed)) {
        weft__sys_eventfd_raise(part->eventfd);
    }
}

static bool uring_is_pending(struct weft__runtime *rt)
{
    for (size_t i = 0; i < rt->worker_count; i++) {
        struct uring_part *part = a_load(&rt->workers[i].polled, acquire);
        if (part) {
            uint64_t ended = a_load(&part->ended, acquire); /* first: it must not be ahead */
            if (weft__stat_read(&part->begun) != ended) {
                return true;
            }
        }
    }
    return false;
}

/* ---- the run ---- */

static int uring_try_out(struct weft__sys_ring *ring)
{
    static const uint8_t ops[] = {IORING_OP_NOP,     IORING_OP_READ,    IORING_OP_WRITE,
                                  IORING_OP_FSYNC,   IORING_OP_SENDMSG, IORING_OP_RECVMSG,
                                  IORING_OP_ACCEPT,  IORING_OP_CONNECT, IORING_OP_OPENAT,
                                  IORING_OP_SEND,    IORING_OP_RECV,    IORING_OP_POLL_ADD};
    int rc = weft__sys_ring_can(ring, ops, sizeof ops);
    if (rc < 0) {
        return rc;
    }
    memset(&ring->sqes[0], 0, sizeof ring->sqes[0]);
    ring->sqes[0].opcode = IORING_OP_NOP;
    ring->sqes[0].user_data = URING_NOTHING;
    a_store(ring->sq_tail, 1, release);
    rc = weft__sys_ring_enter(ring, 1);
    if (rc < 0) {
        return rc;
    }
    if (rc != 1 || a_load(ring->cq_tail, acquire) != 1 || ring->cqes[0].res != 0) {
        return -WEFT_ENOTSUP;
    }
    /* what is not there cannot be cancelled; kernels before 6.0 do not know how to ask */
    rc = weft__sys_ring_cancel(ring, URING_NOTHING);
    return rc == -ENOENT ? 0 : rc < 0 ? rc : -WEFT_ENOTSUP;
}

/* It is not enough that a ring can be made: a filter may forbid what comes then. */
static int uring_start(struct weft__runtime *rt, void **ret_state)
{
    struct weft__sys_ring ring;
    /* A thread's first ring sets, by its size, how many calls the kernel lets block at once. */
    int rc = weft__sys_ring_open(URING_ENTRIES, URING_COMPLETIONS, &ring);
    if (rc < 0) {
        return rc;
    }
    rc = uring_try_out(&ring);
    weft__sys_ring_close(&ring);
    if (rc == 0) {
        *ret_state = rt;
    }
    return rc;
}

static void uring_stop(struct weft__runtime *rt)
{
    WEFT_CHECK(a_load(&weft__forked, relaxed) || !uring_is_pending(rt));
    for (size_t i = 0; i < rt->worker_count; i++) {
        struct uring_part *part = a_load(&rt->workers[i].polled, acquire);
        if (part) {
            a_store(&rt->workers[i].polled, NULL, relaxed);
            uring_part_free(part);
        }
    }
}

/* The kernel looks a descriptor up when it takes the request, and op.c ends all of those. */
static void uring_forget(struct weft__runtime *rt WEFT_UNUSED, int fd WEFT_UNUSED,
                         struct weft__fd *entry WEFT_UNUSED)
{
}

const struct weft__io_driver weft__io_uring = {
    .name = "uring",
    .codes = WEFT__IO_BIT(WEFT__IO_CODES) - 1,
    .start = uring_start,
    .begin = uring_begin,
    .cancel = uring_cancel,
    .forget = uring_forget,
    .poll = {.number = WEFT_IO_URING,
             .turn = uring_turn,
             .has_news = uring_has_news,
             .help = uring_help,
             .wait = uring_wait,
             .rouse = uring_rouse,
             .is_pending = uring_is_pending,
             .stop = uring_stop},
};
