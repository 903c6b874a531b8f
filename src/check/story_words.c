/* story_words.c - what strands, objects, places and events are called in a report.
 *
 * Called by story.c and its parts.  Addresses are shown only where nothing better is known: they
 * differ from run to run, and two reports of one bug should be the same text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/engine.h"
#include "check/story.h"
#include "core/control.h"

const char *weft__story_noun(const struct weft_check_report *report, uint16_t strand)
{
    const struct weft__strand_note *note = weft__story_strand_note(report, strand);

    return report->is_tasks || (note != NULL && note->is_task) ? "task" : "thread";
}

/* ---- places ---- */

struct weft__place weft__story_place_of(struct weft__story *story, weft__site site)
{
    struct weft__place place = {"", "", "", "", 0, false};

    if (site != 0)
        story->names->place(story->names, site, true, &place);
    return place;
}

/* A strand begins at its function's own address, not at a call.  What Weft's own code did is told
 * where the program called it. */
struct weft__place weft__story_place_of_event(struct weft__story *story,
                                              const struct weft__event *event)
{
    struct weft__place place = {"", "", "", "", 0, false}, outer;

    if (event->op != WEFT__OP_BEGIN) {
        place = weft__story_place_of(story, event->site);
        outer = place.is_weft ? weft__story_place_of(story, event->caller) : place;
        return outer.line != 0 && !outer.is_weft ? outer : place;
    }
    if (event->site != 0)
        story->names->place(story->names, event->site, false, &place);
    return place;
}

const char *weft__story_place(struct weft__story *story, const struct weft__place *place)
{
    if (*place->function == '\0' && place->line == 0)
        return "?";
    if (place->line == 0)
        return place->function;
    if (*place->function == '\0')
        return weft__pool_say(&story->pool, "%s:%u", place->file, place->line);
    return weft__pool_say(&story->pool, "%s (%s:%u)", place->function, place->file, place->line);
}

const char *weft__story_site(struct weft__story *story, weft__site site)
{
    struct weft__place place = weft__story_place_of(story, site);
    uint32_t module = site >> WEFT__SITE_MODULE_SHIFT;
    const char *path, *slash, *where;

    if (place.line != 0)
        return weft__story_place(story, &place);
    if (site == 0 || module >= story->report->modules.n)
        return weft__story_place(story, &place);
    path = story->report->modules.module[module].path;
    slash = strrchr(path, '/');
    where = weft__pool_say(&story->pool, "%s+0x%x", slash != NULL ? slash + 1 : path,
                           site & WEFT__SITE_OFFSET_MASK);
    if (*place.function == '\0')
        return where;
    return weft__pool_say(&story->pool, "%s (%s)", place.function, where);
}

/* ---- strands ---- */

const struct weft__strand_note *weft__story_strand_note(const struct weft_check_report *report,
                                                        uint16_t strand)
{
    const struct weft__outcome *outcome;

    if (report->failing == NULL)
        return NULL;
    outcome = &report->failing->outcome;
    for (uint32_t i = 0; i < weft__min(outcome->n_strand_notes, (uint32_t)WEFT__STRANDS_MAX); i++) {
        if (outcome->strand_notes[i].id == strand)
            return &outcome->strand_notes[i];
    }
    return NULL;
}

const char *weft__story_strand(struct weft__story *story, uint16_t strand)
{
    return weft__pool_say(&story->pool, "T%u", strand);
}

/* Its task has a function of Weft's; its own is where that was started. */
static const char *words_piece_title(struct weft__story *story,
                                     const struct weft__strand_note *note)
{
    struct weft__place place = weft__story_place_of(story, note->spawn_site);

    if (place.is_weft || *place.function == '\0')
        return "piece";
    return weft__pool_say(&story->pool, "piece %s", place.function);
}

static const char *words_strand_title(struct weft__story *story, uint16_t strand)
{
    const struct weft__strand_note *note = weft__story_strand_note(story->report, strand);
    struct weft__place place = {"", "", "", "", 0, false};

    if (note == NULL)
        return strand == 0 ? "main" : "";
    if (note->is_piece)
        return words_piece_title(story, note);
    if (note->name[0] != '\0')
        return weft__pool_clean(&story->pool, note->name, strnlen(note->name, sizeof note->name));
    if (strand == 0)
        return "main";
    if (note->function != 0)
        story->names->place(story->names, note->function, false, &place);
    return place.function;
}

