/* report_memory_probe.h - reports of what strands do to memory, as the engine would fill them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_REPORT_MEMORY_PROBE_H
#define WEFT_CHECK_REPORT_MEMORY_PROBE_H

#include "check/report_samples_probe.h"

/* ---- a race on a block of the heap ---- */

static const char *const sample_race_lines[] = {
    "new_queue|struct queue *q = malloc(sizeof *q);",
    "main|q = new_queue();",
    "main|start(&t1, push, q);",
    "main|start(&t2, count, q);",
    "add|q->length++;",
    "push|pthread_mutex_lock(&q->lock);",
    "push|add(q);",
    "push|pthread_mutex_unlock(&q->lock);",
    "count|return q->length;",
    "push|static void *push(void *arg)",
    "count|static void *count(void *arg)",
    "main|int main(void)",
};
static const char *const sample_race_variables[] = {"q"};
#define SAMPLE_HEAP UINT64_C(0x5000)

static void sample_heap_block(struct sample *s, uint64_t offset, uint64_t size)
{
    s->outcome->object_notes[s->outcome->n_object_notes++] =
        (struct weft__object_note){.address = SAMPLE_HEAP + offset,
                                   .kind = WEFT__OBJECT_HEAP,
                                   .base = SAMPLE_HEAP,
                                   .size = size,
                                   .site = 1,
                                   .nth = 1,
                                   .n_stack = 2,
                                   .stack = {1, 2}};
}

static void sample_data_race(struct sample *s)
{
    uint64_t lock = SAMPLE_HEAP + 8, length = SAMPLE_HEAP + 48;
    struct weft__party *party;

    SAMPLE_INIT(s, "queue.c", sample_race_lines, sample_race_variables);
    sample_found(s, WEFT__CLASS_RACE, 1, 0);
    sample_strand(s, 0, 12, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 10, 3, WEFT__STRAND_ENDED);
    sample_strand(s, 0, 11, 4, WEFT__STRAND_LIVE);
    sample_heap_block(s, 8, 56);
    sample_heap_block(s, 48, 56);
    sample_event(s, 0, 3, WEFT__OP_SPAWN, 2, 0, 0);
    sample_event(s, 0, 4, WEFT__OP_SPAWN, 3, 0, 0);
    sample_event(s, 1, 10, WEFT__OP_BEGIN, 2, 0, 0);
    sample_event(s, 1, 6, WEFT__OP_MUTEX_LOCK, lock, 0, 0);
    sample_access(s, 1, 5, WEFT__OP_READ, length, 41);
    sample_access(s, 1, 5, WEFT__OP_WRITE, length, 42);
    sample_event(s, 1, 8, WEFT__OP_MUTEX_UNLOCK, lock, 0, 0);
    sample_event(s, 1, 8, WEFT__OP_END, 2, 0, 0);
    sample_event(s, 2, 11, WEFT__OP_BEGIN, 3, 0, 0);
    sample_access(s, 2, 9, WEFT__OP_READ, length, 42);
    s->report->finding.object = length;
    s->report->finding.confirmed = false;
    party = sample_party(s, 2, 9, WEFT__OP_READ, length);
    party->size = 4;
    party->step = s->outcome->steps;
    party = sample_party(s, 1, 5, WEFT__OP_WRITE, length);
    party->size = 4;
    party->step = 6;
    party->stack[1] = 7;
    party->n_stack = 2;
    sample_hold(party, lock, 6);
}

/* The lost update again, told as the race that it is, which the assertion confirms. */
static void sample_confirmed_race(struct sample *s)
{
    uint64_t x = SAMPLE_ADDRESS(0);
    struct weft__party *party;

    sample_lost_update(s);
    s->outcome->findings[s->outcome->n_findings++] = s->report->finding;
    s->report->finding = (struct weft__finding){
        .class = WEFT__CLASS_RACE, .object = x, .confirmed = true};
    party = sample_party(s, 2, 5, WEFT__OP_WRITE, x);
    party->size = 4;
    party->step = s->report->critical.second_step;
    party = sample_party(s, 1, 5, WEFT__OP_READ, x);
    party->size = 4;
    party->step = s->report->critical.first_step;
}

/* ---- freed by another ---- */

static const char *const sample_freed_lines[] = {
    "make|return malloc(32);",
    "main|item = make();",
    "reader|static void *reader(void *arg)",
    "reader|struct item *i = item;",
    "reader|print(i->name);",
    "killer|static void *killer(void *arg)",
    "killer|free(item);",
    "main|int main(void)",
};
static const char *const sample_freed_variables[] = {"item"};

static void sample_use_after_free(struct sample *s)
{
    uint64_t item = SAMPLE_ADDRESS(0), name = SAMPLE_HEAP + 8;
    struct weft__party *party;

    SAMPLE_INIT(s, "item.c", sample_freed_lines, sample_freed_variables);
    sample_found(s, WEFT__CLASS_USE_AFTER_FREE, 4, 1);
    sample_strand(s, 0, 8, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 3, 2, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 6, 2, WEFT__STRAND_ENDED);
    sample_heap_block(s, 0, 32);
    sample_heap_block(s, 8, 32);
    sample_event(s, 1, 3, WEFT__OP_BEGIN, 2, 0, 0);
    sample_access(s, 1, 4, WEFT__OP_READ, item, SAMPLE_HEAP);
    s->outcome->trace[s->outcome->n_trace - 1].size = 8;
    sample_event(s, 2, 6, WEFT__OP_BEGIN, 3, 0, 0);
    sample_access(s, 2, 7, WEFT__OP_READ, item, SAMPLE_HEAP);
    s->outcome->trace[s->outcome->n_trace - 1].size = 8;
    sample_event(s, 2, 7, WEFT__OP_FREE, SAMPLE_HEAP, 0, 0);
    sample_event(s, 2, 7, WEFT__OP_END, 3, 0, 0);
    s->outcome->deviations[s->outcome->n_deviations++] = (struct weft__deviation){
        .strand = 1, .kind = WEFT__CHOICE_STRAND, .site = 5, .nth = 1, .pick = 2};
    s->outcome->strand_notes[1].op = WEFT__OP_READ;
    s->report->finding.object = name;
    party = sample_party(s, 1, 5, WEFT__OP_READ, name);
    party->size = 8;
    party = sample_party(s, 2, 7, WEFT__OP_FREE, SAMPLE_HEAP);
    party->step = 5;
}

#endif
