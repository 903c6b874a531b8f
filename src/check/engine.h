/* engine.h - the controller: one strand runs at a time, and this says which.
 *
 * Front ends (the preload library for pthread programs; the runtime for Weft's tasks) call in at
 * each point; an EXECUTOR, which they give, moves the processor from strand to strand.  Everything
 * here runs on whatever thread the strand runs on, one at a time, so nothing is locked and nothing
 * is atomic.  Nothing here allocates after weft__engine_init, or calls libc beyond memcpy.
 *
 *   the strand          weft__point(e, &op)         tells what it will do next, and comes back when
 *                                                   it is its turn and the operation can be done
 *                       does it, on the front end's model of the object
 *                       weft__changed(e, object)    those who wait for the object are asked again
 *                       weft__value(e, v)           what came of it, for the trace
 *
 * An operation that may have to wait carries a predicate.  The strand is ENABLED when the predicate
 * holds; asked again only when weft__changed names its object.  So there are no queues of waiters:
 * who gets a lock is the strategy's choice.  A deadlock is: nobody enabled, no deadline, nothing
 * outside.
 *
 * Time is virtual: it stands while a strand is enabled, and jumps to the next deadline otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_ENGINE_H
#define WEFT_CHECK_ENGINE_H

#include "check/plan.h"

#define WEFT__NO_DEADLINE INT64_MAX

struct weft__engine;
struct weft__strand;

/* What a strand will do next. */
struct weft__operation {
    enum weft__op op;
    uint8_t size;        /* of an access, 1 to 255 bytes */
    uintptr_t object;    /* address, or 0; of BEGIN, SPAWN, JOIN, DETACH: the strand's id + 1 */
    uintptr_t pc;        /* where in the program */
    uintptr_t caller;    /* the call of the function that holds pc; 0: unknown */
    int64_t deadline;    /* virtual time at which it gives up; WEFT__NO_DEADLINE */
    bool (*can)(const struct weft__strand *strand); /* NULL: always */
    const void *arg;     /* the predicate's own */
    uintptr_t second;    /* another object, e.g. the mutex of a wait; 0: none */
};

enum weft__strand_state {
    WEFT__STRAND_FREE = 0, /* no such strand */
    WEFT__STRAND_NEW,      /* made, has not run */
    WEFT__STRAND_LIVE,     /* between points, or at one */
    WEFT__STRAND_OUTSIDE,  /* in a call that the engine does not control; see executor.look */
    WEFT__STRAND_ENDED
};

struct weft__strand {
    uint16_t id, parent;
    uint8_t state;         /* enum weft__strand_state */
    bool enabled;
    bool timed_out;        /* it goes on because the deadline came */
    bool spinning;         /* reads the same again and again: waits until that changes */
    uint32_t points;       /* passed */
    uint32_t last_step;    /* of its last event */
    struct weft__operation next;
    weft__site site, caller_site; /* of next */
    uint32_t nth;          /* arrival at that site */
    weft__site spawn_site, function;
    bool signalled;        /* the front end's word on a COND_WAKE: only the lock is still missing */
    bool ready;            /* shared carriers: not parked */
    bool woken;            /* likewise: was parked, and has not run since */
    bool shared;           /* its carrier has a scheduler of its own; found out by the engine */
    bool detached;         /* the front end's word: nobody will join it */
    bool is_task;          /* likewise: one of Weft's, not a thread */
    uintptr_t piece;       /* likewise: which piece of its parent's it runs; 0: none */
    uintptr_t stack_low, stack_high; /* the front end's; 0: unknown */
    void *carrier;         /* the executor's: what to switch to.  Strands may share one */
    void *user;            /* the front end's */
    char name[24];
};

struct weft__executor {
    /* Leaves `from` and goes on with `to`; returns when `from` is to go on again.  Called only for
     * strands with different carriers, or when `from` has ended: then it does not return. */
    void (*move)(struct weft__strand *from, struct weft__strand *to);

    /* Nobody is enabled, no deadline: asks the outside, and makes strands enabled again by
     * weft__wake_outside.  wait: sleep until there is news.  False: nothing outside is awaited.
     * May be NULL. */
    bool (*look)(bool wait);

    /* Return addresses of the running strand, innermost first; how many, at most n.  May be
     * NULL. */
    uint32_t (*stack)(uintptr_t *ret, uint32_t n);

    /* The running strand shares its carrier, and must leave in the middle of the program's own
     * code: calls weft__strand_pick_shared, goes on with whom that says, and returns when the
     * strand is to go on again.  May be NULL where only weft__point_shared is called for such
     * strands. */
    void (*leave)(void);

    /* The schedule is over with the finding just added; ends the process, or unwinds.  Does not
     * return. */
    void (*over)(void) __attribute__((noreturn));
};

/* Prepares the one engine of this process for the plan in exchange; zeroes the outcome's counts.
 * The calling strand becomes number 0.  0 or -ENOMEM. */
int weft__engine_init(struct weft__exchange *exchange, const struct weft__executor *executor);

/* Reserves all memory that weft__engine_init would, and touches none of it: for a process whose
 * forked children call that.  0 or -ENOMEM. */
int weft__engine_prepare(void);

/* Gives back the memory that the engine keeps from schedule to schedule. */
void weft__engine_fini(void);

/* NULL: no engine runs in this process. */
extern struct weft__engine *weft__engine;

