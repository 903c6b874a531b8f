/* story_findings.c - the paragraphs: who waits for whom, both sides of a race, who freed it.
 *
 * Called by story.c.  A party of a finding (plan.h) is one strand with what it does, its stack, its
 * locks; what it means that there are two or three of them depends on the class.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/engine.h"
#include "check/story.h"

#define FINDINGS_SIGNALS_MAX 8

/* ---- sections ---- */

static struct weft__section *findings_section(struct weft__story *story, const char *heading)
{
    struct weft__section *section;

    if (story->n_sections == WEFT__SECTIONS_MAX)
        return &story->sections[WEFT__SECTIONS_MAX - 1];
    section = &story->sections[story->n_sections++];
    *section = (struct weft__section){.heading = heading};
    return section;
}

static struct weft__line *findings_line(struct weft__story *story, struct weft__section *section,
                                        enum weft__line_kind kind, const char *text)
{
    struct weft__line *line = weft__pool_take(&story->pool, sizeof *line);

    if (line == NULL)
        return NULL;
    *line = (struct weft__line){
        .kind = (uint8_t)kind, .place = {"", "", "", "", 0, false}, .text = text};
    if (section->last != NULL)
        section->last->next = line;
    else
        section->lines = line;
    section->last = line;
    return line;
}

static void findings_text(struct weft__story *story, struct weft__section *section,
                          const char *text)
{
    findings_line(story, section, WEFT__LINE_TEXT, text);
}

static void findings_frame(struct weft__story *story, struct weft__section *section,
                           weft__site site)
{
    struct weft__line *line =
        findings_line(story, section, WEFT__LINE_FRAME, weft__story_site(story, site));

    if (line != NULL) {
        line->site = site;
        line->place = weft__story_place_of(story, site);
    }
}

/* What lies below main, or below a strand's function, is libc's business: frames of other modules
 * after the program's own last one are dropped. */
static uint32_t findings_depth(const weft__site *stack, uint32_t n)
{
    uint32_t end = n;

    while (end > 0 && (stack[end - 1] >> WEFT__SITE_MODULE_SHIFT != 0 || stack[end - 1] == 0))
        end--;
    return end > 0 ? end : n;
}

/* Leaves Weft's own frames out, unless there are no others; how many are left. */
static uint32_t findings_outside(struct weft__story *story, weft__site *stack, uint32_t n)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!weft__story_place_of(story, stack[i]).is_weft)
            stack[left++] = stack[i];
    }
    return left > 0 ? left : n;
}

static void findings_frames(struct weft__story *story, struct weft__section *section,
                            const weft__site *stack, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (stack[i] != 0)
            findings_frame(story, section, stack[i]);
    }
}

uint32_t weft__story_stack(struct weft__story *story, const struct weft__party *party,
                           weft__site ret[WEFT__STACK_MAX + 1])
{
    uint32_t n = 0, max = weft__min((uint32_t)party->n_stack, (uint32_t)WEFT__STACK_MAX);

    if (party->site != 0 && (max == 0 || party->stack[0] != party->site))
        ret[n++] = party->site; /* a stack of the callers only */
    for (uint32_t i = 0; i < max; i++)
        ret[n++] = party->stack[i];
    return findings_outside(story, ret, findings_depth(ret, n));
}

static void findings_stack(struct weft__story *story, struct weft__section *section,
                           const struct weft__party *party)
{
    weft__site stack[WEFT__STACK_MAX + 1];

    findings_frames(story, section, stack, weft__story_stack(story, party, stack));
}

static void findings_held(struct weft__story *story, struct weft__section *section,
                          const struct weft__party *party, bool say_none)
{
    uint32_t n = weft__min((uint32_t)party->n_held, (uint32_t)WEFT__HELD_MAX);

    if (n == 0 && say_none)
        findings_text(story, section, "holds no lock");
    for (uint32_t i = 0; i < n; i++) {
        findings_text(story, section,
                      weft__pool_say(&story->pool, "holds %s, taken at %s",
                                     weft__story_object(story, party->held[i]),
                                     weft__story_site(story, party->held_at[i])));
    }
}

/* The engine knows the locks of the strand that runs; of the other side of a race only the trace
 * can tell what it held then, if it goes back that far. */
