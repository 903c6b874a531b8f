/* search_test.c - the search over toy programs: what it finds, how soon, and always alike.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/search.h"

#include "base/time.h"
#include "check/toy_probe.h"
#include "tests/test.h"
#include "weft/err.h"

#define SEARCH_RUNNERS_MAX 4

struct search_crew {
    size_t n;
    struct toy *toys[SEARCH_RUNNERS_MAX];
    struct weft__runner *runners[SEARCH_RUNNERS_MAX];
};

static void search_crew_open(struct search_crew *crew, toy_body *body, size_t n)
{
    crew->n = n;
    for (size_t i = 0; i < n; i++) {
        crew->toys[i] = toy_open(body);
        crew->runners[i] = &crew->toys[i]->runner;
    }
}

static void search_crew_close(struct search_crew *crew)
{
    for (size_t i = 0; i < crew->n; i++)
        toy_close(crew->toys[i]);
}

/* Searches with a crew of n; the caller frees the report. */
static struct weft_check_report *search_in(struct search_crew *crew,
                                           const weft_check_options *options)
{
    struct weft_check_report *report = weft__report_new();

    EXPECT(report != NULL);
    EXPECT_EQ(weft__search(crew->runners, crew->n, options, report), 0);
    return report;
}

static struct weft_check_report *search_for(toy_body *body, const weft_check_options *options)
{
    struct search_crew crew;

    search_crew_open(&crew, body, 1);
    struct weft_check_report *report = search_in(&crew, options);
    search_crew_close(&crew);
    return report;
}

TEST(search_finds_toys)
{
    for (size_t p = 0; p < toy_programs_n; p++) {
        for (uint64_t seed = 1; seed <= (uint64_t)TEST_ROUNDS(2, 20); seed++) {
            const weft_check_options options = {.seed = seed, .schedules = 1000};
            struct weft_check_report *report = search_for(toy_programs[p].body, &options);
            if (!report->result.found)
                test_fail(__FILE__, __LINE__, "%s not found", toy_programs[p].name);
            if (toy_programs[p].class != WEFT__CLASS_NONE)
                EXPECT_EQ(report->finding.class, toy_programs[p].class);
            EXPECT_EQ(report->result.schedule, report->result.schedules);
            EXPECT_EQ(report->result.failing, 1);
            weft_check_report_free(report);
        }
    }
}

/* The hard ones soon: with many strands sampling is hopeless, the guided half is not. */
TEST(search_finds_among_many_strands)
{
    static const char *const names[] = {"reorder_20", "reorder_100", "twostage_20",
                                        "twostage_100"};
    uint64_t sum = 0;

    for (size_t p = 0; p < WEFT_ARRAY_SIZE(names); p++) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
            const weft_check_options options = {.seed = seed, .schedules = 1000};
            struct weft_check_report *report = search_for(toy_program(names[p]), &options);
            EXPECT(report->result.found);
            sum += report->result.schedule;
            weft_check_report_free(report);
        }
    }
    EXPECT(sum < 20 * 25);
}

TEST(search_finds_nothing)
{
    const weft_check_options options = {.schedules = 500};
    struct weft_check_report *report = search_for(toy_right_update, &options);

    EXPECT(!report->result.found);
    EXPECT(!report->result.complete);
    EXPECT(report->result.deterministic);
    EXPECT_EQ(report->result.schedules, 500);
    EXPECT_EQ(report->result.schedule, 0);
    EXPECT_EQ(report->result.behaviours, 2);
    EXPECT_EQ(report->n_notes, 0);
    weft_check_report_free(report);
}

/* The same seed finds the same, whatever the number of runners. */
TEST(search_is_the_same_for_any_number)
{
    static const char *const names[] = {"ladder", "aba", "stealing"};

    for (size_t p = 0; p < WEFT_ARRAY_SIZE(names); p++) {
        uint64_t schedule = 0, behaviours = 0;
        for (size_t n = 1; n <= SEARCH_RUNNERS_MAX; n++) {
            const weft_check_options options = {.seed = 3, .schedules = 2000};
            struct search_crew crew;
            search_crew_open(&crew, toy_program(names[p]), n);
            struct weft_check_report *report = search_in(&crew, &options);
            EXPECT(report->result.found);
            if (n > 1) {
                EXPECT_EQ(report->result.schedule, schedule);
                EXPECT_EQ(report->result.behaviours, behaviours);
            }
            schedule = report->result.schedule;
            behaviours = report->result.behaviours;
            weft_check_report_free(report);
            search_crew_close(&crew);
        }
    }
}

