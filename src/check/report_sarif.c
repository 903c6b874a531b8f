/* report_sarif.c - the story for code scanning of CI systems: SARIF 2.1.0.
 *
 * Called by report.c.  The format is OASIS Standard "Static Analysis Results Interchange Format
 * Version 2.1.0"; section numbers below are its.  The verdict and each note is a result; the
 * timeline is a code flow with a thread flow for each strand, its steps ordered by executionOrder.
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "base/text.h"
#include "check/jsonout.h"
#include "check/report.h"
#include "check/story.h"

#define SARIF_SCHEMA \
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

static bool sarif_is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~/", c) != NULL;
}

/* What is below the working directory is said relative to it, as CI systems want it (3.4.3). */
static const char *sarif_uri(struct weft__story *story, const struct weft__place *place)
{
    const char *path = *place->path != '\0' ? place->path : place->file;
    char here[4096], uri[2048];
    struct weft__text text;
    size_t n;

    weft__text_init(&text, uri, sizeof uri);
    if (*path == '/') {
        n = getcwd(here, sizeof here) != NULL ? strlen(here) : 0;
        if (n > 1 && strncmp(path, here, n) == 0 && path[n] == '/')
            path += n + 1;
        else
            weft__text_add(&text, "file://");
    }
    for (; *path != '\0'; path++)
        weft__text_add(&text, sarif_is_plain(*path) ? "%c" : "%%%02X", (unsigned char)*path);
    return weft__pool_say(&story->pool, "%s", uri);
}

static void sarif_message(struct weft__json *json, const char *text)
{
    weft__json_open(json, "message", '{');
    weft__json_text(json, "text", text);
    weft__json_close(json, '}');
}

/* A location object (3.28); without a known line it has a message only. */
static void sarif_location(struct weft__json *json, struct weft__story *story, const char *key,
                           const struct weft__place *place, const char *message)
{
    weft__json_open(json, key, '{');
    if (place->line != 0) {
        weft__json_open(json, "physicalLocation", '{');
        weft__json_open(json, "artifactLocation", '{');
        weft__json_text(json, "uri", sarif_uri(story, place));
        weft__json_close(json, '}');
        weft__json_open(json, "region", '{');
        weft__json_number(json, "startLine", place->line);
        weft__json_close(json, '}');
        weft__json_close(json, '}');
    }
    if (*place->function != '\0') {
        weft__json_open(json, "logicalLocations", '[');
        weft__json_open(json, NULL, '{');
        weft__json_text(json, "name", place->function);
        weft__json_text(json, "kind", "function");
        weft__json_close(json, '}');
        weft__json_close(json, ']');
    }
    if (*message != '\0')
        sarif_message(json, message);
    weft__json_close(json, '}');
}

static const char *sarif_row_message(struct weft__story *story, const struct weft__row *row)
{
    const char *strand = weft__story_strand(story, row->strand);

    if (row->kind == WEFT__ROW_PREEMPT)
        return weft__pool_say(&story->pool, "%s is preempted here by T%u", strand, row->to);
    return weft__pool_say(&story->pool, "%s %s%s%s", strand, row->effect,
                          *row->effect != '\0' && *row->remark != '\0' ? ": " : "", row->remark);
}

/* 3.38.  The row before a preemption is where it happens. */
static void sarif_flow_location(struct weft__json *json, struct weft__story *story, uint32_t i,
                                const struct weft__place *place)
{
    const struct weft__row *row = &story->rows[i];

    weft__json_open(json, NULL, '{');
    sarif_location(json, story, "location", place, sarif_row_message(story, row));
    weft__json_number(json, "executionOrder", (int64_t)i + 1);
    weft__json_text(json, "importance",
                    row->fault || row->mark != 0 || row->kind == WEFT__ROW_PREEMPT ? "essential"
                                                                                   : "important");
    weft__json_close(json, '}');
}

static void sarif_thread_flow(struct weft__json *json, struct weft__story *story,
                              const struct weft__lane *lane)
{
    struct weft__place last = {"", "", "", "", 0, false};
    bool any = false;

    for (uint32_t i = 0; i < story->n_rows; i++)
        any = any || (story->rows[i].strand == lane->strand &&
                      story->rows[i].kind != WEFT__ROW_RUN);
    if (!any) /* 3.37.6: a thread flow has at least one location */
        return;
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "id", lane->id);
    sarif_message(json, weft__story_strand_long(story, lane->strand));
    weft__json_open(json, "locations", '[');
    for (uint32_t i = 0; i < story->n_rows; i++) {
        const struct weft__row *row = &story->rows[i];
        if (row->strand != lane->strand || row->kind == WEFT__ROW_RUN)
            continue;
        if (row->kind != WEFT__ROW_PREEMPT)
            last = row->place;
        sarif_flow_location(json, story, i, &last);
    }
    weft__json_close(json, ']');
    weft__json_close(json, '}');
}

