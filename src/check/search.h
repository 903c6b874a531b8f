/* search.h - from a runner to a report: search, shrink, confirm, find the pair that decides.
 *
 *     search.c    which plan next: schedule 1 is the default, 2 the reverse, then the portfolio
 *                 with its corpus of reads-from pairs; or all schedules within a bound
 *     shrink.c    fewer deviations, fewer preemptions, the same finding
 *     confirm.c   a race or a lock order that was only inferred: a schedule that fails by it;
 *                 and the pair of events whose order decides
 *     finish.c    these three, one after the other, and the rest of the report
 *     replay.c    a schedule as a string
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SEARCH_H
#define WEFT_CHECK_SEARCH_H

#include "check/report.h"

/* Searches with n runners at a time, as options say, and fills the report.  With the same options
 * and the same program it finds the same, whatever n is.  0, or the code of a runner. */
int weft__search(struct weft__runner *const *runners, size_t n, const weft_check_options *options,
                 struct weft_check_report *report);

/* The failing schedule in exchange->plan/outcome of runners[0] becomes the smallest that can be
 * found with the same class of finding at the same sites: the plan's deviations are the result.
 * Runs at most max schedules.  *ret_minimal: proven that fewer preemptions do not fail. */
int weft__shrink(struct weft__runner *runner, const struct weft__finding *finding, uint32_t max,
                 bool *ret_minimal);

/* Do two findings mean the same bug? */
bool weft__finding_same(const struct weft__finding *a, const struct weft__finding *b);

/* Tries to make an inferred finding fail, at most max schedules, which its `tries` counts: true and
 * the plan that does it. */
bool weft__confirm(struct weft__runner *runner, struct weft__finding *suspicion, uint32_t max,
                   struct weft__finding *ret_failure);

/* Which two events decide, in the failing schedule that the runner's exchange holds. */
void weft__critical_pair(struct weft__runner *runner, const struct weft__finding *finding,
                         uint32_t max, struct weft__critical *ret);

/* After weft__search: shrinks, confirms, finds the pair that decides, plays back, and completes the
 * report.  Does nothing but complete it when nothing was found.  argv: for the replay string, may
 * be NULL.  0, or the code of the runner; the report is complete in any case. */
int weft__finish(struct weft__runner *runner, const weft_check_options *options, char *const argv[],
                 struct weft_check_report *report);

/* The gravest finding of an outcome; NULL: it has none. */
const struct weft__finding *weft__gravest(const struct weft__outcome *outcome);

/* ---- the replay string ---- */

/* "w1-…": flags, seed and deviations of the plan, and the command (NULL: none) in letters, digits,
 * '-' and '_'.  Allocated; NULL: no memory. */
char *weft__replay_write(const struct weft__plan *plan, char *const argv[]);

/* Fills the plan.  *ret_argv: allocated in one block, NULL if the string has no command.
 * 0, -EINVAL: damaged or of another version, -ENOMEM. */
int weft__replay_read(const char *string, struct weft__plan *plan, char ***ret_argv);

#endif
