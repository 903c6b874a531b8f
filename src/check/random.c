/* random.c - the random walk: at each point any enabled strand, all equally likely.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/strategy.h"

static void random_begin(const struct weft__strategy_view *view)
{
    (void)view;
}

static uint32_t random_pick(const struct weft__strategy_view *view, const uint16_t *enabled,
                            uint32_t n, int32_t current)
{
    (void)enabled;
    (void)current;
    WEFT_CHECK(n > 0);
    return n == 1 ? 0 : (uint32_t)weft__rng_below(view->rng, n);
}

const struct weft__strategy weft__strategy_random = {
    .name = "random",
    .begin = random_begin,
    .pick = random_pick,
    .choose = weft__strategy_choose,
};
