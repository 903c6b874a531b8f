/* report_probe.h - reports built by hand, with the words of programs that nobody compiled.
 *
 * A sample has one source file, given as an array of lines; a site is the number of its line, and
 * the variables are sites from SAMPLE_VARIABLES on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_REPORT_PROBE_H
#define WEFT_CHECK_REPORT_PROBE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "check/engine.h"
#include "check/report.h"
#include "check/story.h"
#include "tests/test.h"

#define SAMPLE_VARIABLES 10000

struct sample {
    struct weft__names names;
    struct weft_check_report *report;
    struct weft__outcome *outcome;
    const char *file;
    const char *const *lines;     /* "function|source" */
    size_t n_lines;
    const char *const *variables; /* address 0x1000 + 16 * i */
    size_t n_variables;
};

static bool sample_place(struct weft__names *names, weft__site site, bool is_return,
                         struct weft__place *ret)
{
    struct sample *sample = container_of(names, struct sample, names);
    static char functions[64][32];
    const char *bar;

    (void)is_return;
    if (site == 0 || site > sample->n_lines || site >= 64)
        return false;
    bar = strchr(sample->lines[site - 1], '|');
    memset(functions[site], 0, sizeof functions[site]);
    memcpy(functions[site], sample->lines[site - 1], (size_t)(bar - sample->lines[site - 1]));
    *ret = (struct weft__place){functions[site], sample->file, "", bar + 1, (unsigned)site, false};
    return true;
}

static const char *sample_variable(struct weft__names *names, weft__site site,
                                   uint64_t *ret_offset)
{
    struct sample *sample = container_of(names, struct sample, names);
    size_t i = (site - SAMPLE_VARIABLES) / 16;

    *ret_offset = (site - SAMPLE_VARIABLES) % 16;
    return site >= SAMPLE_VARIABLES && i < sample->n_variables ? sample->variables[i] : NULL;
}

#define SAMPLE_ADDRESS(i) (UINT64_C(0x1000) + 16 * (uint64_t)(i))

#define SAMPLE_INIT(sample, name, lines_, variables_) \
    sample_init(sample, name, lines_, WEFT_ARRAY_SIZE(lines_), variables_, \
                WEFT_ARRAY_SIZE(variables_))

static void sample_init(struct sample *sample, const char *file, const char *const *lines,
                        size_t n_lines, const char *const *variables, size_t n_variables)
{
    struct weft__outcome *outcome;

    *sample = (struct sample){.names = {sample_place, sample_variable},
                              .file = file,
                              .lines = lines,
                              .n_lines = n_lines,
                              .variables = variables,
                              .n_variables = n_variables};
    sample->report = weft__report_new();
    EXPECT(sample->report != NULL);
    sample->report->failing = weft__alloc_zero(sizeof *sample->report->failing);
    EXPECT(sample->report->failing != NULL);
    sample->outcome = outcome = &sample->report->failing->outcome;
    for (size_t i = 0; i < n_variables; i++) {
        outcome->object_notes[outcome->n_object_notes++] = (struct weft__object_note){
            .address = SAMPLE_ADDRESS(i),
            .kind = WEFT__OBJECT_GLOBAL,
            .site = (weft__site)(SAMPLE_VARIABLES + 16 * i)};
    }
}

static char *sample_copy(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = weft__alloc(n);

    EXPECT(copy != NULL);
    memcpy(copy, text, n);
    return copy;
}

/* How it was found, and how to see it again. */
static void sample_found(struct sample *sample, enum weft__class class, uint64_t schedule,
                         int preemptions)
{
    struct weft_check_report *report = sample->report;

    report->finding.class = (uint32_t)class;
    report->result.found = true;
    report->result.schedule = report->result.schedules = schedule;
    report->result.failing = 1;
    report->result.preemptions = preemptions;
    report->result.preemptions_minimal = true;
    report->seconds_to_find = report->result.seconds = 0.012;
    report->replays = report->replays_same = 100;
    report->replay = sample_copy("w1-abcdefgh");
    report->command = sample_copy("./prog");
}

