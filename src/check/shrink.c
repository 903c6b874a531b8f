/* shrink.c - a failing schedule with as few preemptions as can be found.
 *
 * Two halves. First what was found is made less: each deviation alone, each pair, then halves and
 * quarters are left out (Zeller and Hildebrandt's ddmin). That ends where no single one can be left
 * out, which is not the least: a schedule that stops main while it starts its threads needs three
 * where another would do with one.
 *
 * So then the least is looked for anew, from below (climb.c): all schedules with no preemption,
 * then all with one, and so on, until one fails in the same way or there is none left that has
 * fewer preemptions than what we have: that is then proven to be the least.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/time.h"
#include "check/climb.h"
#include "check/search.h"
#include "check/shrink.h"
#include "weft/err.h"

#define SHRINK_PAIRS_MAX  40      /* deviations of which each pair is tried */
#define SHRINK_STRANDS    64
#define SHRINK_SEEDS_MAX  8  /* of deviations, and of strands: more say little */
#define SHRINK_STEP_NS    (WEFT_NS_PER_SECOND / 4) /* for each of four steps */
#define SHRINK_STEP_RUNS  500 /* that many may take four times as long: the machine is busy */

struct shrink {
    struct weft__runner *runner;
    const struct weft__finding *finding;
    uint32_t left; /* runs that may still be made */
    int rc;        /* of the runner */
    int64_t end_ns;     /* of this step */
    uint32_t step_left; /* what was left when it began */
    uint32_t n, cost, odd; /* of the best: deviations, see shrink_odd */
    struct weft__deviation *best, *trial;
};

/* ---- running ---- */

bool weft__finding_same(const struct weft__finding *a, const struct weft__finding *b)
{
    bool by_text = a->class == WEFT__CLASS_ASSERT || a->class == WEFT__CLASS_EXIT_STATUS;
    if (a->class != b->class)
        return false;
    if (a->class == WEFT__CLASS_LIVELOCK || a->class == WEFT__CLASS_HANG ||
        a->class == WEFT__CLASS_STARVATION)
        return true; /* where they turn in circles is chance */
    if (by_text)
        return strncmp(a->text, b->text, sizeof a->text) == 0;
    for (int turn = 0; turn < 2; turn++) { /* the same set of sites; either may be the longer */
        for (uint32_t i = 0; i < a->n_parties && i < WEFT_ARRAY_SIZE(a->parties); i++) {
            bool there = false;
            for (uint32_t j = 0; j < b->n_parties && j < WEFT_ARRAY_SIZE(b->parties); j++)
                there |= a->parties[i].site == b->parties[j].site;
            if (!there)
                return false;
        }
        const struct weft__finding *swap = a;
        a = b;
        b = swap;
    }
    return true;
}

bool weft__outcome_has(const struct weft__outcome *outcome, const struct weft__finding *finding)
{
    for (uint32_t i = 0; i < outcome->n_findings && i < WEFT__FINDINGS_MAX; i++) {
        if (weft__finding_same(&outcome->findings[i], finding))
            return true;
    }
    return false;
}

static void shrink_look_at_clock(struct shrink *s)
{
    int64_t late = weft__time_now() - s->end_ns;
    bool slow = s->left + SHRINK_STEP_RUNS > s->step_left;
    if (late > (slow ? 3 * SHRINK_STEP_NS : 0))
        s->left = 0;
}

/* The next step may take so many runs of those that are left.  Returns what is left for later. */
static uint32_t shrink_step(struct shrink *s, uint32_t runs)
{
    uint32_t kept = s->left - weft__min(s->left, runs);
    s->left -= kept;
    s->step_left = s->left;
    s->end_ns = weft__time_now() + SHRINK_STEP_NS;
    return kept;
}

/* Runs the plan with these deviations.  True: it fails in the same way. */
static bool shrink_run(struct shrink *s, const struct weft__deviation *deviations, uint32_t n)
{
    struct weft__plan *plan = &s->runner->exchange->plan;
    shrink_look_at_clock(s);
    if (s->left == 0 || s->rc < 0)
        return false;
    s->left--;
    plan->strategy = WEFT__STRATEGY_DEFAULT;
    plan->n_deviations = n;
    if (n)
        memmove(plan->deviations, deviations, n * sizeof deviations[0]);
    s->rc = s->runner->run(s->runner);
    return s->rc == 0 && weft__outcome_has(&s->runner->exchange->outcome, s->finding);
}

