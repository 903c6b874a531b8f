/* confirm.c - from a suspicion to a failure, and from a failure to the two events that decide.
 *
 * A race and a lock order are inferred: two accesses are not ordered, two locks are taken in a
 * circle.  Whether anything fails by it is another question, and the schedule that answers it is
 * made on purpose: a strand is stopped just before its access, the others run until they have done
 * theirs, and the other way round; all such schedules with few preemptions (climb.c), then some by
 * reads-from constraints that reverse the pair.
 *
 * The pair that decides.  Each deviation of the shrunken schedule lets other strands do something
 * before its own strand does its next thing.  Where the two touch one object, the order of these
 * two may be what decides: it is turned round, in the very schedule and in schedules by chance, and
 * if nothing fails then, they are the ones.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/time.h"
#include "check/climb.h"
#include "check/search.h"
#include "check/shrink.h"
#include "check/strategy.h"

#define CONFIRM_PREEMPTIONS 3 /* fewer than so many */
#define CONFIRM_DEPTH       4
#define CONFIRM_TIME_NS     (WEFT_NS_PER_SECOND / 2) /* for slow programs */
#define CRITICAL_TIME_NS    (WEFT_NS_PER_SECOND / 4)
#define CRITICAL_PAIRS_MAX  16
#define CRITICAL_LOOK       6 /* events of the stopped strand behind the switch */
#define CRITICAL_MIN        3 /* schedules with the other order, to say that it decides */

/* ---- a suspicion ---- */

struct confirm {
    struct weft__runner *runner;
    const struct weft__finding *suspicion;
    struct weft__finding failure;
    weft__site places[2]; /* of the first two parties, as constraints name them */
    bool found;
    uint32_t runs;
    int64_t end_ns;
};

static bool confirm_is_failure(const struct confirm *c, uint32_t class)
{
    if (c->suspicion->class == WEFT__CLASS_LOCK_ORDER)
        return class == WEFT__CLASS_DEADLOCK;
    return class != WEFT__CLASS_RACE && weft__class_is_failure((enum weft__class)class);
}

/* Did the schedule just run fail?  Then the plan becomes what shows it again. */
static bool confirm_look(struct confirm *c)
{
    struct weft__exchange *exchange = c->runner->exchange;
    const struct weft__outcome *outcome = &exchange->outcome;
    c->runs++;
    for (uint32_t i = 0; i < outcome->n_findings && i < WEFT__FINDINGS_MAX && !c->found; i++) {
        if (!confirm_is_failure(c, outcome->findings[i].class))
            continue;
        c->found = true;
        c->failure = outcome->findings[i];
        exchange->plan.strategy = WEFT__STRATEGY_DEFAULT;
        exchange->plan.n_constraints = 0;
        exchange->plan.n_deviations = outcome->n_deviations;
        memcpy(exchange->plan.deviations, outcome->deviations,
               outcome->n_deviations * sizeof outcome->deviations[0]);
    }
    return c->found;
}

static bool confirm_judge(struct weft__climb *climb)
{
    struct confirm *c = climb->arg;
    if (weft__time_now() > c->end_ns)
        *climb->left = 0;
    return confirm_look(c);
}

/* Only what the suspicion speaks of: its sites, its object, and locks where it is about locks. */
static bool confirm_focus(const struct weft__climb *climb, const struct weft__event *event)
{
    struct confirm *c = climb->arg;
    const struct weft__finding *s = c->suspicion;
    for (uint32_t i = 0; i < s->n_parties && i < WEFT_ARRAY_SIZE(c->places); i++) {
        if (event->site == s->parties[i].site)
            c->places[i] = weft__strategy_context(event->site, event->caller);
    }
    if (s->object && event->object == s->object)
        return true;
    for (uint32_t i = 0; i < s->n_parties && i < WEFT_ARRAY_SIZE(s->parties); i++) {
        const struct weft__party *party = &s->parties[i];
        if (event->site == party->site || (party->object && event->object == party->object))
            return true;
    }
    return false;
}

/* By constraints: what one party wrote is seen by the other, or just not. */
static void confirm_constrain(struct weft__plan *plan, const struct confirm *c, uint32_t way)
{
    uint32_t writer = way & 1;
    plan->n_constraints = 1;
    plan->constraints[0] = (struct weft__constraint){.writer = c->places[writer],
                                                     .reader = c->places[1 - writer],
                                                     .negative = way >> 1 & 1};
}

