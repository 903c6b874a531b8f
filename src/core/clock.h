/* clock.h - what time it is, for the runtime: the real clock or a virtual one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_CLOCK_H
#define WEFT_CORE_CLOCK_H

#include "core/park.h"

/* Never sleeps.  rt may be NULL: the real clock. */
int64_t weft__now(struct weft__runtime *rt);

/* Never sleeps.  The wheel in which the calling thread arms timers. */
struct weft__wheel *weft__wheel_here(struct weft__thread *self, struct weft__runtime *rt);

/* Never sleeps.  Arms a timer for the calling thread or task: as weft__timer_start, and gets
 * whoever minds the timers up if the caller is no worker that will look itself. */
void weft__clock_arm(struct weft__thread *self, struct weft__runtime *rt, struct weft__timer *timer,
                     int64_t at);

/* The same for one that may be armed, which it is no more when `at` is WEFT_NEVER. */
void weft__clock_set(struct weft__thread *self, struct weft__runtime *rt, struct weft__timer *timer,
                     int64_t at);

/* Sleeps until the clock reaches `when`: *parking, without a lock, says what for.  The caller is
 * inside, and stays so.  0, or -WEFT_ECANCELED. */
int weft__clock_sleep(struct weft__thread **self, int64_t when, struct weft__parking *parking);

#endif
