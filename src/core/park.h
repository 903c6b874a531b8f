/* park.h - the one door to sleep.
 *
 * Every suspension of a task goes through weft__park: cancel, the sleeper's report for the wait
 * graph, the sanitizers' notes and the controlled scheduler's points live here, once.  Waiter
 * nodes lie on the sleeper's own stack; nothing on the way to sleep or to wake allocates.
 *
 * A sleep is a little auction with one winner.  The task's wait word holds a ticket (a sequence
 * number, new for each sleep) and a state:
 *
 *     RUNNING ──arm──▶ ARMED ──settle──▶ PARKED
 *        │               │                 │
 *        │               └────── claim ────┴──▶ CLAIMED(outcome) ──ready──▶ RUNNING
 *        └────────── settle (locked) ──────▶ PARKED
 *
 * Whoever wants to end the sleep (a waker, the canceller, a timer) claims the ticket by one
 * compare-and-swap; exactly one wins, the others see that they lost and leave no trace.  A winner
 * that found PARKED makes the task ready.  One that found ARMED does nothing more: the task is
 * still on its way off its stack, and whoever settles it sees the claim and makes it ready.
 *
 * Most sleeps can be ended only by one who holds a lock that the sleeper holds until it is settled,
 * or by a cancel.  They are not armed at all: until the settler's plain store nobody can claim
 * them, and the canceller, who finds the task RUNNING, leaves it to the settler to see the cancel.
 * Arming is for those with a timer, or with no lock.
 *
 * How a primitive uses it:
 *
 *     lock_take_object(&m->lock);
 *     ... must wait:
 *     weft__waiter_init_locked(&node, self);
 *     waitq_push(&m->waiters, &node);
 *     rc = weft__park(&self, &(struct weft__parking){.kind = ..., .lock = &m->lock, ...});
 *     if (rc < 0) { lock_take; waitq_remove if still queued; lock_drop }
 *
 * The lock is dropped for it, once it is off its stack and PARKED.  So a waker that holds the
 * lock always finds PARKED or CLAIMED, never ARMED, and may copy values to and from the sleeper's
 * stack between claim and ready.  And a sleeper woken by a cancel or a timer must take that lock
 * once before it returns; this is what keeps its frame alive while the settler still reads it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_PARK_H
#define WEFT_CORE_PARK_H

#include "core/control.h"
#include "core/self.h"

/* ---- the wait word: sequence:48 outcome:14 state:2; before it is claimed, the outcome's place
 * holds one flag: firm, not to be cancelled ---- */

enum weft__wait_state {
    WEFT__RUNNING = 0,
    WEFT__ARMED = 1,
    WEFT__PARKED = 2,
    WEFT__CLAIMED = 3
};

#define WEFT__TICKET_UNIT       (UINT64_C(1) << 16)
#define WEFT__OUTCOME_MAX       0x3ff0u
#define WEFT__OUTCOME_TIMED_OUT 0x3ffeu
#define WEFT__OUTCOME_CANCELED  0x3fffu

/* What kind of sleep it is, for reports. */
struct weft__wait_kind {
    const char *what; /* "mutex", "channel send" */
    /* The task that holds the object, NULL when unknown; may be NULL itself. */
    const struct weft__task *(*holder)(const void *object);
};

struct weft__parking {
    const struct weft__wait_kind *kind;
    const void *object;
    const void *site;              /* where the public call was made */
    struct weft__lock *lock;       /* dropped once the task is parked; or NULL */
    void (*release)(void *arg);    /* for more than one lock; or NULL */
    void *release_arg;
    uint64_t ticket;               /* of weft__park_ticket; 0: the task is armed */
    int64_t deadline;              /* a thread without a runtime: until when; else ignored */
    bool is_uncancellable;
    bool keeps_cancel; /* that a cancel ended it is told upstairs by the caller, if it says so */
};

/* A place in a queue.  On the sleeper's stack. */
struct weft__waiter {
    struct weft__waiter *next, *prev;
    struct weft__task *task;
    uint64_t ticket;
    uint32_t index; /* outcome when woken: the arm of a select, else 0 */
    bool queued;
    void *value;    /* where a value is to be put, or lies */
};

