/* control.h - how the roof steers a run: every choice between tasks made by somebody else.
 *
 * Declared here, filled by check/steer.c.  While the table is set, a run has one seat, the caller's
 * thread, a virtual clock, and no threads of its own; the tasks are STRANDS of whoever steers, who
 * is asked at each POINT, before an operation that others could notice, which task goes on.
 *
 * Free when off.  Calls that may sleep count their budget down anyway (weft__op_begin); a steered
 * task's is always used up, so that its calls come by.  Where a path knows tasks on threads of
 * their own already, steered ones are a second case of the same branch (weft__task.driven).  All
 * other calls have one branch on weft__control, which is a plain word: it is set and cleared only
 * while no run is on.
 *
 * Not steered, though they may take part: plain threads, where the table has no wait() for them.
 * What they make ready comes through the inject queue, and is seen at the next choice.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_CONTROL_H
#define WEFT_CORE_CONTROL_H

#include "core/core.h"

/* What a task is about to do.  LOOK: it asks for a state and goes on. */
enum weft__deed {
    WEFT__DEED_YIELD,
    WEFT__DEED_SLEEP,
    WEFT__DEED_TICKER_WAIT,
    WEFT__DEED_RATE_WAIT,
    WEFT__DEED_RATE_TRY,
    WEFT__DEED_BLOCKING,
    WEFT__DEED_IO,
    WEFT__DEED_LIMITER,
    WEFT__DEED_LIMITER_TRY,
    WEFT__DEED_LIMITER_GIVE,
    WEFT__DEED_LIMITER_LOOK,
    WEFT__DEED_GO,
    WEFT__DEED_START,
    WEFT__DEED_STARTED,
    WEFT__DEED_SCOPE_CLOSE,
    WEFT__DEED_CANCEL,
    WEFT__DEED_CANCEL_LOOK,
    WEFT__DEED_POST,
    WEFT__DEED_MUTEX_LOCK,
    WEFT__DEED_MUTEX_TRY_LOCK,
    WEFT__DEED_MUTEX_UNLOCK,
    WEFT__DEED_COND_WAIT,
    WEFT__DEED_COND_SIGNAL,
    WEFT__DEED_COND_BROADCAST,
    WEFT__DEED_SEM_WAIT,
    WEFT__DEED_SEM_TRY_WAIT,
    WEFT__DEED_SEM_POST,
    WEFT__DEED_SEM_LOOK,
    WEFT__DEED_EVENT_WAIT,
    WEFT__DEED_EVENT_SET,
    WEFT__DEED_EVENT_CLEAR,
    WEFT__DEED_EVENT_LOOK,
    WEFT__DEED_LATCH_WAIT,
    WEFT__DEED_LATCH_DOWN,
    WEFT__DEED_LATCH_LOOK,
    WEFT__DEED_RWLOCK_READ,
    WEFT__DEED_RWLOCK_TRY_READ,
    WEFT__DEED_RWLOCK_READ_UNLOCK,
    WEFT__DEED_RWLOCK_WRITE,
    WEFT__DEED_RWLOCK_TRY_WRITE,
    WEFT__DEED_RWLOCK_WRITE_UNLOCK,
    WEFT__DEED_ONCE,
    WEFT__DEED_ONCE_END,
    WEFT__DEED_ONCE_LOOK,
    WEFT__DEED_BARRIER_WAIT,
    WEFT__DEED_SEND,
    WEFT__DEED_RECV,
    WEFT__DEED_TRY_SEND,
    WEFT__DEED_TRY_RECV,
    WEFT__DEED_CLOSE,
    WEFT__DEED_CHAN_LOOK,
    WEFT__DEED_SELECT,
    WEFT__DEED_TRY_SELECT,
    WEFT__DEED_SENDER,
    WEFT__DEED_SENDER_DONE,
    WEFT__DEED_SUBSCRIBE,
    WEFT__DEED_FUTURE_GET,
    WEFT__DEED_FUTURE_SET,
    WEFT__DEED_FUTURE_DROP,
    WEFT__DEED_FUTURE_LOOK,
    WEFT__DEED_FUTURE_NEXT,
    WEFT__DEED_SCHED_ADD,
    WEFT__DEED_SCHED_CANCEL,
    WEFT__DEED_SCHED_NEXT,
    WEFT__DEED_SCHED_LOOK,
    WEFT__DEED_FORK,
    WEFT__DEED_JOIN,
    WEFT__DEED_COUNT
};

