/* story.h - a report in words and rows, before anybody has thought of columns.
 *
 * The four printers (report_text.c and its sisters) tell the same story.  What to tell is decided
 * once, in story.c: which strands matter, which of many thousand events are shown, what each one
 * did and where the strand was preempted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_STORY_H
#define WEFT_CHECK_STORY_H

#include "check/place.h"
#include "check/report.h"

#define WEFT__LANES_MAX    16
#define WEFT__ROWS_MAX     240
#define WEFT__SECTIONS_MAX 48
#define WEFT__LEGENDS_MAX  16
#define WEFT__NO_LANE      (-1)

struct weft__lane {
    uint16_t strand;
    const char *id;    /* "T1" */
    const char *title; /* "worker": the name that it has, or its function */
};

enum weft__row_kind {
    WEFT__ROW_STEP,    /* one line of the program: one event, or a few on the same line */
    WEFT__ROW_RUN,     /* events that do not matter */
    WEFT__ROW_PREEMPT, /* the lane's strand could have gone on, but another one did */
    WEFT__ROW_END      /* where the lane's strand is when all is over; it did not get past it */
};

struct weft__row {
    uint8_t kind;      /* enum weft__row_kind */
    bool fault;        /* this is where it goes wrong */
    char mark;         /* 'A', 'B': the two that decide; 0: neither */
    int lane;          /* WEFT__NO_LANE: of several strands */
    uint16_t strand;   /* of a step or an end; of a run with a lane */
    uint16_t to;       /* PREEMPT: who went on */
    uint32_t first, n; /* events: index from the oldest one kept, and how many */
    uint32_t step;     /* of the first; 0: none */
    struct weft__place place;
    const char *effect; /* "reads 0, writes 1"; of a run "14 events of T1"; "" */
    const char *remark; /* "nobody was waiting"; "" */
};

enum weft__line_kind { WEFT__LINE_TEXT, WEFT__LINE_FRAME, WEFT__LINE_HEAD };

struct weft__line {
    uint8_t kind;
    weft__site site;       /* of a frame, for machines; 0: none */
    struct weft__place place; /* of a frame */
    const char *text;      /* of a text or a head; a frame's in words */
    struct weft__line *next;
};

/* A paragraph: a heading with lines below it. */
struct weft__section {
    const char *heading;
    struct weft__line *lines, *last;
};

/* A finding beside the verdict's. */
struct weft__aside {
    const struct weft__finding *finding;
    const char *title;  /* "LOCK-ORDER INVERSION" */
    const char *state;  /* "advice", "suspicion, not confirmed", "failure" */
    struct weft__section section; /* heading: what it says */
    struct weft__place place;
};

struct weft__story {
    struct weft__pool pool;
    const struct weft_check_report *report;
    struct weft__names *names;
    weft_check_result result;

    struct weft__finding finding; /* the report's, its parties chosen for people */
    const char *title;   /* "DEADLOCK (2 threads, 2 locks)" */
    const char *summary; /* what failed, in one sentence; "" */
    const char *found;   /* "schedule 5 of 5 (0.001 s), …", without "found: " */
    struct weft__place place; /* where the verdict points to */
    const char *why;     /* the pair that decides; "" */
    const char *confirmed; /* of a race or lock order: what fails by it, or that nothing does; "" */
    const struct weft__finding *consequence; /* the failure in the schedule shown; NULL: none */

    struct weft__lane lanes[WEFT__LANES_MAX];
    int n_lanes;
    struct weft__row *rows; /* NULL: no trace */
    uint32_t n_rows;
    const char *one_file;   /* all rows are in this file; "": in several */

    struct weft__section sections[WEFT__SECTIONS_MAX];
    uint32_t n_sections;
    struct weft__aside asides[WEFT__NOTES_MAX];
    uint32_t n_asides;
    const char *limits; /* what could not be controlled; "" */
};

/* In the names given, which must outlive the story.  NULL: no memory. */
struct weft__story *weft__story_new(const struct weft_check_report *report,
                                    struct weft__names *names);
void weft__story_free(struct weft__story *story);

/* The events of the failing schedule that were kept, oldest first. */
uint32_t weft__story_events(const struct weft_check_report *report);
const struct weft__event *weft__story_event(const struct weft_check_report *report, uint32_t i);

/* A row of its own for one event, as for the inside of a run. */
void weft__story_event_row(struct weft__story *story, uint32_t i, struct weft__row *ret);

/* ---- words (story_words.c) ---- */

/* An operation as a record has it; a record may be half written. */
static inline enum weft__op weft__story_op(uint8_t op)
{
    return op < WEFT__OP_COUNT ? (enum weft__op)op : WEFT__OP_NONE;
}

/* "thread" or "task" */
const char *weft__story_noun(const struct weft_check_report *report, uint16_t strand);

/* "x", "x+8", "heap#1+8", "T2's stack+…", "0x7f…"; never NULL */
const char *weft__story_object(struct weft__story *story, uint64_t address);

/* What heap#1 is, in a sentence; "" when the short name says it all. */
const char *weft__story_object_long(struct weft__story *story, uint64_t address);
const struct weft__object_note *weft__story_note_of(const struct weft_check_report *report,
                                                    uint64_t address);

/* "reads 0", "locks m": `named` says whether the object of an access is named as well. */
const char *weft__story_effect(struct weft__story *story, const struct weft__event *event,
                               bool named);
/* "held by T2", "held by T2, which has ended", "held by itself", "being run by T1" */
const char *weft__story_holder(struct weft__story *story, const struct weft__party *party);
/* "lock m": what a strand was about to do. */
const char *weft__story_intent(struct weft__story *story, enum weft__op op, uint64_t object);

/* "T3"; then "T3 worker" */
const char *weft__story_strand(struct weft__story *story, uint16_t strand);
const char *weft__story_strand_long(struct weft__story *story, uint16_t strand);
const struct weft__strand_note *weft__story_strand_note(const struct weft_check_report *report,
                                                        uint16_t strand);

/* "worker (queue.c:41)", "queue.c:41", "?" */
const char *weft__story_place(struct weft__story *story, const struct weft__place *place);
const char *weft__story_site(struct weft__story *story, weft__site site);
struct weft__place weft__story_place_of(struct weft__story *story, weft__site site);
struct weft__place weft__story_place_of_event(struct weft__story *story,
                                              const struct weft__event *event);

/* ---- paragraphs (story_findings.c) ---- */

/* The verdict's sections, the summary, the asides. */
void weft__story_tell_findings(struct weft__story *story);

/* A party's stack as people want it: begins with its site, ends where the program itself does, and
 * has no frames of Weft's own.
 * Returns how many, at most WEFT__STACK_MAX + 1. */
uint32_t weft__story_stack(struct weft__story *story, const struct weft__party *party,
                           weft__site ret[WEFT__STACK_MAX + 1]);

/* Which strands waited on the condition (or event, or semaphore) when event i came: how many, and
 * their names. */
uint32_t weft__story_waiting(struct weft__story *story, uint32_t i, const char **ret_names);

/* ---- the timeline (story_rows.c) ---- */

void weft__story_tell_rows(struct weft__story *story);

#endif
