/* report.c - a report's life, and who prints it.
 *
 * Made by search.c (or whoever ran the schedules), read by the command and by tests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/report.h"

#include "base/alloc.h"
#include "base/text.h"
#include "check/story.h"
#include "weft/err.h"

struct weft_check_report *weft__report_new(void)
{
    struct weft_check_report *report = weft__alloc_zero(sizeof *report);

    if (report != NULL) {
        report->result.preemptions = -1;
        report->result.deterministic = true;
    }
    return report;
}

void weft_check_report_free(weft_check_report *report)
{
    if (report == NULL)
        return;
    weft__free(report->failing);
    weft__free(report->replay);
    weft__free(report->command);
    weft__free(report);
}

void weft_check_result_of(const weft_check_report *report, weft_check_result *ret_result)
{
    WEFT_CHECK(report->finding.class < WEFT__CLASS_COUNT);
    *ret_result = report->result;
    ret_result->verdict = report->result.found ? "found" : "nothing found";
    ret_result->class_name =
        weft__class_word(report->result.found ? (enum weft__class)report->finding.class
                                              : WEFT__CLASS_NONE);
    ret_result->summary = report->summary;
    ret_result->replay = report->replay != NULL ? report->replay : "";
}

void weft__report_complete(struct weft_check_report *report)
{
    struct weft__names *names = weft__names_new(&report->modules);
    struct weft__story *story = names != NULL ? weft__story_new(report, names) : NULL;
    struct weft__text text;

    if (story != NULL && report->summary[0] == '\0') {
        weft__text_init(&text, report->summary, sizeof report->summary);
        weft__text_add(&text, "%s%s%s", story->title, *story->summary != '\0' ? ": " : "",
                       story->summary);
    }
    weft__story_free(story);
    weft__names_free(names);
    weft_check_result_of(report, &report->result);
}

int weft_check_print(const weft_check_report *report, enum weft_check_format format, FILE *file,
                     unsigned width, bool colour)
{
    struct weft__names *names = weft__names_new(&report->modules);
    struct weft__story *story = names != NULL ? weft__story_new(report, names) : NULL;
    int rc = story != NULL && !story->pool.is_short ? 0 : -WEFT_ENOMEM;

    if (rc == 0) {
        switch (format) {
        case WEFT_CHECK_TEXT:
            weft__report_text(story, file, width, colour);
            break;
        case WEFT_CHECK_JSON:
            weft__report_json(story, file);
            break;
        case WEFT_CHECK_SARIF:
            weft__report_sarif(story, file);
            break;
        case WEFT_CHECK_HTML:
            weft__report_html(story, file);
            break;
        default:
            rc = -WEFT_EINVAL;
            break;
        }
    }
    if (rc == 0 && (fflush(file) != 0 || ferror(file)))
        rc = -EIO;
    weft__story_free(story);
    weft__names_free(names);
    return rc;
}
