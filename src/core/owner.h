/* owner.h - what core asks of the floor above, which owns the tasks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_OWNER_H
#define WEFT_CORE_OWNER_H

#include <stdbool.h>

struct weft__task;
struct weft__thread;

/* What core asks of the floor above: declared here, filled in scope/scope.c. */
struct weft__owner_ops {
    /* The task is about to sleep for the first time: let a canceller find it from now on. */
    void (*enroll)(struct weft__task *task);
    /* A call of the task has been refused or cut short by a cancel. */
    void (*delivered)(struct weft__task *task);
    /* The birth has become this task, on its own stack now: fill cancel and scope. */
    void (*begun)(struct weft__task *task);
    /* What the task has deferred outside scopes of its own is called.  Sleeps. */
    void (*undefer)(struct weft__task *task);
    /* fn has returned.  The task's last act; after it the scope may be gone.  Enters, and
     * returns the thread. */
    struct weft__thread *(*finished)(struct weft__task *task, int rc);
    /* One more task belongs to the scope, and will begin. */
    void (*adopt)(void *home, bool service);
    /* Cancel the whole run (a signal, a deadlock). */
    void (*cancel_root)(void *root);
    /* Calls visit for every enrolled task below the root, under the scopes' locks. */
    void (*visit)(void *root, void (*visit)(struct weft__task *, void *), void *arg);
};

extern const struct weft__owner_ops weft__owner_ops;

#endif