/* Arms the calling task: from now on its sleep can be claimed.  Returns the ticket. */
uint64_t weft__park_arm(struct weft__task *task);

/* The sleep does not take place; nobody but a cancel has its ticket any more. */
static inline void weft__park_disarm(struct weft__task *task)
{
    uint64_t word = a_load(&task->wait, relaxed);
    a_store(&task->wait, word & ~(WEFT__TICKET_UNIT - 1), relaxed); /* RUNNING */
}

/* The ticket of a sleep that is not armed, because only who holds parking.lock, or all that
 * parking.release drops, may end it, besides a cancel.  No timer. */
static inline uint64_t weft__park_ticket(const struct weft__task *task)
{
    uint64_t word = a_load(&((struct weft__task *)(uintptr_t)task)->wait, relaxed);
    return (word & ~(WEFT__TICKET_UNIT - 1)) + WEFT__TICKET_UNIT;
}

/* Sleeps.  *self is the calling thread on entry and on return (perhaps another one).  The outcome
 * (>= 0), -WEFT_ECANCELED or -WEFT_ETIMEDOUT. */
int weft__park(struct weft__thread **self, const struct weft__parking *parking);

/* Claims the waiter's sleep if it is parked and may be cancelled, as most are.  False: it may be
 * claimed or firm. */
static inline bool weft__claim_parked(struct weft__waiter *waiter)
{
    ATOMIC(uint64_t) *wait = &waiter->task->wait;
    uint64_t parked = waiter->ticket | WEFT__PARKED;
    uint64_t claimed = waiter->ticket | waiter->index << 2 | WEFT__CLAIMED;
    if (!weft__is_solo()) {
        return a_cas(wait, &parked, claimed, acq_rel, relaxed);
    }
    if (a_load(wait, relaxed) != parked) {
        return false;
    }
    a_store(wait, claimed, relaxed);
    return true;
}

/* Finishes what the thread switched away from; called first thing on arrival. */
void weft__park_settle(struct weft__task *task);

enum weft__claim {
    WEFT__CLAIM_LOST = 0,
    WEFT__CLAIM_WON,       /* and the settler will make it ready */
    WEFT__CLAIM_MUST_READY /* the caller must call weft__ready */
};

/* Never sleeps.  Any thread. */
enum weft__claim weft__claim(struct weft__task *task, uint64_t ticket, uint32_t outcome);

/* Never sleeps.  Between setting cancel words and claiming sleeps: a sleeper whose settler does not
 * see its word is seen PARKED by the caller's claim. */
void weft__cancel_barrier(void);

/* Never sleeps.  Claims a sleep that is cancellable and whichever ticket it has now; the caller
 * holds what keeps the task alive and its innermost scope the same, has set its cancel word, and
 * passed the barrier after that. */
enum weft__claim weft__claim_cancel(struct weft__task *task);

/* ---- entry of public calls ---- */

/* The budget is spent: others get a turn, or whoever steers the run is asked.  The caller is
 * inside, and stays so. */
struct weft__thread *weft__op_spent(struct weft__thread *self, enum weft__deed deed,
                                    const void *object, const void *second, const void *site);

/* Enters the runtime for a call that is cancellable: counts the budget.  What is said of the call
 * is of use only when that is spent, and costs nothing else. */
static inline struct weft__thread *weft__op_begin_two(enum weft__deed deed, const void *object,
                                                      const void *second, const void *site)
{
    struct weft__thread *self = weft__enter();
    if (WEFT_UNLIKELY(--self->task->budget <= 0)) {
        self = weft__op_spent(self, deed, object, second, site);
    }
    return self;
}

static inline struct weft__thread *weft__op_begin(enum weft__deed deed, const void *object,
                                                  const void *site)
{
    return weft__op_begin_two(deed, object, NULL, site);
}

/* Is the calling task cancelled?  Then the call must do nothing, and return what refuse says. */
static inline bool weft__op_cancelled(struct weft__thread *self)
{
    const ATOMIC(uint32_t) *word = self->task->cancel;
    return word && WEFT_UNLIKELY(a_load(word, relaxed));
}

/* Leaves, noting that a cancel was delivered.  Returns -WEFT_ECANCELED. */
int weft__op_refuse(struct weft__thread *self);

#endif
