/* surw.c - selectively uniform random walk: all orders of a few chosen operations equally likely.
 *
 * Uniform over orders, not over choices: a strand that still has many operations before it is drawn
 * more often, by how many an earlier schedule counted (plan.strand_points; with a focus, of these
 * sites alone).  Strands that do not exist yet count for the first strand, who starts most of them.
 * Operations beside the focus are ordered by a plain random walk; one in the focus waits until its
 * strand is drawn.  Without a focus all operations are chosen ones.  Zhao, Wolff, Mathur and
 * Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/strategy.h"

struct surw {
    uint32_t left[WEFT__STRANDS_MAX]; /* operations still to come, by the estimate */
    uint64_t unborn;                  /* of all strands beyond the highest number seen */
    uint32_t born;
    int32_t drawn;                    /* who does the next operation of the focus; -1: to draw */
    uint16_t candidates[WEFT__STRANDS_MAX];
};

_Static_assert(sizeof(struct surw) <= WEFT__STRATEGY_MEMORY, "fits");

static uint32_t surw_estimate(const struct weft__plan *plan, uint32_t id)
{
    if (id < WEFT_ARRAY_SIZE(plan->strand_points))
        return plan->strand_points[id];
    return plan->points_estimate / weft__max(plan->strands_estimate, UINT32_C(1));
}

static void surw_begin(const struct weft__strategy_view *view)
{
    struct surw *surw = view->memory;
    uint32_t strands = weft__min(view->plan->strands_estimate, UINT32_C(1024));

    surw->drawn = -1;
    for (uint32_t i = 0; i < strands; i++)
        surw->unborn += surw_estimate(view->plan, i);
}

static void surw_told(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    struct surw *surw = view->memory;

    for (; surw->born <= strand->id; surw->born++) {
        uint32_t points = surw_estimate(view->plan, surw->born);
        surw->left[surw->born] = points;
        surw->unborn -= weft__min(surw->unborn, (uint64_t)points);
    }
}

static bool surw_in_focus(const struct weft__plan *plan, const struct weft__strand *strand)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(plan->focus) && plan->focus[i] != 0; i++) {
        if (plan->focus[i] == strand->site)
            return true;
    }
    return plan->focus[0] == 0;
}

/* An index into ids, by weight. */
static uint32_t surw_draw(const struct weft__strategy_view *view, const uint16_t *ids, uint32_t n)
{
    const struct surw *surw = view->memory;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += 1 + (uint64_t)surw->left[ids[i]] * 64 + (ids[i] == 0 ? surw->unborn * 64 : 0);
    uint64_t x = weft__rng_below(view->rng, sum);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t weight = 1 + (uint64_t)surw->left[ids[i]] * 64 +
                          (ids[i] == 0 ? surw->unborn * 64 : 0);
        if (x < weight)
            return i;
        x -= weight;
    }
    return n - 1;
}

static uint32_t surw_index(const uint16_t *enabled, uint32_t n, uint16_t id)
{
    for (uint32_t i = 0; i < n; i++) {
        if (enabled[i] == id)
            return i;
    }
    return 0;
}

static uint32_t surw_pick(const struct weft__strategy_view *view, const uint16_t *enabled,
                          uint32_t n, int32_t current)
{
    struct surw *surw = view->memory;
    uint32_t candidates = 0;

    (void)current;
    WEFT_CHECK(n > 0);
    if (view->plan->focus[0] == 0)
        return surw_draw(view, enabled, n);
    if (surw->drawn < 0) {
        uint32_t living = 0;
        for (uint32_t i = 0; i < view->n_strands; i++) {
            if (view->strands[i].state != WEFT__STRAND_ENDED)
                surw->candidates[living++] = (uint16_t)i;
        }
        surw->drawn = surw->candidates[surw_draw(view, surw->candidates, living)];
    }
    for (uint32_t i = 0; i < n; i++) {
        if (enabled[i] == surw->drawn || !surw_in_focus(view->plan, &view->strands[enabled[i]]))
            surw->candidates[candidates++] = enabled[i];
    }
    if (candidates == 0) { /* all would do what only the drawn one may, and it cannot run */
        uint32_t at = surw_draw(view, enabled, n);
        surw->drawn = enabled[at];
        return at;
    }
    return surw_index(enabled, n, surw->candidates[weft__rng_below(view->rng, candidates)]);
}

static void surw_done(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    struct surw *surw = view->memory;

    if (!surw_in_focus(view->plan, strand))
        return;
    if (surw->left[strand->id] > 0)
        surw->left[strand->id]--;
    if (strand->id == surw->drawn)
        surw->drawn = -1;
}

const struct weft__strategy weft__strategy_surw = {
    .name = "surw",
    .memory = sizeof(struct surw),
    .begin = surw_begin,
    .told = surw_told,
    .pick = surw_pick,
    .choose = weft__strategy_choose,
    .done = surw_done,
};
