/* ops.h - what a program under control does, one small record each.
 *
 * Words.  A STRAND is whatever the controller schedules: a thread of a pthread program, a task of
 * Weft, the main thread.  A POINT is a place where a strand tells what it will do next and where
 * the controller may let another strand go first.  An EVENT is a point that was passed.  A SITE is
 * the code address of a point, as a number that is the same in each process that runs the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_OPS_H
#define WEFT_CHECK_OPS_H

#include "base/base.h"

/* What an operation does to its object, for strategies and for reduction. */
enum {
    WEFT__OP_READS = 1,   /* its object's state, or memory */
    WEFT__OP_WRITES = 2,
    WEFT__OP_ACCESS = 4,  /* of memory, plain */
    WEFT__OP_ATOMIC = 8,  /* of memory, atomic */
    WEFT__OP_TAKES = 16,  /* a lock or a unit */
    WEFT__OP_GIVES = 32,
    WEFT__OP_SLEEPS = 64  /* may have to wait */
};

#define WEFT__RW (WEFT__OP_READS | WEFT__OP_WRITES)

/* X(name, words for people, what it does).  Append only: replay strings and traces hold numbers. */
#define WEFT__OPS(X) \
    X(NONE, "nothing", 0) \
    X(BEGIN, "begin", 0) \
    X(END, "end", WEFT__OP_WRITES) \
    X(SPAWN, "start", WEFT__OP_WRITES) \
    X(JOIN, "join", WEFT__RW | WEFT__OP_SLEEPS) \
    X(DETACH, "detach", WEFT__RW) \
    X(EXIT, "exit", WEFT__RW) \
    X(YIELD, "yield", 0) \
    X(SLEEP, "sleep", WEFT__OP_SLEEPS) \
    X(READ, "read", WEFT__OP_READS | WEFT__OP_ACCESS) \
    X(WRITE, "write", WEFT__OP_WRITES | WEFT__OP_ACCESS) \
    X(ATOMIC_LOAD, "atomic load", WEFT__OP_READS | WEFT__OP_ATOMIC) \
    X(ATOMIC_STORE, "atomic store", WEFT__OP_WRITES | WEFT__OP_ATOMIC) \
    X(ATOMIC_RMW, "atomic read-modify-write", WEFT__RW | WEFT__OP_ATOMIC) \
    X(FENCE, "fence", 0) \
    X(MUTEX_LOCK, "lock", WEFT__RW | WEFT__OP_TAKES | WEFT__OP_SLEEPS) \
    X(MUTEX_TRY_LOCK, "try_lock", WEFT__RW | WEFT__OP_TAKES) \
    X(MUTEX_UNLOCK, "unlock", WEFT__RW | WEFT__OP_GIVES) \
    X(RWLOCK_READ, "read lock", WEFT__RW | WEFT__OP_TAKES | WEFT__OP_SLEEPS) \
    X(RWLOCK_TRY_READ, "try read lock", WEFT__RW | WEFT__OP_TAKES) \
    X(RWLOCK_WRITE, "write lock", WEFT__RW | WEFT__OP_TAKES | WEFT__OP_SLEEPS) \
    X(RWLOCK_TRY_WRITE, "try write lock", WEFT__RW | WEFT__OP_TAKES) \
    X(RWLOCK_UNLOCK, "rwlock unlock", WEFT__RW | WEFT__OP_GIVES) \
    X(COND_WAIT, "wait", WEFT__RW | WEFT__OP_GIVES) \
    X(COND_WAKE, "wake from wait", WEFT__RW | WEFT__OP_TAKES | WEFT__OP_SLEEPS) \
    X(COND_SIGNAL, "signal", WEFT__RW) \
    X(COND_BROADCAST, "broadcast", WEFT__RW) \
    X(SEM_WAIT, "semaphore wait", WEFT__RW | WEFT__OP_TAKES | WEFT__OP_SLEEPS) \
    X(SEM_TRY_WAIT, "semaphore try_wait", WEFT__RW | WEFT__OP_TAKES) \
    X(SEM_POST, "semaphore post", WEFT__RW | WEFT__OP_GIVES) \
    X(BARRIER_WAIT, "barrier wait", WEFT__RW) \
    X(BARRIER_LEAVE, "barrier leave", WEFT__RW | WEFT__OP_SLEEPS) \
    X(ONCE, "once", WEFT__RW | WEFT__OP_SLEEPS) \
    X(OBJECT_INIT, "init", WEFT__OP_WRITES) \
    X(OBJECT_FINI, "destroy", WEFT__OP_WRITES) \
    X(FUTEX_WAIT, "futex wait", WEFT__RW | WEFT__OP_SLEEPS) \
    X(FUTEX_WAKE, "futex wake", WEFT__RW) \
    X(SYSTEM, "system call", WEFT__OP_SLEEPS) \
    X(STREAM, "stdio call", WEFT__RW | WEFT__OP_SLEEPS) \
    X(ALLOC, "allocate", WEFT__OP_WRITES) \
    X(FREE, "free", WEFT__OP_WRITES) \
    X(SIGNAL, "signal handler", 0) \
    X(CANCEL, "cancel", WEFT__OP_WRITES) \
    X(CHAN_SEND, "send", WEFT__RW | WEFT__OP_SLEEPS) \
    X(CHAN_RECV, "receive", WEFT__RW | WEFT__OP_SLEEPS) \
    X(CHAN_TRY_SEND, "try_send", WEFT__RW) \
    X(CHAN_TRY_RECV, "try_recv", WEFT__RW) \
    X(CHAN_CLOSE, "close", WEFT__RW) \
    X(SELECT, "select", WEFT__RW | WEFT__OP_SLEEPS) \
    X(SCOPE_OPEN, "scope open", 0) \
    X(SCOPE_CLOSE, "scope close", WEFT__RW | WEFT__OP_SLEEPS) \
    X(EVENT_WAIT, "event wait", WEFT__RW | WEFT__OP_SLEEPS) \
    X(EVENT_SET, "event set", WEFT__RW) \
    X(LATCH_WAIT, "latch wait", WEFT__RW | WEFT__OP_SLEEPS) \
    X(LATCH_DOWN, "latch down", WEFT__RW) \
    X(PARK, "park", WEFT__OP_SLEEPS) \
    X(UNPARK, "unpark", WEFT__OP_WRITES) \
    X(IO, "I/O", WEFT__RW | WEFT__OP_SLEEPS) \
    X(FUTURE_GET, "future get", WEFT__RW | WEFT__OP_SLEEPS) \
    X(FUTURE_SET, "future set", WEFT__RW) \
    X(FUTURE_DROP, "future unref", WEFT__RW) \
    X(FUTURE_NEXT, "next of the futures", WEFT__RW | WEFT__OP_SLEEPS) \
    X(SCHED_ADD, "put on an agenda", WEFT__RW) \
    X(SCHED_CANCEL, "take off an agenda", WEFT__RW) \
    X(SCHED_NEXT, "next of an agenda", WEFT__RW | WEFT__OP_SLEEPS) \
    X(CHAN_SENDER, "count a sender", WEFT__RW) \
    X(CHAN_SENDER_DONE, "sender done", WEFT__RW) \
    X(SUBSCRIBE, "subscribe", WEFT__RW) \
    X(PIECE_FORK, "fork", WEFT__OP_WRITES) \
    X(PIECE_JOIN, "join of a piece", WEFT__RW | WEFT__OP_SLEEPS)

