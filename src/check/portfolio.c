/* portfolio.c - the next recipe: which strategy, and what it is told.
 *
 * The first schedule is the default and the second its reverse: one of the two fails for a bug
 * that needs no preemption at all.  Then every other one is guided: by a suspicion, if there is
 * a new one, else by an order of two operations that was never seen, often together with what
 * guided an earlier schedule to something new.  The rest is sampled by turns, because each way
 * of sampling has programs for which it is hopeless.
 *
 * Numbers are drawn from the seed and the schedule's number alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/knowledge.h"
#include "check/strategy.h"

#define PORTFOLIO_PASS_MAX 50

/* ---- guided ---- */

/* An order as a constraint: `after` is held until `before` was done. */
static struct weft__constraint portfolio_constraint(const struct weft__order *order,
                                                    struct weft__rng *rng)
{
    struct weft__constraint ret = {.writer = order->before, .reader = order->after};

    if (!order->before_writes || !order->after_reads)
        ret = (struct weft__constraint){
            .writer = order->after, .reader = order->before, .negative = 1};
    ret.late = order->tries > 0 && weft__rng_below(rng, 3) == 0;
    ret.fresh = order->tries > 0 && weft__rng_below(rng, 2) == 0;
    while (order->tries > 0 && ret.pass < PORTFOLIO_PASS_MAX && weft__rng_below(rng, 4) == 0)
        ret.pass++;
    return ret;
}

/* Unseen ones first, of these the least tried ones, of these any. */
static struct weft__order *portfolio_order(struct weft__knowledge *k, struct weft__rng *rng)
{
    struct weft__order *best = NULL;
    uint64_t best_score = UINT64_MAX;
    bool any = weft__rng_below(rng, 4) == 0;

    for (uint32_t i = 0; i < k->n_orders; i++) {
        struct weft__order *order = &k->orders[i];
        uint64_t rank = any ? 0 : weft__min(order->tries, 1000U) + (order->seen ? 1 : 0);
        uint64_t score = rank << 32 | weft__rng_next(rng) >> 33;
        if (!order->after_reads && !order->after_writes)
            continue; /* seen, but under a lock */
        if (score < best_score) {
            best_score = score;
            best = order;
        }
    }
    return best;
}

/* What led to the order, or to something else that was new; an order that does not come about by
 * itself is mostly tried together with others.  NULL: nothing. */
static const struct weft__guides *portfolio_parent(const struct weft__knowledge *k,
                                                   const struct weft__order *order,
                                                   struct weft__rng *rng)
{
    uint32_t n = weft__min(k->n_corpus, (uint32_t)WEFT__CORPUS_MAX);
    uint64_t x = weft__rng_below(rng, 6);
    bool is_hard = !order->seen && order->tries > 0;

    if (order->origin != 0 && k->n_corpus - (order->origin - 1) <= n && x < 3)
        return &k->corpus[(order->origin - 1) % WEFT__CORPUS_MAX];
    for (int i = 0; n > 0 && i < 4 && x >= (is_hard ? 3 : 5); i++) {
        const struct weft__guides *parent = &k->corpus[weft__rng_below(rng, n)];
        if (parent->n > 0)
            return parent;
    }
    return NULL;
}

static void portfolio_guide(struct weft__knowledge *k, struct weft__rng *rng,
                            struct weft__recipe *recipe)
{
    struct weft__order *order = portfolio_order(k, rng);

    recipe->strategy = WEFT__STRATEGY_RF;
    recipe->depth = (uint32_t)weft__rng_below(rng, 3);
    if (order == NULL)
        return;
    recipe->order = (uint32_t)(order - k->orders) + 1;
    if (order->tries == 0)
        recipe->depth = 2;
    const struct weft__guides *parent = portfolio_parent(k, order, rng);
    if (parent != NULL) {
        recipe->n_guides = weft__min(parent->n, (uint32_t)WEFT__GUIDES_MAX);
        memcpy(recipe->guides, parent->at, recipe->n_guides * sizeof recipe->guides[0]);
        if (weft__rng_below(rng, 4) == 0)
            recipe->n_guides = (uint32_t)weft__rng_below(rng, recipe->n_guides + 1);
    }
    recipe->guides[recipe->n_guides++] = portfolio_constraint(order, rng);
    if (order->tries++ == 0 || recipe->n_guides > 1 || weft__rng_below(rng, 3) != 0)
        return;
    const struct weft__order *second = portfolio_order(k, rng);
    bool opposite = second->before == order->after && second->after == order->before;
    if (second != order && !opposite)
        recipe->guides[recipe->n_guides++] = portfolio_constraint(second, rng);
}