/* What fails without cause, and deadlines that come early: harder to believe than a preemption, so
 * each counts as one, and of two schedules that cost the same the one with fewer is the better. */
static uint32_t shrink_odd(const struct weft__outcome *outcome)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < outcome->n_deviations; i++) {
        n += outcome->deviations[i].kind == WEFT__CHOICE_FAIL ||
             outcome->deviations[i].kind == WEFT__CHOICE_TIMER;
    }
    return n;
}

/* The schedule that was just run is kept if it is less than what we have. */
static bool shrink_keep(struct shrink *s)
{
    const struct weft__outcome *outcome = &s->runner->exchange->outcome;
    uint32_t odd = shrink_odd(outcome), cost = outcome->preemptions + odd;
    bool less = cost != s->cost ? cost < s->cost
                : odd != s->odd ? odd < s->odd
                                : outcome->n_deviations < s->n;
    if (!less)
        return false;
    s->n = outcome->n_deviations;
    s->cost = cost;
    s->odd = odd;
    memcpy(s->best, outcome->deviations, s->n * sizeof s->best[0]);
    return true;
}

static bool shrink_try(struct shrink *s, const struct weft__deviation *deviations, uint32_t n)
{
    return shrink_run(s, deviations, n) && shrink_keep(s);
}

/* ---- the first half: less of what was found ---- */

static bool shrink_singles(struct shrink *s)
{
    uint32_t n = s->n;
    memcpy(s->trial, s->best, n * sizeof s->trial[0]);
    for (uint32_t i = 0; i < n && s->n > 1; i++) {
        if (shrink_try(s, &s->trial[i], 1))
            return true;
    }
    return false;
}

static bool shrink_pairs(struct shrink *s)
{
    uint32_t n = s->n;
    struct weft__deviation pair[2];
    if (n <= 2 || n > SHRINK_PAIRS_MAX)
        return false;
    memcpy(s->trial, s->best, n * sizeof s->trial[0]);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = i + 1; j < n; j++) {
            pair[0] = s->trial[i];
            pair[1] = s->trial[j];
            if (shrink_try(s, pair, 2))
                return true;
        }
    }
    return false;
}

/* The deviations without those from `from` to `to`. */
static bool shrink_without(struct shrink *s, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (i < from || i >= to)
            s->trial[n++] = s->best[i];
    }
    return shrink_try(s, s->trial, n);
}

/* Whose deviations are all of no use?  With many strands that is quicker than piece by piece. */
static void shrink_strands(struct shrink *s)
{
    for (uint32_t strand = 0; strand < SHRINK_STRANDS; strand++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->n; i++) {
            if (s->best[i].strand != strand && s->best[i].pick != strand)
                s->trial[n++] = s->best[i];
        }
        if (n < s->n)
            (void)shrink_try(s, s->trial, n);
    }
}

static void shrink_ddmin(struct shrink *s)
{
    for (uint32_t piece = s->n / 2; piece > 0;) {
        bool any = false;
        for (uint32_t at = 0; at < s->n && s->left;) {
            if (shrink_without(s, at, weft__min(at + piece, s->n)))
                any = true; /* what was behind it stands here now */
            else
                at += piece;
        }
        if (!any || piece > s->n)
            piece = any ? s->n : piece / 2;
        if (!s->left || s->rc < 0)
            return;
    }
}

/* Main is often stopped while it starts its threads, where it might as well have started them all
 * first.  So: main runs until it waits, then the others take the turns that they took. */

static uint32_t shrink_next_of(const struct weft__outcome *outcome, uint32_t from, uint16_t strand)
{
    for (uint32_t i = from; i < outcome->n_trace; i++) {
        if (outcome->trace[i].strand == strand)
            return i;
    }
    return WEFT__CLIMB_NO_EVENT;
}

