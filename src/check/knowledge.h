/* knowledge.h - what a search has learnt of a program, and which schedule it runs next.
 *
 *     knowledge.c   learns from each outcome, in the order of the schedules
 *     orders.c      reads a trace: which operations conflict, in which order were they seen
 *     portfolio.c   makes the next recipe: a plan in few words
 *     search.c      runs the recipes
 *     bounded.c     ... or all schedules within a bound
 *
 * Nothing here depends on addresses, which differ from runner to runner: an object is only known
 * within one trace; what is kept are places in the program (weft__strategy_context).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_KNOWLEDGE_H
#define WEFT_CHECK_KNOWLEDGE_H

#include "base/rng.h"
#include "check/search.h"
#include "check/table.h"

#define WEFT__ORDERS_MAX     4096
#define WEFT__CORPUS_MAX     64
#define WEFT__SUSPICIONS_MAX 32
#define WEFT__GUIDES_MAX     8 /* constraints of one recipe */

/* All of a plan that is not the knowledge's own. */
struct weft__recipe {
    uint64_t number; /* of the schedule, from 1 */
    uint64_t seed;
    uint32_t strategy, depth, flags;
    bool thin; /* only accesses that no lock guards are points */
    uint32_t order; /* plus one, that this is a try of; 0: of none */
    uint32_t n_guides;
    struct weft__constraint guides[WEFT__CONSTRAINTS_MAX];
    weft__site focus[8];
    uint32_t focus_points[64]; /* with a focus: strand_points */
};

/* `after` has, or has not yet, been seen to be the next operation on an object after `before` was
 * done to it by another strand, and the two conflict. */
struct weft__order {
    weft__site before, after; /* contexts */
    bool before_writes, after_reads, after_writes;
    bool seen;
    uint32_t tries;  /* recipes that asked for it */
    uint32_t origin; /* the corpus' entry, plus one, by which it came to be known; 0: none */
};

struct weft__guides {
    uint32_t n;
    struct weft__constraint at[WEFT__CONSTRAINTS_MAX];
};

struct weft__knowledge {
    struct weft__arena arena, scratch;
    void *memory, *scratch_memory;
    struct weft__table behaviours; /* hash -> 1 */
    struct weft__table pairs;      /* writer and reader site -> 1 */
    struct weft__table sites;      /* of accesses: 1 guarded as far as seen, 2 not */
    struct weft__table by_order;   /* before and after -> index + 1 */
    struct weft__table suspected;  /* what a suspicion says -> 1 */
    uint64_t n_behaviours;
    uint32_t outcomes, traces;     /* learnt from */
    uint32_t n_hot, n_thin;
    weft__site hot[WEFT__HOT_MAX];  /* ascending */
    weft__site thin[WEFT__HOT_MAX]; /* of these, those that are not guarded */
    uint32_t points, strands;       /* estimates */
    uint32_t strand_points[64];
    uint32_t n_orders, n_unseen;
    struct weft__order orders[WEFT__ORDERS_MAX];
    uint32_t n_corpus;              /* ever; the place is n % WEFT__CORPUS_MAX */
    struct weft__guides corpus[WEFT__CORPUS_MAX];
    uint32_t n_suspicions, next_suspicion;
    struct weft__guides suspicions[WEFT__SUSPICIONS_MAX];
    uint32_t n_focus;               /* sites that conflict over one object, to choose from */
    struct { weft__site sites[8]; uint32_t points[64]; } focus[16];
};

/* 0 or -ENOMEM. */
int weft__knowledge_init(struct weft__knowledge *k);
void weft__knowledge_fini(struct weft__knowledge *k);

/* One schedule more, run by the recipe. */
void weft__knowledge_learn(struct weft__knowledge *k, const struct weft__recipe *recipe,
                           const struct weft__outcome *outcome);

/* The trace's part of that.  True: some order was new. */
bool weft__orders_learn(struct weft__knowledge *k, const struct weft__outcome *outcome);

/* The next schedule of a strategy; -1: of the portfolio. */
void weft__recipe_next(struct weft__knowledge *k, uint64_t seed, uint64_t number, int strategy,
                       struct weft__recipe *ret);

/* The plan in full, but for its deviations: it has none. */
void weft__recipe_plan(const struct weft__knowledge *k, const struct weft__recipe *recipe,
                       struct weft__plan *ret);

#endif
