/* searching.h - one search while it goes on; for search.c and bounded.c alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SEARCHING_H
#define WEFT_CHECK_SEARCHING_H

#include "base/atomic.h"
#include "check/knowledge.h"

#define WEFT__SLOTS_MAX   32 /* schedules of one round */
#define WEFT__RUNNERS_MAX 64

/* One schedule of a round. */
struct weft__slot {
    struct weft__recipe recipe;
    const void *item; /* bounded.c's own */
    struct weft__outcome *outcome;
    int code; /* of the runner */
    uint32_t steps_max;
    bool done;
};

/* A schedule in which something was found.  number 0: none. */
struct weft__kept {
    uint64_t number;
    struct weft__finding finding;
    struct weft__exchange *exchange; /* plan and outcome */
};

struct weft__searching {
    struct weft__runner *const *runners;
    size_t n;
    const weft_check_options *options;
    struct weft_check_report *report;
    struct weft__knowledge *k;
    struct weft__plan *plan; /* scratch */
    uint64_t seed, schedules_max;
    uint64_t schedules, failing, first_failure;
    uint32_t most_steps;
    bool not_deterministic, complete;
    int64_t started_ns, progress_ns;
    const char *phase;
    struct weft__kept hard, race; /* the gravest failure; the first race */

    /* Instead of the recipe's plan; NULL: the recipe's. */
    void (*fill)(const struct weft__searching *s, const struct weft__slot *slot,
                 struct weft__plan *ret);
    uint32_t n_slots;
    struct weft__slot slots[WEFT__SLOTS_MAX];
    void *slots_memory;
    ATOMIC(uint32_t) round_next, round_stop, round_done;
};

/* Runs the slots, on all runners; ends early at the first that fails. */
void weft__searching_round(struct weft__searching *s);

/* Counts a schedule that was run.  True: it failed, and the search is over. */
bool weft__searching_judge(struct weft__searching *s, const struct weft__slot *slot);

/* The gravest of its failures, a race being the least; NULL: none. */
const struct weft__finding *weft__searching_gravest(const struct weft__outcome *outcome);

void weft__searching_copy(struct weft__outcome *to, const struct weft__outcome *from);
void weft__searching_note(struct weft_check_report *report, const struct weft__finding *finding);
void weft__searching_progress(struct weft__searching *s, const char *phase);
bool weft__searching_is_stopped(const struct weft__searching *s);

/* All schedules within the bound of options.preemptions. */
int weft__bounded_search(struct weft__searching *s);

#endif
