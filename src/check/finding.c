/* finding.c - what was found, who took part, and what the report will want to know of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>

#include "base/text.h"
#include "check/blocks.h"
#include "check/lockorder.h"
#include "check/state.h"

void weft__party_fill(struct weft__party *party, const struct weft__strand *strand)
{
    struct weft__engine *e = weft__engine;
    struct weft__held held[WEFT__HELD_MAX];
    uintptr_t stack[WEFT__STACK_MAX];

    *party = (struct weft__party){.strand = strand->id,
                                  .op = (uint8_t)strand->next.op,
                                  .size = strand->next.size,
                                  .step = strand->last_step,
                                  .site = strand->site,
                                  .object = strand->next.object,
                                  .holder = 0xffff};
    if (strand == e->self && e->executor->stack != NULL) {
        uint32_t n = e->executor->stack(stack, WEFT__STACK_MAX - 1); /* the callers */
        party->stack[party->n_stack++] = strand->site;
        for (uint32_t i = 0; i < n; i++)
            party->stack[party->n_stack++] = weft__site_of(stack[i]);
    } else {
        party->stack[0] = strand->site;
        party->stack[1] = strand->caller_site;
        party->n_stack = strand->caller_site != 0 ? 2 : 1;
    }
    party->n_held = (uint16_t)weft__lockorder_held(strand->id, held, WEFT__HELD_MAX);
    for (uint32_t i = 0; i < party->n_held; i++) {
        party->held[i] = held[i].lock;
        party->held_at[i] = held[i].site;
    }
}

struct weft__finding *weft__found(enum weft__class class, uintptr_t object, const char *format, ...)
{
    struct weft__engine *e = weft__engine;
    struct weft__outcome *out = e->outcome;
    struct weft__text text;
    va_list ap;

    bool full = out->n_findings == WEFT__FINDINGS_MAX;
    static struct weft__finding dropped;
    struct weft__finding *finding = &out->findings[full ? WEFT__FINDINGS_MAX - 1 : out->n_findings];
    if (!full)
        out->n_findings++;
    else if (class == WEFT__CLASS_RACE || !weft__class_is_failure(class))
        finding = &dropped; /* it must not take the place of what ended the schedule */
    *finding = (struct weft__finding){
        .class = (uint32_t)class, .step = out->steps, .object = object, .n_parties = 1};
    weft__text_init(&text, finding->text, sizeof finding->text);
    va_start(ap, format);
    weft__text_add_va(&text, format, ap);
    va_end(ap);
    weft__party_fill(&finding->parties[0], e->self);
    return finding;
}

void weft__found_block(struct weft__finding *finding, const struct weft__block *block)
{
    bool freed = block->freed_site != 0;

    finding->parties[1] = (struct weft__party){
        .strand = freed ? block->freed_strand : block->strand,
        .op = freed ? WEFT__OP_FREE : WEFT__OP_ALLOC,
        .step = freed ? block->freed_step : block->step,
        .site = freed ? block->freed_site : block->site,
        .object = block->address,
        .holder = 0xffff,
        .n_stack = 1,
        .stack = {freed ? block->freed_site : block->site},
    };
    for (uint32_t i = 0; !freed && i < block->n_stack; i++)
        finding->parties[1].stack[finding->parties[1].n_stack++] = block->stack[i];
    finding->n_parties = 2;
}

/* ---- nobody can go on ---- */

static bool finding_is_blocked(const struct weft__strand *s)
{
    if (s->state == WEFT__STRAND_OUTSIDE)
        return true; /* asked in vain, or we would not look for who is blocked */
    return s->state == WEFT__STRAND_LIVE && (!s->enabled || !s->ready);
}

static bool finding_takes(const struct weft__strand *s)
{
    return s->next.op == WEFT__OP_MUTEX_LOCK || s->next.op == WEFT__OP_RWLOCK_READ ||
           s->next.op == WEFT__OP_RWLOCK_WRITE;
}

static uint16_t finding_runner(uintptr_t piece)
{
    const struct weft__engine *e = weft__engine;

    for (uint32_t i = 0; i < e->n_strands; i++) {
        if (e->strands[i].piece == piece && e->strands[i].state != WEFT__STRAND_ENDED)
            return e->strands[i].id;
    }
    return 0xffff;
}