const char *weft__story_strand_long(struct weft__story *story, uint16_t strand)
{
    const char *title = words_strand_title(story, strand);

    return weft__pool_say(&story->pool, "T%u%s%s", strand, *title != '\0' ? " " : "", title);
}

/* ---- objects ---- */

const struct weft__object_note *weft__story_note_of(const struct weft_check_report *report,
                                                    uint64_t address)
{
    const struct weft__outcome *outcome;
    const struct weft__object_note *around = NULL;

    if (report->failing == NULL || address == 0)
        return NULL;
    outcome = &report->failing->outcome;
    for (uint32_t i = 0; i < weft__min(outcome->n_object_notes, (uint32_t)WEFT__OBJECTS_MAX); i++) {
        const struct weft__object_note *note = &outcome->object_notes[i];
        if (note->address == address)
            return note;
        if (address - note->base < note->size)
            around = note;
    }
    return around;
}

/* Weft's own blocks are known by what is done to them. */
static bool words_is_channel(const struct weft_check_report *report, uint64_t base)
{
    const struct weft__outcome *outcome = &report->failing->outcome;

    for (uint32_t i = 0; i < weft__min(outcome->n_object_notes, (uint32_t)WEFT__OBJECTS_MAX); i++) {
        const struct weft__object_note *note = &outcome->object_notes[i];
        if (note->kind == WEFT__OBJECT_HEAP && note->base == base &&
            note->op_kind >= WEFT__OP_CHAN_SEND && note->op_kind <= WEFT__OP_CHAN_CLOSE)
            return true;
    }
    return false;
}

/* Heap blocks are numbered in the order in which the notes have them, channels apart. */
static unsigned words_heap_number(const struct weft_check_report *report, uint64_t base)
{
    const struct weft__outcome *outcome = &report->failing->outcome;
    bool is_channel = words_is_channel(report, base);
    unsigned number = 0;

    for (uint32_t i = 0; i < weft__min(outcome->n_object_notes, (uint32_t)WEFT__OBJECTS_MAX); i++) {
        const struct weft__object_note *note = &outcome->object_notes[i];
        bool is_first = note->kind == WEFT__OBJECT_HEAP &&
                        words_is_channel(report, note->base) == is_channel;
        for (uint32_t k = 0; k < i && is_first; k++) {
            is_first = outcome->object_notes[k].kind != WEFT__OBJECT_HEAP ||
                       outcome->object_notes[k].base != note->base;
        }
        number += is_first;
        if (note->kind == WEFT__OBJECT_HEAP && note->base == base)
            return number;
    }
    return number;
}

static const char *words_offset(struct weft__story *story, const char *name, uint64_t offset)
{
    return offset == 0 ? name
                       : weft__pool_say(&story->pool, "%s+%llu", name, (unsigned long long)offset);
}

/* What "p+8" is of: the program's own name for it, "heap#1", or "" for neither. */
static const char *words_known(struct weft__story *story, const struct weft__object_note *note,
                               uint64_t address, uint64_t *ret_offset)
{
    uint64_t offset = 0;
    const char *name;

    if (note->name[0] != '\0') {
        *ret_offset = address - note->address;
        return weft__pool_clean(&story->pool, note->name, strnlen(note->name, sizeof note->name));
    }
    if (note->kind == WEFT__OBJECT_GLOBAL && note->site != 0) {
        name = story->names->variable(story->names, note->site, &offset);
        *ret_offset = offset + (address - note->address);
        return name != NULL ? name : "";
    }
    if (note->kind == WEFT__OBJECT_HEAP) {
        *ret_offset = address - note->base;
        return weft__pool_say(&story->pool, "%s#%u",
                              words_is_channel(story->report, note->base) ? "channel" : "heap",
                              words_heap_number(story->report, note->base));
    }
    return "";
}