static void sample_strand(struct sample *sample, uint16_t parent, weft__site function,
                          weft__site spawned, enum weft__strand_state state)
{
    struct weft__outcome *outcome = sample->outcome;
    struct weft__strand_note *note = &outcome->strand_notes[outcome->n_strand_notes];

    *note = (struct weft__strand_note){.id = (uint16_t)outcome->n_strand_notes,
                                       .parent = parent,
                                       .state = (uint8_t)state,
                                       .function = function,
                                       .spawn_site = spawned};
    outcome->strands = ++outcome->n_strand_notes;
}

/* Returns its step. */
static uint32_t sample_event(struct sample *sample, uint16_t strand, weft__site line,
                             enum weft__op op, uint64_t object, uint32_t flags, uint64_t value)
{
    struct weft__outcome *outcome = sample->outcome;
    struct weft__event *event = &outcome->trace[outcome->n_trace++ % WEFT__TRACE_MAX];

    *event = (struct weft__event){.step = ++outcome->steps,
                                  .strand = strand,
                                  .op = (uint8_t)op,
                                  .size = 4,
                                  .site = line,
                                  .nth = 1,
                                  .flags = flags,
                                  .object = object,
                                  .value = value};
    if (outcome->n_trace > WEFT__TRACE_MAX)
        outcome->trace_first = outcome->n_trace - WEFT__TRACE_MAX;
    return event->step;
}

static uint32_t sample_access(struct sample *sample, uint16_t strand, weft__site line,
                              enum weft__op op, uint64_t object, uint64_t value)
{
    return sample_event(sample, strand, line, op, object, WEFT__EVENT_HAS_VALUE, value);
}

/* The event that was added last comes after a preemption. */
static void sample_preempted(struct sample *sample)
{
    struct weft__outcome *outcome = sample->outcome;

    outcome->trace[(outcome->n_trace - 1) % WEFT__TRACE_MAX].flags |=
        WEFT__EVENT_PREEMPTED | WEFT__EVENT_SWITCHED;
}

static struct weft__party *sample_party(struct sample *sample, uint16_t strand, weft__site line,
                                        enum weft__op op, uint64_t object)
{
    struct weft__finding *finding = &sample->report->finding;
    struct weft__party *party = &finding->parties[finding->n_parties++];

    *party = (struct weft__party){.strand = strand,
                                  .op = (uint8_t)op,
                                  .site = line,
                                  .object = object,
                                  .holder = UINT16_MAX,
                                  .n_stack = 1,
                                  .stack = {line}};
    return party;
}

/* Ends what the test owns; the text is malloc's. */
static char *sample_print(struct sample *sample, enum weft_check_format format, unsigned width)
{
    struct weft__story *story = weft__story_new(sample->report, &sample->names);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    EXPECT(file != NULL && story != NULL);
    if (format == WEFT_CHECK_TEXT)
        weft__report_text(story, file, width, false);
    else if (format == WEFT_CHECK_JSON)
        weft__report_json(story, file);
    else if (format == WEFT_CHECK_SARIF)
        weft__report_sarif(story, file);
    else
        weft__report_html(story, file);
    EXPECT(!story->pool.is_short);
    fclose(file);
    weft__story_free(story);
    return text;
}

static void sample_free(struct sample *sample)
{
    weft_check_report_free(sample->report);
}

/* The whole text, line by line where it differs. */
static void sample_expect(struct sample *sample, unsigned width, const char *expected)
{
    char *text = sample_print(sample, WEFT_CHECK_TEXT, width);

    if (strcmp(text, expected) != 0)
        fprintf(stderr, "---- expected\n%s---- got\n%s----\n", expected, text);
    EXPECT(strcmp(text, expected) == 0);
    free(text);
}

#endif
