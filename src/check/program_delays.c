/* program_delays.c - the search without control: the program with delays, again and again.
 *
 * Nothing is shrunk and nothing confirmed: the same seed gives the same delays, not the same
 * schedule.  One run at a time, so that the program has the processors for itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/program.h"

#include "base/alloc.h"
#include "base/text.h"
#include "base/time.h"
#include "check/search.h"
#include "weft/err.h"

#define DELAYS_RUNS 1000

static const char delays_limits[] =
    "Nothing was: the program ran on its own threads, with delays (--mode delays). What is found "
    "is found by chance, and nothing found says little. It cannot be shrunk; a replay repeats the "
    "delays and may or may not fail.";

void weft__delays_limits(struct weft_check_report *report)
{
    struct weft__text text;
    weft__text_init(&text, report->limits, sizeof report->limits);
    weft__text_add(&text, "%s", delays_limits);
    report->result.deterministic = false;
}

static int delays_keep(struct weft__exchange *exchange, char *const argv[],
                       struct weft_check_report *report)
{
    const struct weft__finding *finding = &exchange->outcome.findings[0];
    report->failing = weft__alloc(sizeof *exchange);
    report->replay = weft__replay_write(&exchange->plan, argv);
    if (!report->failing || !report->replay)
        return -WEFT_ENOMEM;
    memcpy(report->failing, exchange, sizeof *exchange);
    report->finding = *finding;
    report->result.found = true;
    report->result.schedule = report->result.schedules;
    report->seconds_to_find = report->result.seconds;
    return 0;
}

static void delays_tell(const weft_check_options *options, const struct weft_check_report *report,
                        uint64_t max)
{
    weft_check_progress progress = {.schedules = report->result.schedules, .schedules_max = max,
                                    .seconds = report->result.seconds, .phase = "searching"};
    if (options->progress)
        options->progress(&progress, options->progress_arg);
}

int weft__delays_search(struct weft__runner *runner, const weft_check_options *options,
                        char *const argv[], struct weft_check_report *report)
{
    struct weft__exchange *exchange = runner->exchange;
    weft_check_result *result = &report->result;
    uint64_t max = options->schedules ? options->schedules : DELAYS_RUNS;
    uint64_t seed = options->seed ? options->seed : 1;
    int64_t begin = weft__time_now();
    int rc = 0;
    report->modules = exchange->modules;
    weft__delays_limits(report);
    while (rc == 0 && result->schedules < max) {
        memset(&exchange->plan, 0, sizeof exchange->plan);
        exchange->plan.seed = seed * UINT64_C(1000003) + result->schedules;
        exchange->plan.flags = WEFT__PLAN_DELAYS;
        rc = runner->run(runner);
        if (rc < 0)
            break;
        result->schedules++;
        result->seconds = (double)(weft__time_now() - begin) / (double)WEFT_NS_PER_SECOND;
        delays_tell(options, report, max);
        const struct weft__finding *finding = &exchange->outcome.findings[0];
        bool failed = exchange->outcome.n_findings > 0 &&
                      weft__class_is_failure((enum weft__class)finding->class);
        result->failing += failed;
        if (failed && !report->failing)
            rc = delays_keep(exchange, argv, report);
        if (failed && !options->keep_searching)
            break;
    }
    bool asked = options->stop && *options->stop != 0;
    if (rc == -WEFT_ECANCELED && (result->schedules > 0 || asked))
        rc = 0;
    return rc == -WEFT_ECANCELED ? -ETIME : rc;
}
