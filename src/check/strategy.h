/* strategy.h - who picks the next strand: one table for each way.
 *
 * A strategy sees the enabled strands, each with the operation that it will do next, and picks one.
 * It runs where the schedule runs, may keep what it likes in its own memory (zeroed before begin),
 * calls nothing but the generator given to it, and must pick the same from the same.  random.c,
 * pos.c, pct.c, surw.c, rf.c fill it; strategy_test.c runs all of them over toy programs.
 *
 * Sources.  POS: Yuan et al., CAV 2018.  PCT: Burckhardt et al., ASPLOS 2010.  SURW: ASPLOS 2025.
 * Reads-from fuzzing: ASPLOS 2024.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_STRATEGY_H
#define WEFT_CHECK_STRATEGY_H

#include "base/rng.h"
#include "check/engine.h"
#include "check/plan.h"

#define WEFT__STRATEGY_MEMORY (192 * 1024)

struct weft__strategy_view {
    const struct weft__plan *plan;
    struct weft__rng *rng;
    const struct weft__strand *strands; /* by number; those beyond n_strands do not exist */
    uint32_t n_strands;
    void *memory; /* WEFT__STRATEGY_MEMORY bytes, the strategy's own */
};

struct weft__strategy {
    const char *name; /* as --strategy says it */
    size_t memory;    /* how much of its memory it uses, from the beginning */

    /* Before the first strand runs. */
    void (*begin)(const struct weft__strategy_view *view);

    /* A strand has told its next operation (also when it is new).  May be NULL. */
    void (*told)(const struct weft__strategy_view *view, const struct weft__strand *strand);

    /* Which of the n >= 1 enabled strands goes on: an index into `enabled`, whose numbers ascend.
     * `current` is the one that ran last, an index likewise, or -1 if it cannot go on. */
    uint32_t (*pick)(const struct weft__strategy_view *view, const uint16_t *enabled, uint32_t n,
                     int32_t current);

    /* Which of n >= 2 for another kind of choice (plan.h): 0 is the default.  NULL: 0. */
    uint32_t (*choose)(const struct weft__strategy_view *view, enum weft__choice_kind kind,
                       uint32_t n);

    /* The strand has done its operation.  May be NULL. */
    void (*done)(const struct weft__strategy_view *view, const struct weft__strand *strand);
};

/* What a constraint of a plan (plan.h) names: a place in the program, told apart by who called
 * it, so that a helper which locks is many places.  Without a caller it is the site. */
static inline weft__site weft__strategy_context(weft__site site, weft__site caller)
{
    return site ^ (caller * UINT32_C(0x9e3779b1));
}

/* The same for an operation.  A wait and the wake-up from it are at one site, and are two
 * places. */
static inline weft__site weft__strategy_place(enum weft__op op, weft__site site, weft__site caller)
{
    weft__site context = weft__strategy_context(site, caller);

    return op == WEFT__OP_COND_WAKE ? context ^ UINT32_C(0x5bd1e995) : context;
}

/* The fillings. */
extern const struct weft__strategy weft__strategy_default, weft__strategy_reverse,
    weft__strategy_random, weft__strategy_pos, weft__strategy_pct, weft__strategy_surw,
    weft__strategy_rf;

/* The choose of all that draw: the default every other time, or any; a deadline early one time in
 * eight, and only if the plan allows it; a failure without cause one time in 32. */
uint32_t weft__strategy_choose(const struct weft__strategy_view *view, enum weft__choice_kind kind,
                               uint32_t n);

/* By enum weft__strategy_id; never NULL.  DEFAULT and REVERSE are there, too. */
const struct weft__strategy *weft__strategy_of(enum weft__strategy_id id);

/* "random", "pos", "pct", "surw", "rf", "default", "reverse"; -1: no such name */
int weft__strategy_by_name(const char *name);

#endif
