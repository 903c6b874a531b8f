/* core.h - tasks, threads, workers and the runtime: one animal, so one header.
 *
 * A TASK runs on a THREAD.  A WORKER is a seat: run queue, timers, stacks at hand; one thread
 * sits on it at a time, and the watchdog gives the seat to another thread when its sitter is
 * stuck.  So nothing of a seat may depend on the thread, and a thread must ask for its seat anew,
 * once per operation, between weft__enter and weft__leave.
 *
 * What a task is made of upstairs (scopes) core does not know: it calls the table weft__owner_ops.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_CORE_H
#define WEFT_CORE_CORE_H

#include <pthread.h>
#include <signal.h>

#include "arch/ctx.h"
#include "arch/sanitize.h"
#include "base/atomic.h"
#include "base/base.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/rng.h"
#include "base/stat.h"
#include "core/forkpool.h"
#include "core/owner.h"
#include "core/stack.h"
#include "core/timer.h"
#include "lockfree/deque.h"
#include "lockfree/mpsc.h"
#include "weft/run.h"
#include "weft/task.h"

/* ---- limits; each has a name ---- */

#define WEFT_WORKERS_MAX      256
#define WEFT_TASK_ARG_MAX     (64 * 1024)
#define WEFT_TASK_ARG_SHARE   4 /* of its stack, at the most, goes to a task's argument */
#define WEFT_BUDGET           128 /* operations done without parking before others get a turn */
#define WEFT_NEXT_RUNS_MAX    16  /* turns in a row that the next slot may take before the queue */
#define WEFT_BORN_PASSED_MAX  4  /* refills in a row that may pass over the births */
#define WEFT_BATCH_MAX        16  /* taken from the deque at once, if that is at most */
#define WEFT_BATCH_SHARE      4   /* one of so many: the rest is for thieves */
#define WEFT_GLOBAL_TURN      61  /* every so many turns a worker looks at everything */
#define WEFT_POSTS_MAX        256
#define WEFT_TICK_NS          (750 * WEFT_US) /* the watchdog's, while any worker is busy */

/* ---- what stands in a run queue ---- */

enum weft__runnable_kind {
    WEFT__BIRTH = 1,  /* a task that has not started: struct weft__birth */
    WEFT__STARTED = 2 /* struct weft__task */
};

struct weft__runnable {
    struct weft__mpsc_node node; /* links it in the inject queue, or an overflow list */
    uint8_t kind;  /* enum weft__runnable_kind */
    bool is_dense; /* on a stack so small that only the task's own code and calls may run there */
};

struct weft__locals;
struct weft__owntls;
struct weft__start;

/* Who gives a task its turns. */
enum weft__driver {
    WEFT__BY_WORKER = 0,
    WEFT__BY_THREAD, /* one of its own: parking blocks that thread */
    WEFT__BY_CONTROL /* the worker, when the roof says so: control.h */
};

/* A task that has been promised to run but has no stack yet.  On the heap. */
struct weft__birth {
    struct weft__runnable run; /* first */
    int (*fn)(void *);
    void *home; /* the scope it belongs to; upstairs' word */
    const char *name;
    const void *site;
    struct weft__locals *locals;
    union {
        struct weft__start *start;      /* of weft_start, or NULL */
        struct weft__birth *next_free;  /* while it is kept for reuse: birth.h */
    };
    uint32_t stack_class;
    uint32_t arg_size;
    bool has_arg;
    bool service;
    bool owns_tls;
    struct weft__owntls *tls; /* if owns_tls */
    void *strand; /* steered: the roof's word */
    _Alignas(16) unsigned char arg[];
};

struct weft__parking;

/* A started task.  Lies at the top of its own stack; that of a plain thread in its weft__thread.
 * What every turn touches comes first, in one cache line. */
