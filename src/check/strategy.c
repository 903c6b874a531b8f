/* strategy.c - the table of strategies, and the two that draw nothing.
 *
 * Called by engine.c for each schedule.  DEFAULT is the policy that deviations depart from
 * (plan.h): the engine lays the plan's deviations over it.  REVERSE is its mirror image and
 * often fails at once where the default does not: those who were started last run first.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/strategy.h"

/* Who ran last, so that the next one round can be found when it cannot go on. */
struct strategy_turn {
    uint16_t last;
};

_Static_assert(sizeof(struct strategy_turn) <= WEFT__STRATEGY_MEMORY, "fits");

static void strategy_turn_begin(const struct weft__strategy_view *view)
{
    struct strategy_turn *turn = view->memory;

    turn->last = 0;
}

/* The running one goes on, unless it only yields. */
static bool strategy_goes_on(const struct weft__strategy_view *view, const uint16_t *enabled,
                             uint32_t n, int32_t current)
{
    return current >= 0 &&
           (n == 1 || view->strands[enabled[current]].next.op != WEFT__OP_YIELD);
}

static uint32_t strategy_default_pick(const struct weft__strategy_view *view,
                                      const uint16_t *enabled, uint32_t n, int32_t current)
{
    struct strategy_turn *turn = view->memory;
    uint32_t at = 0;

    WEFT_CHECK(n > 0);
    if (strategy_goes_on(view, enabled, n, current)) {
        at = (uint32_t)current;
    } else {
        while (at < n && enabled[at] <= turn->last)
            at++;
        if (at == n)
            at = 0;
    }
    turn->last = enabled[at];
    return at;
}

static uint32_t strategy_reverse_pick(const struct weft__strategy_view *view,
                                      const uint16_t *enabled, uint32_t n, int32_t current)
{
    struct strategy_turn *turn = view->memory;
    uint32_t at = n - 1;

    WEFT_CHECK(n > 0);
    if (strategy_goes_on(view, enabled, n, current)) {
        at = (uint32_t)current;
    } else {
        while (at > 0 && enabled[at] >= turn->last)
            at--;
        if (enabled[at] >= turn->last)
            at = n - 1;
    }
    turn->last = enabled[at];
    return at;
}

static uint32_t strategy_reverse_choose(const struct weft__strategy_view *view,
                                        enum weft__choice_kind kind, uint32_t n)
{
    (void)view;
    return kind == WEFT__CHOICE_WAITER || kind == WEFT__CHOICE_ARM ? n - 1 : 0;
}

uint32_t weft__strategy_choose(const struct weft__strategy_view *view, enum weft__choice_kind kind,
                               uint32_t n)
{
    switch (kind) {
    case WEFT__CHOICE_TIMER:
        return (view->plan->flags & WEFT__PLAN_EARLY_TIMERS) && weft__rng_below(view->rng, 8) == 0;
    case WEFT__CHOICE_FAIL:
        return weft__rng_below(view->rng, 32) == 0;
    default:
        return weft__rng_below(view->rng, 2) ? 0 : (uint32_t)weft__rng_below(view->rng, n);
    }
}

const struct weft__strategy weft__strategy_default = {
    .name = "default",
    .memory = sizeof(struct strategy_turn),
    .begin = strategy_turn_begin,
    .pick = strategy_default_pick,
};

const struct weft__strategy weft__strategy_reverse = {
    .name = "reverse",
    .memory = sizeof(struct strategy_turn),
    .begin = strategy_turn_begin,
    .pick = strategy_reverse_pick,
    .choose = strategy_reverse_choose,
};

static const struct weft__strategy *const strategy_table[WEFT__STRATEGY_COUNT] = {
    [WEFT__STRATEGY_DEFAULT] = &weft__strategy_default,
    [WEFT__STRATEGY_REVERSE] = &weft__strategy_reverse,
    [WEFT__STRATEGY_RANDOM] = &weft__strategy_random,
    [WEFT__STRATEGY_POS] = &weft__strategy_pos,
    [WEFT__STRATEGY_PCT] = &weft__strategy_pct,
    [WEFT__STRATEGY_SURW] = &weft__strategy_surw,
    [WEFT__STRATEGY_RF] = &weft__strategy_rf,
};

const struct weft__strategy *weft__strategy_of(enum weft__strategy_id id)
{
    WEFT_CHECK(id < WEFT__STRATEGY_COUNT);
    return strategy_table[id];
}

int weft__strategy_by_name(const char *name)
{
    for (int i = 0; i < WEFT__STRATEGY_COUNT; i++) {
        if (strcmp(strategy_table[i]->name, name) == 0)
            return i;
    }
    return -1;
}
