/* park.c - the one door to sleep; see park.h for the protocol and park_model.c for the proof.
 *
 * Orders.  A canceller stores the cancel word and then looks at the wait word; a sleeper makes
 * its wait word claimable and then looks at the cancel word.  One of the two must see the other
 * (store buffering).  Sleeps are many and cancels few, so the fence of both is the canceller's:
 * weft__cancel_barrier asks the kernel for one on every thread (membarrier; where there is none,
 * the settler pays).  Everything else is a hand-over through the wait
 * word: what the claimer wrote before (a value, an index) is seen by the sleeper, because claim
 * is a release, and the sleeper is made ready through a queue that is one too.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/park.h"

#include "base/log.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/time.h"
#include "core/clock.h"
#include "core/runtime.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

#define WAIT_STATE_MASK   UINT64_C(3)
#define WAIT_OUTCOME_BITS 2
#define WAIT_OUTCOME_MASK UINT64_C(0x3fff)
#define WAIT_FIRM         (UINT64_C(1) << WAIT_OUTCOME_BITS)

static enum weft__wait_state wait_state(uint64_t word)
{
    return (enum weft__wait_state)(word & WAIT_STATE_MASK);
}

static uint32_t wait_outcome(uint64_t word)
{
    return (uint32_t)(word >> WAIT_OUTCOME_BITS & WAIT_OUTCOME_MASK);
}

static uint64_t wait_ticket(uint64_t word)
{
    return word & ~(WEFT__TICKET_UNIT - 1);
}

static uint64_t wait_claimed(uint64_t ticket, uint32_t outcome)
{
    return ticket | (uint64_t)outcome << WAIT_OUTCOME_BITS | WEFT__CLAIMED;
}

uint64_t weft__park_arm(struct weft__task *task)
{
    uint64_t word = a_load(&task->wait, relaxed);
    WEFT_CHECK(wait_state(word) == WEFT__RUNNING);
    uint64_t ticket = wait_ticket(word) + WEFT__TICKET_UNIT;
    /* The node that carries the ticket goes to its waker through the queue's lock, but that is
     * dropped by the settler, on another stack; to ThreadSanitizer a switch orders nothing.
     * Pairs with the exchange in weft__park_settle. */
    a_store(&task->wait, ticket | WEFT__ARMED, release);
    return ticket;
}

/* Alone, nobody can have changed it since it was read. */
static bool wait_swap(struct weft__task *task, uint64_t *word, uint64_t desired)
{
    if (weft__is_solo()) {
        a_store(&task->wait, desired, relaxed);
        return true;
    }
    return a_cas_weak(&task->wait, word, desired, acq_rel, relaxed);
}

enum weft__claim weft__claim(struct weft__task *task, uint64_t ticket, uint32_t outcome)
{
    uint64_t word = a_load(&task->wait, acquire);
    for (;;) {
        enum weft__wait_state state = wait_state(word);
        if (wait_ticket(word) != ticket || (state != WEFT__ARMED && state != WEFT__PARKED)) {
            return WEFT__CLAIM_LOST;
        }
        if (outcome == WEFT__OUTCOME_CANCELED && (word & WAIT_FIRM)) {
            return WEFT__CLAIM_LOST;
        }
        if (wait_swap(task, &word, wait_claimed(ticket, outcome))) {
            return state == WEFT__PARKED ? WEFT__CLAIM_MUST_READY : WEFT__CLAIM_WON;
        }
    }
}

void weft__cancel_barrier(void)
{
    if (!weft__is_solo() && (a_load(&weft__enter_fences, relaxed) || weft__sys_membarrier() != 0)) {
        a_fence(seq_cst); /* pairs with the one in park_is_cancelled */
    }
}

enum weft__claim weft__claim_cancel(struct weft__task *task)
{
    uint64_t word = a_load(&task->wait, relaxed);
    enum weft__wait_state state = wait_state(word);
    if (state != WEFT__ARMED && state != WEFT__PARKED) {
        return WEFT__CLAIM_LOST; /* its settler will see the cancel word */
    }
    return weft__claim(task, wait_ticket(word), WEFT__OUTCOME_CANCELED);
}