struct weft__task {
    struct weft__runnable run; /* first */
    int32_t budget;
    uint8_t driven;                  /* enum weft__driver */
    bool enrolled;                   /* the canceller can find it; set upstairs, by itself */
    bool owns_tls;                   /* and tls is not NULL */
    bool has_forks;                  /* and forks is not NULL */
    struct weft__ctx ctx;
    ATOMIC(uint64_t) wait;           /* see park.h */
    const ATOMIC(uint32_t) *cancel;  /* word of the innermost scope; NULL: nothing cancels it */
    const struct weft__parking *parking; /* while it is parked: why */
    int64_t parked_since;            /* coarse */
    ATOMIC(uint32_t) woken;          /* by a thread: the futex */
    struct weft__runtime *runtime;
    void *scope;                     /* innermost one it is in; upstairs' word */
    void *home;                      /* the one it belongs to */
    struct weft__list in_home;       /* links the enrolled ones, under the home's lock */
    int (*fn)(void *);
    void *arg;
    const char *name;
    const char *why;                 /* of weft_fail */
    const void *site;                /* where it was started */
    struct weft__locals *locals;
    struct weft__start *start;
    struct weft__owntls *tls;        /* thread-locals of its own, or NULL */
    void *defers;                    /* upstairs' list */
    struct weft__forks *forks;       /* what it has forked, or NULL */
    bool service, panicking, is_piece; /* the last: its code is for a join alone */
    struct weft__piece *stolen;      /* steered: the last one it has forked that was given away */
    void *strand;                    /* steered: the roof's word */
    void *arg_at;                    /* where the argument of any task on this stack lies, */
    uint32_t arg_room;               /* and how many bytes it may have */
    struct weft__stack stack;
    struct weft__san san;
};

/* What the thread has just switched away from, for the one who arrives to deal with. */
enum weft__left_kind {
    WEFT__LEFT_NOTHING = 0,
    WEFT__LEFT_PARKED, /* settle its wait word, drop its locks */
    WEFT__LEFT_YIELDED, /* put it at the queue's tail */
    WEFT__LEFT_DEAD    /* free its stack */
};

/* Where a thread is: 0 in code that is not ours. */
#define WEFT__INSIDE         1
#define WEFT__INSIDE_AT_REST 2 /* idle, in the kernel: see solo.h */

/* An OS thread that Weft knows: one of the runtime's, or any that has called in. */
struct weft__thread {
    struct weft__task *task;             /* what it runs now; never NULL (own, on the base stack) */
    ATOMIC(struct weft__worker *) seat;  /* NULL: none, or taken away */
    ATOMIC(uint32_t) inside;             /* WEFT__INSIDE between enter and leave; see watch.c */
    enum weft__left_kind left_kind;
    struct weft__task *left;
    struct weft__ctx base;
    struct weft__san base_san;
    struct weft__task own;               /* the thread itself, seen as a task */
    struct weft__lockrank_stack ranks;
    struct weft__runtime *runtime;
    struct weft__list link;              /* in the runtime's threads */
    struct weft__list spare_link;        /* in its spares */
    ATOMIC(uint32_t) call;               /* futex: a spare is wanted, or all is over */
    ATOMIC(uint32_t) ended;              /* nothing but the join is left to do */
    struct weft__birth *birth;           /* of a task on a thread of its own */
    void *end;                           /* its jmp_buf, for an end in the middle */
    ATOMIC(int32_t) tid;
    pthread_t handle;
    bool has_lost_seat, is_coming;       /* with a task, under threads_lock; as a spare, its own */
    bool is_main, is_foreign;            /* it called weft_run; it is none of ours */
    void *signal_stack; /* for handlers, when the task's is used up */
    stack_t old_signal_stack;
    /* what the stuck-task signal leaves behind, see watch.c */
    ATOMIC(uint32_t) trace_state;
    uint32_t trace_count;
    void *trace[32];
};

/* Births that are kept for reuse. */
struct weft__birth_cache {
    struct weft__birth *free;
    size_t count;
};

/* What is ready beyond what the deque holds, in order. */
struct weft__overflow {
    struct weft__lock lock;
    ATOMIC(uint32_t) count;
    struct weft__runnable *head, *tail;
};

/* A seat.  Fields of the sitter alone come first; atomics that others read stand on lines of
 * their own. */
