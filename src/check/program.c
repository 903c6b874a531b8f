/* program.c - weft_check_program and weft_replay_program: from a command line to a report.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/program.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "base/syscpu.h"
#include "base/text.h"
#include "base/time.h"
#include "weft/err.h"

#define PROGRAM_TIME_NS  (60 * WEFT_NS_PER_SECOND)
#define PROGRAM_FRESH    3 /* replays, each in a process that was started for it */

/* ---- the command, as a shell would read it ---- */

static bool program_word_is_plain(const char *word)
{
    return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_-./=+:,@%")] == 0;
}

static void program_add_word(struct weft__text *text, const char *word)
{
    if (program_word_is_plain(word)) {
        weft__text_add(text, "%s", word);
        return;
    }
    weft__text_add(text, "'");
    for (; *word; word++) {
        if (*word == '\'')
            weft__text_add(text, "'\\''");
        else
            weft__text_add_bytes(text, word, 1);
    }
    weft__text_add(text, "'");
}

static char *program_command(char *const argv[])
{
    size_t size = 1;
    struct weft__text text;
    for (size_t i = 0; argv[i]; i++)
        size += 4 * strlen(argv[i]) + 3;
    char *command = weft__alloc(size);
    if (!command)
        return NULL;
    weft__text_init(&text, command, size);
    for (size_t i = 0; argv[i]; i++) {
        weft__text_add(&text, "%s", i ? " " : "");
        program_add_word(&text, argv[i]);
    }
    return command;
}

/* ---- what both do ---- */

struct program {
    char path[WEFT__PATH_MAX], library[WEFT__PATH_MAX];
    struct weft__input input;
    struct weft__jobs *jobs;
    struct weft_check_report *report;
};

static void program_close(struct program *p)
{
    if (p->jobs)
        weft__jobs_close(p->jobs);
    weft__input_close(&p->input);
    weft_check_report_free(p->report);
}

static int program_open(struct program *p, char *const argv[], const char *library,
                        const weft_check_options *options, bool replay, bool gdb)
{
    *p = (struct program){.input = {.fd = -1}};
    if (!argv || !argv[0])
        return -WEFT_EINVAL;
    int rc = weft__program_find(argv[0], p->path);
    if (rc == 0)
        rc = weft__program_look(p->path);
    if (rc == 0)
        rc = weft__program_library(library, p->library);
    if (rc == 0 && !gdb)
        rc = weft__input_open(&p->input);
    if (rc < 0)
        return rc;
    p->report = weft__report_new();
    if (!p->report)
        return -WEFT_ENOMEM;
    p->report->command = program_command(argv);
    struct weft__jobs_order order = {
        .path = p->path, .argv = argv, .library = p->library, .input = &p->input,
        .n = replay ? 1 : options->jobs ? options->jobs : weft__sys_cpus(),
        .show_output = replay, .gdb = gdb, .stop = replay ? NULL : options->stop,
        .end_ns = replay ? 0 : weft__time_now() + options->time_ns};
    order.n = weft__min(order.n, (uint32_t)WEFT__JOBS_MAX);
    return p->report->command ? weft__jobs_open(&order, &p->jobs) : -WEFT_ENOMEM;
}

static void program_add_limit(struct weft_check_report *report, const char *limit)
{
    size_t used = strlen(report->limits);
    struct weft__text text;
    weft__text_init(&text, report->limits + used, sizeof report->limits - used);
    weft__text_add(&text, "%s", limit);
}

/* The report is the caller's from now on. */
static struct weft_check_report *program_take_report(struct program *p)
{
    struct weft_check_report *report = p->report;
    if (!report->limits[0])
        weft__jobs_limits(p->jobs, report->limits, sizeof report->limits);
    if (!report->result.found && weft__jobs_runners(p->jobs)[0]->exchange->modules.blind)
        program_add_limit(report, "Accesses of memory were not seen, so data races are not found: "
                                  "give the source file, or compile by `weft cc`.");
    weft__report_complete(report);
    p->report = NULL;
    return report;
}

/* ---- checking ---- */

/* The same schedule in processes that were started for it, not forked. */
static void program_replay_fresh(struct program *p)
{
    struct weft_check_report *report = p->report;
    struct weft__runner *runner = weft__jobs_runners(p->jobs)[0];
    if (!report->failing)
        return;
    memcpy(&runner->exchange->plan, &report->failing->plan, sizeof report->failing->plan);
    weft__jobs_restart(p->jobs, true);
    for (int i = 0; i < PROGRAM_FRESH && runner->run(runner) == 0; i++) {
        bool same = runner->exchange->outcome.trace_hash == report->failing->outcome.trace_hash;
        report->replays++;
        report->replays_same += same;
        report->result.deterministic &= same;
    }
    weft__jobs_restart(p->jobs, false);
}

static int program_search(struct program *p, char *const argv[], const weft_check_options *options)
{
    struct weft__runner *const *runners = weft__jobs_runners(p->jobs);
    uint32_t n = options->jobs ? options->jobs : weft__sys_cpus();
    int rc = weft__search(runners, weft__min(n, (uint32_t)WEFT__JOBS_MAX), options, p->report);
    if (rc < 0 && rc != -WEFT_ECANCELED)
        return rc;
    bool asked = options->stop && *options->stop != 0;
    if (p->report->result.schedules == 0 && !asked)
        return -ETIME;
    weft__jobs_go_on(p->jobs);
    rc = weft__finish(runners[0], options, argv, p->report);
    if (rc == 0)
        program_replay_fresh(p);
    return rc;
}