static void confirm_by_chance(struct confirm *c, uint32_t runs)
{
    struct weft__plan *plan = &c->runner->exchange->plan;
    plan->n_deviations = 0;
    int64_t end_ns = weft__time_now() + CONFIRM_TIME_NS;
    for (uint32_t i = 0; i < runs && !c->found && weft__time_now() < end_ns; i++) {
        plan->strategy = i % 5 == 4 ? WEFT__STRATEGY_POS : WEFT__STRATEGY_RF;
        plan->seed = i + 1;
        plan->n_constraints = 0;
        if (c->places[0] && c->places[1] && plan->strategy == WEFT__STRATEGY_RF)
            confirm_constrain(plan, c, i % 4);
        if (c->runner->run(c->runner) < 0)
            return;
        (void)confirm_look(c);
    }
}

bool weft__confirm(struct weft__runner *runner, struct weft__finding *suspicion, uint32_t max,
                   struct weft__finding *ret_failure)
{
    struct weft__plan *plan = &runner->exchange->plan;
    struct confirm c = {.runner = runner, .suspicion = suspicion,
                        .end_ns = weft__time_now() + CONFIRM_TIME_NS};
    uint32_t left = max - max / 3;
    for (uint32_t i = 0; i < suspicion->n_parties && i < WEFT_ARRAY_SIZE(suspicion->parties); i++)
        weft__hot_add(plan->hot, &plan->n_hot, suspicion->parties[i].site);
    struct weft__climb climb = {.runner = runner, .left = &left, .limit = CONFIRM_PREEMPTIONS,
                                .depth = CONFIRM_DEPTH, .judge = confirm_judge,
                                .focus = confirm_focus, .arg = &c};
    (void)weft__climb(&climb);
    if (!c.found && climb.rc == 0)
        confirm_by_chance(&c, max / 3);
    suspicion->tries += c.runs;
    if (c.found)
        *ret_failure = c.failure;
    return c.found;
}

/* ---- the pair that decides ---- */

/* An event by what it is, the same in each schedule. */
struct critical_name {
    uint16_t strand;
    weft__site site;
    uint32_t nth, step;
};

struct critical {
    struct weft__runner *runner;
    const struct weft__finding *finding;
    struct weft__deviation *deviations; /* of the failing schedule */
    uint32_t n;
    struct weft__event *trace;          /* and what happened in it */
    uint32_t n_trace;
    uint32_t left;
    int64_t end_ns;
};

/* In the failing schedule `first` comes before `second`; the deviation is what makes it so. */
struct critical_pair {
    struct critical_name first, second;
    uint32_t deviation, resume; /* index of it; the event before which it would come too late */
};

static struct critical_name critical_name_of(const struct weft__event *event)
{
    return (struct critical_name){event->strand, event->site, event->nth, event->step};
}

static bool critical_is(const struct critical_name *name, const struct weft__event *event)
{
    return event->strand == name->strand && event->site == name->site && event->nth == name->nth;
}

static bool critical_conflict(const struct weft__event *a, const struct weft__event *b)
{
    return a->strand != b->strand && a->object &&
           weft__op_conflict((enum weft__op)a->op, a->object, (enum weft__op)b->op, b->object);
}

/* Pairs that one deviation decides: an event of its strand after the switch, and the first one of
 * others within the switch that conflicts with it. */
static uint32_t critical_pairs_of(const struct critical *c, uint32_t index,
                                  struct critical_pair *ret, uint32_t room)
{
    const struct weft__deviation *d = &c->deviations[index];
    uint32_t back = 0, before = 0, n = 0, seen = 0;
    while (back < c->n_trace && !(c->trace[back].strand == d->strand &&
                                  c->trace[back].site == d->site && c->trace[back].nth == d->nth))
        back++;
    for (uint32_t i = 0; i < back; i++) {
        if (c->trace[i].strand == d->strand)
            before = i + 1;
    }
    for (uint32_t i = back; i < c->n_trace && seen < CRITICAL_LOOK && n < room; i++) {
        if (c->trace[i].strand != d->strand)
            continue;
        seen++;
        for (uint32_t j = before; j < back && n < room; j++) {
            if (!critical_conflict(&c->trace[j], &c->trace[i]))
                continue;
            ret[n++] = (struct critical_pair){critical_name_of(&c->trace[j]),
                                              critical_name_of(&c->trace[i]), index, i};
            break;
        }
    }
    return n;
}

