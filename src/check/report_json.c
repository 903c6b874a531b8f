/* report_json.c - the story for programs: one object on one line.
 *
 * Called by report.c.  The first members, up to "replay", are a promise: scripts read them. 
 * Numbers are as in weft_check_result (weft/check.h): schedule 0 and preemptions -1 mean that
 * nothing failed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/jsonout.h"
#include "check/report.h"
#include "check/story.h"

static void report_json_place(struct weft__json *json, const char *key,
                              const struct weft__place *place)
{
    weft__json_open(json, key, '{');
    weft__json_text(json, "function", place->function);
    weft__json_text(json, "file", place->file);
    weft__json_number(json, "line", place->line);
    if (*place->path != '\0')
        weft__json_text(json, "path", place->path);
    if (*place->source != '\0')
        weft__json_text(json, "source", place->source);
    weft__json_close(json, '}');
}

static void report_json_site(struct weft__json *json, struct weft__story *story, const char *key,
                             weft__site site)
{
    struct weft__place place = weft__story_place_of(story, site);

    report_json_place(json, key, &place);
}

static void report_json_party(struct weft__json *json, struct weft__story *story,
                              const struct weft__party *party)
{
    weft__site stack[WEFT__STACK_MAX + 1];
    uint32_t depth = weft__story_stack(story, party, stack);

    weft__json_open(json, NULL, '{');
    weft__json_text(json, "strand", weft__story_strand(story, party->strand));
    weft__json_text(json, "operation", weft__op_words(weft__story_op(party->op)));
    weft__json_number(json, "size", party->size);
    weft__json_number(json, "step", party->step);
    if (party->object != 0)
        weft__json_text(json, "object", weft__story_object(story, party->object));
    if (party->holder != UINT16_MAX) {
        weft__json_text(json, "held_by", weft__story_strand(story, party->holder));
        report_json_site(json, story, "taken_at", party->taken);
    }
    report_json_site(json, story, "place", party->site);
    weft__json_open(json, "stack", '[');
    for (uint32_t i = 0; i < depth; i++)
        report_json_site(json, story, NULL, stack[i]);
    weft__json_close(json, ']');
    weft__json_open(json, "holds", '[');
    for (uint32_t i = 0; i < party->n_held && i < WEFT__HELD_MAX; i++) {
        weft__json_open(json, NULL, '{');
        weft__json_text(json, "lock", weft__story_object(story, party->held[i]));
        report_json_site(json, story, "taken_at", party->held_at[i]);
        weft__json_close(json, '}');
    }
    weft__json_close(json, ']');
    weft__json_close(json, '}');
}

static void report_json_finding(struct weft__json *json, struct weft__story *story,
                                const struct weft__finding *finding, const char *title,
                                const char *summary, const char *state)
{
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "class", weft__class_word((enum weft__class)finding->class));
    weft__json_text(json, "title", title);
    weft__json_text(json, "summary", summary);
    weft__json_text(json, "state", state);
    weft__json_bool(json, "failure", weft__class_is_failure((enum weft__class)finding->class));
    weft__json_bool(json, "confirmed", finding->confirmed);
    if (finding->object != 0) {
        weft__json_text(json, "object", weft__story_object(story, finding->object));
        weft__json_text(json, "object_is", weft__story_object_long(story, finding->object));
    }
    weft__json_open(json, "parties", '[');
    for (uint32_t i = 0; i < finding->n_parties; i++)
        report_json_party(json, story, &finding->parties[i]);
    weft__json_close(json, ']');
    weft__json_close(json, '}');
}

static void report_json_row(struct weft__json *json, struct weft__story *story,
                            const struct weft__row *row)
{
    static const char *const kinds[] = {[WEFT__ROW_STEP] = "step",
                                        [WEFT__ROW_RUN] = "run",
                                        [WEFT__ROW_PREEMPT] = "preempted",
                                        [WEFT__ROW_END] = "end"};
    char mark[2] = {row->mark, '\0'};

    weft__json_open(json, NULL, '{');
    weft__json_text(json, "kind", kinds[row->kind]);
    if (row->kind != WEFT__ROW_RUN || row->lane != WEFT__NO_LANE)
        weft__json_text(json, "strand", weft__story_strand(story, row->strand));
    if (row->kind == WEFT__ROW_PREEMPT)
        weft__json_text(json, "by", weft__story_strand(story, row->to));
    weft__json_number(json, "step", row->step);
    if (row->n > 0)
        weft__json_number(json, "events", row->n);
    if (row->kind == WEFT__ROW_STEP || row->kind == WEFT__ROW_END)
        report_json_place(json, "place", &row->place);
    if (*row->effect != '\0')
        weft__json_text(json, "effect", row->effect);
    if (*row->remark != '\0')
        weft__json_text(json, "remark", row->remark);
    if (row->mark != 0)
        weft__json_text(json, "mark", mark);
    if (row->fault)
        weft__json_bool(json, "fault", true);
    weft__json_close(json, '}');
}

static void report_json_promise(struct weft__json *json, const weft_check_result *result)
{
    weft__json_text(json, "verdict", result->verdict);
    weft__json_text(json, "class", result->class_name);
    weft__json_number(json, "schedule", (int64_t)result->schedule);
    weft__json_number(json, "schedules", (int64_t)result->schedules);
    weft__json_real(json, "seconds", result->seconds);
    weft__json_number(json, "preemptions", result->preemptions);
    weft__json_text(json, "replay", result->replay);
}

static void report_json_search(struct weft__json *json, const struct weft__story *story)
{
    const weft_check_result *result = &story->result;
    const struct weft_check_report *report = story->report;

    weft__json_text(json, "summary", result->found ? story->summary : story->found);
    weft__json_text(json, "title", result->found ? story->title : "nothing found");
    weft__json_bool(json, "complete", result->complete);
    weft__json_bool(json, "deterministic", result->deterministic);
    weft__json_bool(json, "preemptions_minimal", result->preemptions_minimal);
    weft__json_number(json, "failing", (int64_t)result->failing);
    weft__json_number(json, "behaviours", (int64_t)result->behaviours);
    weft__json_real(json, "seconds_to_find", report->seconds_to_find);
    weft__json_number(json, "replays", report->replays);
    weft__json_number(json, "replays_identical", report->replays_same);
    weft__json_text(json, "command", report->command != NULL ? report->command : "");
    weft__json_text(json, "limits", story->limits);
    weft__json_text(json, "why", story->why);
    weft__json_text(json, "confirmed", story->confirmed);
    if (report->critical.known) {
        weft__json_open(json, "critical", '{');
        weft__json_number(json, "first_step", report->critical.first_step);
        weft__json_number(json, "second_step", report->critical.second_step);
        weft__json_number(json, "opposite_runs", report->critical.opposite_runs);
        weft__json_number(json, "opposite_failed", report->critical.opposite_failed);
        weft__json_close(json, '}');
    }
}

static void report_json_strands(struct weft__json *json, struct weft__story *story)
{
    weft__json_open(json, "strands", '[');
    for (int i = 0; i < story->n_lanes; i++) {
        uint16_t strand = story->lanes[i].strand;
        const struct weft__strand_note *note = weft__story_strand_note(story->report, strand);
        weft__json_open(json, NULL, '{');
        weft__json_text(json, "id", story->lanes[i].id);
        weft__json_text(json, "kind", weft__story_noun(story->report, strand));
        weft__json_text(json, "name", story->lanes[i].title);
        if (note != NULL && strand != 0) {
            weft__json_text(json, "started_by", weft__story_strand(story, note->parent));
            report_json_site(json, story, "started_at", note->spawn_site);
        }
        weft__json_close(json, '}');
    }
    weft__json_close(json, ']');
}

void weft__report_json(struct weft__story *story, FILE *file)
{
    struct weft__json json = {.file = file};

    weft__json_open(&json, NULL, '{');
    report_json_promise(&json, &story->result);
    report_json_search(&json, story);
    weft__json_open(&json, "findings", '[');
    if (story->result.found) {
        report_json_finding(&json, story, &story->report->finding, story->title, story->summary,
                            "verdict");
    }
    weft__json_close(&json, ']');
    weft__json_open(&json, "notes", '[');
    for (uint32_t i = 0; i < story->n_asides; i++) {
        const struct weft__aside *aside = &story->asides[i];
        report_json_finding(&json, story, aside->finding, aside->title, aside->section.heading,
                            aside->state);
    }
    weft__json_close(&json, ']');
    report_json_strands(&json, story);
    weft__json_open(&json, "timeline", '[');
    for (uint32_t i = 0; i < story->n_rows; i++)
        report_json_row(&json, story, &story->rows[i]);
    weft__json_close(&json, ']');
    weft__json_close(&json, '}');
    fputc('\n', file);
}
