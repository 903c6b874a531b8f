/* finish.c - what comes after a search: from a schedule that fails to a report.
 *
 * Called by program.c and explore.c. All of it is bounded by runs, and in itself by time: a
 * program of which ten schedules take a second is not run twenty thousand times to save one line.
 *
 * A race that was confirmed stays a race, because that is the cause; but the schedule that is
 * shown is then the one that fails by it, if the race is seen in it as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/time.h"
#include "check/search.h"
#include "check/shrink.h"
#include "weft/err.h"

#define FINISH_SHRINK_RUNS   20000
#define FINISH_CONFIRM_RUNS  3000
#define FINISH_CRITICAL_RUNS 300
#define FINISH_REPLAYS       100
#define FINISH_REPLAYS_NS    (WEFT_NS_PER_SECOND / 2)
#define FINISH_SUSPICIONS    3 /* lock orders that are tried when nothing failed */

struct finish {
    struct weft__runner *runner;
    const weft_check_options *options;
    struct weft_check_report *report;
    int64_t begin_ns;
    bool minimal;
    struct weft__plan *kept; /* the shrunken plan, while another one is tried */
};

static void finish_say(const struct finish *f, const char *phase)
{
    const weft_check_result *result = &f->report->result;
    if (!f->options->progress)
        return;
    double seconds = (double)(weft__time_now() - f->begin_ns) / (double)WEFT_NS_PER_SECOND;
    weft_check_progress progress = {.schedules = result->schedules,
                                    .schedules_max = result->schedules,
                                    .behaviours = result->behaviours,
                                    .seconds = result->seconds + seconds,
                                    .phase = phase};
    f->options->progress(&progress, f->options->progress_arg);
}

/* ---- findings ---- */

static int finish_weight(const struct weft__finding *finding)
{
    if (finding->class == WEFT__CLASS_RACE)
        return 2;
    return weft__class_is_failure((enum weft__class)finding->class) ? 3 : 1;
}

const struct weft__finding *weft__gravest(const struct weft__outcome *outcome)
{
    const struct weft__finding *best = NULL;
    for (uint32_t i = 0; i < outcome->n_findings && i < WEFT__FINDINGS_MAX; i++) {
        if (!best || finish_weight(&outcome->findings[i]) > finish_weight(best))
            best = &outcome->findings[i];
    }
    return best;
}

static void finish_add_note(struct weft_check_report *report, const struct weft__finding *finding)
{
    for (uint32_t i = 0; i < report->n_notes; i++) {
        if (weft__finding_same(&report->notes[i], finding))
            return;
    }
    if (report->n_notes < WEFT__NOTES_MAX)
        report->notes[report->n_notes++] = *finding;
}

/* The finding as it was in the schedule just run, so that its steps are that trace's. */
static bool finish_refresh(struct weft_check_report *report, const struct weft__outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->n_findings && i < WEFT__FINDINGS_MAX; i++) {
        if (weft__finding_same(&outcome->findings[i], &report->finding)) {
            bool confirmed = report->finding.confirmed;
            uint32_t tries = report->finding.tries;
            report->finding = outcome->findings[i];
            report->finding.confirmed = confirmed;
            report->finding.tries = tries;
            return true;
        }
    }
    return false;
}

/* ---- a race, a lock order ---- */

static void finish_keep(struct finish *f)
{
    memcpy(f->kept, &f->runner->exchange->plan, sizeof *f->kept);
}

static void finish_go_back(struct finish *f)
{
    memcpy(&f->runner->exchange->plan, f->kept, sizeof *f->kept);
}

/* A race that a schedule fails by; afterwards the plan is the one to show. */
static void finish_confirm_race(struct finish *f)
{
    struct weft__exchange *exchange = f->runner->exchange;
    struct weft__finding failure;
    bool minimal = false;
    finish_say(f, "confirming");
    finish_keep(f);
    if (!weft__confirm(f->runner, &f->report->finding, FINISH_CONFIRM_RUNS, &failure)) {
        finish_go_back(f);
        return;
    }
    f->report->finding.confirmed = true;
    finish_add_note(f->report, &failure);
    int rc = weft__shrink(f->runner, &failure, FINISH_SHRINK_RUNS, &minimal);
    if (rc == 0 && f->runner->run(f->runner) == 0 &&
        weft__outcome_has(&exchange->outcome, &failure) &&
        weft__outcome_has(&exchange->outcome, &f->report->finding)) {
        f->minimal = minimal;
        return;
    }
    finish_go_back(f);
}

/* Nothing failed; but locks were taken in a circle.  True: a schedule was made that deadlocks. */
static bool finish_confirm_notes(struct finish *f)
{
    struct weft_check_report *report = f->report;
    uint32_t tried = 0;
    for (uint32_t i = 0; i < report->n_notes && tried < FINISH_SUSPICIONS; i++) {
        struct weft__finding failure;
        if (report->notes[i].class != WEFT__CLASS_LOCK_ORDER)
            continue;
        tried++;
        finish_say(f, "confirming");
        finish_keep(f);
        if (weft__confirm(f->runner, &report->notes[i], FINISH_CONFIRM_RUNS, &failure)) {
            report->notes[i].confirmed = true;
            report->finding = failure;
            report->finding.confirmed = true;
            report->result.found = true;
            report->result.schedule = report->result.schedules;
            report->result.failing = weft__max(report->result.failing, (uint64_t)1);
            return true;
        }
        finish_go_back(f);
    }
    return false;
}

