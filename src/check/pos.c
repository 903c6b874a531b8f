/* pos.c - partial order sampling: each operation draws a priority, the highest goes first.
 *
 * When an operation was done, those that wait and conflict with it draw anew: else what lost the
 * race once would lose it for ever, and some orders would be far likelier than others.  Yuan,
 * Yang and Gu, "Partial Order Aware Concurrency Sampling", CAV 2018.
 *
 * A strand that yields says that it waits for others: it draws from the lowest 1/65,536, so that a
 * loop of yields cannot win against an operation that once drew low.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/pos.h"

_Static_assert(sizeof(struct weft__pos) <= WEFT__STRATEGY_MEMORY, "fits");

static uint32_t pos_draw(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    uint32_t priority = (uint32_t)(weft__rng_next(view->rng) >> 32);

    return strand->next.op == WEFT__OP_YIELD || strand->spinning ? priority >> 16 : priority;
}

void weft__pos_told(struct weft__pos *pos, const struct weft__strategy_view *view,
                    const struct weft__strand *strand)
{
    pos->priority[strand->id] = pos_draw(view, strand);
}

/* Does their order matter?  An operation may have a second object, as a wait has its mutex. */
static bool pos_conflict(const struct weft__operation *a, const struct weft__operation *b)
{
    if (a->second != 0 && (a->second == b->object || a->second == b->second))
        return true;
    if (b->second != 0 && b->second == a->object)
        return true;
    return a->object == b->object && weft__op_conflict(a->op, a->object, b->op, b->object);
}

void weft__pos_done(struct weft__pos *pos, const struct weft__strategy_view *view,
                    const struct weft__strand *strand)
{
    if (strand->next.object == 0 && strand->next.second == 0)
        return;
    for (uint32_t i = 0; i < view->n_strands; i++) {
        const struct weft__strand *other = &view->strands[i];
        if (other != strand && other->state != WEFT__STRAND_ENDED &&
            pos_conflict(&strand->next, &other->next))
            pos->priority[i] = pos_draw(view, other);
    }
}

static void pos_begin(const struct weft__strategy_view *view)
{
    (void)view;
}

static void pos_told(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    weft__pos_told(view->memory, view, strand);
}

static uint32_t pos_pick(const struct weft__strategy_view *view, const uint16_t *enabled,
                         uint32_t n, int32_t current)
{
    const struct weft__pos *pos = view->memory;
    uint32_t best = 0;

    (void)current;
    WEFT_CHECK(n > 0);
    for (uint32_t i = 1; i < n; i++) {
        if (pos->priority[enabled[i]] > pos->priority[enabled[best]])
            best = i;
    }
    return best;
}

static void pos_done(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    weft__pos_done(view->memory, view, strand);
}

const struct weft__strategy weft__strategy_pos = {
    .name = "pos",
    .memory = sizeof(struct weft__pos),
    .begin = pos_begin,
    .told = pos_told,
    .pick = pos_pick,
    .choose = weft__strategy_choose,
    .done = pos_done,
};
