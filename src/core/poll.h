/* poll.h - how core reaches whoever waits for the outside world: declared here, filled by io.
 *
 * A driver (io_uring, epoll) has a part at each seat that has used it, weft__worker.polled: what
 * was begun on a seat is submitted and delivered there.  The sitter comes by at its turns; a worker
 * with nothing to do sleeps in the driver instead of on its futex; and when the sitter is busy for
 * long, whoever looks for work, or the watchdog, delivers in its place.
 *
 * Until a run's first operation there is no table, and nothing of this costs more than a load.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_POLL_H
#define WEFT_CORE_POLL_H

#include "core/core.h"

struct weft__poll {
    enum weft_io number;

    /* Never sleeps.  By the sitter, on its base stack: hands on what was begun here, delivers what
     * has completed.  True: something has become ready.  `is_last`: it will sleep in `wait` next,
     * if there is nothing, so what wait does need not be done. */
    bool (*turn)(struct weft__worker *w, bool is_last);

    /* Never sleeps.  By any thread: is there anything at this seat that its sitter should have
     * handed on or delivered, or, asleep, will once it has a CPU?  A hint. */
    bool (*has_news)(struct weft__worker *w);

    /* Never sleeps.  By any other thread of the run, of several workers: delivers what has
     * completed.  True: something has become ready.  The caller is inside. */
    bool (*help)(struct weft__worker *w);

    /* Sleeps.  By the sitter: until something has completed, or it is roused, or the monotonic
     * clock reaches `until` (WEFT_NEVER).  Delivers nothing.  -ETIMEDOUT, or 0: look. */
    int (*wait)(struct weft__worker *w, int64_t until);

    /* Never sleeps.  By any thread: w, which is in wait or about to be, returns from it. */
    void (*rouse)(struct weft__worker *w);

    /* Never sleeps.  Is an operation under way that something outside may end? */
    bool (*is_pending)(struct weft__runtime *rt);

    /* Never sleeps.  Nothing is under way any more, and only the caller's thread is left. */
    void (*stop)(struct weft__runtime *rt);
};

static inline const struct weft__poll *weft__poll_of(struct weft__runtime *rt)
{
    return a_load(&rt->poll, acquire); /* pairs with the release of who starts a driver */
}

/* The table, if w has a part of it. */
static inline const struct weft__poll *weft__poll_at(struct weft__worker *w)
{
    return a_load(&w->polled, acquire) ? weft__poll_of(w->runtime) : NULL;
}

#endif
