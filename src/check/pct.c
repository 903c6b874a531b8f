/* pct.c - probabilistic concurrency testing: priorities for strands, that change at d - 1 points.
 *
 * Finds a bug of depth d (d ordering constraints suffice to fail) with probability at least 1 /
 * (n k^(d-1)) for n strands and k points; k comes from earlier schedules.  Burckhardt, Kothari,
 * Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding
 * Bugs", ASPLOS 2010.
 *
 * Strict priorities starve whoever a spinning strand waits for.  So who yields or spins falls below
 * all others, and so does who ran for very long while others could: that costs the guarantee only
 * for programs that would not end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/strategy.h"

#define PCT_DEPTH_MAX 16
#define PCT_FIRST     (UINT64_C(1) << 62) /* drawn priorities lie above, lowered ones below */

struct pct {
    uint64_t priority[WEFT__STRANDS_MAX]; /* 0: not drawn yet */
    uint64_t lowered;                     /* next priority below all others */
    uint64_t change[PCT_DEPTH_MAX];       /* points, ascending in no way */
    uint32_t changes, patience;
    uint64_t point;
    uint32_t runs, last; /* picks in a row of the strand, though others could run */
};

_Static_assert(sizeof(struct pct) <= WEFT__STRATEGY_MEMORY, "fits");

static void pct_begin(const struct weft__strategy_view *view)
{
    struct pct *pct = view->memory;
    uint32_t points = weft__max(view->plan->points_estimate, 2U);
    uint32_t depth = view->plan->depth > 0 ? view->plan->depth : 3;

    pct->lowered = PCT_FIRST;
    pct->changes = weft__min(depth, (uint32_t)PCT_DEPTH_MAX + 1) - 1;
    for (uint32_t i = 0; i < pct->changes; i++)
        pct->change[i] = 1 + weft__rng_below(view->rng, points);
    pct->patience = 1000 + 4 * weft__min(points, UINT32_C(100000000));
}

static void pct_lower(struct pct *pct, uint16_t id)
{
    pct->lowered--;
    pct->priority[id] = pct->lowered;
}

static void pct_told(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    struct pct *pct = view->memory;

    if (pct->priority[strand->id] == 0)
        pct->priority[strand->id] = PCT_FIRST + (weft__rng_next(view->rng) >> 2);
    if (strand->next.op == WEFT__OP_YIELD || strand->spinning)
        pct_lower(pct, strand->id);
}

static uint32_t pct_best(const struct pct *pct, const uint16_t *enabled, uint32_t n)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < n; i++) {
        if (pct->priority[enabled[i]] > pct->priority[enabled[best]])
            best = i;
    }
    return best;
}

static uint32_t pct_pick(const struct weft__strategy_view *view, const uint16_t *enabled,
                         uint32_t n, int32_t current)
{
    struct pct *pct = view->memory;
    uint32_t best = pct_best(pct, enabled, n);
    bool change = false;

    (void)current;
    WEFT_CHECK(n > 0);
    pct->point++;
    for (uint32_t i = 0; i < pct->changes; i++)
        change |= pct->change[i] == pct->point;
    pct->runs = n > 1 && enabled[best] == pct->last ? pct->runs + 1 : 0;
    if (change || pct->runs > pct->patience) {
        pct_lower(pct, enabled[best]);
        best = pct_best(pct, enabled, n);
        pct->runs = 0;
    }
    pct->last = enabled[best];
    return best;
}

const struct weft__strategy weft__strategy_pct = {
    .name = "pct",
    .memory = sizeof(struct pct),
    .begin = pct_begin,
    .told = pct_told,
    .pick = pct_pick,
    .choose = weft__strategy_choose,
};