static bool portfolio_suspicion(struct weft__knowledge *k, struct weft__recipe *recipe)
{
    if (k->next_suspicion == k->n_suspicions)
        return false;
    const struct weft__guides *guides = &k->suspicions[k->next_suspicion++];
    recipe->strategy = WEFT__STRATEGY_RF;
    recipe->depth = 1;
    recipe->n_guides = guides->n;
    memcpy(recipe->guides, guides->at, sizeof recipe->guides);
    return true;
}

/* ---- sampled ---- */

static void portfolio_focus(const struct weft__knowledge *k, struct weft__rng *rng,
                            struct weft__recipe *recipe)
{
    uint32_t n = weft__min(k->n_focus, (uint32_t)WEFT_ARRAY_SIZE(k->focus));

    if (n == 0 || weft__rng_below(rng, 3) == 0)
        return;
    uint32_t at = (uint32_t)weft__rng_below(rng, n);
    memcpy(recipe->focus, k->focus[at].sites, sizeof recipe->focus);
    memcpy(recipe->focus_points, k->focus[at].points, sizeof recipe->focus_points);
}

static void portfolio_sample(struct weft__knowledge *k, struct weft__rng *rng,
                             struct weft__recipe *recipe)
{
    static const uint8_t turns[] = {
        WEFT__STRATEGY_POS, WEFT__STRATEGY_PCT, WEFT__STRATEGY_SURW, WEFT__STRATEGY_POS,
        WEFT__STRATEGY_RANDOM, WEFT__STRATEGY_PCT, WEFT__STRATEGY_SURW};

    recipe->strategy = turns[recipe->number / 3 % WEFT_ARRAY_SIZE(turns)];
    recipe->depth = 2 + (uint32_t)weft__rng_below(rng, 3);
    if (recipe->strategy == WEFT__STRATEGY_SURW)
        portfolio_focus(k, rng, recipe);
}

/* ---- both ---- */

static void portfolio_single(struct weft__knowledge *k, struct weft__rng *rng, int strategy,
                             struct weft__recipe *recipe)
{
    recipe->strategy = (uint32_t)strategy;
    recipe->depth = 2 + (uint32_t)(recipe->number % 3);
    if (strategy == WEFT__STRATEGY_SURW)
        portfolio_focus(k, rng, recipe);
    if (strategy == WEFT__STRATEGY_RF)
        portfolio_guide(k, rng, recipe);
}

void weft__recipe_next(struct weft__knowledge *k, uint64_t seed, uint64_t number, int strategy,
                       struct weft__recipe *ret)
{
    struct weft__rng rng;

    memset(ret, 0, sizeof *ret);
    weft__rng_seed(&rng, weft__mix(seed) + number);
    ret->number = number;
    ret->seed = weft__rng_next(&rng);
    ret->flags = WEFT__PLAN_TRACE | (number <= 2 ? WEFT__PLAN_ALL_POINTS : 0);
    ret->thin = number > 2 && weft__rng_below(&rng, 4) != 0;
    if (strategy >= 0)
        portfolio_single(k, &rng, strategy, ret);
    else if (number <= 2)
        ret->strategy = number == 1 ? WEFT__STRATEGY_DEFAULT : WEFT__STRATEGY_REVERSE;
    else if (portfolio_suspicion(k, ret))
        return;
    else if (number % 3 == 2)
        portfolio_sample(k, &rng, ret);
    else
        portfolio_guide(k, &rng, ret);
}

void weft__recipe_plan(const struct weft__knowledge *k, const struct weft__recipe *recipe,
                       struct weft__plan *ret)
{
    const uint32_t *points = recipe->focus[0] != 0 ? recipe->focus_points : k->strand_points;

    memset(ret, 0, offsetof(struct weft__plan, hot));
    ret->seed = recipe->seed;
    ret->strategy = recipe->strategy;
    ret->depth = recipe->depth;
    ret->flags = recipe->flags;
    ret->points_estimate = k->points;
    ret->strands_estimate = k->strands;
    memcpy(ret->strand_points, points, sizeof ret->strand_points);
    ret->n_hot = recipe->thin ? k->n_thin : k->n_hot;
    memcpy(ret->hot, recipe->thin ? k->thin : k->hot, ret->n_hot * sizeof ret->hot[0]);
    ret->n_constraints = recipe->n_guides;
    memcpy(ret->constraints, recipe->guides, recipe->n_guides * sizeof ret->constraints[0]);
    memcpy(ret->focus, recipe->focus, sizeof ret->focus);
}