/* Whom a blocked strand waits for: the holder of the lock, the strand it joins, who runs the piece;
 * 0xffff: nobody. */
static uint16_t finding_awaited(const struct weft__strand *s, weft__site *ret_taken)
{
    *ret_taken = 0;
    if (s->next.op == WEFT__OP_JOIN && s->next.object != 0)
        return (uint16_t)(s->next.object - 1);
    if (s->next.op == WEFT__OP_PIECE_JOIN)
        return finding_runner(s->next.object);
    if (s->next.op == WEFT__OP_COND_WAKE)
        return s->signalled ? weft__lockorder_holder(s->next.second, ret_taken) : 0xffff;
    return weft__lockorder_holder(s->next.object, ret_taken);
}

static void finding_add_party(struct weft__finding *finding, const struct weft__strand *s)
{
    if (finding->n_parties == WEFT_ARRAY_SIZE(finding->parties))
        return;
    struct weft__party *party = &finding->parties[finding->n_parties++];
    weft__party_fill(party, s);
    party->holder = finding_awaited(s, &party->taken);
}

/* Follows who waits for whom from s; the strands of a cycle become the parties. */
static bool finding_is_cycle(struct weft__finding *finding, const struct weft__strand *s)
{
    struct weft__engine *e = weft__engine;
    const struct weft__strand *at = s;
    weft__site taken;
    uint32_t n = 0;

    do {
        uint16_t next = finding_awaited(at, &taken);
        if (next >= e->n_strands || !finding_is_blocked(&e->strands[next]) || ++n > e->n_strands)
            return false;
        at = &e->strands[next];
    } while (at != s);
    finding->n_parties = 0;
    do {
        finding_add_party(finding, at);
        at = &e->strands[finding_awaited(at, &taken)];
    } while (at != s);
    return true;
}

static uint64_t finding_signals(const struct weft__strand *s)
{
    const uint64_t *signals = weft__table_find(&weft__engine->signals, s->next.object);

    return signals != NULL ? *signals : 0;
}

/* Who sleeps for ever, in an order of what tells most: a cycle; a signal that came too early; a
 * lock whose holder has ended; whatever is first. */
static void finding_explain(struct weft__finding *finding, struct weft__text *text)
{
    struct weft__engine *e = weft__engine;
    uint32_t blocked = 0;

    for (uint32_t i = 0; i < e->n_strands; i++)
        blocked += finding_is_blocked(&e->strands[i]);
    for (uint32_t i = 0; i < e->n_strands; i++) {
        if (finding_is_blocked(&e->strands[i]) && finding_is_cycle(finding, &e->strands[i])) {
            weft__text_add(text, "%u wait for each other in a cycle, %u blocked in all",
                           (unsigned)finding->n_parties, blocked);
            return;
        }
    }
    finding->n_parties = 0;
    for (uint32_t i = 0; i < e->n_strands; i++) {
        const struct weft__strand *s = &e->strands[i];
        uint64_t signals = finding_signals(s);
        if (!finding_is_blocked(s) || s->next.op != WEFT__OP_COND_WAKE || signals == 0 ||
            s->signalled)
            continue;
        if (finding->n_parties == 0) {
            finding->class = WEFT__CLASS_LOST_WAKEUP;
            finding->object = s->next.object;
            weft__text_add(text, "waits for a signal that will not come: %s",
                           (uint32_t)signals < e->books[i].blocked_since
                               ? "the last one was sent before the wait began"
                               : "what was sent woke others, or nobody");
        }
        finding_add_party(finding, s);
    }
    for (uint32_t i = 0; i < e->n_strands; i++) {
        const struct weft__strand *s = &e->strands[i];
        if (!finding_is_blocked(s) || s->next.op == WEFT__OP_COND_WAKE ||
            (finding->n_parties > 0 && s->next.op == WEFT__OP_JOIN))
            continue;
        finding_add_party(finding, s);
    }
    for (uint32_t i = 0; i < e->n_strands && finding->n_parties == 0; i++) {
        if (finding_is_blocked(&e->strands[i]))
            finding_add_party(finding, &e->strands[i]);
    }
    if (weft__text_len(text) == 0)
        weft__text_add(text, "%u blocked, and nobody is left who could wake one", blocked);
    if (finding->object == 0 && finding->n_parties > 0)
        finding->object = finding->parties[0].object;
}