struct weft__worker {
    struct weft__runtime *runtime;
    size_t index;
    bool is_only;        /* the run has one worker: no thieves */
    int32_t turns_left;  /* until it looks at everything */
    struct weft__runnable *handed; /* for the base stack to run at once */
    uint32_t next_runs;
    int32_t stack_credit; /* promised default stacks, see stack.h */
    uint32_t spin_score; /* did searching find work lately?  0: no, do not spin */
    struct weft__rng rng;
    struct weft__stat steals, started, ended, io_begun, io_slept, io_entered;
    struct weft__birth_cache births;
    struct weft__forks_seat forking;
    uint32_t batch_end;
    void *batch[WEFT_BATCH_MAX]; /* taken from the deque; the last batch_left are still to run */

    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__stat epoch; /* one more at each switch */
    ATOMIC(struct weft__runnable *) next;                   /* the task just woken */
    ATOMIC(uint32_t) batch_left;
    ATOMIC(struct weft__thread *) thread;                  /* who sits here */
    ATOMIC(struct weft__forks *) forks; /* of the task that runs here, or ran; or NULL */

    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__deque deque;

    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__overflow woken; /* behind the deque: tasks */
    struct weft__overflow born;                                 /* and births */
    uint32_t born_passed; /* how often the births were passed over */

    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__wheel wheel;

    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__stack_cache stacks;

    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__list idle_link; /* under the idle lock */
    ATOMIC(uint32_t) call;                                      /* futex: 1 = get up */
    bool is_idle, is_committed; /* under the idle lock */
    bool rests_in_poll;         /* likewise: it sleeps in the I/O driver, not on its futex */
    ATOMIC(void *) polled;      /* its part of the I/O driver, if it has used it: see poll.h */

    uint64_t watch_epoch; /* the watchdog's notes: the epoch it saw, and since when */
    int64_t watch_since;
    int64_t watch_wary_until;
};

struct weft__inject {
    struct weft__mpsc queue;
    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__lock consumer;
};

struct weft__idle {
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint32_t) searching; /* workers looking for work */
    ATOMIC(uint32_t) sleeping;                                 /* workers on the list */
    uint32_t committed; /* of these, how many have looked a last time; under the lock */
    uint64_t era;       /* one more each time a worker leaves the list; likewise */
    uint64_t listened;  /* the era when nothing had come from outside for a while; likewise */
    ATOMIC(int64_t) keeper_until; /* when the sleeper who minds the timers gets up; NEVER: nobody */
    ATOMIC(int64_t) lead;         /* by how much the keeper gets up before its time */
    ATOMIC(uint32_t) unsure; /* looks in a row at which a foreign thread may have been at work */
    struct weft__lock lock;
    struct weft__list list;
};

struct weft__offload;
struct weft__poll;

struct weft__runtime {
    weft_options options; /* with every default filled in */
    void *root; /* upstairs' word: the root scope */
    size_t worker_count;
    bool spin; /* no more workers than CPUs: searching may spin before sleeping */
    struct weft__worker *workers;

    struct weft__inject inject;
    struct weft__idle idle;
    struct weft__stacks stacks;
    struct weft__forks_pool forks;

    /* Outside activities that will wake a task: blocking calls that run, threads' tasks awake. */
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint32_t) external;
    ATOMIC(uint32_t) external_ends;                            /* how many of these have ended */
    ATOMIC(int64_t) virtual_now;
    ATOMIC(int64_t) coarse_now; /* the last look at the clock, a moment ago */
    ATOMIC(uint32_t) stopping;
    ATOMIC(uint32_t) deadlocked;
    ATOMIC(uint32_t) signal_seen; /* SIGINT or SIGTERM that cancelled the run */
    ATOMIC(uint64_t) wakes, timers_fired, handovers, seatless_started, seatless_ended;
    ATOMIC(uint64_t) accepts_delayed;

    struct weft__lock threads_lock;
    struct weft__list threads;         /* all that we started */
    struct weft__list spares;          /* those without a seat, waiting */
    ATOMIC(uint32_t) threads_live;     /* of ours, with weft_run's caller; each ends its count */
    ATOMIC(uint32_t) spare_count, spare_peak; /* threads beyond one per seat */
    ATOMIC(uint32_t) spares_coming;    /* of these, started and not there yet */
    int hidden_threads;                /* that ThreadSanitizer runs beside us */
    uint32_t foreign_seen;             /* weft__foreign_seen at the start */

    struct weft__thread service;       /* the watchdog's */
    ATOMIC(uint32_t) service_call;     /* futex: get up */
    ATOMIC(uint32_t) service_deep;     /* it sleeps until stirred */
    ATOMIC(int64_t) service_until;     /* else until then, at the latest */
    uint32_t service_ease;             /* its own: by how much it ticks more slowly */
    long timer_slack;                  /* of the caller's thread, before the run */
    struct weft__offload *offload;
    ATOMIC(const struct weft__poll *) poll; /* NULL: no I/O yet */
    void *io;                               /* io's word, behind poll */
    ATOMIC(int32_t) io_refused;             /* why there is none and will be none, else 0 */
};

#endif