/* What a simulated outside does to an operation; for the report. */
enum weft__mishap {
    WEFT__MISHAP_PART_RECEIVED,
    WEFT__MISHAP_PART_TAKEN,
    WEFT__MISHAP_LOST,
    WEFT__MISHAP_LATE,
    WEFT__MISHAP_BROKEN,
    WEFT__MISHAP_DISK,
    WEFT__MISHAP_COUNT
};
#define WEFT__MISHAP_VALUE (UINT64_C(0x517) << 48) /* + mishap: the value of its event */

/* What a run tells whoever steers it. */
struct weft__controlled {
    struct weft__runnable *timers;  /* what pick gives when the next timer has come */
    ATOMIC(uint32_t) *inside;       /* not 0: Weft's own code runs, and is not to be left */
    void (*leave)(void);            /* the running task leaves its own code, for whom pick says */
};

struct weft__control {
    /* A run begins and ends in the calling thread, whose strand rests meanwhile. */
    void (*begin)(const struct weft__controlled *run);
    void (*end)(void);

    /* A task is born: its strand, never NULL; it can be picked.  `item` is what pick gives back,
     * until `became` says another. */
    void *(*born)(const char *name, const void *fn, const void *site, struct weft__runnable *item);
    /* The strand is no task: nobody waits for its end. */
    void (*serves)(void *strand);
    void (*became)(void *strand, struct weft__runnable *item, const void *stack, size_t size);
    /* The running one has run its last. */
    void (*ended)(void);
    /* The i-th strand's item; NULL: it has none, has ended, or was never made (*ret_more false). */
    struct weft__runnable *(*at)(size_t i, bool *ret_more);

    /* The running task is about to do something.  True: it must leave, for whom pick says.  passed:
     * its turn has come, and it does it now.  next_timer: when the next one is due, or later. */
    bool (*point)(enum weft__deed deed, const void *object, const void *second, const void *site,
                  int64_t next_timer);
    void (*passed)(enum weft__deed deed, const void *object, const void *second);
    /* What came of it: a refusal, or that a try was in vain. */
    void (*refused)(void);

    /* What the running strand has done is seen by whoever comes to the object next; or, the other
     * way round, what was done before is seen by it. */
    void (*released)(const void *object);
    void (*acquired)(const void *object);

    /* A panic, before it is told.  May be NULL; if it returns, the process ends as usual. */
    void (*panicked)(const char *text);

    /* The running task parks; somebody may be picked again; the running task has been woken. */
    void (*parks)(void);
    void (*ready)(void *strand);
    void (*woke)(const void *object);

    /* Who runs next.  NULL: nobody is ready. */
    struct weft__runnable *(*pick)(int64_t next_timer);
    uint32_t (*choose_arm)(uint32_t n);

    void (*mutex_taken)(const void *mutex, bool tried);
    void (*mutex_given)(const void *mutex);
    /* shared: for reading. */
    void (*rwlock_taken)(const void *lock, bool shared, bool tried);
    void (*rwlock_given)(const void *lock, bool shared);

    int64_t (*now)(void); /* the virtual clock */

    /* Nobody is ready, no timer is armed.  Does not return, unless there was news all the same. */
    void (*stuck)(void);

    /* Plain threads are strands too (the preload library): a point of one, and a sleep until *word
     * is not 0.  NULL: they are not. */
    void (*thread_point)(enum weft__deed deed, const void *object, const void *second,
                         const void *site, int64_t next_timer);
    bool (*thread_wait)(ATOMIC(uint32_t) *word, int64_t deadline, int64_t next_timer);
    void (*thread_wake)(ATOMIC(uint32_t) *word);

    /* Of the running strand's operation. */
    void (*befell)(enum weft__mishap mishap);
};