TEST(search_without_end_is_the_same_for_any_number)
{
    uint64_t failing = 0, behaviours = 0, pairs = 0;

    for (size_t n = 1; n <= SEARCH_RUNNERS_MAX; n += 3) {
        const weft_check_options options = {.seed = 5, .schedules = 400, .keep_searching = true};
        struct search_crew crew;
        search_crew_open(&crew, toy_program("aba"), n);
        struct weft_check_report *report = search_in(&crew, &options);
        EXPECT_EQ(report->result.schedules, 400);
        EXPECT(report->result.schedule < 400);
        EXPECT(report->result.failing > 1);
        if (n > 1) {
            EXPECT_EQ(report->result.failing, failing);
            EXPECT_EQ(report->result.behaviours, behaviours);
            EXPECT_EQ(crew.runners[0]->exchange->outcome.n_pairs, pairs);
        }
        failing = report->result.failing;
        behaviours = report->result.behaviours;
        pairs = crew.runners[0]->exchange->outcome.n_pairs;
        weft_check_report_free(report);
        search_crew_close(&crew);
    }
}

/* What lies in the first runner afterwards is the failing schedule, ready to be run again. */
TEST(search_leaves_the_schedule)
{
    static const char *const names[] = {"lost_update", "reorder_20", "inversion", "stolen_wakeup"};

    for (size_t p = 0; p < WEFT_ARRAY_SIZE(names); p++) {
        const weft_check_options options = {.schedules = 1000};
        struct search_crew crew;
        search_crew_open(&crew, toy_program(names[p]), 1);
        struct weft_check_report *report = search_in(&crew, &options);
        struct weft__exchange *exchange = crew.runners[0]->exchange;
        uint64_t hash = exchange->outcome.trace_hash;
        EXPECT(report->result.found);
        EXPECT(report->result.deterministic);
        EXPECT_EQ(exchange->plan.strategy, WEFT__STRATEGY_DEFAULT);
        EXPECT_EQ(crew.runners[0]->run(crew.runners[0]), 0);
        EXPECT_EQ(exchange->outcome.trace_hash, hash);
        EXPECT_EQ(exchange->outcome.findings[exchange->outcome.n_findings - 1].class,
                  report->finding.class);
        weft_check_report_free(report);
        search_crew_close(&crew);
    }
}

TEST(search_single_strategies)
{
    static const char *const names[] = {"random", "pos", "pct", "surw", "rf", "exhaustive"};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(names); i++) {
        const weft_check_options options = {.schedules = 1000, .strategy = names[i]};
        struct weft_check_report *report = search_for(toy_program("account"), &options);
        EXPECT(report->result.found);
        weft_check_report_free(report);
    }
    struct search_crew crew;
    const weft_check_options wrong = {.strategy = "luck"};
    struct weft_check_report *report = weft__report_new();
    search_crew_open(&crew, toy_right_update, 1);
    EXPECT_EQ(weft__search(crew.runners, 1, &wrong, report), -WEFT_EINVAL);
    weft_check_report_free(report);
    search_crew_close(&crew);
}

/* ---- races, suspicions ---- */

static void search_only_races(struct toy *t, int arg)
{
    STORE(0, arg);
}

static void search_race(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(search_only_races, 1);
    SPAWN(search_only_races, 2);
    JOIN_ALL();
}

TEST(search_race_alone)
{
    const weft_check_options options = {.schedules = 1000};
    struct search_crew crew;

    search_crew_open(&crew, search_race, 1);
    crew.toys[0]->races = true;
    struct weft_check_report *report = search_in(&crew, &options);
    EXPECT(report->result.found);
    EXPECT_EQ(report->finding.class, WEFT__CLASS_RACE);
    EXPECT_EQ(report->result.schedule, 1);
    EXPECT_EQ(report->result.schedules, 201);
    EXPECT_EQ(report->n_notes, 0);
    weft_check_report_free(report);
    search_crew_close(&crew);
}

/* A failure is the better proof; the race becomes a note. */
TEST(search_race_and_failure)
{
    const weft_check_options options = {.schedules = 1000};
    struct search_crew crew;

    search_crew_open(&crew, toy_program("lost_update"), 1);
    crew.toys[0]->races = true;
    struct weft_check_report *report = search_in(&crew, &options);
    EXPECT_EQ(report->finding.class, WEFT__CLASS_ASSERT);
    EXPECT(report->result.schedule > 1);
    EXPECT(report->n_notes >= 1);
    EXPECT_EQ(report->notes[0].class, WEFT__CLASS_RACE);
    weft_check_report_free(report);
    search_crew_close(&crew);
}

