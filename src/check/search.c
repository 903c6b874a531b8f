/* search.c - runs schedules until one fails, and says what came of it.
 *
 * What is run next depends on what was learnt, and the answer must not depend on how many
 * runners there are.  So schedules come in rounds: all recipes of a round are made from what was
 * known before it, and its outcomes are learnt from in the order of their numbers, after it. 
 * The first schedules, in which most bugs show themselves, are rounds of one.  A round ends
 * early at its first failure: what has a higher number counts as not run.
 *
 * A data race is kept, and the search goes on for a while: a schedule in which something fails is a
 * better proof of the same bug.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/searching.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "base/text.h"
#include "base/time.h"
#include "check/strategy.h"
#include "weft/err.h"

#define SEARCH_SCHEDULES    10000 /* if the options say nothing */
#define SEARCH_ONE_BY_ONE   100
#define SEARCH_AFTER_RACE   200
#define SEARCH_STEPS_MIN    100000
#define SEARCH_PROGRESS_NS  (100 * WEFT_NS_PER_MS)
#define SEARCH_SHORTCUTS     200 /* runs */
#define SEARCH_SHORTCUT_FROM 3   /* preemptions */
#define SEARCH_THREAD_STACK (256 * 1024)

/* ---- findings ---- */

static int search_gravity(const struct weft__finding *finding)
{
    switch ((enum weft__class)finding->class) {
    case WEFT__CLASS_CRASH:
    case WEFT__CLASS_USE_AFTER_FREE:
    case WEFT__CLASS_DOUBLE_FREE:
        return 5;
    case WEFT__CLASS_ASSERT:
    case WEFT__CLASS_DEADLOCK:
    case WEFT__CLASS_LOST_WAKEUP:
        return 4;
    case WEFT__CLASS_RACE:
        return 1;
    default:
        return weft__class_is_failure((enum weft__class)finding->class) ? 3 : 0;
    }
}

const struct weft__finding *weft__searching_gravest(const struct weft__outcome *outcome)
{
    const struct weft__finding *best = NULL;

    for (uint32_t i = 0; i < weft__min(outcome->n_findings, (uint32_t)WEFT__FINDINGS_MAX); i++) {
        const struct weft__finding *finding = &outcome->findings[i];
        if (search_gravity(finding) > (best != NULL ? search_gravity(best) : 0))
            best = finding;
    }
    return best;
}

static bool search_is_hard(const struct weft__finding *finding)
{
    return finding != NULL && search_gravity(finding) > 1;
}

void weft__searching_note(struct weft_check_report *report, const struct weft__finding *finding)
{
    for (uint32_t i = 0; i < report->n_notes; i++) {
        if (weft__finding_same(&report->notes[i], finding))
            return;
    }
    if (report->n_notes < WEFT__NOTES_MAX)
        report->notes[report->n_notes++] = *finding;
}

/* ---- outcomes ---- */

/* Only what is used of it: an outcome is over a megabyte. */
void weft__searching_copy(struct weft__outcome *to, const struct weft__outcome *from)
{
    uint32_t first = from->n_trace > WEFT__TRACE_MAX ? 0 : from->n_trace;

    memcpy(to, from, offsetof(struct weft__outcome, findings));
    memcpy(to->findings, from->findings, sizeof to->findings);
    memcpy(to->pairs, from->pairs,
           weft__min(from->n_pairs, (uint32_t)WEFT__PAIRS_MAX) * sizeof to->pairs[0]);
    memcpy(to->hot, from->hot,
           weft__min(from->n_hot, (uint32_t)WEFT__HOT_MAX) * sizeof to->hot[0]);
    memcpy(to->strand_notes, from->strand_notes,
           weft__min(from->n_strand_notes, (uint32_t)WEFT__STRANDS_MAX) *
               sizeof to->strand_notes[0]);
    memcpy(to->object_notes, from->object_notes,
           weft__min(from->n_object_notes, (uint32_t)WEFT__OBJECTS_MAX) *
               sizeof to->object_notes[0]);
    memcpy(to->deviations, from->deviations,
           weft__min(from->n_deviations, (uint32_t)WEFT__DEVIATIONS_MAX) *
               sizeof to->deviations[0]);
    memcpy(to->trace, from->trace,
           (from->n_trace > WEFT__TRACE_MAX ? WEFT__TRACE_MAX : first) * sizeof to->trace[0]);
}