/* What no note speaks of: the module's own data, by variable unless it is stripped. */
static const char *words_in_module(struct weft__story *story, uint64_t address)
{
    const struct weft__modules *modules = &story->report->modules;

    for (uint32_t i = 0; i < weft__min(modules->n, (uint32_t)WEFT__MODULES_MAX); i++) {
        const struct weft__module *m = &modules->module[i];
        const char *slash = strrchr(m->path, '/'), *name;
        uint64_t offset;
        if (address - m->low < m->high - m->low) {
            name = story->names->variable(story->names,
                                          (weft__site)(i << WEFT__SITE_MODULE_SHIFT |
                                                       ((address - m->base) &
                                                        WEFT__SITE_OFFSET_MASK)),
                                          &offset);
            if (name != NULL)
                return words_offset(story, name, offset);
            return weft__pool_say(&story->pool, "%s+0x%llx", slash != NULL ? slash + 1 : m->path,
                                  (unsigned long long)(address - m->base));
        }
    }
    return NULL;
}

const char *weft__story_object(struct weft__story *story, uint64_t address)
{
    const struct weft__object_note *note = weft__story_note_of(story->report, address);
    const char *known;
    uint64_t offset;

    if (note != NULL) {
        known = words_known(story, note, address, &offset);
        if (*known != '\0')
            return words_offset(story, known, offset);
        if (note->kind == WEFT__OBJECT_STACK || note->kind == WEFT__OBJECT_TLS) {
            return weft__pool_say(&story->pool, "a %s of T%u",
                                  note->kind == WEFT__OBJECT_STACK ? "local" : "thread-local",
                                  note->strand);
        }
    }
    known = words_in_module(story, address);
    if (known != NULL)
        return known;
    return weft__pool_say(&story->pool, "0x%llx", (unsigned long long)address);
}

/* Where the program itself asked for the block, and not Weft for it. */
static const char *words_made_at(struct weft__story *story, const struct weft__object_note *note)
{
    weft__site site = note->site;

    for (uint32_t i = 0; i < note->n_stack && i < WEFT_ARRAY_SIZE(note->stack) &&
                         weft__story_place_of(story, site).is_weft; i++)
        site = note->stack[i];
    return weft__story_site(story, weft__story_place_of(story, site).is_weft ? note->site : site);
}

const char *weft__story_object_long(struct weft__story *story, uint64_t address)
{
    const struct weft__object_note *note = weft__story_note_of(story->report, address);
    const char *name;

    if (note == NULL)
        return "";
    name = weft__story_object(story, address);
    switch (note->kind) {
    case WEFT__OBJECT_GLOBAL:
        return weft__pool_say(&story->pool, "%s is a global variable", name);
    case WEFT__OBJECT_HEAP:
        if (address != note->base)
            name = weft__pool_say(&story->pool, "%s is byte %llu of", name,
                                  (unsigned long long)(address - note->base));
        else
            name = weft__pool_say(&story->pool, "%s is", name);
        if (words_is_channel(story->report, note->base))
            return weft__pool_say(&story->pool, "%s a channel, made by T%u at %s", name,
                                  note->strand, words_made_at(story, note));
        return weft__pool_say(&story->pool, "%s a heap block of %llu bytes, allocated by T%u at %s",
                              name, (unsigned long long)note->size, note->strand,
                              words_made_at(story, note));
    case WEFT__OBJECT_STACK:
        return weft__pool_say(&story->pool, "%s lies on the stack of %s", name,
                              weft__story_strand_long(story, note->strand));
    case WEFT__OBJECT_TLS:
        return weft__pool_say(&story->pool, "%s is a thread-local variable of %s", name,
                              weft__story_strand_long(story, note->strand));
    default:
        return "";
    }
}

/* ---- events ---- */

/* What it did, and what it was about to do.  An object that the sentence names stands at the %s. */
struct words_of_op {
    const char *did, *would;
};