/* The first schedule shows the two orders of locks, the third one tries what comes of them. */
TEST(search_follows_lock_orders)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        const weft_check_options options = {.seed = seed};
        struct weft_check_report *report = search_for(toy_program("inversion"), &options);
        EXPECT_EQ(report->finding.class, WEFT__CLASS_DEADLOCK);
        EXPECT(report->result.schedule <= 3);
        weft_check_report_free(report);
    }
}

/* ---- bounds ---- */

TEST(search_exhaustive_right)
{
    uint64_t schedules = 0;

    for (size_t n = 1; n <= SEARCH_RUNNERS_MAX; n += 3) {
        const weft_check_options options = {.strategy = "exhaustive", .preemptions = 3};
        struct search_crew crew;
        search_crew_open(&crew, toy_right_update, n);
        struct weft_check_report *report = search_in(&crew, &options);
        EXPECT(!report->result.found);
        EXPECT(report->result.complete);
        EXPECT_EQ(report->result.behaviours, 2);
        if (n > 1)
            EXPECT_EQ(report->result.schedules, schedules);
        schedules = report->result.schedules;
        weft_check_report_free(report);
        search_crew_close(&crew);
    }
}

/* Five preemptions are needed: one each time the other strand's step is awaited. */
TEST(search_exhaustive_ladder)
{
    unsigned enough = 0;

    for (unsigned preemptions = 1; preemptions <= 6 && enough == 0; preemptions++) {
        const weft_check_options options = {.strategy = "exhaustive", .preemptions = preemptions};
        struct weft_check_report *report = search_for(toy_program("ladder"), &options);
        EXPECT(report->result.found || report->result.complete);
        if (report->result.found)
            enough = preemptions;
        weft_check_report_free(report);
    }
    EXPECT(enough >= 3);
}

/* Not all were run: then it does not say so. */
TEST(search_exhaustive_cut_short)
{
    const weft_check_options options = {.strategy = "exhaustive", .schedules = 20};
    struct weft_check_report *report = search_for(toy_right_update, &options);

    EXPECT(!report->result.complete);
    EXPECT_EQ(report->result.schedules, 20);
    weft_check_report_free(report);
}

/* ---- options ---- */

static void search_count_progress(const weft_check_progress *progress, void *arg)
{
    uint64_t *seen = arg;

    EXPECT(progress->schedules >= *seen);
    EXPECT_EQ(progress->schedules_max, 300);
    EXPECT_STR(progress->phase, "searching");
    *seen = progress->schedules;
}

TEST(search_tells_progress)
{
    uint64_t seen = 0;
    const weft_check_options options = {
        .schedules = 300, .progress = search_count_progress, .progress_arg = &seen};
    struct weft_check_report *report = search_for(toy_right_update, &options);

    EXPECT(seen >= 1);
    weft_check_report_free(report);
}

TEST(search_stops)
{
    volatile int stop = 1;
    const weft_check_options stopped = {.stop = &stop};
    const weft_check_options late = {.time_ns = 1, .schedules = 100000000};
    struct weft_check_report *report = search_for(toy_right_update, &stopped);

    EXPECT_EQ(report->result.schedules, 0);
    weft_check_report_free(report);
    report = search_for(toy_right_update, &late);
    EXPECT(report->result.schedules < 100);
    weft_check_report_free(report);
}

static int search_broken_run(struct weft__runner *runner)
{
    (void)runner;
    return -WEFT_ENOMEM;
}

TEST(search_passes_a_code_on)
{
    const weft_check_options options = {0};
    struct weft_check_report *report = weft__report_new();
    struct search_crew crew;

    search_crew_open(&crew, toy_right_update, 1);
    crew.runners[0]->run = search_broken_run;
    EXPECT_EQ(weft__search(crew.runners, 1, &options, report), -WEFT_ENOMEM);
    weft_check_report_free(report);
    search_crew_close(&crew);
}

/* A hundred strands that were each stopped are not needed: one is enough. */
TEST(search_takes_the_shortcut)
{
    const weft_check_options options = {.schedules = 1000};
    struct search_crew crew;

    search_crew_open(&crew, toy_program("twostage_100"), 1);
    struct weft_check_report *report = search_in(&crew, &options);
    EXPECT(report->result.found);
    EXPECT(crew.runners[0]->exchange->outcome.preemptions <= 2);
    weft_check_report_free(report);
    search_crew_close(&crew);
}