#define WEFT__OP_ENUM(name, words, does) WEFT__OP_##name,
enum weft__op { WEFT__OPS(WEFT__OP_ENUM) WEFT__OP_COUNT };

/* What an operation does (the flags above), and its words.  Never NULL. */
unsigned weft__op_does(enum weft__op op);
const char *weft__op_words(enum weft__op op);

/* Do two operations on these objects not commute: is the order of the two of any consequence? */
bool weft__op_conflict(enum weft__op a, uint64_t a_object, enum weft__op b, uint64_t b_object);

/* A code address as module index (high 6 bits; 0: the program itself, in the order of the link map)
 * and offset in the module (low 26 bits).  0: unknown. */
typedef uint32_t weft__site;

#define WEFT__SITE_MODULE_SHIFT 26
#define WEFT__SITE_OFFSET_MASK  ((UINT32_C(1) << WEFT__SITE_MODULE_SHIFT) - 1)

enum {
    WEFT__EVENT_SWITCHED = 1,   /* another strand ran between the strand's last event and this */
    WEFT__EVENT_PREEMPTED = 2,  /* ... though it could have gone on */
    WEFT__EVENT_WAITED = 4,     /* it could not go on when it came to the point */
    WEFT__EVENT_TIMED_OUT = 8,  /* it went on because its deadline came */
    WEFT__EVENT_FAILED = 16,    /* a try that was refused; a compare-and-swap that failed */
    WEFT__EVENT_HAS_VALUE = 32
};

/* One record of the trace, in the order in which things happened. */
struct weft__event {
    uint32_t step;    /* counts from 1 */
    uint16_t strand;
    uint8_t op;       /* enum weft__op */
    uint8_t size;     /* of an access, in bytes */
    weft__site site;  /* of the operation */
    weft__site caller; /* of the function that holds it; 0: unknown */
    uint32_t nth;     /* the strand's n-th arrival at this site, from 1 */
    uint32_t flags;
    uint64_t object;  /* address; of a COND_WAIT the condition, with the mutex in value */
    uint64_t value;   /* read, or written, or returned; of a PIECE_FORK who takes it; see flags */
};

/* Does it wait for another strand's end, or a piece's? */
static inline bool weft__op_is_join(unsigned op)
{
    return op == WEFT__OP_JOIN || op == WEFT__OP_PIECE_JOIN;
}

/* Was a strand born by it? */
static inline bool weft__event_is_birth(const struct weft__event *event)
{
    return event->op == WEFT__OP_SPAWN ||
           (event->op == WEFT__OP_PIECE_FORK && (event->flags & WEFT__EVENT_HAS_VALUE));
}

#endif
