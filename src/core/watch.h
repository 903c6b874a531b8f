/* watch.h - the watchdog: no worker's trouble is everybody's; see watch.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_WATCH_H
#define WEFT_CORE_WATCH_H

#include "core/core.h"
#include "weft/time.h"

/* Starts and stops the service thread.  0, or the code of the thread that could not be had. */
int weft__watch_start(struct weft__runtime *rt);
void weft__watch_stop(struct weft__runtime *rt);

/* Sleeps.  The seat of the calling thread, waiting for one if it has none.  NULL: the thread is not
 * needed any more.  On the base stack. */
struct weft__worker *weft__watch_sit(struct weft__thread *self);

/* Never sleeps.  The seat of the calling thread, for sure: not as seen while the watchdog was just
 * about to take it and changed its mind. */
struct weft__worker *weft__watch_confirm(struct weft__thread *self);

/* Never sleeps.  Takes the seat from its sitter, who is outside, for the moment until it is given
 * back; meanwhile what is private to the seat is the caller's.  False: not now. */
bool weft__watch_borrow(struct weft__worker *w);
void weft__watch_give_back(struct weft__worker *w);

/* Never sleeps.  Gets a spare thread up that the caller has taken off the list of spares. */
void weft__watch_call_spare(struct weft__thread *spare);

/* Never sleeps.  A worker has got up: the watchdog must watch again. */
void weft__watch_stir(struct weft__runtime *rt);

/* Never sleeps.  A worker begins to run a task while something waits for it, which is due at `due`
 * (0: now): were it to be stuck, the watchdog must see that in time. */
void weft__watch_mind(struct weft__runtime *rt, int64_t due);

/* Else weft__watch_mind has nothing to do. */
static inline bool weft__watch_is_slow(struct weft__runtime *rt)
{
    return a_load(&rt->service_until, relaxed) >
           a_load(&rt->coarse_now, relaxed) + 2 * WEFT_TICK_NS;
}

/* Async-signal-safe.  Gets the service thread up. */
void weft__watch_call(struct weft__runtime *rt);

#endif
