/* watch.h - the watchdog: no worker's trouble is everybody's; see watch.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_WATCH_H
#define WEFT_CORE_WATCH_H

#include "core/core.h"

/* Starts and stops the service thread.  0, or the code of the thread that could not be had. */
int weft__watch_start(struct weft__runtime *rt);
void weft__watch_stop(struct weft__runtime *rt);

/* Sleeps.  The seat of the calling thread, waiting for one if it has none.  NULL: the thread is not
 * needed any more.  On the base stack. */
struct weft__worker *weft__watch_sit(struct weft__thread *self);

/* Never sleeps.  The seat of the calling thread, for sure: not as seen while the watchdog was just
 * about to take it and changed its mind. */
struct weft__worker *weft__watch_confirm(struct weft__thread *self);

/* Never sleeps.  Gets a spare thread up that the caller has taken off the list of spares. */
void weft__watch_call_spare(struct weft__thread *spare);

/* Never sleeps.  A worker has got up: the watchdog must watch again. */
void weft__watch_stir(struct weft__runtime *rt);

/* Async-signal-safe.  Gets the service thread up. */
void weft__watch_call(struct weft__runtime *rt);

#endif