static bool findings_held_then(struct weft__story *story, const struct weft__party *party,
                               struct weft__party *ret)
{
    const struct weft_check_report *report = story->report;
    uint32_t n = weft__story_events(report);

    if (n == 0 || report->failing->outcome.trace_first != 0 || party->step == 0)
        return false;
    *ret = *party;
    ret->n_held = 0;
    for (uint32_t i = 0; i < n && weft__story_event(report, i)->step <= party->step; i++) {
        const struct weft__event *event = weft__story_event(report, i);
        unsigned does = weft__op_does(weft__story_op(event->op));
        uint64_t lock = event->object;
        if (event->op == WEFT__OP_COND_WAIT || event->op == WEFT__OP_COND_WAKE)
            lock = event->value;
        if (event->strand != party->strand || lock == 0 || (event->flags & WEFT__EVENT_FAILED))
            continue;
        if ((does & WEFT__OP_GIVES) != 0) {
            uint16_t at = 0;
            while (at < ret->n_held && ret->held[at] != lock)
                at++;
            if (at == ret->n_held)
                continue;
            ret->n_held--;
            ret->held[at] = ret->held[ret->n_held];
            ret->held_at[at] = ret->held_at[ret->n_held];
        } else if ((does & WEFT__OP_TAKES) != 0 && ret->n_held < WEFT__HELD_MAX) {
            ret->held[ret->n_held] = lock;
            ret->held_at[ret->n_held++] = event->site;
        }
    }
    return true;
}

static void findings_birth(struct weft__story *story, struct weft__section *section,
                           uint16_t strand)
{
    const struct weft__strand_note *note = weft__story_strand_note(story->report, strand);

    if (note == NULL || strand == 0 || note->spawn_site == 0 ||
        weft__story_place_of(story, note->spawn_site).is_weft)
        return;
    findings_text(story, section,
                  weft__pool_say(&story->pool, "T%u was started by T%u at %s", strand, note->parent,
                                 weft__story_site(story, note->spawn_site)));
}

/* What the address is, and for a heap block the stack that made it. */
static void findings_object(struct weft__story *story, uint64_t object)
{
    const struct weft__object_note *note = weft__story_note_of(story->report, object);
    const char *what = weft__story_object_long(story, object);
    weft__site stack[WEFT_ARRAY_SIZE(note->stack)];
    struct weft__section *section;
    uint32_t n;

    if (*what == '\0')
        return;
    section = findings_section(story, what);
    n = weft__min((uint32_t)note->n_stack, (uint32_t)WEFT_ARRAY_SIZE(note->stack));
    memcpy(stack, note->stack, sizeof stack);
    n = findings_outside(story, stack, findings_depth(stack, n));
    if (n > 0 && !weft__story_place_of(story, stack[0]).is_weft)
        findings_frames(story, section, stack, n);
}

/* ---- what a party does, in words ---- */

const char *weft__story_holder(struct weft__story *story, const struct weft__party *party)
{
    const struct weft__strand_note *note =
        weft__story_strand_note(story->report, party->holder);
    const char *how = party->op == WEFT__OP_ONCE ? "being run" : "held";

    if (party->holder == party->strand)
        return weft__pool_say(&story->pool, "%s by itself", how);
    if (note != NULL && note->state == WEFT__STRAND_ENDED)
        return weft__pool_say(&story->pool, "%s by T%u, which has ended", how, party->holder);
    return weft__pool_say(&story->pool, "%s by T%u", how, party->holder);
}

/* "writes x", "frees heap#1", "waits to lock m" */
static const char *findings_deed(struct weft__story *story, const struct weft__party *party)
{
    struct weft__event event = {.op = party->op, .size = party->size, .object = party->object};
    const char *effect = weft__story_effect(story, &event, true);
    unsigned does = weft__op_does(weft__story_op(event.op));

    if ((does & (WEFT__OP_ACCESS | WEFT__OP_ATOMIC)) != 0 && party->size > 0) {
        return weft__pool_say(&story->pool, "%s (%u byte%s%s)", effect, party->size,
                              party->size == 1 ? "" : "s",
                              (does & WEFT__OP_ATOMIC) != 0 ? ", atomic" : "");
    }
    return effect;
}

static const char *findings_wish(struct weft__story *story, const struct weft__party *party)
{
    return weft__story_intent(story, weft__story_op(party->op), party->object);
}

