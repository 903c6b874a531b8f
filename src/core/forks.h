/* forks.h - what a task has forked and not joined yet, and how others come by it.
 *
 * Each task that forks has one struct weft__forks, whose slots hold the addresses of its pieces
 * (lockfree/split.h).  It belongs to the task, not to the seat: a task may sleep with pieces
 * outstanding, and wake elsewhere.  A seat knows the one of the task that runs there, for thieves.
 *
 * They are never freed before the run ends, and their slots never move: a late thief may look at
 * one that has another owner by now, and what he takes then is that owner's.
 *
 * Each begins at a multiple of WEFT__FORKS_SIZE, so that who knows a slot knows the rest.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_FORKS_H
#define WEFT_CORE_FORKS_H

#include "core/self.h"
#include "lockfree/split.h"

#define WEFT__FORKS_SIZE ((size_t)128 * 1024) /* WEFT_HAND_SIZE in weft/par.h */

/* Says -WEFT_ECANCELED of a piece that has not begun. */
int weft__forks_refuse(void);

/* A piece, in its forker's frame: weft_piece. */
struct weft__piece {
    void (*run)(struct weft__piece *piece); /* as a task of its own; NULL: it was not given away */
    void *scope;                            /* in which */
    struct weft__task *joiner;              /* once stolen: who waits, */
    uint64_t ticket;                        /* and with what; over: it found no room */
    weft__split_slot word;                  /* steered: in the place of a slot */
    int (*fn)(void *arg);                   /* this and below: if it runs by weft__forks_run */
    union {
        void *arg;
        int64_t rc;
    };
};

/* Never sleeps, but fn may.  Calls the piece's fn in the calling task, unless that is cancelled. */
static inline int weft__forks_call(const struct weft__task *task, const struct weft__piece *piece)
{
    const ATOMIC(uint32_t) *cancel = task->cancel;
    if (cancel && WEFT_UNLIKELY(a_load(cancel, relaxed))) {
        return weft__forks_refuse();
    }
    return piece->fn(piece->arg);
}

struct weft__forks {
    struct weft__split split; /* first; its note: where the task says its innermost scope */
    struct weft__task *task;
    uint32_t held;       /* inlined code that knows of its slots, besides the pieces in them */
    uint32_t woken_at;   /* the tail + 1 when somebody was woken for a piece; 0: nobody was */
    struct weft__locals *locals; /* of pieces that are shared; counted */
    struct weft__forks *next;    /* while it is free */
    ATOMIC(void *) home;         /* of the task, if that is a service; else NULL */
    ATOMIC(int) cpu;             /* where the task last shared something; -1: it sleeps */
    WEFT_ALIGNED(WEFT_CACHE_LINE) weft__split_slot slots[];
};

static inline struct weft__forks *weft__forks_of_slot(const void *slot)
{
    return (struct weft__forks *)((uintptr_t)slot & ~(uintptr_t)(WEFT__FORKS_SIZE - 1));
}

/* ---- for par ---- */

/* The run of a piece that is a function with an argument; leaves its code in rc. */
void weft__forks_run(struct weft__piece *piece);

/* Never sleeps.  The calling task's; NULL: what it forks it runs itself.  So it is for a plain
 * thread, and if there is no memory. */
struct weft__forks *weft__forks_get(void);

/* Never sleeps.  Forks the piece, whose run and scope are set, where split_push would not. */
void weft__forks_push(struct weft__forks *forks, struct weft__piece *piece);

/* Never sleeps.  The same for who has none. */
void weft__forks_push_nowhere(struct weft__piece *piece);

/* Sleeps, if it was stolen, until it has ended, and returns false.  True: the caller must run it.
 * The piece is the last that was forked. */
bool weft__forks_take(struct weft__forks *forks, struct weft__piece *piece);

/* Never sleeps.  Would it make sense to offer a piece now?  Not if nobody else could run it; nor,
 * if not even_more, while there is one that nobody has taken. */
bool weft__forks_may_offer(bool even_more);

/* Never sleeps.  Forks the piece, whose run is set, so that others may take it at once. */
void weft__forks_offer(struct weft__piece *piece);

/* weft__forks_take of a piece that was offered. */
bool weft__forks_take_back(struct weft__piece *piece);

/* Never sleeps.  A place that has no room, for code that must have one. */
struct weft__forks *weft__forks_none(void);

/* ---- for the rest of core; who calls is inside ---- */

/* Never sleeps.  A piece of what runs at the seat `victim`, as a task to be; NULL: there is none,
 * but it was asked for.  At the thief's own seat it is that of a task which sleeps. */
struct weft__runnable *weft__forks_rob(struct weft__worker *w, struct weft__worker *victim);

/* Never sleeps.  Is anything shared there? */
bool weft__forks_has_more(struct weft__worker *w);

/* Never sleeps.  Asks at each seat that something be shared. */
void weft__forks_ask(struct weft__runtime *rt);

/* Never sleeps.  The thread's seat goes over from a task to another one. */
void weft__forks_switch(struct weft__thread *self, struct weft__task *prev,
                        struct weft__task *next);

/* Never sleeps.  The task has ended.  Panics when a piece was not joined. */
void weft__forks_drop(struct weft__thread *self, struct weft__task *task);

/* Never sleeps.  Has the calling task forked what it has not joined? */
bool weft__forks_are_out(void);

/* Sleeps.  The calling task ends in the middle: what has been stolen ends first. */
void weft__forks_abandon(void);

/* Never sleeps.  What it has started has ended as well: if it is a piece, its join is told. */
void weft__forks_tell_panic(void);

void weft__forks_free(struct weft__forks_pool *pool);

#endif