/* Runs, and says whether `second` came first this time: then *ret_failed tells how it ended. */
static bool critical_run(struct critical *c, const struct critical_pair *pair, bool *ret_failed)
{
    const struct weft__outcome *outcome = &c->runner->exchange->outcome;
    if (c->left == 0 || weft__time_now() > c->end_ns || c->runner->run(c->runner) < 0) {
        c->left = 0;
        return false;
    }
    c->left--;
    *ret_failed = weft__outcome_has(outcome, c->finding);
    for (uint32_t i = outcome->trace_first; i < outcome->n_trace; i++) {
        const struct weft__event *event = &outcome->trace[i % WEFT__TRACE_MAX];
        if (critical_is(&pair->first, event))
            return false;
        if (critical_is(&pair->second, event))
            return true;
    }
    return false;
}

/* The failing schedule, with the switch moved behind the second event. */
static void critical_plan_moved(struct critical *c, const struct critical_pair *pair)
{
    struct weft__plan *plan = &c->runner->exchange->plan;
    uint32_t next = pair->resume + 1, n = 0;
    while (next < c->n_trace && c->trace[next].strand != pair->second.strand)
        next++;
    plan->strategy = WEFT__STRATEGY_DEFAULT;
    for (uint32_t i = 0; i < c->n; i++) {
        struct weft__deviation d = c->deviations[i];
        if (i == pair->deviation) {
            if (next == c->n_trace)
                continue; /* it ends there anyway */
            d.site = c->trace[next].site;
            d.nth = c->trace[next].nth;
            d.index = 0;
        }
        plan->deviations[n++] = d;
    }
    plan->n_deviations = n;
}

static void critical_count(struct critical *c, const struct critical_pair *pair, uint32_t runs,
                           struct weft__critical *ret)
{
    struct weft__plan *plan = &c->runner->exchange->plan;
    bool failed = false;
    memset(ret, 0, sizeof *ret);
    critical_plan_moved(c, pair);
    for (uint32_t i = 0; i <= runs && c->left; i++) {
        if (critical_run(c, pair, &failed)) {
            ret->opposite_runs++;
            ret->opposite_failed += failed;
        }
        if (ret->opposite_failed > 0)
            return;
        plan->strategy = i % 2 ? WEFT__STRATEGY_RANDOM : WEFT__STRATEGY_POS;
        plan->seed = i + 1;
        plan->n_deviations = 0;
    }
    ret->known = ret->opposite_runs >= CRITICAL_MIN;
    ret->first_step = pair->first.step;
    ret->second_step = pair->second.step;
}

static void critical_search(struct critical *c, struct weft__critical *ret)
{
    struct critical_pair pairs[CRITICAL_PAIRS_MAX];
    struct weft__critical one;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n; i++)
        n += critical_pairs_of(c, i, &pairs[n], CRITICAL_PAIRS_MAX - n);
    uint32_t runs = n ? c->left / n : 0;
    for (uint32_t i = 0; i < n && !ret->known; i++) {
        critical_count(c, &pairs[i], runs, &one);
        if (one.known)
            *ret = one;
    }
}

void weft__critical_pair(struct weft__runner *runner, const struct weft__finding *finding,
                         uint32_t max, struct weft__critical *ret)
{
    struct weft__plan *plan = &runner->exchange->plan;
    const struct weft__outcome *outcome = &runner->exchange->outcome;
    struct critical c = {.runner = runner, .finding = finding, .n = plan->n_deviations,
                         .left = max, .end_ns = weft__time_now() + CRITICAL_TIME_NS};
    uint32_t flags = plan->flags;
    uint64_t seed = plan->seed;
    memset(ret, 0, sizeof *ret);
    plan->flags |= WEFT__PLAN_TRACE;
    bool fails = runner->run(runner) == 0 && weft__outcome_has(outcome, finding);
    if (!fails || outcome->trace_first > 0 || outcome->n_trace > WEFT__TRACE_MAX || c.n == 0) {
        plan->flags = flags;
        return;
    }
    c.n_trace = outcome->n_trace;
    c.deviations = weft__alloc(c.n * sizeof *c.deviations);
    c.trace = weft__alloc((c.n_trace + 1) * sizeof *c.trace);
    if (c.deviations && c.trace) {
        memcpy(c.deviations, plan->deviations, c.n * sizeof *c.deviations);
        memcpy(c.trace, outcome->trace, c.n_trace * sizeof *c.trace);
        critical_search(&c, ret);
        memcpy(plan->deviations, c.deviations, c.n * sizeof *c.deviations);
        plan->n_deviations = c.n;
    }
    plan->strategy = WEFT__STRATEGY_DEFAULT;
    plan->flags = flags;
    plan->seed = seed;
    weft__free(c.deviations);
    weft__free(c.trace);
}