static const char *findings_spot(struct weft__story *story, weft__site site)
{
    struct weft__place place = weft__story_place_of(story, site);

    if (place.line != 0)
        return weft__pool_say(&story->pool, "%s:%u", place.file, place.line);
    return weft__story_site(story, site);
}

static uint32_t findings_locks(const struct weft__finding *finding)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < finding->n_parties; i++) {
        unsigned does = weft__op_does(weft__story_op(finding->parties[i].op));
        bool is_new = (does & WEFT__OP_TAKES) != 0;
        for (uint32_t k = 0; k < i; k++)
            is_new = is_new && finding->parties[k].object != finding->parties[i].object;
        n += is_new;
    }
    return n;
}

static const char *findings_plural(struct weft__story *story, uint32_t n, const char *noun)
{
    return weft__pool_say(&story->pool, "%u %s%s", n, noun, n == 1 ? "" : "s");
}

static bool findings_is_task(const struct weft__story *story, uint16_t strand)
{
    return strcmp(weft__story_noun(story->report, strand), "task") == 0;
}

/* "2 threads", "3 tasks", "1 thread and 2 tasks" */
static const char *findings_who(struct weft__story *story, const struct weft__finding *finding)
{
    uint32_t tasks = 0, threads;

    for (uint32_t i = 0; i < finding->n_parties; i++)
        tasks += findings_is_task(story, finding->parties[i].strand);
    threads = finding->n_parties - tasks;
    if (tasks == 0 || threads == 0)
        return findings_plural(story, tasks + threads, tasks == 0 ? "thread" : "task");
    return weft__pool_say(&story->pool, "%s and %s", findings_plural(story, threads, "thread"),
                          findings_plural(story, tasks, "task"));
}

static const char *findings_title(struct weft__story *story, const struct weft__finding *finding)
{
    const char *title = weft__class_title((enum weft__class)finding->class);
    uint32_t locks = findings_locks(finding);

    if (finding->class == WEFT__CLASS_LEAKED_STRAND)
        return findings_is_task(story, finding->parties[0].strand) ? "LEAKED TASK" : title;
    if (finding->class != WEFT__CLASS_DEADLOCK || finding->n_parties == 0)
        return title;
    title = weft__pool_say(&story->pool, "%s (%s", title, findings_who(story, finding));
    if (locks > 0)
        title = weft__pool_say(&story->pool, "%s, %s", title,
                               findings_plural(story, locks, "lock"));
    return weft__pool_say(&story->pool, "%s)", title);
}

/* "T1 waits to lock b (ab.c:12), T2 to lock a (ab.c:20)" */
static const char *findings_waits(struct weft__story *story, const struct weft__finding *finding)
{
    const char *said = "";

    for (uint32_t i = 0; i < finding->n_parties; i++) {
        const struct weft__party *party = &finding->parties[i];
        said = weft__pool_say(&story->pool, "%s%sT%u %sto %s (%s)", said, i > 0 ? ", " : "",
                              party->strand, i > 0 ? "" : "waits ", findings_wish(story, party),
                              findings_spot(story, party->site));
        if (finding->n_parties == 1 && party->holder != UINT16_MAX && !weft__op_is_join(party->op))
            said = weft__pool_say(&story->pool, "%s, %s", said, weft__story_holder(story, party));
    }
    return said;
}

