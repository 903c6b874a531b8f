/* inject.h - the queue into which those put work who have no worker: plain threads, the watchdog,
 * the blocking pool, tasks whose worker was taken away.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_INJECT_H
#define WEFT_CORE_INJECT_H

#include "core/core.h"

void weft__inject_init(struct weft__inject *inject);

/* Never sleeps.  Puts something in and sees to it that a worker comes for it.  By any thread: one
 * that nobody waits for may find that the run has ended meanwhile, and must not touch it then. */
void weft__inject_from(struct weft__thread *self, struct weft__runtime *rt,
                       struct weft__runnable *item);

/* Never sleeps.  Any thread; the caller wakes somebody, while something holds the run open. */
void weft__inject_push(struct weft__runtime *rt, struct weft__runnable *item);

/* Never sleeps.  Takes the oldest for the worker to run, and a fair share of the rest into the
 * worker's own queue.  NULL when there is none, or another worker is just taking. */
struct weft__runnable *weft__inject_take(struct weft__worker *w);

/* Never sleeps.  False also while a push is under way. */
bool weft__inject_is_empty(struct weft__runtime *rt);

#endif