static const struct words_of_op words_of_ops[WEFT__OP_COUNT] = {
    [WEFT__OP_BEGIN] = {"begins", "begin"},
    [WEFT__OP_END] = {"ends", "end"},
    [WEFT__OP_DETACH] = {"detaches", "detach"},
    [WEFT__OP_EXIT] = {"ends the program", "end the program"},
    [WEFT__OP_YIELD] = {"yields", "yield"},
    [WEFT__OP_SLEEP] = {"sleeps", "sleep"},
    [WEFT__OP_FENCE] = {"fence", "pass a fence"},
    [WEFT__OP_MUTEX_LOCK] = {"locks %s", "lock %s"},
    [WEFT__OP_MUTEX_TRY_LOCK] = {"locks %s", "try_lock %s"},
    [WEFT__OP_MUTEX_UNLOCK] = {"unlocks %s", "unlock %s"},
    [WEFT__OP_RWLOCK_READ] = {"read-locks %s", "read-lock %s"},
    [WEFT__OP_RWLOCK_TRY_READ] = {"read-locks %s", "try to read-lock %s"},
    [WEFT__OP_RWLOCK_WRITE] = {"write-locks %s", "write-lock %s"},
    [WEFT__OP_RWLOCK_TRY_WRITE] = {"write-locks %s", "try to write-lock %s"},
    [WEFT__OP_RWLOCK_UNLOCK] = {"unlocks %s", "unlock %s"},
    [WEFT__OP_COND_WAIT] = {"waits on %s", "wait on %s"},
    [WEFT__OP_COND_WAKE] = {"wakes from %s", "be signalled on %s"},
    [WEFT__OP_COND_SIGNAL] = {"signals %s", "signal %s"},
    [WEFT__OP_COND_BROADCAST] = {"broadcasts %s", "broadcast %s"},
    [WEFT__OP_SEM_WAIT] = {"takes a unit of %s", "take a unit of %s"},
    [WEFT__OP_SEM_TRY_WAIT] = {"takes a unit of %s", "try to take a unit of %s"},
    [WEFT__OP_SEM_POST] = {"posts %s", "post %s"},
    [WEFT__OP_BARRIER_WAIT] = {"comes to %s", "come to %s"},
    [WEFT__OP_BARRIER_LEAVE] = {"leaves %s", "leave %s"},
    [WEFT__OP_ONCE] = {"passes %s", "pass %s"},
    [WEFT__OP_OBJECT_INIT] = {"makes %s", "make %s"},
    [WEFT__OP_OBJECT_FINI] = {"destroys %s", "destroy %s"},
    [WEFT__OP_FUTEX_WAIT] = {"futex wait on %s", "futex-wait on %s"},
    [WEFT__OP_FUTEX_WAKE] = {"futex wake of %s", "futex-wake %s"},
    [WEFT__OP_SYSTEM] = {"system call", "return from a system call"},
    [WEFT__OP_STREAM] = {"uses a stream", "use a stream"},
    [WEFT__OP_ALLOC] = {"allocates %s", "allocate %s"},
    [WEFT__OP_FREE] = {"frees %s", "free %s"},
    [WEFT__OP_SIGNAL] = {"runs a signal handler", "run a signal handler"},
    [WEFT__OP_CANCEL] = {"cancels", "cancel"},
    [WEFT__OP_CHAN_SEND] = {"sends to %s", "send to %s"},
    [WEFT__OP_CHAN_RECV] = {"receives from %s", "receive from %s"},
    [WEFT__OP_CHAN_TRY_SEND] = {"sends to %s", "try_send to %s"},
    [WEFT__OP_CHAN_TRY_RECV] = {"receives from %s", "try_recv from %s"},
    [WEFT__OP_CHAN_CLOSE] = {"closes %s", "close %s"},
    [WEFT__OP_CHAN_SENDER] = {"counts a sender of %s", "count a sender of %s"},
    [WEFT__OP_CHAN_SENDER_DONE] = {"sends no more to %s", "send no more to %s"},
    [WEFT__OP_SUBSCRIBE] = {"subscribes to %s", "subscribe to %s"},
    [WEFT__OP_SELECT] = {"selects", "select"},
    [WEFT__OP_SCOPE_OPEN] = {"opens a scope", "open a scope"},
    [WEFT__OP_SCOPE_CLOSE] = {"closes the scope", "close the scope"},
    [WEFT__OP_EVENT_WAIT] = {"waits for %s", "see %s set"},
    [WEFT__OP_EVENT_SET] = {"sets %s", "set %s"},
    [WEFT__OP_LATCH_WAIT] = {"passes %s", "pass %s"},
    [WEFT__OP_LATCH_DOWN] = {"counts %s down", "count %s down"},
    [WEFT__OP_PARK] = {"parks", "be unparked"},
    [WEFT__OP_UNPARK] = {"unparks", "unpark"},
    [WEFT__OP_IO] = {"I/O", "finish I/O"},
    [WEFT__OP_FUTURE_GET] = {"gets the result of %s", "get the result of %s"},
    [WEFT__OP_FUTURE_SET] = {"sets %s", "set %s"},
    [WEFT__OP_FUTURE_DROP] = {"lets go of %s", "let go of %s"},
    [WEFT__OP_FUTURE_NEXT] = {"gets the next of its futures", "get the next of its futures"},
    [WEFT__OP_SCHED_ADD] = {"adds an entry to %s", "add an entry to %s"},
    [WEFT__OP_SCHED_CANCEL] = {"cancels an entry of %s", "cancel an entry of %s"},
    [WEFT__OP_SCHED_NEXT] = {"takes the next entry of %s", "take the next entry of %s"},
    [WEFT__OP_PIECE_FORK] = {"forks a piece", "fork a piece"},
    [WEFT__OP_PIECE_JOIN] = {"joins a piece", "join a piece"},
};