static const char *findings_summary(struct weft__story *story, const struct weft__finding *finding)
{
    const struct weft__party *a = &finding->parties[0], *b = &finding->parties[1];
    const char *text =
        weft__pool_clean(&story->pool, finding->text, strnlen(finding->text, sizeof finding->text));

    switch (finding->n_parties == 0 ? WEFT__CLASS_NONE : (enum weft__class)finding->class) {
    case WEFT__CLASS_DEADLOCK:
    case WEFT__CLASS_STARVATION:
        return findings_waits(story, finding);
    case WEFT__CLASS_LEAKED_STRAND:
        return weft__pool_say(&story->pool, "the program ends while %s",
                              findings_waits(story, finding));
    case WEFT__CLASS_LOST_WAKEUP:
        return weft__pool_say(&story->pool, "%s waits for ever on %s (%s)",
                              weft__story_strand(story, a->strand),
                              weft__story_object(story, finding->object),
                              findings_spot(story, a->site));
    case WEFT__CLASS_RACE:
        if (finding->n_parties < 2)
            return text;
        return weft__pool_say(&story->pool, "T%u %s at %s, T%u %s at %s, in no order", b->strand,
                              findings_deed(story, b), findings_spot(story, b->site), a->strand,
                              findings_deed(story, a), findings_spot(story, a->site));
    case WEFT__CLASS_USE_AFTER_FREE:
    case WEFT__CLASS_DOUBLE_FREE:
        if (finding->n_parties < 2 || b->op != WEFT__OP_FREE)
            return text;
        return weft__pool_say(&story->pool, "T%u %s at %s, T%u has freed it at %s", a->strand,
                              findings_deed(story, a), findings_spot(story, a->site), b->strand,
                              findings_spot(story, b->site));
    case WEFT__CLASS_SERIAL_LOCK:
    case WEFT__CLASS_LOCK_ACROSS_PARK:
    case WEFT__CLASS_WAIT_WITHOUT_LOOP:
        if (finding->object == 0)
            return text;
        return weft__pool_say(&story->pool, "%s: %s", weft__story_object(story, finding->object),
                              text);
    default:
        return text;
    }
}

/* ---- the verdict's sections ---- */

static void findings_tell_wait(struct weft__story *story, struct weft__section *section,
                               const struct weft__party *party)
{
    findings_line(story, section, WEFT__LINE_HEAD,
                  weft__pool_say(&story->pool, "%s waits to %s",
                                 weft__story_strand_long(story, party->strand),
                                 findings_wish(story, party)));
    findings_stack(story, section, party);
    if (party->holder != UINT16_MAX && party->op == WEFT__OP_JOIN) {
        findings_text(story, section,
                      weft__pool_say(&story->pool, "T%u has not ended", party->holder));
    } else if (party->holder != UINT16_MAX && party->op == WEFT__OP_PIECE_JOIN) {
        findings_text(story, section,
                      weft__pool_say(&story->pool, "T%u runs the piece, and has not ended",
                                     party->holder));
    } else if (party->holder != UINT16_MAX) {
        findings_text(story, section,
                      weft__pool_say(&story->pool, "%s is %s%s%s",
                                     weft__story_object(story, party->object),
                                     weft__story_holder(story, party),
                                     party->taken != 0 ? ", taken at " : "",
                                     party->taken != 0 ? weft__story_site(story, party->taken)
                                                       : ""));
    }
    findings_held(story, section, party, false);
}

/* All others who are not done either, in one line each. */
static void findings_tell_others(struct weft__story *story, struct weft__section *section,
                                 const struct weft__finding *finding)
{
    const struct weft__outcome *outcome;
    uint32_t told = 0;

    if (story->report->failing == NULL)
        return;
    outcome = &story->report->failing->outcome;
    for (uint32_t i = 0; i < weft__min(outcome->n_strand_notes, (uint32_t)WEFT__STRANDS_MAX); i++) {
        const struct weft__strand_note *note = &outcome->strand_notes[i];
        bool is_party =
            note->state != WEFT__STRAND_LIVE ||
            (weft__op_does(weft__story_op(note->op)) & WEFT__OP_SLEEPS) == 0 ||
            weft__story_place_of(story, note->site).is_weft;
        for (uint32_t p = 0; p < finding->n_parties; p++)
            is_party = is_party || finding->parties[p].strand == note->id;
        if (is_party || ++told > 6)
            continue;
        findings_line(story, section, WEFT__LINE_HEAD,
                      weft__pool_say(&story->pool, "%s waits to %s%s%s",
                                     weft__story_strand_long(story, note->id),
                                     weft__story_intent(story, weft__story_op(note->op),
                                                        note->object),
                                     note->site != 0 ? ", at " : "",
                                     note->site != 0 ? weft__story_site(story, note->site) : ""));
    }
    if (told > 6) {
        findings_text(story, section,
                      weft__pool_say(&story->pool, "and %u others", told - 6));
    }
}

