/* scope.h - the block that owns tasks: it waits for them, cancels them, and has a deadline.
 *
 *     weft_scope scope;
 *     weft_scope_open(&scope);
 *     weft_scope_deadline(&scope, weft_after(2 * WEFT_SECOND));
 *     weft_go(&scope, fetch, &request);
 *     int rc = weft_scope_close(&scope);     waits for all; 0, the first failure, or -ETIMEDOUT
 *
 * Scopes nest: a scope lies within the innermost scope that its opener has open, or the one that
 * its opener was started in.  A cancelled scope cancels every scope and task within it, unless
 * shielded.
 *
 * Cancelled means: each call that may sleep returns -WEFT_ECANCELED at once, now and for ever, in
 * every task of the scope and in the code that opened it.  -WEFT_ECANCELED means that the call
 * did NOT happen.  What must not be interrupted (cleanup) opens a scope of its own with a shield.
 *
 * Never cancelled: close, unlock, post, set, signal, try_ forms, weft_scope_close's waiting.
 *
 * From trio's nursery and cancel scope (Smith, "Notes on structured concurrency", 2018), with
 * return codes in the place of exceptions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include "weft/api.h"
#include "weft/task.h"
#include "weft/time.h"

/* Lives in its owner's memory, usually a local variable; must not move while open. */
struct weft_scope {
    uint64_t opaque[64];
};

/* What a task's outcome does to the scope it belongs to. */
enum weft_policy {
    WEFT_FAIL_FAST = 0, /* the first negative code cancels the rest */
    WEFT_COLLECT = 1,   /* failures are kept; nobody is cancelled */
    WEFT_FIRST_OK = 2   /* the first success cancels the rest; failures count only if all fail */
};

typedef struct weft_scope_options {
    const char *name;           /* for reports; kept by pointer */
    enum weft_policy policy;
    bool shield;                /* outer cancels and deadlines do not reach inside */
    int64_t deadline;           /* 0: none; else a time of weft_now's clock */
} weft_scope_options;

/* One failure of a task. */
typedef struct weft_error {
    int code;              /* negative, what the task returned */
    const char *task_name; /* the task's name, NULL if it had none of its own */
    const char *why;       /* what weft_fail said, or NULL */
    const void *fn;        /* the task's function */
    const void *site;      /* the address from which it was started */
} weft_error;

#define WEFT_SCOPE_ERRORS_MAX 4

WEFT_BEGIN_DECLS

/* Never sleeps.  Opens a scope within the caller's current one; the caller is its owner, and only
 * the owner may close it, before the scopes that it opened earlier.  Panics on an unknown policy.
 */
WEFT_API void weft_scope_open(weft_scope *scope);
WEFT_API void weft_scope_open_with(weft_scope *scope, const weft_scope_options *options);

/* Sleeps.  Waits until every task of the scope has ended (those started meanwhile too), then runs
 * what was deferred in it.  Not cancellable: an outer cancel reaches the tasks instead.
 *
 * 0                  all is well, and no call was cut short
 * a code             the first failure of a task; see weft_scope_errors for the others
 * -WEFT_ETIMEDOUT    the scope's own deadline cut a call short
 * -WEFT_ECANCELED    a cancel did, of this scope or of an outer one
 *
 * A task of a cancelled scope that returns -WEFT_ECANCELED counts as a call cut short.
 *
 * Panics, naming both sites, when the caller is not the owner or has a later scope open.
 */
WEFT_API int weft_scope_close(weft_scope *scope);

/* Never sleeps.  Cancels all that is in the scope, now and for good.  Any thread, any number of
 * times; from a signal handler by weft_post.  The scope must be open. */
WEFT_API void weft_scope_cancel(weft_scope *scope);

/* Never sleeps.  Cancels the scope when the clock reaches `when` (WEFT_NEVER: not at all).  May be
 * moved as often as one likes; moving it does not undo a cancel.  Any thread.  Panics when no
 * runtime runs, since nobody would keep the time. */
WEFT_API void weft_scope_deadline(weft_scope *scope, int64_t when);

/* Never sleeps.  Hides outer cancels and outer deadlines from the scope's inside from now on; its
 * own deadline still works.  Owner only. */
WEFT_API void weft_scope_shield(weft_scope *scope);

/* Never sleeps.  Is the scope cancelled, by itself, its deadline or an outer scope? */
WEFT_API bool weft_scope_cancelled(const weft_scope *scope);

/* Never sleeps.  Has a call been cut short by the scope's being cancelled? */
WEFT_API bool weft_scope_delivered(const weft_scope *scope);

/* Never sleeps.  The time at which the calling code will be cancelled: the earliest deadline of the
 * scopes around it, as far as no shield hides it; WEFT_NEVER, or INT64_MIN if it is already. */
WEFT_API int64_t weft_scope_deadline_effective(void);

/* Never sleeps.  Copies the first failures, oldest first, into ret_errors (at most n, at most
 * WEFT_SCOPE_ERRORS_MAX are kept) and returns how many there were in all.  Also after the close, as
 * long as the weft_scope's memory is there. */
WEFT_API size_t weft_scope_errors(const weft_scope *scope, weft_error *ret_errors, size_t n);

/* For WEFT_SCOPE only: its normal end, and its early one (no effect when it is closed already). */
WEFT_API void weft_scope_end(weft_scope *scope);
WEFT_API void weft_scope_leave(weft_scope *scope);

WEFT_END_DECLS

/* WEFT_SCOPE(name) { ... }: a scope around a block.  At the block's end it waits for its tasks;
 * left early (return, break, goto) it cancels them first and then waits.  Failures of its tasks
 * that are not seen this way are written to the log. */
#define WEFT_SCOPE(name)                                                                  \
    for (weft_scope name __attribute__((cleanup(weft_scope_leave))),                      \
         *weft_once_##name = (weft_scope_open(&name), &name);                             \
         weft_once_##name; weft_scope_end(&name), weft_once_##name = NULL)

#endif