static void sarif_code_flows(struct weft__json *json, struct weft__story *story)
{
    bool any = false;

    for (uint32_t i = 0; i < story->n_rows; i++)
        any = any || story->rows[i].kind != WEFT__ROW_RUN;
    if (!any)
        return;
    weft__json_open(json, "codeFlows", '[');
    weft__json_open(json, NULL, '{');
    if (*story->why != '\0')
        sarif_message(json, story->why);
    weft__json_open(json, "threadFlows", '[');
    for (int i = 0; i < story->n_lanes; i++)
        sarif_thread_flow(json, story, &story->lanes[i]);
    weft__json_close(json, ']');
    weft__json_close(json, '}');
    weft__json_close(json, ']');
}

static const char *sarif_level(const struct weft__finding *finding)
{
    if (weft__class_is_failure((enum weft__class)finding->class))
        return finding->class != WEFT__CLASS_RACE || finding->confirmed ? "error" : "warning";
    return finding->class == WEFT__CLASS_LOCK_ORDER ? "warning" : "note";
}

static void sarif_related(struct weft__json *json, struct weft__story *story,
                          const struct weft__finding *finding)
{
    if (finding->n_parties < 2)
        return;
    weft__json_open(json, "relatedLocations", '[');
    for (uint32_t i = 1; i < finding->n_parties; i++) {
        const struct weft__party *party = &finding->parties[i];
        struct weft__place place = weft__story_place_of(story, party->site);
        sarif_location(json, story, NULL, &place,
                       weft__pool_say(&story->pool, "T%u: %s %s", party->strand,
                                      weft__op_words(weft__story_op(party->op)),
                                      party->object != 0
                                          ? weft__story_object(story, party->object)
                                          : ""));
    }
    weft__json_close(json, ']');
}

static void sarif_result(struct weft__json *json, struct weft__story *story,
                         const struct weft__finding *finding, const char *message,
                         const struct weft__place *place, const char *level, bool is_verdict)
{
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "ruleId", weft__class_word((enum weft__class)finding->class));
    weft__json_text(json, "level", level);
    sarif_message(json, message);
    weft__json_open(json, "locations", '[');
    if (place->line != 0)
        sarif_location(json, story, NULL, place, "");
    weft__json_close(json, ']');
    sarif_related(json, story, finding);
    if (is_verdict) {
        sarif_code_flows(json, story);
        weft__json_open(json, "properties", '{');
        weft__json_text(json, "replay", story->result.replay);
        weft__json_text(json, "found", story->found);
        weft__json_close(json, '}');
    }
    weft__json_close(json, '}');
}

static void sarif_rule(struct weft__json *json, uint32_t class)
{
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "id", weft__class_word((enum weft__class)class));
    weft__json_open(json, "shortDescription", '{');
    weft__json_text(json, "text", weft__class_title((enum weft__class)class));
    weft__json_close(json, '}');
    weft__json_close(json, '}');
}

/* The rules that this report speaks of, each once (3.19.23). */
static void sarif_rules(struct weft__json *json, const struct weft__story *story)
{
    bool said[WEFT__CLASS_COUNT] = {false};

    weft__json_open(json, "rules", '[');
    if (story->result.found) {
        said[story->report->finding.class] = true;
        sarif_rule(json, story->report->finding.class);
    }
    for (uint32_t i = 0; i < story->n_asides; i++) {
        uint32_t class = story->asides[i].finding->class;
        if (!said[class])
            sarif_rule(json, class);
        said[class] = true;
    }
    weft__json_close(json, ']');
}

static void sarif_results(struct weft__json *json, struct weft__story *story)
{
    const struct weft__finding *finding = &story->report->finding;

    weft__json_open(json, "results", '[');
    if (story->result.found) {
        sarif_result(json, story, finding,
                     weft__pool_say(&story->pool, "%s%s%s", story->title,
                                    *story->summary != '\0' ? ": " : "", story->summary),
                     &story->place, "error", true);
    }
    for (uint32_t i = 0; i < story->n_asides; i++) {
        const struct weft__aside *aside = &story->asides[i];
        sarif_result(json, story, aside->finding,
                     weft__pool_say(&story->pool, "%s (%s)%s%s", aside->title, aside->state,
                                    *aside->section.heading != '\0' ? ": " : "",
                                    aside->section.heading),
                     &aside->place, sarif_level(aside->finding), false);
    }
    weft__json_close(json, ']');
}

void weft__report_sarif(struct weft__story *story, FILE *file)
{
    struct weft__json json = {.file = file};

    weft__json_open(&json, NULL, '{');
    weft__json_text(&json, "$schema", SARIF_SCHEMA);
    weft__json_text(&json, "version", "2.1.0");
    weft__json_open(&json, "runs", '[');
    weft__json_open(&json, NULL, '{');
    weft__json_open(&json, "tool", '{');
    weft__json_open(&json, "driver", '{');
    weft__json_text(&json, "name", "weft check");
    weft__json_text(&json, "version", WEFT_VERSION);
    sarif_rules(&json, story);
    weft__json_close(&json, '}');
    weft__json_close(&json, '}');
    weft__json_text(&json, "columnKind", "unicodeCodePoints");
    sarif_results(&json, story);
    weft__json_close(&json, '}');
    weft__json_close(&json, ']');
    weft__json_close(&json, '}');
    fputc('\n', file);
}