/* After the wait word has become claimable. */
static bool park_is_cancelled(const ATOMIC(uint32_t) *word)
{
    a_compiler_fence(); /* made a fence by weft__cancel_barrier */
    if (WEFT_UNLIKELY(a_load(&weft__enter_fences, relaxed))) {
        a_fence(seq_cst);
    }
    return word && a_load(word, relaxed);
}

/* False: it has been claimed meanwhile. */
static inline __attribute__((always_inline)) bool
park_settle_word(struct weft__task *task, const struct weft__parking *parking)
{
    uint64_t flags = parking->is_uncancellable ? WAIT_FIRM : 0;
    if (WEFT_LIKELY(parking->ticket != 0)) {
        /* nobody could claim it: neither does a waker have the lock, nor is it armed */
        a_store(&task->wait, parking->ticket | flags | WEFT__PARKED, release);
        return true;
    }
    uint64_t armed = wait_ticket(a_load(&task->wait, relaxed)) | flags | WEFT__ARMED;
    uint64_t parked = wait_ticket(armed) | flags | WEFT__PARKED;
    if (a_cas(&task->wait, &armed, parked, acq_rel, acquire)) {
        return true;
    }
    WEFT_CHECK(wait_state(armed) == WEFT__CLAIMED);
    return false;
}

/* Makes the sleeper wakeable, now that it is off its stack (or, a thread, about to wait).
 *
 * Once the word is PARKED a cancel or timer may wake it; then it must first take the lock that we
 * still hold, so *parking stays readable until the lock is dropped.  Where there is no lock, what
 * is needed was read before. */
void weft__park_settle(struct weft__task *task)
{
    const struct weft__parking *parking = task->parking;
    struct weft__lock *lock = parking->lock;
    void (*release)(void *) = parking->release;
    void *release_arg = parking->release_arg;
    const ATOMIC(uint32_t) *cancel = parking->is_uncancellable ? NULL : task->cancel;
    bool must_ready = false;

    if (!park_settle_word(task, parking)) {
        must_ready = true;
    } else if ((lock || release) && park_is_cancelled(cancel)) {
        uint64_t ticket = wait_ticket(a_load(&task->wait, relaxed));
        must_ready = weft__claim(task, ticket, WEFT__OUTCOME_CANCELED) == WEFT__CLAIM_MUST_READY;
    }
    if (lock) {
        lock_drop(lock);
    }
    if (release) {
        release(release_arg);
    }
    if (must_ready) {
        weft__ready(task);
    }
}

/* In the kernel, or where the thread is a strand.  True: the deadline has come. */
static bool park_wait(struct weft__task *task, int64_t deadline)
{
    if (WEFT_UNLIKELY(weft__control != NULL) && weft__control->thread_wait) {
        return weft__control_wait(&task->woken, deadline);
    }
    return weft__sys_futex_wait(&task->woken, 0, deadline) == -ETIMEDOUT;
}

/* A plain thread, or a task on a thread of its own: settles itself and waits in the kernel. */
static void park_thread(struct weft__task *task, const struct weft__parking *parking)
{
    struct weft__runtime *rt = task->runtime; /* NULL: not a task of a run */
    uint64_t armed = wait_ticket(a_load(&task->wait, relaxed));
    uint64_t ticket = parking->ticket ? parking->ticket : armed;
    int64_t deadline = parking->deadline;
    a_store(&task->woken, 0, relaxed);
    weft__park_settle(task);
    /* weft__ready counts the thread as running again, on its behalf, and perhaps before this. */
    if (rt) {
        weft__runtime_external_end(rt);
    } else if (deadline <= 0) {
        /* else it will get up by itself */
        a_add(&weft__foreign_parked, WEFT__FOREIGN_CHANGE + 1, seq_cst);
    }
    while (a_load(&task->woken, acquire) == 0) { /* pairs with the release in weft__ready */
        if (park_wait(task, deadline > 0 ? deadline : -1) && deadline > 0) {
            deadline = -1;
            if (weft__claim(task, ticket, WEFT__OUTCOME_TIMED_OUT) == WEFT__CLAIM_MUST_READY) {
                weft__ready(task);
            }
        }
    }
}

static WEFT_NOINLINE void park_driven(struct weft__thread *self,
                                      const struct weft__parking *parking)
{
    if (a_load(&weft__forked, relaxed)) {
        weft__panic("%s: this process was forked from inside a task: it has no runtime to sleep in",
                    parking->kind->what);
    }
    if (self->task->driven == WEFT__BY_CONTROL) {
        weft__control_park(self, parking);
    } else {
        park_thread(self->task, parking);
    }
}

