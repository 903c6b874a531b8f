/* rf.c - reads-from guided: holds some operations back until others were done, over priorities.
 *
 * The plan says up to 16 times "the read at R sees the write at W" or "does not see it".  Both
 * become a HOLD: an operation x that waits until another strand has done y on the same object.
 *
 *     W, R            the reader R is held until W was done, and then goes at once; until it has
 *                     gone, other writes of that object are held, too
 *     W, R, negative  the writer W is held until R was done, and then goes at once
 *     late            ... and then may go, when its turn comes
 *     fresh           ... and only a W, or R, that was done while the other could go counts
 *     0, R            nothing to do here: the searcher says it by negatives of all known writers
 *
 * So a taken lock counts as read and written, and a hold may reverse any two operations that
 * conflict: the wait and the signal, two locks of an inversion.  Three tiers decide: what was
 * just released goes first, what is held goes last (but goes, when nobody else can), everything
 * else between them goes by partial order sampling; for plans of depth 1 by one fixed
 * priority per strand.
 *
 * A hold is spent when its x has gone after its y, or when it was in vain for too long.  It may let
 * some first arrivals at x pass, for what only goes wrong in a later round of a loop.
 *
 * After Wolff, Shi, Duck, Mathur and Roychoudhury, "Greybox Fuzzing for Concurrency Testing",
 * ASPLOS 2024; holding by strand and object, and the release in front, are ours.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/pos.h"

#define RF_DONE_MAX 16 /* remembered doings of y */

enum rf_tier { RF_HELD, RF_FREE, RF_FIRST };

/* The plan's depth: what decides within a tier; else POS. */
enum { RF_FIXED = 1, RF_CALM = 2 };

struct rf_doing {
    uintptr_t object;
    uint64_t when; /* at which pick */
    uint16_t strand;
};

struct rf_hold {
    weft__site x, y;
    bool guards; /* other writers of the object are held after y, until x has gone */
    bool fresh;  /* y counts only once x could go */
    bool late;   /* released, x takes its turn like all others */
    bool spent;
    uint32_t skip;      /* arrivals at x that are let pass */
    uint32_t n_done;    /* y was done so often */
    uint32_t patience;  /* picks that it may still decide */
    uint64_t counted;   /* the last such pick */
    struct rf_doing done[RF_DONE_MAX];
};

struct rf {
    struct weft__pos pos;
    uint64_t picks;
    uint16_t last;
    uint32_t n_holds;
    struct rf_hold holds[WEFT__CONSTRAINTS_MAX];
    bool free_pass[WEFT__STRANDS_MAX]; /* the strand's next operation is let pass */
    uint64_t able[WEFT__STRANDS_MAX];  /* the pick since which it could go; 0: it could not yet */
    uint32_t fixed[WEFT__STRANDS_MAX]; /* depth 1: the strand's priority; 0: not drawn */
};

_Static_assert(sizeof(struct rf) <= WEFT__STRATEGY_MEMORY, "fits");

static void rf_begin(const struct weft__strategy_view *view)
{
    const struct weft__plan *plan = view->plan;
    struct rf *rf = view->memory;

    for (uint32_t i = 0; i < weft__min(plan->n_constraints, (uint32_t)WEFT__CONSTRAINTS_MAX); i++) {
        const struct weft__constraint *constraint = &plan->constraints[i];
        struct rf_hold *hold = &rf->holds[rf->n_holds];
        if (constraint->writer == 0 || constraint->reader == 0)
            continue;
        hold->x = constraint->negative ? constraint->writer : constraint->reader;
        hold->y = constraint->negative ? constraint->reader : constraint->writer;
        hold->guards = !constraint->negative;
        hold->patience = 200 + 2 * weft__min(plan->points_estimate, UINT32_C(1000000));
        hold->fresh = constraint->fresh != 0;
        hold->late = constraint->late != 0;
        hold->skip = constraint->pass;
        rf->n_holds++;
    }
}

static bool rf_is_at(const struct weft__strand *strand, weft__site place)
{
    return strand->site != 0 && (strand->site == place ||
           weft__strategy_place(strand->next.op, strand->site, strand->caller_site) == place);
}

/* What it competes for: who wakes from a wait, for the mutex. */
static uintptr_t rf_object(const struct weft__strand *strand)
{
    return strand->next.op == WEFT__OP_COND_WAKE ? strand->next.second : strand->next.object;
}

/* Was y done on the strand's object by another one? */
static bool rf_is_met(const struct rf *rf, const struct rf_hold *hold,
                      const struct weft__strand *strand)
{
    for (uint32_t i = 0; i < weft__min(hold->n_done, (uint32_t)RF_DONE_MAX); i++) {
        const struct rf_doing *done = &hold->done[i];
        bool counts = !hold->fresh || done->when >= rf->able[strand->id];
        if (counts && done->object == rf_object(strand) && done->strand != strand->id)
            return true;
    }
    return false;
}