/* Keeps a failing schedule so that it can be played back: its points and its deviations. */
static void search_keep(struct weft__kept *kept, const struct weft__plan *plan,
                        const struct weft__outcome *outcome, const struct weft__finding *finding,
                        uint64_t number)
{
    kept->number = number;
    kept->finding = *finding;
    memcpy(&kept->exchange->plan, plan, offsetof(struct weft__plan, deviations));
    kept->exchange->plan.n_deviations = 0;
    weft__searching_copy(&kept->exchange->outcome, outcome);
}

static int search_kept_init(struct weft__kept *kept)
{
    void *memory;

    kept->number = 0;
    if (weft__sys_map(sizeof *kept->exchange, &memory) < 0)
        return -WEFT_ENOMEM;
    kept->exchange = memory;
    return 0;
}

static void search_kept_fini(struct weft__kept *kept)
{
    if (kept->exchange != NULL)
        weft__sys_unmap(kept->exchange, sizeof *kept->exchange);
}

/* ---- progress and time ---- */

void weft__searching_progress(struct weft__searching *s, const char *phase)
{
    const weft_check_options *options = s->options;
    int64_t now = weft__time_now();

    if (options->progress == NULL ||
        (s->phase == phase && now - s->progress_ns < SEARCH_PROGRESS_NS))
        return;
    s->phase = phase;
    s->progress_ns = now;
    weft_check_progress progress = {.schedules = s->schedules + a_load(&s->round_done, relaxed),
                                    .schedules_max = s->schedules_max,
                                    .behaviours = s->k->n_behaviours,
                                    .seconds = (double)(now - s->started_ns) / 1e9,
                                    .phase = phase};
    options->progress(&progress, options->progress_arg);
}

/* No time left, or the user has had enough. */
bool weft__searching_is_stopped(const struct weft__searching *s)
{
    if (s->options->stop != NULL && *s->options->stop != 0)
        return true;
    return s->options->time_ns > 0 && weft__time_now() - s->started_ns >= s->options->time_ns;
}

/* ---- one round ---- */

static uint32_t search_steps_max(const struct weft__searching *s)
{
    if (s->k->outcomes == 0)
        return 0; /* the engine's own bound */
    uint64_t steps = 100 * (uint64_t)s->most_steps;
    steps = weft__max(steps, (uint64_t)SEARCH_STEPS_MIN);
    return (uint32_t)weft__min(steps, (uint64_t)UINT32_MAX);
}

static void search_fill(const struct weft__searching *s, const struct weft__slot *slot,
                        struct weft__plan *ret)
{
    if (s->fill != NULL)
        s->fill(s, slot, ret);
    else
        weft__recipe_plan(s->k, &slot->recipe, ret);
    if (s->options->early_timers)
        ret->flags |= WEFT__PLAN_EARLY_TIMERS;
    ret->steps_max = slot->steps_max;
}

/* Runs one slot of the round. */
static void search_run_slot(struct weft__searching *s, struct weft__runner *runner,
                            struct weft__slot *slot)
{
    slot->steps_max = search_steps_max(s);
    search_fill(s, slot, &runner->exchange->plan);
    slot->code = runner->run(runner);
    if (slot->code < 0)
        return;
    weft__searching_copy(slot->outcome, &runner->exchange->outcome);
    slot->done = true;
}