static void findings_tell_waits(struct weft__story *story, const struct weft__finding *finding)
{
    struct weft__section *section = findings_section(
        story, finding->class == WEFT__CLASS_DEADLOCK ? "who waits for whom" : "who waits");

    for (uint32_t i = 0; i < finding->n_parties; i++)
        findings_tell_wait(story, section, &finding->parties[i]);
    findings_tell_others(story, section, finding);
    for (uint32_t i = 0; i < finding->n_parties; i++) {
        uint64_t object = finding->parties[i].object;
        const struct weft__object_note *note = weft__story_note_of(story->report, object);
        bool is_new = note != NULL && note->kind == WEFT__OBJECT_HEAP;
        for (uint32_t k = 0; k < i; k++)
            is_new = is_new && finding->parties[k].object != object;
        if (is_new)
            findings_object(story, object);
    }
}

/* How many strands sleep on the condition at event i, and have not been woken yet. */
uint32_t weft__story_waiting(struct weft__story *story, uint32_t i, const char **ret_names)
{
    const struct weft_check_report *report = story->report;
    uint64_t object = weft__story_event(report, i)->object;
    uint16_t sleepers[8];
    uint32_t n = 0, woken = 0;

    *ret_names = "";
    for (uint32_t k = 0; k < i; k++) {
        const struct weft__event *event = weft__story_event(report, k);
        if (event->object != object)
            continue;
        if (event->op == WEFT__OP_COND_WAIT && n < WEFT_ARRAY_SIZE(sleepers)) {
            sleepers[n++] = event->strand;
        } else if (event->op == WEFT__OP_COND_SIGNAL && woken < n) {
            woken++;
        } else if (event->op == WEFT__OP_COND_BROADCAST) {
            woken = n;
        } else if (event->op == WEFT__OP_COND_WAKE) {
            uint32_t at = 0;
            while (at < n && sleepers[at] != event->strand)
                at++;
            if (at == n)
                continue;
            sleepers[at] = sleepers[--n];
            if (woken > 0 && !(event->flags & WEFT__EVENT_TIMED_OUT))
                woken--;
        }
    }
    for (uint32_t k = 0; k < n; k++)
        *ret_names = weft__pool_say(&story->pool, "%s%sT%u", *ret_names, k > 0 ? ", " : "",
                                    sleepers[k]);
    return n - weft__min(woken, n);
}

static void findings_tell_signals(struct weft__story *story, const struct weft__finding *finding)
{
    struct weft__section *section = findings_section(
        story, weft__pool_say(&story->pool, "signals sent to %s",
                              weft__story_object(story, finding->object)));
    uint32_t n = weft__story_events(story->report), found = 0, told = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct weft__event *event = weft__story_event(story->report, i);
        found += event->object == finding->object &&
                 (event->op == WEFT__OP_COND_SIGNAL || event->op == WEFT__OP_COND_BROADCAST);
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct weft__event *event = weft__story_event(story->report, i);
        const char *names;
        uint32_t waiting;
        if (event->object != finding->object ||
            (event->op != WEFT__OP_COND_SIGNAL && event->op != WEFT__OP_COND_BROADCAST) ||
            told++ + FINDINGS_SIGNALS_MAX < found)
            continue;
        waiting = weft__story_waiting(story, i, &names);
        findings_text(story, section,
                      weft__pool_say(&story->pool, "%s by T%u at %s: %s%s",
                                     weft__op_words(weft__story_op(event->op)), event->strand,
                                     weft__story_site(story, event->site),
                                     waiting == 0 ? "nobody was waiting" : names,
                                     waiting == 0   ? ""
                                     : waiting == 1 ? " was waiting"
                                                    : " were waiting"));
    }
    if (found == 0)
        findings_text(story, section, "none");
}

/* is_other: it is not the strand that ran when this was found. */
static void findings_tell_party(struct weft__story *story, const struct weft__party *party,
                                bool is_other, bool say_locks)
{
    struct weft__party then;
    struct weft__section *section = findings_section(
        story, weft__pool_say(&story->pool, "%s %s", weft__story_strand_long(story, party->strand),
                              findings_deed(story, party)));

    findings_stack(story, section, party);
    if (is_other && party->n_held == 0) {
        if (findings_held_then(story, party, &then))
            findings_held(story, section, &then, say_locks);
    } else {
        findings_held(story, section, party, say_locks);
    }
    findings_birth(story, section, party->strand);
}