static const char *const words_of_mishaps[WEFT__MISHAP_COUNT] = {
    [WEFT__MISHAP_PART_RECEIVED] = "only a part is received",
    [WEFT__MISHAP_PART_TAKEN] = "only a part is taken",
    [WEFT__MISHAP_LOST] = "the datagram is lost",
    [WEFT__MISHAP_LATE] = "the datagram will be late",
    [WEFT__MISHAP_BROKEN] = "the connection breaks",
    [WEFT__MISHAP_DISK] = "the disk fails",
};

static const char *words_fill(struct weft__story *story, const char *pattern, const char *name)
{
    const char *hole = strstr(pattern, "%s");

    return hole == NULL ? pattern
                        : weft__pool_say(&story->pool, "%.*s%s%s", (int)(hole - pattern), pattern,
                                         name, hole + 2);
}

/* A number as a person would write it: small negative ones with a sign, pointers by name. */
static const char *words_value(struct weft__story *story, uint64_t value, unsigned size)
{
    unsigned bits = size >= 1 && size < 8 ? size * 8 : 64;
    uint64_t sign = UINT64_C(1) << (bits - 1), mask = bits == 64 ? UINT64_MAX : (sign << 1) - 1;
    const struct weft__object_note *note;

    value &= mask;
    if ((value & sign) != 0 && (mask - value) < 65536)
        return weft__pool_say(&story->pool, "-%llu", (unsigned long long)(mask - value + 1));
    note = bits == 64 ? weft__story_note_of(story->report, value) : NULL;
    if (note != NULL && value == note->base && note->kind == WEFT__OBJECT_HEAP)
        return weft__story_object(story, value);
    if (note != NULL && value == note->address)
        return weft__pool_say(&story->pool, "&%s", weft__story_object(story, value));
    if (value < UINT64_C(10000000000))
        return weft__pool_say(&story->pool, "%llu", (unsigned long long)value);
    return weft__pool_say(&story->pool, "0x%llx", (unsigned long long)value);
}

static const char *words_access(struct weft__story *story, const struct weft__event *event,
                                bool named)
{
    bool has_value = (event->flags & WEFT__EVENT_HAS_VALUE) != 0;
    bool reads = event->op == WEFT__OP_READ || event->op == WEFT__OP_ATOMIC_LOAD;
    const char *verb = reads                              ? "reads"
                       : event->op == WEFT__OP_ATOMIC_RMW ? "updates"
                                                          : "writes";
    const char *value = has_value ? words_value(story, event->value, event->size) : "";
    const struct weft__object_note *note = weft__story_note_of(story->report, event->object);
    bool is_local = note != NULL && (note->kind == WEFT__OBJECT_STACK ||
                                     note->kind == WEFT__OBJECT_TLS); /* and has no name */
    const char *name = (named && !is_local) || !has_value
                           ? weft__story_object(story, event->object)
                           : "";

    if (event->op == WEFT__OP_ATOMIC_RMW && (event->flags & WEFT__EVENT_FAILED))
        return weft__pool_say(&story->pool, "swap fails%s%s", has_value ? ", sees " : "", value);
    if (event->op == WEFT__OP_ATOMIC_RMW && has_value)
        return weft__pool_say(&story->pool, "updates%s%s to %s", *name != '\0' ? " " : "", name,
                              value);
    if (!has_value)
        return weft__pool_say(&story->pool, "%s %s", verb, name);
    if (*name == '\0')
        return weft__pool_say(&story->pool, "%s %s", verb, value);
    return weft__pool_say(&story->pool, "%s %s %s %s", verb, name, reads ? "=" : ":=", value);
}