/* The strand that runs now.  Never NULL while an engine runs. */
struct weft__strand *weft__strand_self(void);
struct weft__strand *weft__strand_of(uint16_t id);
uint32_t weft__strand_count(void);

/* A new strand; NULL: WEFT__STRANDS_MAX are there.  It is enabled from the next point on.  Its
 * WEFT__OP_BEGIN is passed by itself, when it first comes here.  name may be NULL. */
struct weft__strand *weft__strand_new(const char *name, uintptr_t function, uintptr_t spawn_pc,
                                      void *carrier);

/* The running strand ends; does not return unless it shares its carrier: then the next choice is
 * made at weft__strand_pick_shared. */
void weft__strand_end(void);

enum weft__go { WEFT__GO, WEFT__GO_TIMED_OUT };

/* A point of the running strand; see above. */
enum weft__go weft__point(const struct weft__operation *operation);

/* An access of memory by the running strand.  Not always a point: private memory and cold sites
 * cost a look-up.  Also feeds the race detector, the pairs, the spin detector.  `op` is READ, WRITE
 * or an ATOMIC_*; order is C11's (__ATOMIC_RELAXED …), for atomics.  Called before the access
 * happens. */
void weft__access(enum weft__op op, uintptr_t address, size_t size, int order, uintptr_t pc);

/* The same for a compare-and-swap of 1 to 8 bytes: it is a write only if the memory still holds
 * `expected` when its turn has come; else a load, with the order for failure. */
void weft__access_swap(uintptr_t address, size_t size, uint64_t expected, int order, int fail_order,
                       uintptr_t pc);

/* The object's state has changed: operations that wait for it are asked again. */
void weft__changed(uintptr_t object);

/* The running strand's last write is looked at now, not at its next point: call it before memory
 * goes back to the system. */
void weft__settle(void);

/* What the last operation of the running strand returned, or saw. */
void weft__value(uint64_t value, uint32_t event_flags);

/* Another choice than who runs (plan.h), of n: 0 when n < 2. */
uint32_t weft__choose(enum weft__choice_kind kind, uint32_t n);

/* ---- what happens before what ---- */

/* A release to an object and an acquire from it, by the running strand; spawn and join are told by
 * weft__strand_new and weft__happened_join. */
void weft__happened_release(uintptr_t object);
void weft__happened_acquire(uintptr_t object);
void weft__happened_join(const struct weft__strand *ended);

/* Locks held by the running strand, for reports, the lock order and the advice.  An exclusive one
 * is also acquired and released; of shared ones (a read lock) the front end tells what happens
 * before what, since readers are not ordered with each other. try_lock takes part in what is held,
 * not in the order. */
void weft__lock_taken(uintptr_t lock, bool shared, bool tried);
void weft__lock_given(uintptr_t lock);

/* ---- memory ---- */

/* A block was made, or is being freed: its shadow is new, its block is known by name in reports. */
void weft__block_made(uintptr_t address, size_t size, uintptr_t pc);
/* True: the block may go (into the quarantine).  Adds a finding itself if it was freed before. */
bool weft__block_freed(uintptr_t address, uintptr_t pc);

/* ---- outside ---- */

/* The running strand enters a call that may block in the kernel and cannot be asked: others run;
 * weft__wake_outside makes it enabled again. */
void weft__go_outside(const struct weft__operation *operation);
void weft__wake_outside(struct weft__strand *strand);

/* ---- time ---- */

int64_t weft__virtual_now(void); /* nanoseconds, from a fixed start */

/* ---- findings ---- */

/* Adds one with the running strand as first party; returns it to be completed, never NULL.  When
 * there is no more room the last one is overwritten, but not by a race or an advice: those are
 * dropped. */
struct weft__finding *weft__found(enum weft__class class, uintptr_t object, const char *format, ...)
    WEFT_PRINTF(3, 4);

/* Makes whoever freed the block, or made it if it lives, the second party. */
struct weft__block;
void weft__found_block(struct weft__finding *finding, const struct weft__block *block);

/* Ends the schedule: notes on strands and objects are written, the outcome is DONE, then
 * executor->over.  A failure must have been found before, or all strands are done. */
void weft__engine_over(void) __attribute__((noreturn));

/* The last strand is done, exit status known: looks for leaks, writes the notes; DONE. */
void weft__engine_finish(int exit_status);

/* Fills what a finding says of one strand. */
void weft__party_fill(struct weft__party *party, const struct weft__strand *strand);

/* The program's site of a code address, and back (NULL: not in a known module). */
weft__site weft__site_of(uintptr_t pc);
const void *weft__site_address(weft__site site);

/* ---- strands that share a carrier: the tasks of one worker ---- */

/* As weft__point, but for a strand that its carrier's own scheduler runs: true means "leave now;
 * the next one is whom weft__strand_pick_shared says". */
bool weft__point_shared(const struct weft__operation *operation);

/* A strand of a shared carrier parks (false) or becomes ready (true): only then can it be
 * picked. */
void weft__strand_ready(struct weft__strand *strand, bool ready);

/* Called by the carrier when its strand has left.  The strand to run next, which has the caller's
 * carrier; other carriers run before it returns, if they are picked.  NULL: none of this carrier's
 * strands is ready and nobody else can run; time may be advanced by the caller's own clock. */
struct weft__strand *weft__strand_pick_shared(void *carrier);

/* That nobody can run, and the caller knows no way either: tells why, and ends the schedule. */
void weft__stuck(void) __attribute__((noreturn));

#endif