/* Where it went wrong, for those whose text says what. */
static void findings_tell_spot(struct weft__story *story, const struct weft__finding *finding)
{
    const struct weft__party *party = &finding->parties[0];
    struct weft__section *section;

    if (finding->n_parties == 0 || (party->n_stack == 0 && party->site == 0))
        return;
    if (party->n_stack <= 1 && party->n_held == 0 && weft__story_events(story->report) > 0)
        return; /* the timeline says that much */
    section = findings_section(
        story, weft__pool_say(&story->pool, "%s was here",
                              weft__story_strand_long(story, party->strand)));
    findings_stack(story, section, party);
    findings_held(story, section, party, false);
}

static void findings_tell_verdict(struct weft__story *story, const struct weft__finding *finding)
{
    const struct weft__object_note *note = weft__story_note_of(story->report, finding->object);

    switch (finding->class) {
    case WEFT__CLASS_NONE:
        return;
    case WEFT__CLASS_DEADLOCK:
    case WEFT__CLASS_STARVATION:
    case WEFT__CLASS_LEAKED_STRAND:
        findings_tell_waits(story, finding);
        return;
    case WEFT__CLASS_LOST_WAKEUP:
        findings_tell_waits(story, finding);
        findings_tell_signals(story, finding);
        return;
    case WEFT__CLASS_RACE:
    case WEFT__CLASS_LOCK_ORDER:
        for (uint32_t i = finding->n_parties; i-- > 0;)
            findings_tell_party(story, &finding->parties[i], i > 0,
                                finding->class == WEFT__CLASS_RACE);
        findings_object(story, finding->object);
        return;
    case WEFT__CLASS_USE_AFTER_FREE:
    case WEFT__CLASS_DOUBLE_FREE:
        for (uint32_t i = 0; i < finding->n_parties; i++)
            findings_tell_party(story, &finding->parties[i], i > 0, false);
        findings_object(story, finding->object);
        return;
    case WEFT__CLASS_LIVELOCK:
        for (uint32_t i = 0; i < finding->n_parties; i++)
            findings_tell_party(story, &finding->parties[i], i > 0, false);
        return;
    default:
        findings_tell_spot(story, finding);
        for (uint32_t i = 1; i < finding->n_parties; i++)
            findings_tell_party(story, &finding->parties[i], i > 0, false);
        if (note != NULL && note->kind != WEFT__OBJECT_GLOBAL)
            findings_object(story, finding->object);
        return;
    }
}

/* ---- the others ---- */

static const char *findings_state(struct weft__story *story, const struct weft__finding *finding)
{
    bool inferred = finding->class == WEFT__CLASS_RACE || finding->class == WEFT__CLASS_LOCK_ORDER;

    if (finding->class == WEFT__CLASS_HANG || finding->class == WEFT__CLASS_UNCONTROLLED)
        return "limit";
    if (inferred && finding->confirmed)
        return "confirmed: a schedule fails by it";
    if (inferred && finding->tries > 0)
        return weft__pool_say(&story->pool, "not confirmed in %s",
                              findings_plural(story, finding->tries, "schedule"));
    if (inferred)
        return "no schedule failed by it";
    return weft__class_is_failure((enum weft__class)finding->class) ? "also found" : "advice";
}

static void findings_tell_aside(struct weft__story *story, const struct weft__finding *finding)
{
    struct weft__aside *aside = &story->asides[story->n_asides++];

    *aside = (struct weft__aside){
        .finding = finding,
        .title = findings_title(story, finding),
        .state = findings_state(story, finding),
        .section = {.heading = findings_summary(story, finding)},
        .place = weft__story_place_of(story, finding->parties[0].site),
    };
    for (uint32_t i = 0; i < finding->n_parties; i++) {
        const struct weft__party *party = &finding->parties[i];
        if (party->site == 0)
            continue;
        if (party->op == WEFT__OP_NONE) {
            findings_text(story, &aside->section,
                          weft__pool_say(&story->pool, "at %s",
                                         weft__story_site(story, party->site)));
            continue;
        }
        if (finding->class == WEFT__CLASS_RACE && party->n_held == 0)
            continue; /* the heading has said it */
        findings_line(story, &aside->section, WEFT__LINE_HEAD,
                      weft__pool_say(&story->pool, "T%u %s at %s", party->strand,
                                     findings_deed(story, party),
                                     weft__story_site(story, party->site)));
        findings_held(story, &aside->section, party, false);
    }
}

