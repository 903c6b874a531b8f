/* scope.h - what a scope is made of, for the files of this room.
 *
 * Scopes form a tree.  A scope's parent is the innermost scope that its opener was in; a task
 * belongs to the scope it was started in, its home, and is RESIDENT in its innermost one (its own
 * last opened, or its home).  Each scope has one cancel word that says whether it is effectively
 * cancelled, by itself or by an outer scope; a resident task has the address of that word and
 * reads it at every call.
 *
 * Lock: each scope's own, rank SCOPE, parent before child.  Under it: its lists, `inner`, and
 * where its resident tasks reside.  So who holds it may claim the sleep of a resident: it stays
 * one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SCOPE_SCOPE_H
#define WEFT_SCOPE_SCOPE_H

#include "core/core.h"
#include "core/waitq.h"
#include "weft/scope.h"

#define WEFT__SCOPE_OPEN   0x6f70656eu /* "open" */
#define WEFT__SCOPE_CLOSED 0x73687574u /* "shut" */

#define WEFT_DEFER_TIME_NS (5 * WEFT_SECOND)

/* Why a scope was cancelled by itself. */
enum weft__cause {
    WEFT__CAUSE_NONE = 0,
    WEFT__CAUSE_EXPLICIT,
    WEFT__CAUSE_DEADLINE,
    WEFT__CAUSE_POLICY
};

struct weft__defer;

struct weft__scope {
    ATOMIC(uint32_t) cancel;         /* is it effectively cancelled?  The word of its residents */
    ATOMIC(uint32_t) service_cancel; /* the word of its services */
    ATOMIC(uint32_t) cause;          /* enum weft__cause: of its own */
    ATOMIC(uint32_t) delivered;
    ATOMIC(uint32_t) alive;          /* tasks that are no services */
    ATOMIC(uint32_t) services;
    uint32_t magic;
    uint8_t policy;
    bool shield;
    bool under_service; /* its opener is a service of the parent: cancelled with the services */
    bool in_run;        /* the root is above it, so the run lasts as long as it does */
    bool has_success;   /* WEFT_FIRST_OK: somebody won */
    struct weft__lock lock;
    struct weft__scope *parent;
    struct weft__task *owner;     /* NULL: the root */
    struct weft__scope *inner;    /* opened within it by its owner, who resides there or deeper */
    struct weft__list children;   /* scopes */
    struct weft__list in_parent;
    struct weft__list tasks;      /* enrolled ones that belong here */
    struct weft__waitq closer;    /* the owner, waiting in close */
    struct weft__defer *defers;
    const char *name;
    const void *site;             /* where it was opened */
    ATOMIC(int64_t) deadline;
    struct weft__lock deadline_lock;
    struct weft__timer timer;
    size_t error_count;
    weft_error errors[WEFT_SCOPE_ERRORS_MAX];
};

_Static_assert(sizeof(struct weft__scope) <= sizeof(weft_scope), "fits its public box");

/* weft_start's handshake, on the starter's stack. */
struct weft__start {
    ATOMIC(uint32_t) cancel; /* the new task's word until it has started */
    struct weft__lock lock;
    struct weft__waitq starter;
    struct weft__task *task; /* under its home's lock; NULL before its first turn and once told */
    bool has_started, has_ended;
    int rc;
    void *value;
};

static inline struct weft__scope *weft__scope_of(const weft_scope *scope)
{
    return (struct weft__scope *)(uintptr_t)scope;
}

/* ---- scope.c ---- */

/* Opens a scope for the calling thread's task. */
void weft__scope_open(struct weft__scope *s, struct weft__thread *self,
                      const weft_scope_options *options, const void *site);

/* Sleeps.  weft_scope_close, for this room. */
int weft__scope_close(struct weft__scope *s, const void *site);

/* The word of the task's home: what it reads while it resides there. */
static inline const ATOMIC(uint32_t) *weft__scope_home_word(const struct weft__task *task)
{
    struct weft__scope *home = task->home;
    if (!home) {
        return NULL; /* a plain thread */
    }
    if (task->start) {
        return &task->start->cancel;
    }
    return task->service ? &home->service_cancel : &home->cancel;
}

/* Notes that a task has failed.  Under the lock. */
void weft__scope_note_error(struct weft__scope *s, const weft_error *error);

/* Makes a root: no owner, no parent.  It is held once, as if by a task. */
void weft__scope_init_root(struct weft__scope *s, const void *site);

/* ---- go.c ---- */

/* Counts down what holds the scope open; the last one wakes the closer, or stops the run. */
void weft__scope_let_go(struct weft__scope *s);

/* ---- cancel.c; the caller is inside and stays so: a timer's call runs in a worker's loop ---- */

void weft__scope_cancel(struct weft__scope *s, enum weft__cause cause);
void weft__scope_cancel_services(struct weft__scope *s);
void weft__scope_kick_below(struct weft__scope *s);
void weft__scope_cancel_start(struct weft__scope *s, struct weft__start *start);

/* Calls visit for every enrolled task in the tree below s. */
void weft__scope_visit(struct weft__scope *s, void (*visit)(struct weft__task *, void *),
                       void *arg);

/* ---- deadline.c ---- */

void weft__scope_set_deadline(struct weft__scope *s, int64_t when);
void weft__scope_drop_deadline(struct weft__scope *s);

/* ---- defer.c ---- */

/* Sleeps.  Makes the deferred calls, last first, under a shield. */
void weft__defer_run(struct weft__defer **list);

/* ---- start.c ---- */

/* The task has ended; was somebody still waiting for it to start?  Then its code is theirs. */
bool weft__start_ended(struct weft__task *task, int rc);

/* ---- root.c ---- */

/* The last task of the root scope has ended.  Never sleeps. */
void weft__root_finished(struct weft__scope *root);

#endif