/* What each runner does: takes the next slot until there is none, or one before it has failed. */
static void search_work(struct weft__searching *s, struct weft__runner *runner, bool is_first)
{
    for (;;) {
        uint32_t at = a_add(&s->round_next, 1, relaxed);
        if (at >= s->n_slots || at > a_load(&s->round_stop, relaxed))
            return;
        if (at > 0 && weft__searching_is_stopped(s))
            return;
        struct weft__slot *slot = &s->slots[at];
        search_run_slot(s, runner, slot);
        bool stop = !slot->done;
        if (slot->done && !s->options->keep_searching)
            stop = search_is_hard(weft__searching_gravest(slot->outcome));
        uint32_t old = a_load(&s->round_stop, relaxed);
        while (stop && at < old && !a_cas_weak(&s->round_stop, &old, at, relaxed, relaxed)) {
        }
        a_add(&s->round_done, 1, relaxed);
        if (is_first)
            weft__searching_progress(s, "searching");
    }
}

struct search_helper {
    struct weft__searching *s;
    struct weft__runner *runner;
    pthread_t thread;
    bool started;
};

static void *search_help(void *arg)
{
    struct search_helper *helper = arg;

    search_work(helper->s, helper->runner, false);
    return NULL;
}

void weft__searching_round(struct weft__searching *s)
{
    struct search_helper helpers[WEFT__RUNNERS_MAX];
    size_t n = weft__min(s->n, (size_t)WEFT__RUNNERS_MAX);

    a_store(&s->round_next, 0, relaxed);
    a_store(&s->round_done, 0, relaxed);
    a_store(&s->round_stop, UINT32_MAX, relaxed);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        s->slots[i].done = false;
        s->slots[i].code = 0;
    }
    n = weft__min(n, (size_t)s->n_slots);
    for (size_t i = 1; i < n; i++) {
        helpers[i] = (struct search_helper){.s = s, .runner = s->runners[i]};
        helpers[i].started = weft__sys_thread_start(search_help, &helpers[i], SEARCH_THREAD_STACK,
                                                    "weft-check", &helpers[i].thread) == 0;
    }
    search_work(s, s->runners[0], true);
    for (size_t i = 1; i < n; i++) {
        if (helpers[i].started)
            weft__sys_thread_join(helpers[i].thread);
    }
    a_store(&s->round_done, 0, relaxed);
}

/* ---- what a schedule says ---- */

/* True: the search is over. */
bool weft__searching_judge(struct weft__searching *s, const struct weft__slot *slot)
{
    const struct weft__outcome *outcome = slot->outcome;
    const struct weft__finding *gravest = weft__searching_gravest(outcome);
    struct weft__kept *kept = search_is_hard(gravest) ? &s->hard : &s->race;
    bool graver = gravest != NULL && (kept->number == 0 || search_gravity(gravest) >
                                                               search_gravity(&kept->finding));

    s->schedules++;
    s->most_steps = weft__max(s->most_steps, outcome->steps);
    s->failing += search_is_hard(gravest);
    s->not_deterministic |= outcome->not_deterministic != 0;
    for (uint32_t i = 0; i < weft__min(outcome->n_findings, (uint32_t)WEFT__FINDINGS_MAX); i++) {
        if (&outcome->findings[i] != gravest || !search_is_hard(gravest))
            weft__searching_note(s->report, &outcome->findings[i]);
    }
    if (graver) {
        search_fill(s, slot, s->plan);
        search_keep(kept, s->plan, outcome, gravest, s->schedules);
        if (kept == &s->hard && s->failing == 1)
            s->report->seconds_to_find = (double)(weft__time_now() - s->started_ns) / 1e9;
    }
    if (search_is_hard(gravest) && s->first_failure == 0)
        s->first_failure = s->schedules;
    return search_is_hard(gravest) && !s->options->keep_searching;
}

/* Schedules that may still be run. */
static uint64_t search_left(const struct weft__searching *s)
{
    uint64_t end = s->schedules_max;

    if (s->race.number != 0 && s->hard.number == 0 && !s->options->keep_searching)
        end = weft__min(end, s->race.number + SEARCH_AFTER_RACE);
    return s->schedules < end && !weft__searching_is_stopped(s) ? end - s->schedules : 0;
}

