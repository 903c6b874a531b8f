/* report_others_probe.h - the other reports: leaks, wrong use, mere notes, nothing at all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_REPORT_OTHERS_PROBE_H
#define WEFT_CHECK_REPORT_OTHERS_PROBE_H

#include "check/report_memory_probe.h"

/* ---- a task that nobody can wake, when the program ends ---- */

static const char *const sample_leak_lines[] = {
    "worker|static int worker(void *arg)",
    "worker|weft_chan_recv(jobs, &job);",
    "root|static int root(void *arg)",
    "root|weft_go(scope, worker, NULL);",
};
static const char *const sample_leak_variables[] = {"jobs"};

static void sample_leaked_task(struct sample *s)
{
    uint64_t jobs = SAMPLE_ADDRESS(0);

    SAMPLE_INIT(s, "jobs.c", sample_leak_lines, sample_leak_variables);
    sample_found(s, WEFT__CLASS_LEAKED_STRAND, 1, 0);
    s->report->is_tasks = true;
    weft__free(s->report->command);
    s->report->command = NULL;
    sample_strand(s, 0, 3, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 1, 4, WEFT__STRAND_LIVE);
    s->outcome->strand_notes[1].op = WEFT__OP_CHAN_RECV;
    s->outcome->strand_notes[1].object = jobs;
    snprintf(s->outcome->strand_notes[1].name, sizeof s->outcome->strand_notes[1].name, "worker");
    sample_event(s, 0, 4, WEFT__OP_SPAWN, 2, 0, 0);
    sample_event(s, 1, 1, WEFT__OP_BEGIN, 2, 0, 0);
    sample_event(s, 0, 4, WEFT__OP_EXIT, 0, 0, 0);
    sample_party(s, 1, 2, WEFT__OP_CHAN_RECV, jobs);
}

/* ---- an unlock by a stranger ---- */

static const char *const sample_misuse_lines[] = {
    "main|int main(void)",
    "main|pthread_mutex_lock(&m);",
    "thief|static void *thief(void *arg)",
    "thief|pthread_mutex_unlock(&m);",
};
static const char *const sample_misuse_variables[] = {"m"};

static void sample_misuse(struct sample *s)
{
    uint64_t m = SAMPLE_ADDRESS(0);

    SAMPLE_INIT(s, "thief.c", sample_misuse_lines, sample_misuse_variables);
    sample_found(s, WEFT__CLASS_MISUSE, 1, 0);
    sample_strand(s, 0, 1, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 3, 2, WEFT__STRAND_LIVE);
    sample_event(s, 0, 2, WEFT__OP_SPAWN, 2, 0, 0);
    sample_event(s, 1, 3, WEFT__OP_BEGIN, 2, 0, 0);
    sample_event(s, 0, 2, WEFT__OP_MUTEX_LOCK, m, 0, 0);
    sample_event(s, 1, 4, WEFT__OP_MUTEX_UNLOCK, m, 0, 0);
    s->report->finding.object = m;
    sample_party(s, 1, 4, WEFT__OP_MUTEX_UNLOCK, m)->step = s->outcome->steps;
    snprintf(s->report->finding.text, sizeof s->report->finding.text, "%s",
             "a mutex is unlocked by a thread that does not hold it");
    snprintf(s->report->limits, sizeof s->report->limits, "%s",
             "a child process was not followed");
}

/* ---- no failure ---- */

static void sample_nothing(struct sample *s)
{
    SAMPLE_INIT(s, "abba.c", sample_abba_lines, sample_abba_variables);
    s->report->result.schedules = 10000;
    s->report->result.behaviours = 34;
    s->report->result.seconds = 2.25;
}

static void sample_complete(struct sample *s)
{
    sample_nothing(s);
    s->report->result.schedules = 120;
    s->report->result.complete = true;
    s->report->result.seconds = 0.031;
    s->report->result.behaviours = 1;
}

/* Notes as other schedules left them. */
static void sample_notes(struct sample *s)
{
    uint64_t a = SAMPLE_ADDRESS(0), b = SAMPLE_ADDRESS(1);
    struct weft__finding *finding;
    struct weft__party *party;

    sample_nothing(s);
    s->report->result.deterministic = false;
    finding = &s->report->finding;
    finding->class = WEFT__CLASS_LOCK_ORDER;
    finding->tries = 50;
    finding->object = a;
    party = sample_party(s, 1, 5, WEFT__OP_MUTEX_LOCK, b);
    sample_hold(party, a, 4);
    party = sample_party(s, 2, 11, WEFT__OP_MUTEX_LOCK, a);
    sample_hold(party, b, 10);
    snprintf(finding->text, sizeof finding->text, "%s", "2 locks are taken in a cycle");
    s->report->notes[s->report->n_notes++] = *finding;
    *finding = (struct weft__finding){.class = WEFT__CLASS_SERIAL_LOCK, .object = a};
    party = sample_party(s, 0, 4, WEFT__OP_NONE, a);
    party->n_stack = 0;
    snprintf(finding->text, sizeof finding->text, "%s",
             "nine tenths of all steps were made under this lock");
    s->report->notes[s->report->n_notes++] = *finding;
    *finding = (struct weft__finding){.class = WEFT__CLASS_NONE};
}

#endif