/* Adds the finding that tells why nobody can go on. */
static void finding_add_stuck(enum weft__class class)
{
    struct weft__text text;
    struct weft__finding *finding = weft__found(class, 0, "%s", "");

    weft__text_init(&text, finding->text, sizeof finding->text);
    finding_explain(finding, &text);
}

void weft__stuck(void)
{
    finding_add_stuck(WEFT__CLASS_DEADLOCK);
    weft__engine_over();
}

void weft__no_progress(void)
{
    struct weft__engine *e = weft__engine;

    if (e->outcome->steps > e->steps_max) {
        weft__found(WEFT__CLASS_UNCONTROLLED, 0, "given up after %u steps", e->outcome->steps);
        weft__engine_over();
    }
    struct weft__finding *finding = weft__found(
        WEFT__CLASS_LIVELOCK, e->self->next.object,
        "for %u steps nothing happened that had not happened before",
        e->outcome->steps - e->news_step);
    for (uint32_t i = 0; i < e->n_strands; i++) {
        const struct weft__strand *s = &e->strands[i];
        if (s != e->self && s->state == WEFT__STRAND_LIVE && s->ready &&
            s->last_step > e->news_step)
            finding_add_party(finding, s);
    }
    weft__engine_over();
}

/* ---- notes ---- */

static void finding_note_strands(struct weft__engine *e)
{
    struct weft__outcome *out = e->outcome;

    out->n_strand_notes = e->n_strands;
    for (uint32_t i = 0; i < e->n_strands; i++) {
        const struct weft__strand *s = &e->strands[i];
        struct weft__strand_note *note = &out->strand_notes[i];
        *note = (struct weft__strand_note){.id = s->id,
                                           .parent = s->parent,
                                           .state = s->state,
                                           .op = (uint8_t)s->next.op,
                                           .spawn_site = s->spawn_site,
                                           .function = s->function,
                                           .site = s->site,
                                           .is_task = s->is_task,
                                           .is_piece = s->piece != 0,
                                           .points = s->points,
                                           .object = s->next.object};
        memcpy(note->name, s->name, sizeof note->name);
    }
}

static void finding_describe(struct weft__engine *e, struct weft__object_note *note)
{
    const struct weft__block *block = weft__block_around((uintptr_t)note->address);

    if (block != NULL) {
        note->kind = WEFT__OBJECT_HEAP;
        note->base = block->address;
        note->size = block->size;
        note->site = block->site;
        note->strand = block->strand;
        note->nth = block->nth;
        note->n_stack = block->n_stack;
        memcpy(note->stack, block->stack, sizeof note->stack);
        return;
    }
    for (uint32_t i = e->n_strands; i-- > 0;) { /* of those that had one stack, the last */
        const struct weft__strand *s = &e->strands[i];
        if (note->address - s->stack_low < s->stack_high - s->stack_low) {
            note->kind = WEFT__OBJECT_STACK;
            note->strand = s->id;
            return;
        }
    }
    note->site = weft__site_of((uintptr_t)note->address);
    if (note->site != 0)
        note->kind = WEFT__OBJECT_GLOBAL;
}

static void finding_note_object(struct weft__engine *e, struct weft__table *known,
                                uint64_t address, unsigned op)
{
    struct weft__outcome *out = e->outcome;

    if (address < 4096 || out->n_object_notes == WEFT__OBJECTS_MAX ||
        !weft__table_add(known, &e->arena, address))
        return;
    struct weft__object_note *note = &out->object_notes[out->n_object_notes++];
    *note = (struct weft__object_note){.address = address, .op_kind = (uint8_t)op};
    finding_describe(e, note);
}