static int search_by_strategy(struct weft__searching *s, int strategy)
{
    for (uint64_t left; (left = search_left(s)) > 0;) {
        s->n_slots = s->schedules < SEARCH_ONE_BY_ONE ? 1 : WEFT__SLOTS_MAX;
        s->n_slots = (uint32_t)weft__min((uint64_t)s->n_slots, left);
        for (uint32_t i = 0; i < s->n_slots; i++)
            weft__recipe_next(s->k, s->seed, s->schedules + 1 + i, strategy, &s->slots[i].recipe);
        weft__searching_round(s);
        for (uint32_t i = 0; i < s->n_slots; i++) {
            struct weft__slot *slot = &s->slots[i];
            if (!slot->done)
                return slot->code == -WEFT_ECANCELED ? 0 : slot->code;
            if (weft__searching_judge(s, slot))
                return 0;
        }
        for (uint32_t i = 0; i < s->n_slots; i++)
            weft__knowledge_learn(s->k, &s->slots[i].recipe, s->slots[i].outcome);
    }
    return 0;
}

/* ---- begin and end ---- */

static void search_fini(struct weft__searching *s)
{
    search_kept_fini(&s->hard);
    search_kept_fini(&s->race);
    if (s->slots_memory != NULL)
        weft__sys_unmap(s->slots_memory, WEFT__SLOTS_MAX * sizeof(struct weft__outcome));
    if (s->k != NULL)
        weft__knowledge_fini(s->k);
    weft__free(s->k);
    weft__free(s->plan);
}

static int search_init(struct weft__searching *s)
{
    s->started_ns = weft__time_now();
    s->seed = s->options->seed != 0 ? s->options->seed : 1;
    s->schedules_max = s->options->schedules != 0 ? s->options->schedules : SEARCH_SCHEDULES;
    s->plan = weft__alloc_zero(sizeof *s->plan);
    s->k = weft__alloc(sizeof *s->k);
    if (s->k != NULL && weft__knowledge_init(s->k) < 0) {
        weft__free(s->k);
        s->k = NULL;
    }
    if (s->k == NULL || s->plan == NULL || search_kept_init(&s->hard) < 0 ||
        search_kept_init(&s->race) < 0 ||
        weft__sys_map(WEFT__SLOTS_MAX * sizeof(struct weft__outcome), &s->slots_memory) < 0)
        return -WEFT_ENOMEM;
    for (size_t i = 0; i < WEFT__SLOTS_MAX; i++)
        s->slots[i].outcome = (struct weft__outcome *)s->slots_memory + i;
    return 0;
}

/* -1: the portfolio; -2: exhaustive; -3: no such word. */
static int search_strategy(const char *name)
{
    if (name == NULL || strcmp(name, "portfolio") == 0)
        return -1;
    if (strcmp(name, "exhaustive") == 0)
        return -2;
    int strategy = weft__strategy_by_name(name);
    return strategy >= 0 ? strategy : -3;
}

/* Is the finding there again?  Then the report takes it as it was this time. */
static bool search_shows(struct weft__searching *s, const struct weft__outcome *outcome,
                         const struct weft__finding *finding)
{
    for (uint32_t i = 0; i < weft__min(outcome->n_findings, (uint32_t)WEFT__FINDINGS_MAX); i++) {
        if (weft__finding_same(&outcome->findings[i], finding)) {
            s->report->finding = outcome->findings[i];
            return true;
        }
    }
    return false;
}

/* One deviation that does what many do: where the schedule departs from the default, straight to
 * one of the strands that the finding speaks of.  Many strands that were each stopped at the same
 * place cannot be shrunk one by one.  True: the first runner's plan is such a schedule. */
static bool search_shortcut(struct weft__searching *s, const struct weft__kept *kept)
{
    struct weft__runner *runner = s->runners[0];
    const struct weft__outcome *found = &kept->exchange->outcome;
    uint32_t tries = 0;

    for (uint32_t p = 0; p < kept->finding.n_parties && p < 2; p++) {
        for (uint32_t i = 0; i < found->n_deviations && tries < SEARCH_SHORTCUTS; i++) {
            struct weft__plan *plan = &runner->exchange->plan;
            if (found->deviations[i].kind != WEFT__CHOICE_STRAND)
                continue;
            tries++;
            plan->n_deviations = 1;
            plan->deviations[0] = found->deviations[i];
            plan->deviations[0].pick = kept->finding.parties[p].strand;
            if (weft__searching_is_stopped(s) || runner->run(runner) < 0)
                return false;
            if (search_shows(s, &runner->exchange->outcome, &kept->finding))
                return true;
        }
    }
    return false;
}

