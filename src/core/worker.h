/* worker.h - a worker's turn: what to run next, and where what is ready waits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_WORKER_H
#define WEFT_CORE_WORKER_H

#include "core/idle.h"
#include "core/self.h"

/* Never sleeps.  Makes a task ready that the caller has claimed: into the next slot of the caller's
 * worker, or the inject queue; or wakes its thread.  The caller is inside. */
void weft__ready(struct weft__task *task);

/* Never sleeps.  Puts something at the tail of the caller's queue. */
void weft__worker_push(struct weft__worker *w, struct weft__runnable *item);

/* The same for a task to be, of which others may be told. */
static inline void weft__worker_push_birth(struct weft__worker *w, struct weft__birth *birth)
{
    weft__worker_push(w, &birth->run);
    if (!w->is_only && (deque_size(&w->deque) > 1 || a_load(&w->next, relaxed))) {
        weft__idle_share(w->runtime); /* more than this worker will run when the spawner parks */
    }
}

/* What the worker will run next, if that can be told without looking further: NULL else.  To be
 * followed by weft__worker_take_peeked, or not. */
static inline struct weft__runnable *weft__worker_peek(struct weft__worker *w)
{
    uint32_t left = a_load(&w->batch_left, relaxed);
    if (a_load(&w->next, relaxed) || w->turns_left <= 1) {
        return NULL;
    }
    if (w->is_only) {
        return deque_peek(&w->deque, 0);
    }
    return left > 0 ? w->batch[w->batch_end - left] : NULL;
}

static inline void weft__worker_take_peeked(struct weft__worker *w)
{
    if (w->is_only) {
        deque_drop_alone(&w->deque);
    } else {
        a_store(&w->batch_left, a_load(&w->batch_left, relaxed) - 1, relaxed);
    }
    w->turns_left--;
    w->next_runs = 0;
    weft__stat_add(&w->epoch, 1);
}

/* Is there anything to run in this worker's own queue?  Any thread; a hint. */
bool weft__worker_has_work(struct weft__worker *w);

/* Likewise in what others get only by a raid: its next slot and its batch. */
bool weft__worker_has_private(struct weft__worker *w);

/* There is more work here than its worker will run next: somebody may come for it. */
static inline void weft__worker_share(struct weft__worker *w)
{
    if (!w->is_only) {
        weft__idle_share(w->runtime);
    }
}

/* Leaves the current task, of which `kind` says how, and runs something else; returns when the task
 * runs again, the thread that it runs on then.  One that yields returns at once when nobody else is
 * ready here. */
struct weft__thread *weft__switch_away(struct weft__thread *self, enum weft__left_kind kind);

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