/* Is the program one that hangs under control, and was nothing found?  (rc: of the search.) */
static bool program_is_lost(const struct program *p, int rc)
{
    bool hangs = rc == -ETIME;
    if (rc != 0 || p->report->result.found)
        return hangs;
    for (uint32_t i = 0; i < p->report->n_notes; i++)
        hangs |= p->report->notes[i].class == WEFT__CLASS_HANG;
    return hangs || p->report->finding.class == WEFT__CLASS_HANG;
}

int weft_check_program(char *const argv[], const char *library, const weft_check_options *options,
                       weft_check_report **ret_report)
{
    weft_check_options usual = {0};
    struct program p;
    if (options)
        usual = *options;
    if (usual.replay)
        return weft_replay_program(usual.replay, argv, library, false, ret_report);
    if (usual.time_ns == 0)
        usual.time_ns = PROGRAM_TIME_NS;
    bool is_auto = usual.mode && strcmp(usual.mode, "auto") == 0;
    bool delays = usual.mode && strcmp(usual.mode, "delays") == 0;
    if (usual.mode && !is_auto && !delays && strcmp(usual.mode, "control") != 0)
        return -WEFT_EINVAL;
    if (usual.time_ns < 0 || usual.jobs > WEFT__JOBS_MAX || !ret_report)
        return -WEFT_EINVAL;
    int rc = program_open(&p, argv, library, &usual, false, false);
    if (rc == 0 && !delays) {
        rc = program_search(&p, argv, &usual);
        if (is_auto && program_is_lost(&p, rc)) {
            program_close(&p);
            rc = program_open(&p, argv, library, &usual, false, false);
            delays = true;
        }
    }
    if (rc == 0 && delays)
        rc = weft__delays_search(weft__jobs_runners(p.jobs)[0], &usual, argv, p.report);
    if (rc == 0)
        *ret_report = program_take_report(&p);
    program_close(&p);
    return rc;
}

/* ---- replaying ---- */

static int program_report_replay(struct program *p, const char *replay, int64_t begin_ns)
{
    struct weft__exchange *exchange = weft__jobs_runners(p->jobs)[0]->exchange;
    struct weft_check_report *report = p->report;
    const struct weft__finding *finding = weft__gravest(&exchange->outcome);
    report->failing = weft__alloc(sizeof *report->failing);
    report->replay = weft__alloc(strlen(replay) + 1);
    if (!report->failing || !report->replay)
        return -WEFT_ENOMEM;
    memcpy(report->failing, exchange, sizeof *exchange);
    memcpy(report->replay, replay, strlen(replay) + 1);
    report->modules = exchange->modules;
    report->result.schedules = 1;
    report->result.seconds = (double)(weft__time_now() - begin_ns) / (double)WEFT_NS_PER_SECOND;
    report->result.deterministic = exchange->outcome.not_deterministic == 0;
    report->result.preemptions = (int)exchange->outcome.preemptions;
    if (finding) {
        report->finding = *finding;
        report->result.found = weft__class_is_failure((enum weft__class)finding->class);
        report->result.schedule = report->result.found;
        report->result.failing = report->result.found;
    }
    if (exchange->outcome.n_deviations < exchange->plan.n_deviations) {
        struct weft__text text;
        weft__text_init(&text, report->limits, sizeof report->limits);
        weft__text_add(&text, "The program did not come to %u of the %u places where the schedule "
                              "turns: it, its arguments or its input are others than they were.",
                       exchange->plan.n_deviations - exchange->outcome.n_deviations,
                       exchange->plan.n_deviations);
    }
    return 0;
}

static int program_replay(struct program *p, const struct weft__plan *plan, const char *replay,
                          bool gdb)
{
    struct weft__runner *runner = weft__jobs_runners(p->jobs)[0];
    int64_t begin = weft__time_now();
    memcpy(&runner->exchange->plan, plan, sizeof *plan);
    runner->exchange->plan.flags |= WEFT__PLAN_TRACE | WEFT__PLAN_SHOW_OUTPUT |
                                    (gdb ? (uint32_t)WEFT__PLAN_STOP_AT_SWITCH : 0);
    int rc = runner->run(runner);
    if (rc == 0)
        rc = program_report_replay(p, replay, begin);
    if (rc == 0 && (plan->flags & WEFT__PLAN_DELAYS))
        weft__delays_limits(p->report);
    return rc;
}

int weft_replay_program(const char *replay, char *const argv[], const char *library, bool gdb,
                        weft_check_report **ret_report)
{
    weft_check_options none = {0};
    struct program p;
    char **recorded = NULL;
    if (!replay || !ret_report)
        return -WEFT_EINVAL;
    struct weft__plan *plan = weft__alloc_zero(sizeof *plan);
    int rc = plan ? weft__replay_read(replay, plan, &recorded) : -WEFT_ENOMEM;
    if (rc == 0) {
        rc = program_open(&p, argv && argv[0] ? argv : recorded, library, &none, true, gdb);
        if (rc == 0)
            rc = program_replay(&p, plan, replay, gdb);
        if (rc == 0)
            *ret_report = program_take_report(&p);
        program_close(&p);
    }
    weft__free(recorded);
    weft__free(plan);
    return rc;
}
