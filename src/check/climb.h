/* climb.h - schedules from below: first those with no preemption, then those with one, and so on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_CLIMB_H
#define WEFT_CHECK_CLIMB_H

#include "check/plan.h"

#define WEFT__CLIMB_DEPTH_MAX 12 /* deviations of a schedule */
#define WEFT__CLIMB_NO_EVENT  UINT32_MAX

struct weft__climb {
    struct weft__runner *runner; /* its plan's flags and points are used as they are */
    uint32_t *left;              /* runs that may still be made */
    uint32_t limit;              /* only schedules with fewer preemptions; judge may lower it */
    uint32_t depth;              /* and with at most so many deviations; likewise */
    const struct weft__deviation *seeds; /* not from below, but these and one more */
    uint32_t n_seeds;
    uint64_t strands;            /* bits: those that it is about come first */
    int rc;                      /* of the runner, which ends it */

    /* The runner's outcome is that of another schedule.  True: that is enough. */
    bool (*judge)(struct weft__climb *climb);

    /* May a strand be stopped before this event?  NULL: before each. */
    bool (*focus)(const struct weft__climb *climb, const struct weft__event *event);
    void *arg;
};

/* The name of the choice that was made after event k - 1 of the outcome's trace (0: before all, by
 * main); `next` is the next event of the same strand, WEFT__CLIMB_NO_EVENT when it has none.
 * *ret_free: the strand could not go on.  False: it has no name that we know. */
bool weft__climb_choice(const struct weft__outcome *outcome, uint32_t k, uint32_t next,
                        struct weft__deviation *ret, bool *ret_free);

/* Runs them.  True: all of them, or judge was content; so what it did not see is not there. */
bool weft__climb(struct weft__climb *climb);

#endif