/* ---- the schedule that is shown ---- */

static bool finish_shares_site(const struct weft__finding *a, const struct weft__finding *b)
{
    for (uint32_t i = 0; i < a->n_parties && i < WEFT_ARRAY_SIZE(a->parties); i++) {
        for (uint32_t j = 0; j < b->n_parties && j < WEFT_ARRAY_SIZE(b->parties); j++) {
            if (a->parties[i].site && a->parties[i].site == b->parties[j].site)
                return true;
        }
    }
    return false;
}

/* Is one of the two events that decide at a site of the finding? */
static bool finish_decides(const struct weft_check_report *report,
                           const struct weft__outcome *outcome, const struct weft__finding *note)
{
    const struct weft__critical *critical = &report->critical;
    for (uint32_t i = outcome->trace_first; critical->known && i < outcome->n_trace; i++) {
        const struct weft__event *event = &outcome->trace[i % WEFT__TRACE_MAX];
        if (event->step != critical->first_step && event->step != critical->second_step)
            continue;
        for (uint32_t j = 0; j < note->n_parties && j < WEFT_ARRAY_SIZE(note->parties); j++) {
            if (note->parties[j].site == event->site)
                return true;
        }
    }
    return false;
}

/* A race between the two events that decide, an order of locks that is the deadlock: these are no
 * mere suspicions. */
static void finish_confirm_seen(struct weft_check_report *report,
                                const struct weft__outcome *outcome)
{
    for (uint32_t i = 0; i < report->n_notes; i++) {
        struct weft__finding *note = &report->notes[i];
        if (note->class == WEFT__CLASS_RACE && report->finding.class != WEFT__CLASS_RACE)
            note->confirmed |= finish_decides(report, outcome, note);
        if (note->class == WEFT__CLASS_LOCK_ORDER &&
            report->finding.class == WEFT__CLASS_DEADLOCK)
            note->confirmed |= finish_shares_site(note, &report->finding);
    }
}

static void finish_replay(struct finish *f)
{
    struct weft__exchange *exchange = f->runner->exchange;
    struct weft_check_report *report = f->report;
    uint64_t hash = exchange->outcome.trace_hash;
    int64_t end_ns = weft__time_now() + FINISH_REPLAYS_NS;
    finish_say(f, "replaying");
    for (uint32_t i = 0; i < FINISH_REPLAYS && (i == 0 || weft__time_now() < end_ns); i++) {
        if (f->runner->run(f->runner) < 0)
            return;
        report->replays++;
        report->replays_same += exchange->outcome.trace_hash == hash &&
                                weft__outcome_has(&exchange->outcome, &report->finding);
    }
}

/* Runs the plan once more, for the trace, and puts it into the report. */
static int finish_show(struct finish *f, char *const argv[])
{
    struct weft__exchange *exchange = f->runner->exchange;
    struct weft_check_report *report = f->report;
    exchange->plan.flags |= WEFT__PLAN_TRACE;
    int rc = f->runner->run(f->runner);
    if (rc < 0)
        return rc;
    bool shown = finish_refresh(report, &exchange->outcome);
    finish_confirm_seen(report, &exchange->outcome);
    report->failing = weft__alloc(sizeof *report->failing);
    report->replay = weft__replay_write(&exchange->plan, argv);
    if (!report->failing || !report->replay)
        return -WEFT_ENOMEM;
    memcpy(report->failing, exchange, sizeof *exchange);
    report->modules = exchange->modules;
    report->result.preemptions = (int)exchange->outcome.preemptions;
    report->result.preemptions_minimal = f->minimal && shown;
    finish_replay(f);
    if (exchange->outcome.not_deterministic || !shown || report->replays_same < report->replays)
        report->result.deterministic = false;
    return 0;
}

static int finish_failing(struct finish *f, char *const argv[])
{
    struct weft_check_report *report = f->report;
    finish_say(f, "shrinking");
    int rc = weft__shrink(f->runner, &report->finding, FINISH_SHRINK_RUNS, &f->minimal);
    if (rc == 0 && report->finding.class == WEFT__CLASS_RACE)
        finish_confirm_race(f);
    if (rc == 0) {
        const struct weft__finding *why = &report->finding;
        if (why->class == WEFT__CLASS_RACE && why->confirmed && report->n_notes > 0)
            why = &report->notes[report->n_notes - 1];
        finish_say(f, "explaining");
        weft__critical_pair(f->runner, why, FINISH_CRITICAL_RUNS, &report->critical);
        rc = finish_show(f, argv);
    }
    return rc;
}

int weft__finish(struct weft__runner *runner, const weft_check_options *options, char *const argv[],
                 struct weft_check_report *report)
{
    struct finish f = {.runner = runner, .options = options, .report = report};
    f.begin_ns = weft__time_now();
    f.kept = weft__alloc(sizeof *f.kept);
    int rc = f.kept ? 0 : -WEFT_ENOMEM;
    if (rc == 0 && (report->result.found || finish_confirm_notes(&f)))
        rc = finish_failing(&f, argv);
    weft__free(f.kept);
    weft__report_complete(report);
    return rc;
}