/* The choice by which main, having come to wait, leaves for the first. */
static bool shrink_main_waits(const struct weft__outcome *outcome, struct weft__deviation *ret)
{
    for (uint32_t i = 0; i < outcome->n_trace; i++) {
        const struct weft__event *event = &outcome->trace[i];
        if (event->strand == 0 && event->flags & WEFT__EVENT_WAITED) {
            *ret = (struct weft__deviation){.kind = WEFT__CHOICE_STRAND, .site = event->site,
                                            .nth = event->nth};
            return true;
        }
    }
    return false;
}

/* Fills s->trial by the turns of the trace; how many there are. */
static uint32_t shrink_turns(struct shrink *s)
{
    const struct weft__outcome *outcome = &s->runner->exchange->outcome;
    struct weft__deviation turn;
    uint32_t n = 0;
    bool is_free, open = shrink_main_waits(outcome, &turn);
    uint16_t current = 0;
    for (uint32_t i = 0; open && i < outcome->n_trace && n < WEFT__DEVIATIONS_MAX; i++) {
        const struct weft__event *event = &outcome->trace[i];
        if (event->strand == 0 || !weft__op_does(event->op))
            continue;
        if (event->strand != current) {
            s->trial[n] = turn;
            s->trial[n++].pick = event->strand;
            current = event->strand;
        }
        open = weft__climb_choice(outcome, i + 1, shrink_next_of(outcome, i + 1, current), &turn,
                                  &is_free);
    }
    for (uint32_t i = 0; i < s->n && n < WEFT__DEVIATIONS_MAX; i++) {
        if (s->best[i].kind != WEFT__CHOICE_STRAND)
            s->trial[n++] = s->best[i];
    }
    return n;
}

static void shrink_start_first(struct shrink *s)
{
    struct weft__exchange *exchange = s->runner->exchange;
    uint32_t flags = exchange->plan.flags, kept = s->cost;
    exchange->plan.flags |= WEFT__PLAN_TRACE;
    bool fails = s->n > 0 && shrink_run(s, s->best, s->n);
    exchange->plan.flags = flags;
    if (!fails || exchange->outcome.trace_first > 0)
        return;
    uint32_t n = shrink_turns(s);
    if (n > 0 && shrink_try(s, s->trial, n) && s->cost < kept)
        shrink_ddmin(s);
}

/* ---- the second half: from below ---- */

struct shrink_climb {
    struct shrink *s;
    bool even; /* as many preemptions will do, if there are fewer deviations */
};

static bool shrink_judge(struct weft__climb *climb)
{
    struct shrink_climb *c = climb->arg;
    struct shrink *s = c->s;
    bool fails = weft__outcome_has(&s->runner->exchange->outcome, s->finding);
    shrink_look_at_clock(s);
    if (!fails || !shrink_keep(s))
        return false;
    climb->limit = weft__min(climb->limit, s->cost + c->even);
    if (c->even && s->odd == 0)
        climb->depth = weft__min(climb->depth, s->n - (s->n > 0));
    return climb->limit == 0;
}

/* True: all of them were run. */
static bool shrink_climb(struct shrink *s, uint32_t limit, uint32_t depth, bool even,
                         uint32_t n_seeds)
{
    struct shrink_climb arg = {s, even};
    struct weft__climb climb = {.runner = s->runner, .left = &s->left, .limit = limit,
                                .depth = depth, .judge = shrink_judge, .arg = &arg,
                                .seeds = s->trial, .n_seeds = n_seeds};
    for (uint32_t i = 0; i < s->finding->n_parties && i < WEFT_ARRAY_SIZE(s->finding->parties); i++)
        climb.strands |= UINT64_C(1) << (s->finding->parties[i].strand % SHRINK_STRANDS);
    bool complete = weft__climb(&climb);
    s->rc = weft__min(s->rc, climb.rc);
    return complete;
}

static bool shrink_from_below(struct shrink *s, uint32_t limit, uint32_t depth, bool even)
{
    return shrink_climb(s, limit, depth, even, 0);
}