static void finding_note_objects(struct weft__engine *e)
{
    struct weft__outcome *out = e->outcome;
    struct weft__table known;

    weft__table_init(&known, &e->arena);
    for (uint32_t i = 0; i < out->n_findings; i++) {
        const struct weft__finding *f = &out->findings[i];
        finding_note_object(e, &known, f->object, f->parties[0].op);
        for (uint32_t p = 0; p < f->n_parties; p++) {
            finding_note_object(e, &known, f->parties[p].object, f->parties[p].op);
            for (uint32_t h = 0; h < f->parties[p].n_held; h++)
                finding_note_object(e, &known, f->parties[p].held[h], WEFT__OP_MUTEX_LOCK);
        }
    }
    for (uint32_t i = out->trace_first; i < out->n_trace; i++) {
        const struct weft__event *event = &out->trace[i % WEFT__TRACE_MAX];
        finding_note_object(e, &known, event->object, event->op);
    }
}

/* ---- the end ---- */

/* Advice: one lock under which nearly everything went by. */
static void finding_look_for_serial_lock(struct weft__engine *e)
{
    weft__site site;
    uint64_t lock = weft__lockorder_serial(e->outcome->steps, &site);

    if (lock == 0 || e->n_strands < 3 || e->outcome->preemptions > 0)
        return; /* (who is preempted with a lock in hand holds it for long, and cannot help it) */
    struct weft__finding *finding = weft__found(
        WEFT__CLASS_SERIAL_LOCK, lock, "nine tenths of all steps were made under this lock");
    finding->parties[0] = (struct weft__party){.site = site, .object = lock, .holder = 0xffff};
}

/* A library may keep its threads at rest until the process ends; that is not the program's
 * doing. */
static bool finding_is_left_by_library(const struct weft__strand *s)
{
    return s->spawn_site >> WEFT__SITE_MODULE_SHIFT != 0 && finding_is_blocked(s);
}

/* The program ends while strands sleep that nobody can wake any more. */
static void finding_look_for_leaks(struct weft__engine *e)
{
    uint32_t blocked = 0;

    for (uint32_t i = 0; i < e->n_strands; i++) {
        const struct weft__strand *s = &e->strands[i];
        if (s == e->self || s->state == WEFT__STRAND_ENDED || s->state == WEFT__STRAND_FREE ||
            finding_is_left_by_library(s))
            continue;
        if (!finding_is_blocked(s) || s->state == WEFT__STRAND_OUTSIDE || s->detached ||
            s->spinning ||
            s->next.deadline != WEFT__NO_DEADLINE)
            return; /* it could still do something, or is meant to be left */
        blocked++;
    }
    if (blocked == 0)
        return;
    struct weft__finding *finding =
        weft__found(WEFT__CLASS_LEAKED_STRAND, 0,
                    "the program ends, and %u %s for ever, neither joined nor detached", blocked,
                    blocked == 1 ? "thread sleeps" : "threads sleep");
    finding->n_parties = 0;
    for (uint32_t i = 0; i < e->n_strands; i++) {
        if (&e->strands[i] != e->self && finding_is_blocked(&e->strands[i]) &&
            !finding_is_left_by_library(&e->strands[i]))
            finding_add_party(finding, &e->strands[i]);
    }
    if (finding_is_cycle(finding, &e->strands[finding->parties[0].strand]) &&
        finding_takes(&e->strands[finding->parties[0].strand]))
        finding->class = WEFT__CLASS_DEADLOCK;
}

/* All is found: what the report will want to know is written down. */
static void finding_close(struct weft__engine *e)
{
    e->is_over = true;
    finding_note_strands(e);
    finding_note_objects(e);
    e->outcome->virtual_ns = e->now;
    e->outcome->state = WEFT__OUTCOME_DONE;
}

void weft__engine_over(void)
{
    struct weft__engine *e = weft__engine;

    if (!e->is_over) {
        weft__write_done(&e->books[e->self->id]);
        finding_close(e);
    }
    e->executor->over();
}

void weft__engine_finish(int exit_status)
{
    struct weft__engine *e = weft__engine;

    if (e->is_over)
        return;
    weft__write_done(&e->books[e->self->id]);
    e->outcome->exit_status = exit_status;
    if (exit_status != 0)
        weft__found(WEFT__CLASS_EXIT_STATUS, 0, "the program ends with status %d", exit_status);
    else
        finding_look_for_leaks(e);
    finding_look_for_serial_lock(e);
    finding_close(e);
}