/* NULL: nobody steers. */
extern const struct weft__control *weft__control;

/* Exported, for libweft-check.so to find in a program: sets the table, or takes it away (NULL).
 * `version` must be WEFT__CONTROL_VERSION.  0, -WEFT_EINVAL: another version, -WEFT_EBUSY: a run is
 * on. */
#define WEFT__CONTROL_VERSION 3
__attribute__((visibility("default"))) int weft__control_set(const struct weft__control *control,
                                                             uint32_t version);

/* Never sleeps (for tasks it may; nobody can tell).  A point. */
void weft__control_meet(enum weft__deed deed, const void *object, const void *second,
                        const void *site);

static inline void weft__control_point(enum weft__deed deed, const void *object, const void *site)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_meet(deed, object, NULL, site);
    }
}

/* What the caller has done, for the table's functions of the same names. */
void weft__control_say_refused(void);
void weft__control_say_mishap(enum weft__mishap mishap);
void weft__control_say_mutex(const void *mutex, bool taken, bool tried);
void weft__control_say_rwlock_taken(const void *lock, bool shared, bool tried);
void weft__control_say_rwlock_given(const void *lock, bool shared);

static inline void weft__control_mutex_taken(const void *mutex, bool tried)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_say_mutex(mutex, true, tried);
    }
}

static inline void weft__control_mutex_given(const void *mutex)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_say_mutex(mutex, false, false);
    }
}

static inline void weft__control_rwlock_taken(const void *lock, bool shared, bool tried)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_say_rwlock_taken(lock, shared, tried);
    }
}

static inline void weft__control_rwlock_given(const void *lock, bool shared)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_say_rwlock_given(lock, shared);
    }
}

/* For an object that no point named: a scope, by a task that ends; the channels of a select. */
void weft__control_say_order(const void *object);

static inline void weft__control_order(const void *object)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_say_order(object);
    }
}

/* What a try came to, or a look: whoever goes on trying may be spinning. */
static inline int weft__control_result(int rc)
{
    if (WEFT_UNLIKELY(weft__control != NULL) && rc < 0) {
        weft__control_say_refused();
    }
    return rc;
}

static inline bool weft__control_seen(bool there)
{
    if (WEFT_UNLIKELY(weft__control != NULL) && !there) {
        weft__control_say_refused();
    }
    return there;
}

/* A choice of one of n that are equally right, if the caller is steered; else n. */
uint32_t weft__control_choose(uint32_t n);

/* ---- for the rest of core ---- */

/* The calling thread's run is about to begin. */
void weft__control_start(struct weft__runtime *rt, struct weft__thread *self);

/* The same, in a call that has entered; self is the calling thread. */
void weft__control_op(struct weft__thread *self, enum weft__deed deed, const void *object,
                      const void *second, const void *site);

/* For a thread that is a strand: waits until *word is not 0.  True: the deadline has come. */
bool weft__control_wait(ATOMIC(uint32_t) *word, int64_t deadline);

/* A steered task parks, and comes back when it is woken; settled here. */
void weft__control_park(struct weft__thread *self, const struct weft__parking *parking);
void weft__control_exit(struct weft__thread *self) WEFT_NORETURN;

/* Makes ready a steered task; the caller may be any thread. */
void weft__control_ready(struct weft__task *task);

/* Lets a birth run. */
void weft__control_launch(struct weft__thread *self, struct weft__runtime *rt,
                         struct weft__birth *birth);

/* A weft_post has been put in. */
void weft__control_posted(void);

/* In the place of weft__thread_loop.  False: the run was given up, and its tasks are no more. */
bool weft__control_work(struct weft__thread *self);

/* Gives the run up, wherever it is; weft_run returns -WEFT_EPANIC.  Of its thread only. */
void weft__control_give_up(void) WEFT_NORETURN;

/* Stacks kept from run to run: taken into and out of a runtime, and freed at last. */
bool weft__control_take_stacks(struct weft__stacks *stacks, uint32_t default_class);
void weft__control_keep_stacks(struct weft__stacks *stacks);
void weft__control_free_stacks(void);

#endif
