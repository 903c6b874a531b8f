/* story.c - a report told in words: the verdict, how it was found, what decides, what was left out.
 *
 * Called by report.c once for each print; its parts are story_words.c (names), story_findings.c
 * (paragraphs) and story_rows.c (the timeline).  Never fails half: what there was no memory for is
 * missing, and the pool says so.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/story.h"

#include "base/alloc.h"

/* ---- the trace ---- */

uint32_t weft__story_events(const struct weft_check_report *report)
{
    const struct weft__outcome *outcome;

    if (report->failing == NULL)
        return 0;
    outcome = &report->failing->outcome;
    if (outcome->trace_first > outcome->n_trace)
        return 0;
    return weft__min(outcome->n_trace - outcome->trace_first, (uint32_t)WEFT__TRACE_MAX);
}

const struct weft__event *weft__story_event(const struct weft_check_report *report, uint32_t i)
{
    const struct weft__outcome *outcome = &report->failing->outcome;

    WEFT_CHECK(i < weft__story_events(report));
    return &outcome->trace[(outcome->trace_first + i) % WEFT__TRACE_MAX];
}

/* ---- how it was found ---- */

/* "0.001 s", "12.3 s", "140 s" */
static const char *story_seconds(struct weft__story *story, double seconds)
{
    return weft__pool_say(&story->pool, "%.*f s", seconds < 0.1 ? 3 : seconds < 10 ? 2
                                                  : seconds < 100              ? 1
                                                                               : 0,
                          seconds);
}

static const char *story_behaviours(struct weft__story *story)
{
    if (story->result.behaviours == 0)
        return "";
    return weft__pool_say(&story->pool, ", %llu behaviour%s",
                          (unsigned long long)story->result.behaviours,
                          story->result.behaviours == 1 ? "" : "s");
}

static const char *story_not_found(struct weft__story *story)
{
    const weft_check_result *result = &story->result;

    return weft__pool_say(&story->pool, "%s%llu schedule%s (%s)%s",
                          result->complete ? "every schedule within the bound was run: " : "",
                          (unsigned long long)result->schedules,
                          result->schedules == 1 ? "" : "s", story_seconds(story, result->seconds),
                          story_behaviours(story));
}

static const char *story_found(struct weft__story *story)
{
    const struct weft_check_report *report = story->report;
    const weft_check_result *result = &story->result;
    const char *said;

    if (!result->found)
        return story_not_found(story);
    said = weft__pool_say(&story->pool, "schedule %llu of %llu (%s)",
                          (unsigned long long)result->schedule,
                          (unsigned long long)result->schedules,
                          story_seconds(story, report->seconds_to_find > 0 ? report->seconds_to_find
                                                                           : result->seconds));
    if (result->preemptions >= 0)
        said = weft__pool_say(&story->pool, "%s, %d preemption%s%s", said, result->preemptions,
                              result->preemptions == 1 ? "" : "s",
                              result->preemptions_minimal && result->preemptions > 0
                                  ? " (proven minimal)"
                                  : "");
    if (report->replays > 0)
        said = weft__pool_say(&story->pool, "%s, %u/%u replays identical", said,
                              report->replays_same, report->replays);
    /* One failure that ended the search says nothing of how likely it is. */
    if (result->failing > 1 && result->schedules > 0)
        said = weft__pool_say(&story->pool, "%s; %.2g %% of schedules fail", said,
                              100.0 * (double)result->failing / (double)result->schedules);
    return said;
}

/* ---- what decides ---- */

static uint32_t story_find_step(const struct weft_check_report *report, uint32_t step)
{
    uint32_t low = 0, high = weft__story_events(report);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (weft__story_event(report, middle)->step < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const char *story_side(struct weft__story *story, char mark, uint32_t step)
{
    const struct weft_check_report *report = story->report;
    uint32_t i = story_find_step(report, step);
    const struct weft__event *event;
    struct weft__place place;

    if (i >= weft__story_events(report) || weft__story_event(report, i)->step != step)
        return weft__pool_say(&story->pool, "%c", mark);
    event = weft__story_event(report, i);
    place = weft__story_place_of_event(story, event);
    if (place.line == 0)
        return weft__pool_say(&story->pool, "%c (T%u %s)", mark, event->strand,
                              weft__story_effect(story, event, true));
    return weft__pool_say(&story->pool, "%c (T%u %s, %s:%u)", mark, event->strand,
                          weft__story_effect(story, event, true), place.file, place.line);
}

static const char *story_why(struct weft__story *story)
{
    const struct weft__critical *critical = &story->report->critical;
    const char *a, *b;

    if (!critical->known)
        return "";
    a = story_side(story, 'A', critical->first_step);
    b = story_side(story, 'B', critical->second_step);
    if (critical->opposite_runs == 0)
        return weft__pool_say(&story->pool, "fails when %s happens before %s", a, b);
    if (critical->opposite_failed == 0)
        return weft__pool_say(&story->pool,
                              "fails iff %s happens before %s; with the opposite order "
                              "%s%u run%s pass%s",
                              a, b, critical->opposite_runs == 1 ? "" : "all ",
                              critical->opposite_runs, critical->opposite_runs == 1 ? "" : "s",
                              critical->opposite_runs == 1 ? "es" : "");
    return weft__pool_say(&story->pool,
                          "fails when %s happens before %s; with the opposite order %u of %u runs "
                          "fail, too",
                          a, b, critical->opposite_failed, critical->opposite_runs);
}

static const char *story_limits(struct weft__story *story)
{
    const struct weft_check_report *report = story->report;
    size_t n = strnlen(report->limits, sizeof report->limits);

    if (n > 0)
        return weft__pool_clean(&story->pool, report->limits, n);
    return story->result.deterministic ? "" : "not everything was; a replay may differ";
}

/* ---- the whole ---- */

struct weft__story *weft__story_new(const struct weft_check_report *report,
                                    struct weft__names *names)
{
    struct weft__story *story = weft__alloc_zero(sizeof *story);

    if (story == NULL)
        return NULL;
    story->report = report;
    story->names = names;
    story->place = (struct weft__place){"", "", "", "", 0, false};
    story->one_file = "";
    story->confirmed = "";
    weft_check_result_of(report, &story->result);
    story->found = story_found(story);
    story->why = story_why(story);
    story->limits = story_limits(story);
    weft__story_tell_findings(story);
    weft__story_tell_rows(story);
    return story;
}

void weft__story_free(struct weft__story *story)
{
    if (story == NULL)
        return;
    weft__pool_free(&story->pool);
    weft__free(story);
}
