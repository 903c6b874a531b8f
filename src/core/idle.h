/* idle.h - when a worker finds nothing to do; see idle.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_IDLE_H
#define WEFT_CORE_IDLE_H

#include "core/self.h"

void weft__idle_init(struct weft__idle *idle);

/* Never sleeps.  Work was made ready that the caller will not run next: sees to it that a worker is
 * looking for it.  A full fence. */
void weft__idle_wake(struct weft__runtime *rt);

/* The fence of a maker who is inside on a seat: that of whoever sleeps; see idle_barrier. */
static inline void weft__idle_fence(void)
{
    a_compiler_fence();
    if (WEFT_UNLIKELY(a_load(&weft__enter_fences, relaxed))) {
        a_fence(seq_cst);
    }
}

/* Never sleeps.  For such a maker: does somebody sleep while nobody is searching? */
static inline bool weft__idle_is_wanting(struct weft__runtime *rt)
{
    weft__idle_fence();
    return a_load(&rt->idle.searching, relaxed) == 0 && a_load(&rt->idle.sleeping, relaxed) != 0;
}

/* weft__idle_wake for such a maker. */
static inline void weft__idle_share(struct weft__runtime *rt)
{
    if (weft__idle_is_wanting(rt)) {
        weft__idle_wake(rt);
    }
}

/* Never sleeps.  Wakes every worker that sleeps: the runtime stops, or must look around. */
void weft__idle_wake_all(struct weft__runtime *rt);

/* Never sleeps.  Not 0 when all workers sleep, having looked for the last time, and none has been
 * called; the same number twice: none was in between. */
uint64_t weft__idle_quiet_era(struct weft__runtime *rt);

/* Never sleeps.  Has the outside been silent for a while, with nobody up since? */
bool weft__idle_has_listened(struct weft__runtime *rt);

/* Never sleeps.  A timer was armed from outside: makes sure that somebody is up by then. */
void weft__idle_keep(struct weft__runtime *rt, int64_t at);

/* The searching count: how many workers look for work. */
bool weft__idle_may_search(struct weft__worker *w);
void weft__idle_found(struct weft__worker *w);

/* Sleeps, unless work turns up first.  The worker is searching on return (and on entry if
 * `is_searching`). */
void weft__idle_sleep(struct weft__worker *w, bool is_searching);

#endif