/* A race is but an opportunity: the schedule that is shown may be one that fails by it. */
static void findings_tell_consequence(struct weft__story *story)
{
    const struct weft_check_report *report = story->report;
    const struct weft__finding *finding = &report->finding;

    if (!report->result.found || report->failing == NULL ||
        (finding->class != WEFT__CLASS_RACE && finding->class != WEFT__CLASS_LOCK_ORDER))
        return;
    for (uint32_t i = 0; i < weft__min(report->failing->outcome.n_findings,
                                       (uint32_t)WEFT__FINDINGS_MAX); i++) {
        const struct weft__finding *other = &report->failing->outcome.findings[i];
        if (story->consequence == NULL && other->class < WEFT__CLASS_COUNT &&
            other->n_parties <= WEFT_ARRAY_SIZE(other->parties) && other->class != finding->class &&
            other->class != WEFT__CLASS_RACE &&
            weft__class_is_failure((enum weft__class)other->class))
            story->consequence = other;
    }
    if (story->consequence != NULL) {
        story->confirmed = weft__pool_say(&story->pool, "this schedule fails by it: %s%s%s",
                                          findings_title(story, story->consequence),
                                          story->consequence->text[0] != '\0' ? ": " : "",
                                          findings_summary(story, story->consequence));
    } else if (finding->confirmed) {
        story->confirmed = "another schedule fails by it";
    } else if (finding->tries > 0) {
        story->confirmed = weft__pool_say(&story->pool, "no; none of %u more schedules fails by it",
                                          finding->tries);
    } else {
        story->confirmed = "no; none of the schedules tried fails by it";
    }
}

static bool findings_only_joins(const struct weft__party *party)
{
    return party->op == WEFT__OP_JOIN || (party->op == WEFT__OP_PIECE_JOIN && party->n_held == 0);
}

/* Who only joins somebody that is blocked says nothing of why: those that are blocked by anything
 * else take its place. */
static void findings_prefer_cause(struct weft__story *story)
{
    struct weft__finding *finding = &story->finding;
    const struct weft__finding all = *finding;
    const struct weft__outcome *outcome;
    uint32_t max;

    if (finding->class != WEFT__CLASS_DEADLOCK || story->report->failing == NULL)
        return;
    outcome = &story->report->failing->outcome;
    finding->n_parties = 0;
    for (uint32_t i = 0; i < all.n_parties; i++) {
        if (!findings_only_joins(&all.parties[i]))
            finding->parties[finding->n_parties++] = all.parties[i];
    }
    max = finding->n_parties == all.n_parties ? 0 : (uint32_t)WEFT_ARRAY_SIZE(all.parties);
    for (uint32_t i = 0; i < weft__min(outcome->n_strand_notes, (uint32_t)WEFT__STRANDS_MAX) &&
                         finding->n_parties < max; i++) {
        const struct weft__strand_note *note = &outcome->strand_notes[i];
        bool is_known = note->state != WEFT__STRAND_LIVE || weft__op_is_join(note->op) ||
                        (weft__op_does(weft__story_op(note->op)) & WEFT__OP_SLEEPS) == 0;
        for (uint32_t p = 0; p < finding->n_parties; p++)
            is_known = is_known || finding->parties[p].strand == note->id;
        if (!is_known) {
            finding->parties[finding->n_parties++] = (struct weft__party){.strand = note->id,
                                                                          .op = note->op,
                                                                          .site = note->site,
                                                                          .object = note->object,
                                                                          .holder = UINT16_MAX};
        }
    }
    if (finding->n_parties == 0)
        *finding = all;
}

void weft__story_tell_findings(struct weft__story *story)
{
    const struct weft_check_report *report = story->report;
    const struct weft__finding *finding = &story->finding;

    WEFT_CHECK(report->finding.class < WEFT__CLASS_COUNT);
    story->finding = report->finding;
    findings_prefer_cause(story);
    story->title = findings_title(story, finding);
    story->summary = findings_summary(story, finding);
    if (finding->n_parties > 0)
        story->place = weft__story_place_of(story, finding->parties[0].site);
    findings_tell_consequence(story);
    findings_tell_verdict(story, finding);
    for (uint32_t i = 0; i < weft__min(report->n_notes, (uint32_t)WEFT__NOTES_MAX); i++)
        findings_tell_aside(story, &report->notes[i]);
}