/* One of the deviations that we have, to whomever it turns, with another one. */
static void shrink_exchange_one(struct shrink *s)
{
    uint32_t strands = weft__min(s->runner->exchange->outcome.strands, (uint32_t)SHRINK_SEEDS_MAX);
    uint32_t n = 0;
    if (s->n < 2 || s->n > SHRINK_SEEDS_MAX)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        for (uint32_t pick = 0; pick < strands && s->best[i].kind == WEFT__CHOICE_STRAND; pick++) {
            s->trial[n] = s->best[i];
            s->trial[n++].pick = pick;
        }
    }
    (void)shrink_climb(s, s->cost, 2, false, n);
}

/* As many preemptions, but fewer choices in all: all schedules of one, then of two. */
static void shrink_choices(struct shrink *s)
{
    for (uint32_t depth = 1; depth <= 2 && (depth < s->n || s->odd > 0) && s->rc == 0; depth++)
        (void)shrink_from_below(s, s->cost + 1, depth, true);
}

/* ---- both ---- */

static void shrink_less(struct shrink *s)
{
    if (shrink_try(s, NULL, 0) || shrink_singles(s) || shrink_pairs(s))
        return;
    if (s->n > SHRINK_PAIRS_MAX)
        shrink_strands(s);
    shrink_ddmin(s);
    shrink_start_first(s);
    if (!shrink_singles(s))
        (void)shrink_pairs(s);
}

/* Those with one or two deviations first: with many threads there is no end to the orders in which
 * they may run without any preemption. */
static void shrink_all(struct shrink *s, bool *ret_minimal)
{
    uint32_t third = s->left / 3;
    uint32_t kept = shrink_step(s, third);
    shrink_less(s);
    s->left = kept;
    kept = shrink_step(s, third);
    if (s->cost > 0)
        shrink_exchange_one(s);
    for (uint32_t depth = 1; depth <= 2 && s->cost > 0; depth++)
        (void)shrink_from_below(s, s->cost, depth, false);
    s->left = kept;
    kept = shrink_step(s, third);
    *ret_minimal = shrink_from_below(s, s->cost, WEFT__CLIMB_DEPTH_MAX, false);
    s->left = kept;
    (void)shrink_step(s, s->left);
    if (s->n > 1)
        shrink_ddmin(s);
    shrink_choices(s);
}

int weft__shrink(struct weft__runner *runner, const struct weft__finding *finding, uint32_t max,
                 bool *ret_minimal)
{
    struct weft__exchange *exchange = runner->exchange;
    struct shrink s = {.runner = runner, .finding = finding, .left = max};
    (void)shrink_step(&s, max);
    s.n = exchange->outcome.n_deviations;
    s.odd = shrink_odd(&exchange->outcome);
    s.cost = exchange->outcome.preemptions + s.odd;
    s.best = weft__alloc(WEFT__DEVIATIONS_MAX * sizeof *s.best);
    s.trial = weft__alloc(WEFT__DEVIATIONS_MAX * sizeof *s.trial);
    *ret_minimal = false;
    if (s.best && s.trial) {
        memcpy(s.best, exchange->outcome.deviations, s.n * sizeof s.best[0]);
        memcpy(s.trial, s.best, s.n * sizeof s.trial[0]);
        /* Played back, does it fail at all?  If not, it cannot be made less. */
        if (shrink_run(&s, s.trial, s.n)) {
            s.odd = shrink_odd(&exchange->outcome);
            s.cost = exchange->outcome.preemptions + s.odd;
            s.n = exchange->outcome.n_deviations;
            memcpy(s.best, exchange->outcome.deviations, s.n * sizeof s.best[0]);
            shrink_all(&s, ret_minimal);
        }
        exchange->plan.strategy = WEFT__STRATEGY_DEFAULT;
        exchange->plan.n_deviations = s.n;
        memcpy(exchange->plan.deviations, s.best, s.n * sizeof s.best[0]);
    }
    int rc = !s.best || !s.trial ? -WEFT_ENOMEM : s.rc;
    weft__free(s.best);
    weft__free(s.trial);
    return rc;
}
