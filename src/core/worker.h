/* worker.h - a worker's turn: what to run next, and where what is ready waits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_WORKER_H
#define WEFT_CORE_WORKER_H

#include "core/self.h"

/* Never sleeps.  Makes a task ready that the caller has claimed: into the next slot of the caller's
 * worker, or the inject queue; or wakes its thread.  The caller is inside. */
void weft__ready(struct weft__task *task);

/* Never sleeps.  Puts something at the tail of the caller's queue. */
void weft__worker_push(struct weft__worker *w, struct weft__runnable *item);

/* Never sleeps.  What the worker would run next from its own queue, NULL when that is empty or it
 * is time to look at everything. */
struct weft__runnable *weft__worker_next(struct weft__worker *w);

/* Is there anything to run in this worker's own queue?  Any thread; a hint. */
bool weft__worker_has_work(struct weft__worker *w);

/* Leaves the current task, of which `kind` says how, and runs something else; returns when the task
 * runs again.  The thread may be another one then. */
void weft__switch_away(struct weft__thread *self, enum weft__left_kind kind);

/* For a steered run: leaves the current task for the one that `item` is, NULL: the base stack. */
void weft__switch_to(struct weft__thread *self, struct weft__runnable *item,
                     enum weft__left_kind kind);

/* From the base stack into a task; returns when something comes back to the base. */
void weft__worker_run(struct weft__thread *self, struct weft__worker *w,
                      struct weft__runnable *item);

/* First thing on arrival anywhere: deals with what the thread left. */
void weft__arrive(struct weft__thread *self);

/* The life of a runtime thread: sits on seats until the runtime stops. */
void weft__thread_loop(struct weft__thread *self);

#endif