/* Spawn and join speak of a strand: by its number plus one, as the engine has it, or a value. */
static const char *words_of_strand(struct weft__story *story, const struct weft__event *event,
                                   const char *verb)
{
    if (event->object == 0 || event->object > WEFT__STRANDS_MAX)
        return weft__pool_say(&story->pool, "%s a %s", verb,
                              weft__story_noun(story->report, event->strand));
    return weft__pool_say(&story->pool, "%s T%u", verb, (unsigned)event->object - 1);
}

const char *weft__story_effect(struct weft__story *story, const struct weft__event *event,
                               bool named)
{
    enum weft__op op = weft__story_op(event->op);
    unsigned does = weft__op_does(op);
    const char *did;

    if ((does & (WEFT__OP_ACCESS | WEFT__OP_ATOMIC)) != 0)
        return words_access(story, event, named);
    if (op == WEFT__OP_SPAWN)
        return words_of_strand(story, event, "starts");
    if (op == WEFT__OP_JOIN)
        return words_of_strand(story, event, "joins");
    if (words_of_ops[op].did == NULL)
        return weft__op_words(op);
    did = words_fill(story, words_of_ops[op].did, weft__story_object(story, event->object));
    if (op == WEFT__OP_PIECE_FORK && (event->flags & WEFT__EVENT_HAS_VALUE))
        return weft__pool_say(&story->pool, "%s that T%u takes", did, (unsigned)event->value);
    if (op == WEFT__OP_COND_WAIT && event->value != 0) {
        did = weft__pool_say(&story->pool, "unlocks %s, %s",
                             weft__story_object(story, event->value), did);
    }
    if ((event->flags & WEFT__EVENT_TIMED_OUT) && op == WEFT__OP_COND_WAKE)
        return weft__pool_say(&story->pool, "%s: the deadline came", did);
    if ((event->flags & WEFT__EVENT_TIMED_OUT) && op != WEFT__OP_SLEEP)
        return weft__pool_say(&story->pool, "%s: the deadline came",
                              weft__story_intent(story, op, event->object));
    if (op == WEFT__OP_IO && event->value - WEFT__MISHAP_VALUE < WEFT__MISHAP_COUNT)
        return weft__pool_say(&story->pool, "%s: %s", did,
                              words_of_mishaps[event->value - WEFT__MISHAP_VALUE]);
    if (event->flags & WEFT__EVENT_FAILED)
        return weft__pool_say(&story->pool, "%s: refused",
                              weft__story_intent(story, op, event->object));
    return did;
}

const char *weft__story_intent(struct weft__story *story, enum weft__op op, uint64_t object)
{
    unsigned does = weft__op_does(op);

    if (op == WEFT__OP_JOIN && object > 0 && object <= WEFT__STRANDS_MAX)
        return weft__pool_say(&story->pool, "join T%u", (unsigned)object - 1);
    if (op == WEFT__OP_JOIN || op == WEFT__OP_SPAWN) {
        return weft__pool_say(&story->pool, "%s a %s", weft__op_words(op),
                              weft__story_noun(story->report, 1));
    }
    if ((does & (WEFT__OP_ACCESS | WEFT__OP_ATOMIC)) != 0) {
        return weft__pool_say(&story->pool, "%s %s",
                              (does & WEFT__RW) == WEFT__RW      ? "update"
                              : (does & WEFT__OP_WRITES) != 0 ? "write"
                                                              : "read",
                              weft__story_object(story, object));
    }
    if (words_of_ops[op].would == NULL)
        return weft__op_words(op);
    return words_fill(story, words_of_ops[op].would, weft__story_object(story, object));
}
