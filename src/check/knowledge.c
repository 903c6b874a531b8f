/* knowledge.c - learns from each outcome: points, places, behaviours, suspicions.
 *
 * Called by search.c, in the order of the schedules, whichever runner was done first: so what is
 * known before schedule n depends on the seed alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/knowledge.h"

#include "base/sys.h"
#include "weft/err.h"

#define KNOWLEDGE_ARENA   (64ul << 20) /* reserved; touched as needed */
#define KNOWLEDGE_SCRATCH (16ul << 20)
#define KNOWLEDGE_TRACES  400 /* so many traces are read; then those of new behaviours */

int weft__knowledge_init(struct weft__knowledge *k)
{
    memset(k, 0, sizeof *k);
    if (weft__sys_map(KNOWLEDGE_ARENA, &k->memory) < 0)
        return -WEFT_ENOMEM;
    if (weft__sys_map(KNOWLEDGE_SCRATCH, &k->scratch_memory) < 0) {
        weft__sys_unmap(k->memory, KNOWLEDGE_ARENA);
        return -WEFT_ENOMEM;
    }
    k->arena.low = k->arena.at = k->memory;
    k->arena.high = k->arena.low + KNOWLEDGE_ARENA;
    k->scratch.low = k->scratch.at = k->scratch_memory;
    k->scratch.high = k->scratch.low + KNOWLEDGE_SCRATCH;
    weft__table_init(&k->behaviours, &k->arena);
    weft__table_init(&k->pairs, &k->arena);
    weft__table_init(&k->sites, &k->arena);
    weft__table_init(&k->by_order, &k->arena);
    weft__table_init(&k->suspected, &k->arena);
    return 0;
}

void weft__knowledge_fini(struct weft__knowledge *k)
{
    weft__sys_unmap(k->memory, KNOWLEDGE_ARENA);
    weft__sys_unmap(k->scratch_memory, KNOWLEDGE_SCRATCH);
}

/* ---- points ---- */

/* Sites that were only ever seen under their lock are left out. */
static void knowledge_thin_out(struct weft__knowledge *k)
{
    k->n_thin = 0;
    for (uint32_t i = 0; i < k->n_hot; i++) {
        const uint64_t *site = weft__table_find(&k->sites, k->hot[i]);
        if (site == NULL || *site != 1)
            k->thin[k->n_thin++] = k->hot[i];
    }
}

static uint32_t knowledge_mean(uint32_t old, uint32_t new)
{
    return old == 0 ? new : (uint32_t)((3 * (uint64_t)old + new + 3) / 4);
}

static void knowledge_count(struct weft__knowledge *k, const struct weft__recipe *recipe,
                            const struct weft__outcome *outcome)
{
    if (recipe->flags & WEFT__PLAN_ALL_POINTS && k->outcomes > 1)
        return;
    k->points = knowledge_mean(k->points, outcome->points);
    k->strands = weft__max(k->strands, outcome->strands);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(k->strand_points); i++)
        k->strand_points[i] = knowledge_mean(k->strand_points[i], outcome->strand_points[i]);
}

/* ---- suspicions ---- */

static void knowledge_hold(struct weft__guides *guides, weft__site held, weft__site until)
{
    if (guides->n < WEFT__CONSTRAINTS_MAX && held != 0 && until != 0)
        guides->at[guides->n++] =
            (struct weft__constraint){.writer = held, .reader = until, .negative = 1};
}

/* A cycle of locks fails when each has its first before any takes its second.  A race needs no help
 * here: its two accesses are an order that orders.c knows, and often a harmless one. */
static void knowledge_suspect(struct weft__knowledge *k, const struct weft__finding *finding)
{
    struct weft__guides guides = {0};
    uint32_t n = weft__min((uint32_t)finding->n_parties, 4U);
    uint64_t key = finding->class;

    if (finding->class != WEFT__CLASS_LOCK_ORDER)
        return;
    for (uint32_t i = 0; i < n; i++)
        key = weft__mix(key ^ finding->parties[i].site ^
                        (uint64_t)finding->parties[i].taken << 32);
    if (n < 2 || !weft__table_add(&k->suspected, &k->arena, key))
        return;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            if (i != j)
                knowledge_hold(&guides, finding->parties[i].site, finding->parties[j].taken);
        }
    }
    if (k->n_suspicions < WEFT__SUSPICIONS_MAX)
        k->suspicions[k->n_suspicions++] = guides;
}

/* ---- all of it ---- */

static bool knowledge_learn_pairs(struct weft__knowledge *k, const struct weft__outcome *outcome)
{
    bool news = false;

    for (uint32_t i = 0; i < weft__min(outcome->n_pairs, (uint32_t)WEFT__PAIRS_MAX); i++)
        news |= weft__table_add(
            &k->pairs, &k->arena,
            (uint64_t)outcome->pairs[i].writer << 32 | outcome->pairs[i].reader);
    return news;
}

/* Also without guides: what came to be known by it has its number. */
static void knowledge_keep(struct weft__knowledge *k, const struct weft__recipe *recipe)
{
    struct weft__guides *place = &k->corpus[k->n_corpus % WEFT__CORPUS_MAX];

    place->n = recipe->n_guides;
    memcpy(place->at, recipe->guides, recipe->n_guides * sizeof place->at[0]);
    k->n_corpus++;
}

void weft__knowledge_learn(struct weft__knowledge *k, const struct weft__recipe *recipe,
                           const struct weft__outcome *outcome)
{
    bool behaved_new = weft__table_add(&k->behaviours, &k->arena, outcome->behaviour_hash);
    bool news = knowledge_learn_pairs(k, outcome);
    uint32_t known = k->n_hot;

    k->outcomes++;
    k->n_behaviours += behaved_new;
    for (uint32_t i = 0; i < weft__min(outcome->n_hot, (uint32_t)WEFT__HOT_MAX); i++)
        weft__hot_add(k->hot, &k->n_hot, outcome->hot[i]);
    if (k->n_hot > known && recipe->order != 0)
        k->orders[recipe->order - 1].tries = 0; /* with more points it may do more */
    knowledge_count(k, recipe, outcome);
    if ((recipe->flags & WEFT__PLAN_TRACE) && outcome->n_trace > 0 &&
        (k->traces < KNOWLEDGE_TRACES || behaved_new))
        news |= weft__orders_learn(k, outcome);
    for (uint32_t i = 0; i < weft__min(outcome->n_findings, (uint32_t)WEFT__FINDINGS_MAX); i++)
        knowledge_suspect(k, &outcome->findings[i]);
    if (news)
        knowledge_keep(k, recipe);
    knowledge_thin_out(k);
}