/* Leaves the schedule to show in the first runner, as deviations from the default, and played back
 * once; if there is none, a plan that is good for trying what is only suspected. */
static int search_leave(struct weft__searching *s, const struct weft__kept *kept)
{
    struct weft__exchange *exchange = s->runners[0]->exchange;
    const struct weft__outcome *outcome = &kept->exchange->outcome;

    if (kept->number == 0) {
        const struct weft__recipe usual = {.number = 1, .flags = WEFT__PLAN_TRACE};
        weft__recipe_plan(s->k, &usual, &exchange->plan);
        return 0;
    }
    memcpy(&exchange->plan, &kept->exchange->plan, offsetof(struct weft__plan, deviations));
    exchange->plan.strategy = WEFT__STRATEGY_DEFAULT;
    exchange->plan.flags |= WEFT__PLAN_TRACE;
    exchange->plan.n_constraints = 0;
    if (outcome->preemptions >= SEARCH_SHORTCUT_FROM && search_shortcut(s, kept))
        return 0;
    exchange->plan.n_deviations = outcome->n_deviations;
    memcpy(exchange->plan.deviations, outcome->deviations,
           outcome->n_deviations * sizeof outcome->deviations[0]);
    int code = s->runners[0]->run(s->runners[0]);
    if (code == 0 && search_shows(s, &exchange->outcome, &kept->finding))
        return 0;
    s->not_deterministic = true;
    weft__searching_copy(&exchange->outcome, outcome);
    return code == -WEFT_ECANCELED ? 0 : code;
}

/* What was found is not told a second time. */
static void search_tidy_notes(struct weft_check_report *report)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < report->n_notes; i++) {
        if (!report->result.found || !weft__finding_same(&report->notes[i], &report->finding))
            report->notes[n++] = report->notes[i];
    }
    report->n_notes = n;
}

static int search_report(struct weft__searching *s)
{
    struct weft_check_report *report = s->report;
    weft_check_result *result = &report->result;
    const struct weft__kept *kept = s->hard.number != 0 ? &s->hard : &s->race;

    result->schedules = s->schedules;
    result->behaviours = s->k->n_behaviours;
    result->seconds = (double)(weft__time_now() - s->started_ns) / 1e9;
    result->complete = s->complete;
    result->preemptions = -1;
    result->found = kept->number != 0;
    result->schedule = s->first_failure != 0 ? s->first_failure : kept->number;
    result->failing = weft__max(s->failing, (uint64_t)result->found);
    report->finding = kept->finding;
    report->modules = s->runners[0]->exchange->modules;
    int code = search_leave(s, kept);
    result->deterministic = !s->not_deterministic;
    search_tidy_notes(report);
    return code;
}

static int search_all(struct weft__searching *s)
{
    int strategy = search_strategy(s->options->strategy);
    int code = search_init(s);

    if (code == 0)
        code = strategy == -2 ? weft__bounded_search(s) : search_by_strategy(s, strategy);
    return code == 0 ? search_report(s) : code;
}

int weft__search(struct weft__runner *const *runners, size_t n, const weft_check_options *options,
                 struct weft_check_report *report)
{
    struct weft__searching *s;

    WEFT_CHECK(n > 0);
    if (search_strategy(options->strategy) == -3)
        return -WEFT_EINVAL;
    s = weft__alloc_zero(sizeof *s);
    if (s == NULL)
        return -WEFT_ENOMEM;
    s->runners = runners;
    s->n = n;
    s->options = options;
    s->report = report;
    int code = search_all(s);
    search_fini(s);
    weft__free(s);
    return code;
}