/* Has y been done on the object, and x not yet?  Then nobody else shall write it. */
static bool rf_is_guarded(const struct rf_hold *hold, const struct weft__strand *strand)
{
    uint32_t last = (hold->n_done - 1) % RF_DONE_MAX;

    return hold->guards && hold->n_done > 0 && hold->done[last].object == rf_object(strand) &&
           (weft__op_does(strand->next.op) & WEFT__OP_WRITES) && !rf_is_at(strand, hold->x);
}

/* Once a pick, however many strands are held. */
static void rf_lose_patience(const struct rf *rf, struct rf_hold *hold)
{
    if (hold->counted == rf->picks)
        return;
    hold->counted = rf->picks;
    hold->spent = --hold->patience == 0;
}

static enum rf_tier rf_tier(struct rf *rf, const struct weft__strand *strand)
{
    enum rf_tier tier = RF_FREE;

    if (rf->able[strand->id] == 0)
        rf->able[strand->id] = rf->picks;
    if (rf_object(strand) == 0 || rf->free_pass[strand->id])
        return RF_FREE;
    for (uint32_t i = 0; i < rf->n_holds; i++) {
        struct rf_hold *hold = &rf->holds[i];
        if (hold->spent)
            continue;
        if (rf_is_at(strand, hold->x)) {
            if (!rf_is_met(rf, hold, strand)) {
                rf_lose_patience(rf, hold);
                return RF_HELD;
            }
            tier = hold->late ? tier : RF_FIRST;
        } else if (rf_is_guarded(hold, strand)) {
            rf_lose_patience(rf, hold);
            return RF_HELD;
        }
    }
    return tier;
}

static void rf_told(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    struct rf *rf = view->memory;

    weft__pos_told(&rf->pos, view, strand);
    if (rf->fixed[strand->id] == 0 || strand->next.op == WEFT__OP_YIELD || strand->spinning)
        rf->fixed[strand->id] = rf->pos.priority[strand->id] | 1;
    rf->free_pass[strand->id] = false;
    rf->able[strand->id] = 0;
    for (uint32_t i = 0; i < rf->n_holds; i++) {
        struct rf_hold *hold = &rf->holds[i];
        if (hold->skip > 0 && !hold->spent && rf_is_at(strand, hold->x)) {
            hold->skip--;
            rf->free_pass[strand->id] = true;
        }
    }
}

/* Within a tier.  In the calm way the running strand goes first, then the next higher numbers. */
static uint32_t rf_priority(const struct rf *rf, const struct weft__strategy_view *view,
                            uint16_t strand, bool is_current)
{
    switch (view->plan->depth) {
    case RF_FIXED:
        return rf->fixed[strand];
    case RF_CALM:
        if (is_current && view->strands[strand].next.op != WEFT__OP_YIELD)
            return 2 * WEFT__STRANDS_MAX;
        return (strand > rf->last ? 2 : 1) * WEFT__STRANDS_MAX - 1 - strand;
    default:
        return rf->pos.priority[strand];
    }
}

static uint32_t rf_pick(const struct weft__strategy_view *view, const uint16_t *enabled, uint32_t n,
                        int32_t current)
{
    struct rf *rf = view->memory;
    uint64_t best_score = 0;
    uint32_t best = 0;

    WEFT_CHECK(n > 0);
    rf->picks++;
    for (uint32_t i = 0; n > 1 && i < n; i++) {
        uint64_t tier = rf_tier(rf, &view->strands[enabled[i]]);
        bool is_current = (int32_t)i == current;
        uint64_t score = (tier << 32 | rf_priority(rf, view, enabled[i], is_current)) + 1;
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    rf->last = enabled[best];
    return best;
}

static void rf_done(const struct weft__strategy_view *view, const struct weft__strand *strand)
{
    struct rf *rf = view->memory;

    weft__pos_done(&rf->pos, view, strand);
    if (rf_object(strand) == 0)
        return;
    for (uint32_t i = 0; i < rf->n_holds; i++) {
        struct rf_hold *hold = &rf->holds[i];
        if (hold->spent)
            continue;
        if (rf_is_at(strand, hold->x) && !rf->free_pass[strand->id] && rf_is_met(rf, hold, strand))
            hold->spent = true;
        if (rf_is_at(strand, hold->y)) {
            hold->done[hold->n_done % RF_DONE_MAX] =
                (struct rf_doing){rf_object(strand), rf->picks, strand->id};
            hold->n_done++;
        }
    }
}

const struct weft__strategy weft__strategy_rf = {
    .name = "rf",
    .memory = sizeof(struct rf),
    .begin = rf_begin,
    .told = rf_told,
    .pick = rf_pick,
    .choose = weft__strategy_choose,
    .done = rf_done,
};
