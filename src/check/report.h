/* report.h - what a search found, as data; report_text.c, report_json.c, report_html.c tell it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_REPORT_H
#define WEFT_CHECK_REPORT_H

#include "check/plan.h"
#include "weft/check.h"

#define WEFT__NOTES_MAX 16

/* The two events whose order decides: it fails iff `first` happens before `second`. */
struct weft__critical {
    bool known;
    uint32_t first_step, second_step; /* in the failing trace */
    uint32_t opposite_runs, opposite_failed; /* schedules tried with the other order */
};

struct weft_check_report {
    weft_check_result result; /* its strings point into this struct, or are constants */
    char summary[256];
    char *replay;             /* allocated; NULL: none */
    char *command;            /* as a shell would read it; allocated; NULL: weft_explore */
    bool is_tasks;            /* all strands are Weft's tasks; else each note tells */

    struct weft__finding finding;     /* the one that the verdict is about */
    struct weft__exchange *failing;   /* the shrunken schedule, with its trace; NULL: none failed */
    struct weft__critical critical;
    uint32_t replays, replays_same;   /* fresh runs of the failing schedule, and identical ones */

    uint32_t n_notes;                 /* advice, suspicions, further failures of the whole search */
    struct weft__finding notes[WEFT__NOTES_MAX];
    struct weft__modules modules;     /* for the sites of all of these */
    char limits[512];                 /* what could not be controlled, in words; "" if all was */
    double seconds_to_find;
};

/* `failing`, `replay` and `command` are of weft__alloc, and the report's once they are in. */
struct weft_check_report *weft__report_new(void); /* NULL: no memory */

/* Fills what follows from the rest: result's strings, and the summary if there is none yet.  The
 * last thing to do when a report is made; nothing is wrong if it is done again. */
void weft__report_complete(struct weft_check_report *report);

struct weft__story;

/* Sleeps (writes).  The four ways to tell a story, each ending with a newline. */
void weft__report_text(struct weft__story *story, FILE *file, unsigned width, bool colour);
void weft__report_json(struct weft__story *story, FILE *file);
void weft__report_sarif(struct weft__story *story, FILE *file);
void weft__report_html(struct weft__story *story, FILE *file);

#endif