/* Armed, so it may have been claimed since. */
static void park_look_armed(struct weft__task *task, const struct weft__parking *parking)
{
    if (parking->is_uncancellable) {
        /* A cancel may have claimed the sleep since it was armed.  It found ARMED and so has
         * nothing more to do; the claim is simply forgotten.  Wakers need the lock, which we
         * still hold. */
        uint64_t ticket = wait_ticket(a_load(&task->wait, relaxed));
        a_store(&task->wait, ticket | WAIT_FIRM | WEFT__ARMED, release); /* as in arm */
    } else if (!parking->lock && !parking->release && park_is_cancelled(task->cancel)) {
        /* With no lock to hold the sleeper back, the settler could not look at its cancel word
         * after parking it; so the sleeper looks itself, after arming. */
        weft__claim_cancel(task);
    }
}

static int park_outcome(struct weft__task *task, const struct weft__parking *parking,
                        uint64_t word)
{
    switch (wait_outcome(word)) {
    case WEFT__OUTCOME_CANCELED:
        if (!parking->keeps_cancel) {
            weft__owner_ops.delivered(task);
        }
        return -WEFT_ECANCELED;
    case WEFT__OUTCOME_TIMED_OUT:
        return -WEFT_ETIMEDOUT;
    default:
        return (int)wait_outcome(word);
    }
}

/* Alone, nobody can wake it before the switch, so it is settled on this side of it.  False: a
 * cancel is there, which the ordinary way deals with. */
static bool park_settle_early(struct weft__task *task, const struct weft__parking *parking)
{
    const ATOMIC(uint32_t) *cancel = parking->is_uncancellable ? NULL : task->cancel;
    if (!weft__is_solo() || !parking->ticket || !parking->lock ||
        (cancel && a_load(cancel, relaxed))) {
        return false;
    }
    (void)park_settle_word(task, parking);
    lock_drop(parking->lock);
    return true;
}

int weft__park(struct weft__thread **self, const struct weft__parking *parking)
{
    struct weft__task *task = (*self)->task;
    if (WEFT_UNLIKELY(!task->enrolled) && task->home) {
        weft__owner_ops.enroll(task);
    }
    if (WEFT_UNLIKELY(task->run.is_dense)) {
        weft__stack_check(task);
    }
    task->parking = parking;
    if (task->runtime) {
        task->parked_since = a_load(&task->runtime->coarse_now, relaxed);
    }
    if (!parking->ticket) {
        park_look_armed(task, parking);
    }
    if (parking->lock) {
        weft__san_release(parking->lock); /* dropped by another context, which TSan keeps apart */
    }
    if (WEFT_UNLIKELY(task->driven != WEFT__BY_WORKER)) {
        park_driven(*self, parking);
    } else {
        bool is_settled = park_settle_early(task, parking);
        *self = weft__switch_away(*self, is_settled ? WEFT__LEFT_NOTHING : WEFT__LEFT_PARKED);
    }
    task->parking = NULL;
    uint64_t word = a_load(&task->wait, acquire);
    WEFT_CHECK(wait_state(word) == WEFT__CLAIMED);
    a_store(&task->wait, wait_ticket(word) | WEFT__RUNNING, relaxed);
    if (WEFT_LIKELY(wait_outcome(word) == 0)) {
        return 0;
    }
    return park_outcome(task, parking, word);
}

/* Others get their turn after so many calls that succeeded at once (tokio's number). */
WEFT_NOINLINE struct weft__thread *weft__op_spent(struct weft__thread *self, enum weft__deed deed,
                                                  const void *object, const void *second,
                                                  const void *site)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        self->task->budget = 0; /* so that the next call comes by, too */
        weft__control_op(self, deed, object, second, site);
        return weft__self();
    }
    self->task->budget = WEFT_BUDGET;
    if (self->task->driven != WEFT__BY_WORKER) {
        return self;
    }
    return weft__switch_away(self, WEFT__LEFT_YIELDED);
}

int weft__op_refuse(struct weft__thread *self)
{
    weft__owner_ops.delivered(self->task);
    weft__leave(self);
    return -WEFT_ECANCELED;
}
