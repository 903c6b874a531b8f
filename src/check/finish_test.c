/* finish_test.c - from a failing schedule to a complete report; by a runner that plays one.
 *
 * The runner knows no threads: a schedule fails when its plan holds the deviation that it waits
 * for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "check/patience_probe.h"
#include "check/search.h"
#include "tests/test.h"
#include "weft/err.h"

struct finish_play {
    struct weft__runner runner;
    uint32_t wanted; /* pick of the deviation that makes it fail; 0: it never does */
    enum weft__class class;
    uint32_t runs, breaks_after;
    bool differs; /* each run is another one */
    uint32_t phases;
};

static int finish_play_run(struct weft__runner *runner)
{
    struct finish_play *play = runner->ctx;
    struct weft__plan *plan = &runner->exchange->plan;
    struct weft__outcome *out = &runner->exchange->outcome;
    if (++play->runs == play->breaks_after)
        return -WEFT_ENOMEM;
    memset(out, 0, offsetof(struct weft__outcome, findings));
    out->state = WEFT__OUTCOME_DONE;
    out->n_deviations = plan->n_deviations;
    memcpy(out->deviations, plan->deviations, plan->n_deviations * sizeof out->deviations[0]);
    out->preemptions = plan->n_deviations;
    out->trace_hash = plan->n_deviations + (play->differs ? play->runs : 0);
    for (uint32_t i = 0; i < plan->n_deviations; i++) {
        if (play->wanted && plan->deviations[i].pick == play->wanted) {
            out->findings[0] = (struct weft__finding){.class = play->class, .text = "it"};
            out->n_findings = 1;
        }
    }
    return 0;
}

static void finish_heard(const weft_check_progress *progress, void *arg)
{
    struct finish_play *play = arg;
    EXPECT(progress->phase != NULL);
    play->phases++;
}

/* A schedule of 30 deviations of which one matters, just run and found. */
static struct weft_check_report *finish_begin(struct finish_play *play, enum weft__class class)
{
    struct weft__exchange *exchange = weft__alloc_zero(sizeof *exchange);
    struct weft_check_report *report = weft__report_new();
    EXPECT(exchange && report);
    *play = (struct finish_play){{finish_play_run, exchange, play}, 17, class, 0, 0, false, 0};
    exchange->plan.n_deviations = 30;
    for (uint32_t i = 0; i < 30; i++)
        exchange->plan.deviations[i] = (struct weft__deviation){
            .strand = 1, .kind = WEFT__CHOICE_STRAND, .site = i + 1, .nth = 1, .pick = i + 2};
    EXPECT_EQ(play->runner.run(&play->runner), 0);
    report->finding = exchange->outcome.findings[0];
    report->result.found = true;
    report->result.schedule = report->result.schedules = 4;
    report->result.seconds = 0.01;
    return report;
}

static void finish_end(struct finish_play *play, struct weft_check_report *report)
{
    weft__free(play->runner.exchange);
    weft_check_report_free(report);
}

TEST(finish_report_is_complete)
{
    struct finish_play play;
    weft_check_result result;
    char *argv[] = {(char *)"./prog", NULL}, **back = NULL;
    struct weft_check_report *report = finish_begin(&play, WEFT__CLASS_ASSERT);
    weft_check_options options = {.progress = finish_heard, .progress_arg = &play};
    static struct weft__plan plan;
    int64_t since = weft__time_now();
    EXPECT_EQ(weft__finish(&play.runner, &options, argv, report), 0);
    bool had_time = probe_had_time(since);
    weft_check_result_of(report, &result);
    EXPECT(result.found && result.deterministic);
    EXPECT_STR(result.class_name, "assertion");
    EXPECT(report->failing != NULL);
    const struct weft__plan *shown = &report->failing->plan;
    EXPECT_EQ(result.preemptions, shown->n_deviations);
    EXPECT(shown->n_deviations == 1 || !had_time);
    EXPECT(shown->deviations[0].pick == 17 || shown->n_deviations > 1);
    EXPECT(report->replays > 0);
    EXPECT_EQ(report->replays, report->replays_same);
    EXPECT(play.phases >= 3);
    EXPECT_EQ(weft__replay_read(result.replay, &plan, &back), 0);
    EXPECT_EQ(plan.n_deviations, shown->n_deviations);
    EXPECT_EQ(plan.deviations[0].pick, shown->deviations[0].pick);
    EXPECT_STR(back[0], "./prog");
    weft__free(back);
    finish_end(&play, report);
}

TEST(finish_says_when_replays_differ)
{
    struct finish_play play;
    struct weft_check_report *report = finish_begin(&play, WEFT__CLASS_CRASH);
    weft_check_options options = {0};
    play.differs = true;
    EXPECT_EQ(weft__finish(&play.runner, &options, NULL, report), 0);
    EXPECT(!report->result.deterministic);
    EXPECT(report->replays_same < report->replays);
    finish_end(&play, report);
}

TEST(finish_keeps_what_does_not_come_again)
{
    struct finish_play play;
    struct weft_check_report *report = finish_begin(&play, WEFT__CLASS_CRASH);
    weft_check_options options = {0};
    play.wanted = 0; /* from now on it never fails */
    EXPECT_EQ(weft__finish(&play.runner, &options, NULL, report), 0);
    EXPECT(report->result.found);
    EXPECT(!report->result.deterministic);
    EXPECT(!report->result.preemptions_minimal);
    EXPECT(report->replay != NULL);
    EXPECT_EQ(report->failing->plan.n_deviations, 30);
    finish_end(&play, report);
}

TEST(finish_survives_a_runner_that_breaks)
{
    for (uint32_t after = 2; after < 400; after += 7) {
        struct finish_play play;
        struct weft_check_report *report = finish_begin(&play, WEFT__CLASS_RACE);
        weft_check_options options = {0};
        play.breaks_after = after;
        (void)weft__finish(&play.runner, &options, NULL, report);
        EXPECT(report->result.found);
        EXPECT_STR(report->result.class_name, "data-race");
        finish_end(&play, report);
    }
}

TEST(finish_nothing_found)
{
    struct finish_play play;
    struct weft_check_report *report = finish_begin(&play, WEFT__CLASS_ASSERT);
    weft_check_options options = {0};
    report->result.found = false;
    report->finding = (struct weft__finding){0};
    play.runs = 0;
    EXPECT_EQ(weft__finish(&play.runner, &options, NULL, report), 0);
    EXPECT_EQ(play.runs, 0);
    EXPECT_STR(report->result.verdict, "nothing found");
    EXPECT(report->replay == NULL);
    finish_end(&play, report);
}

TEST(finish_gravest)
{
    static struct weft__outcome outcome;
    EXPECT(weft__gravest(&outcome) == NULL);
    outcome.n_findings = 3;
    outcome.findings[0].class = WEFT__CLASS_LOCK_ORDER;
    outcome.findings[1].class = WEFT__CLASS_RACE;
    outcome.findings[2].class = WEFT__CLASS_DEADLOCK;
    EXPECT_EQ(weft__gravest(&outcome)->class, WEFT__CLASS_DEADLOCK);
    outcome.n_findings = 2;
    EXPECT_EQ(weft__gravest(&outcome)->class, WEFT__CLASS_RACE);
}
