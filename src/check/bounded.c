/* bounded.c - all schedules with no preemption, then all with one, and so on up to the bound.
 *
 * After each event the strand that did it comes to its next point, and there one choice is
 * made.  Two schedules are alike up to the first choice in which they differ.  So each schedule
 * is made from one other by one deviation at a choice behind all deviations that it has; to stop
 * a strand that could go on costs one preemption, any other choice nothing (iterative context
 * bounding: Musuvathi and Qadeer, PLDI 2007).
 *
 * Three things make them fewer.  A strand is stopped only before an operation that conflicts
 * with one of another strand: before any other, it is the same schedule with the preemption a
 * little later. A choice is not tried again in a state that was there before with no more
 * preemptions; a state is the order of all conflicting operations so far, not what memory
 * holds.  And accesses that a lock guards in every trace are no points.  What is learnt too
 * late, that a place does conflict, lets the schedules run that were put off for it; that an
 * access is a point, begins everything anew.
 *
 * Not varied: failures without cause, early deadlines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/searching.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "check/strategy.h"
#include "weft/err.h"

#define BOUNDED_ARENA        (1024ul << 20) /* reserved; touched as needed */
#define BOUNDED_DEFAULT      2
#define BOUNDED_LEVELS       16
#define BOUNDED_WARM_UP      10 /* sampled schedules, to learn what the points are */
#define BOUNDED_PASSES       5
#define BOUNDED_ONE_BY_ONE   100
#define BOUNDED_NONE         UINT32_MAX

struct bounded_item {
    const struct bounded_item *parent; /* NULL: the default schedule */
    struct bounded_item *next;
    struct weft__deviation deviation;
    uint32_t n, from, cost; /* deviations; first choice that may still be another; preemptions */
};

struct bounded_list {
    struct bounded_item *first, **end;
};

/* An object while a trace is read. */
struct bounded_object {
    uint64_t wrote, read;    /* hash of the last write, sum of those of the reads since */
    uint32_t toucher, writer; /* a strand plus one, or BOUNDED_NONE for several */
    uint32_t holder;         /* of a lock: strand plus one */
    uint32_t waiting;        /* strands in a wait on it */
};

struct bounded {
    struct weft__searching *s;
    struct weft__arena arena, scratch;
    void *memory;
    struct weft__table visited; /* state and strand -> least cost + 1 */
    struct weft__table busy;    /* context -> 1 */
    struct weft__table put_off; /* context -> struct bounded_item *, which waits for it */
    struct bounded_list levels[BOUNDED_LEVELS];
    uint32_t bound;
    bool whole; /* nothing was left out so far */
    bool timed; /* deadlines play a role: states are not comparable */
    /* one trace: */
    const struct weft__outcome *outcome;
    const struct bounded_item *item;
    struct weft__table objects;
    uint32_t n;
    uint32_t *following;  /* by choice: the next event of the strand that makes it */
    uint32_t born[WEFT__STRANDS_MAX], last[WEFT__STRANDS_MAX], at[WEFT__STRANDS_MAX];
    uint64_t chain[WEFT__STRANDS_MAX];
    uint64_t state;
};

/* ---- lists ---- */

static void bounded_append(struct bounded_list *list, struct bounded_item *item)
{
    item->next = NULL;
    if (list->first == NULL)
        list->end = &list->first;
    *list->end = item;
    list->end = &item->next;
}

static struct bounded_item *bounded_new(struct bounded *b, const struct bounded_item *parent,
                                        const struct weft__deviation *deviation, uint32_t from,
                                        uint32_t cost)
{
    struct bounded_item *item = weft__arena_take(&b->arena, sizeof *item);

    if (item == NULL) {
        b->whole = false;
        return NULL;
    }
    item->parent = parent;
    item->from = from;
    item->cost = cost;
    if (parent != NULL) {
        item->n = parent->n + 1;
        item->deviation = *deviation;
    }
    return item;
}

/* False: it was there before, with no more preemptions. */
static bool bounded_visit(struct bounded *b, uint64_t state, uint32_t strand, uint32_t cost)
{
    uint64_t *least;

    if (b->timed)
        return true;
    least = weft__table_at(&b->visited, &b->arena, weft__mix(state + strand + 1));
    if (least == NULL) {
        b->whole = false;
        return true;
    }
    if (*least != 0 && *least <= cost + 1)
        return false;
    *least = cost + 1;
    return true;
}

/* ---- reading a trace ---- */

static const struct weft__event *bounded_event(const struct bounded *b, uint32_t i)
{
    return &b->outcome->trace[i];
}

static struct bounded_object *bounded_object_of(struct bounded *b, uint64_t object)
{
    uint64_t *at = weft__table_at(&b->objects, &b->scratch, object);

    if (at == NULL)
        return NULL;
    if (*at == 0)
        *at = (uintptr_t)weft__arena_take(&b->scratch, sizeof(struct bounded_object));
    return (void *)(uintptr_t)*at;
}

static uint32_t bounded_join(uint32_t who, uint32_t strand)
{
    return who == 0 || who == strand + 1 ? strand + 1 : BOUNDED_NONE;
}

/* From now on strands are stopped before such an operation; those put off for it may run. */
static void bounded_make_busy(struct bounded *b, weft__site context)
{
    uint64_t *busy = weft__table_at(&b->busy, &b->arena, context);
    uint64_t *put_off = weft__table_at(&b->put_off, &b->arena, context);

    if (busy == NULL || put_off == NULL) {
        b->whole = false;
        return;
    }
    *busy = 1;
    struct bounded_item *item = (void *)(uintptr_t)*put_off;
    *put_off = 0;
    while (item != NULL) {
        struct bounded_item *next = item->next;
        bounded_append(&b->levels[item->cost], item);
        item = next;
    }
}

static bool bounded_is_busy(const struct bounded *b, weft__site context)
{
    const uint64_t *busy = weft__table_find(&b->busy, context);

    return busy != NULL && *busy != 0;
}

/* Which places conflict with another strand's? */
static void bounded_survey_objects(struct bounded *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        const struct weft__event *event = bounded_event(b, i);
        struct bounded_object *object =
            event->object != 0 ? bounded_object_of(b, event->object) : NULL;
        if (object == NULL)
            continue;
        object->toucher = bounded_join(object->toucher, event->strand);
        if (weft__op_does((enum weft__op)event->op) & WEFT__OP_WRITES)
            object->writer = bounded_join(object->writer, event->strand);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        const struct weft__event *event = bounded_event(b, i);
        unsigned does = weft__op_does((enum weft__op)event->op);
        const struct bounded_object *object =
            event->object != 0 ? bounded_object_of(b, event->object) : NULL;
        weft__site context = weft__strategy_context(event->site, event->caller);
        if (object == NULL || !(does & WEFT__RW) || bounded_is_busy(b, context))
            continue;
        uint32_t others = does & WEFT__OP_WRITES ? object->toucher : object->writer;
        if (others != 0 && others != event->strand + 1U)
            bounded_make_busy(b, context);
    }
}

/* From which choice on may a strand be picked?  Children are numbered in the order in which they
 * are started; one may be there before the start of it is passed, but not before its parent came
 * to it. */
static void bounded_survey_strands(struct bounded *b)
{
    const struct weft__outcome *o = b->outcome;
    uint32_t *spawned = b->at;

    memset(spawned, 0, sizeof b->at);
    for (uint32_t s = 0; s < WEFT__STRANDS_MAX; s++)
        b->last[s] = b->born[s] = 0;
    for (uint32_t s = 1; s < weft__min(o->n_strand_notes, (uint32_t)WEFT__STRANDS_MAX); s++) {
        uint32_t parent = o->strand_notes[s].parent % WEFT__STRANDS_MAX, before = 0;
        for (uint32_t i = 0; i < b->n; i++) {
            if (bounded_event(b, i)->strand != parent)
                continue;
            if (weft__event_is_birth(bounded_event(b, i)) && i >= spawned[parent]) {
                b->born[s] = before;
                spawned[parent] = i + 1;
                break;
            }
            before = i + 1;
        }
    }
    uint32_t *latest = b->at; /* the choice behind the strand's last event so far */
    memset(latest, 0xff, sizeof b->at);
    latest[0] = 0;
    for (uint32_t i = 0; i <= b->n; i++)
        b->following[i] = BOUNDED_NONE;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t strand = bounded_event(b, i)->strand % WEFT__STRANDS_MAX;
        if (latest[strand] != BOUNDED_NONE)
            b->following[latest[strand]] = i;
        latest[strand] = i + 1;
        b->last[strand] = i;
        b->timed |= bounded_event(b, i)->op == WEFT__OP_SLEEP ||
                    (bounded_event(b, i)->flags & WEFT__EVENT_TIMED_OUT);
    }
}

static bool bounded_has_ended(const struct bounded *b, uint32_t strand)
{
    return strand < b->outcome->n_strand_notes &&
           b->outcome->strand_notes[strand].state == WEFT__STRAND_ENDED;
}

/* The name of choice k: the first one is main's, each other that of the strand that did event k
 * - 1. False: it has none that we know. */
static bool bounded_choice(const struct bounded *b, uint32_t k, struct weft__deviation *ret,
                           bool *ret_free)
{
    uint32_t next = b->following[k];
    uint16_t strand = k > 0 ? bounded_event(b, k - 1)->strand : 0;

    *ret = (struct weft__deviation){.strand = strand, .kind = WEFT__CHOICE_STRAND};
    *ret_free = true;
    if (next != BOUNDED_NONE) {
        const struct weft__event *event = bounded_event(b, next);
        ret->site = event->site;
        ret->nth = event->nth;
        *ret_free = (event->flags & WEFT__EVENT_WAITED) || event->op == WEFT__OP_YIELD;
        return true;
    }
    if (k == 0 || strand >= b->outcome->n_strand_notes)
        return false;
    if (bounded_has_ended(b, strand)) { /* the second choice at its last point */
        ret->site = bounded_event(b, k - 1)->site;
        ret->nth = bounded_event(b, k - 1)->nth;
        ret->index = 1;
        return true;
    }
    ret->site = b->outcome->strand_notes[strand].site; /* a point that it never passed */
    ret->nth = 1;
    for (uint32_t i = 0; i < k; i++) {
        if (bounded_event(b, i)->strand == strand && bounded_event(b, i)->site == ret->site)
            ret->nth = bounded_event(b, i)->nth + 1;
    }
    return true;
}

/* ---- states ---- */

/* The picks of this schedule at the event's point are part of what it did. */
static uint64_t bounded_picks(const struct bounded *b, const struct weft__event *event)
{
    uint64_t picks = 0;

    for (const struct bounded_item *i = b->item; i->parent != NULL; i = i->parent) {
        if (i->deviation.kind != WEFT__CHOICE_STRAND && i->deviation.strand == event->strand &&
            i->deviation.site == event->site && i->deviation.nth == event->nth)
            picks = picks * 31 + i->deviation.pick + 1;
    }
    return picks;
}

static void bounded_touch(struct bounded *b, uint64_t at, bool writes, uint64_t *hash)
{
    struct bounded_object *object = at != 0 ? bounded_object_of(b, at) : NULL;

    if (object == NULL)
        return;
    *hash = weft__mix(*hash ^ object->wrote);
    if (writes) {
        *hash = weft__mix(*hash + object->read);
        object->wrote = *hash;
        object->read = 0;
    } else {
        object->read += *hash;
    }
}

static void bounded_follow_locks(struct bounded *b, const struct weft__event *event)
{
    bool refused = event->flags & (WEFT__EVENT_FAILED | WEFT__EVENT_TIMED_OUT);
    bool waits = event->op == WEFT__OP_COND_WAIT || event->op == WEFT__OP_COND_WAKE;
    struct bounded_object *object = bounded_object_of(b, event->object);
    struct bounded_object *mutex = waits ? bounded_object_of(b, event->value) : NULL;

    if (object == NULL)
        return;
    if (event->op == WEFT__OP_MUTEX_LOCK || event->op == WEFT__OP_MUTEX_TRY_LOCK)
        object->holder = refused ? object->holder : event->strand + 1U;
    if (event->op == WEFT__OP_MUTEX_UNLOCK)
        object->holder = 0;
    if (event->op == WEFT__OP_COND_WAIT)
        object->waiting++;
    if (event->op == WEFT__OP_COND_WAKE && object->waiting > 0)
        object->waiting--;
    if (mutex != NULL)
        mutex->holder = event->op == WEFT__OP_COND_WAIT ? 0 : event->strand + 1U;
}

/* Event i happens: the state becomes another. */
static void bounded_pass(struct bounded *b, uint32_t i)
{
    const struct weft__event *event = bounded_event(b, i);
    uint32_t strand = event->strand % WEFT__STRANDS_MAX;
    unsigned does = weft__op_does((enum weft__op)event->op);
    uint64_t hash = weft__mix(b->chain[strand] ^ ((uint64_t)event->site << 32 | event->nth));

    hash = weft__mix(hash + bounded_picks(b, event) + ((uint64_t)strand << 40) + event->op);
    if (does & WEFT__RW)
        bounded_touch(b, event->object, (does & WEFT__OP_WRITES) != 0, &hash);
    if (event->op == WEFT__OP_COND_WAIT || event->op == WEFT__OP_COND_WAKE)
        bounded_touch(b, event->value, true, &hash);
    if (event->object != 0)
        bounded_follow_locks(b, event);
    b->state += weft__mix(hash) - (b->chain[strand] != 0 ? weft__mix(b->chain[strand]) : 0);
    b->chain[strand] = hash;
}

/* ---- children ---- */

/* Is the strand waiting for a lock that somebody holds?  Then it cannot be picked. */
static bool bounded_waits_for_lock(struct bounded *b, uint32_t next)
{
    const struct weft__event *event = bounded_event(b, next);

    if (event->op != WEFT__OP_MUTEX_LOCK || !(event->flags & WEFT__EVENT_WAITED))
        return false;
    const struct bounded_object *object = bounded_object_of(b, event->object);
    return object != NULL && object->holder != 0;
}

static void bounded_offer(struct bounded *b, const struct weft__deviation *choice, uint32_t k,
                          bool is_free)
{
    uint32_t cost = b->item->cost + !is_free;
    const struct weft__event *event = is_free ? NULL : bounded_event(b, b->following[k]);

    if (cost > b->bound || !bounded_visit(b, b->state, choice->pick, cost))
        return;
    struct bounded_item *child = bounded_new(b, b->item, choice, k + 1, cost);
    if (child == NULL)
        return;
    weft__site context =
        event != NULL ? weft__strategy_context(event->site, event->caller) : 0;
    if (is_free || bounded_is_busy(b, context)) {
        bounded_append(&b->levels[cost], child);
        return;
    }
    uint64_t *put_off = weft__table_at(&b->put_off, &b->arena, context);
    if (put_off == NULL) {
        b->whole = false;
        return;
    }
    child->next = (void *)(uintptr_t)*put_off;
    *put_off = (uintptr_t)child;
}

/* All other strands that may be picked at choice k. */
static void bounded_offer_strands(struct bounded *b, uint32_t k)
{
    const struct weft__outcome *o = b->outcome;
    uint32_t chosen = k < b->n ? bounded_event(b, k)->strand : BOUNDED_NONE;
    struct weft__deviation choice;
    bool is_free;

    if (!bounded_choice(b, k, &choice, &is_free))
        return;
    for (uint32_t t = 0; t < weft__min(o->strands, (uint32_t)WEFT__STRANDS_MAX); t++) {
        bool gone = bounded_has_ended(b, t) && (b->last[t] < k || k == b->n);
        if (t == chosen || gone || b->born[t] > k || (t == choice.strand && is_free))
            continue;
        if (b->at[t] != BOUNDED_NONE && bounded_waits_for_lock(b, b->at[t]))
            continue;
        choice.pick = t;
        bounded_offer(b, &choice, k, is_free);
    }
}

/* Whom a signal wakes, or which arm is taken: the second at first, others when that was
 * possible. */
static void bounded_offer_picks(struct bounded *b, uint32_t k)
{
    const struct weft__event *event = bounded_event(b, k - 1);
    enum weft__choice_kind kind = WEFT__CHOICE_WAITER;

    switch ((enum weft__op)event->op) {
    case WEFT__OP_COND_SIGNAL: {
        const struct bounded_object *object = bounded_object_of(b, event->object);
        if (object == NULL || object->waiting < 2)
            return;
        break;
    }
    case WEFT__OP_FUTEX_WAKE:
    case WEFT__OP_CHAN_SEND:
    case WEFT__OP_CHAN_RECV:
        if (b->outcome->strands < 3)
            return;
        break;
    case WEFT__OP_SELECT:
        kind = WEFT__CHOICE_ARM;
        break;
    default:
        return;
    }
    const struct weft__deviation pick = {.strand = event->strand, .kind = (uint8_t)kind,
                                         .site = event->site, .nth = event->nth, .pick = 1};
    struct bounded_item *child = bounded_new(b, b->item, &pick, k, b->item->cost);
    if (child != NULL)
        bounded_append(&b->levels[child->cost], child);
}

static void bounded_offer_next_pick(struct bounded *b)
{
    const struct bounded_item *item = b->item;
    struct weft__deviation next = item->deviation;

    if (item->parent == NULL || next.kind == WEFT__CHOICE_STRAND)
        return;
    next.pick++;
    struct bounded_item *sibling = bounded_new(b, item->parent, &next, item->from, item->cost);
    if (sibling != NULL)
        bounded_append(&b->levels[sibling->cost], sibling);
}

/* All schedules with one deviation more than the one just run. */
static void bounded_expand(struct bounded *b, const struct bounded_item *item,
                           const struct weft__outcome *outcome)
{
    bool picked = item->parent != NULL && item->deviation.kind != WEFT__CHOICE_STRAND;

    if (outcome->n_deviations < item->n)
        return; /* it could not be done: the schedule is another one's child, too */
    b->item = item;
    b->outcome = outcome;
    b->n = outcome->n_trace;
    if (b->n > WEFT__TRACE_MAX || item->n + 1 >= WEFT__DEVIATIONS_MAX) {
        b->whole = false;
        return;
    }
    b->scratch.at = b->scratch.low;
    weft__table_init(&b->objects, &b->scratch);
    bounded_survey_objects(b);
    bounded_survey_strands(b);
    bounded_offer_next_pick(b);
    memset(b->chain, 0, sizeof b->chain);
    memset(b->at, 0xff, sizeof b->at); /* by strand: its next event */
    for (uint32_t i = b->n; i-- > 0;)
        b->at[bounded_event(b, i)->strand % WEFT__STRANDS_MAX] = i;
    b->state = 0;
    for (uint32_t k = 0; k <= b->n; k++) {
        if (k > 0) {
            uint32_t strand = bounded_event(b, k - 1)->strand % WEFT__STRANDS_MAX;
            bounded_pass(b, k - 1);
            b->at[strand] = b->following[k];
        }
        if (k < item->from)
            continue;
        if (k > 0 && (k > item->from || !picked))
            bounded_offer_picks(b, k);
        if (k < b->n && !bounded_visit(b, b->state, bounded_event(b, k)->strand, item->cost))
            return; /* from here on it is like one that was there before */
        bounded_offer_strands(b, k);
    }
}

/* ---- the search ---- */

static void bounded_fill(const struct weft__searching *s, const struct weft__slot *slot,
                         struct weft__plan *ret)
{
    const struct bounded_item *item = slot->item;

    weft__recipe_plan(s->k, &slot->recipe, ret);
    if (item == NULL)
        return;
    ret->n_deviations = item->n;
    for (; item->parent != NULL; item = item->parent)
        ret->deviations[item->n - 1] = item->deviation;
}

/* Takes the next ones of the lowest level, at most n.  Their number. */
static uint32_t bounded_take(struct bounded *b, uint32_t n)
{
    struct weft__searching *s = b->s;
    struct bounded_list *list = NULL;
    uint32_t taken = 0;

    for (uint32_t level = b->bound + 1; level-- > 0;) {
        if (b->levels[level].first != NULL)
            list = &b->levels[level];
    }
    while (list != NULL && list->first != NULL && taken < n) {
        struct weft__slot *slot = &s->slots[taken];
        slot->item = list->first;
        list->first = list->first->next;
        slot->recipe = (struct weft__recipe){.number = s->schedules + 1 + taken, .thin = true,
                                             .strategy = WEFT__STRATEGY_DEFAULT,
                                             .flags = WEFT__PLAN_TRACE};
        taken++;
    }
    return taken;
}

/* Runs the round that lies in the slots.  1: the search is over. */
static int bounded_round(struct bounded *b)
{
    struct weft__searching *s = b->s;

    weft__searching_round(s);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct weft__slot *slot = &s->slots[i];
        if (!slot->done) {
            b->whole = false;
            return slot->code < 0 && slot->code != -WEFT_ECANCELED ? slot->code : 1;
        }
        if (weft__searching_judge(s, slot))
            return 1;
        if (slot->item != NULL)
            bounded_expand(b, slot->item, slot->outcome);
    }
    for (uint32_t i = 0; i < s->n_slots; i++)
        weft__knowledge_learn(s->k, &s->slots[i].recipe, s->slots[i].outcome);
    return 0;
}

/* A few schedules of the portfolio, to know the points. */
static int bounded_warm_up(struct bounded *b)
{
    struct weft__searching *s = b->s;
    int over = 0;

    for (uint32_t i = 0; i < BOUNDED_WARM_UP && over == 0; i++) {
        if (s->schedules >= s->schedules_max || weft__searching_is_stopped(s))
            return 1;
        s->n_slots = 1;
        s->slots[0].item = NULL;
        weft__recipe_next(s->k, s->seed, s->schedules + 1, -1, &s->slots[0].recipe);
        over = bounded_round(b);
    }
    return over;
}

static void bounded_begin(struct bounded *b)
{
    b->arena.at = b->arena.low;
    weft__table_init(&b->visited, &b->arena);
    weft__table_init(&b->busy, &b->arena);
    weft__table_init(&b->put_off, &b->arena);
    memset(b->levels, 0, sizeof b->levels);
    b->whole = true;
    struct bounded_item *root = bounded_new(b, NULL, NULL, 0, 0);
    WEFT_CHECK(root != NULL);
    bounded_append(&b->levels[0], root);
}

/* 1: the search is over; 0: all were run, or a point more was found: *ret_again. */
static int bounded_one_pass(struct bounded *b, bool *ret_again)
{
    struct weft__searching *s = b->s;
    uint32_t points = s->k->n_thin;
    int over = 0;

    bounded_begin(b);
    *ret_again = false;
    while (over == 0) {
        uint64_t left = s->schedules_max - s->schedules;
        uint32_t n = s->schedules < BOUNDED_ONE_BY_ONE ? 1 : WEFT__SLOTS_MAX;
        if (left == 0 || weft__searching_is_stopped(s))
            return 1;
        s->n_slots = bounded_take(b, (uint32_t)weft__min((uint64_t)n, left));
        if (s->n_slots == 0) {
            s->complete = b->whole;
            return 0;
        }
        over = bounded_round(b);
        if (over == 0 && s->k->n_thin != points) {
            *ret_again = true;
            return 0;
        }
    }
    return over;
}

static int bounded_run(struct bounded *b)
{
    bool again = true;
    int over = bounded_warm_up(b);

    for (uint32_t pass = 0; pass < BOUNDED_PASSES && over == 0 && again; pass++)
        over = bounded_one_pass(b, &again);
    return over < 0 ? over : 0;
}

int weft__bounded_search(struct weft__searching *s)
{
    struct bounded *b = weft__alloc_zero(sizeof *b);
    size_t trace = (WEFT__TRACE_MAX + 1) * sizeof *b->following;

    if (b == NULL)
        return -WEFT_ENOMEM;
    b->s = s;
    b->bound = s->options->preemptions != 0 ? s->options->preemptions : BOUNDED_DEFAULT;
    b->bound = weft__min(b->bound, (uint32_t)BOUNDED_LEVELS - 1);
    b->following = weft__alloc(trace);
    int code = b->following != NULL ? weft__sys_map(BOUNDED_ARENA, &b->memory) : -WEFT_ENOMEM;
    if (code == 0) {
        unsigned char *low = b->memory;
        b->scratch = (struct weft__arena){low, low, low + BOUNDED_ARENA / 4};
        b->arena = (struct weft__arena){b->scratch.high, b->scratch.high, low + BOUNDED_ARENA};
        s->fill = bounded_fill;
        code = bounded_run(b);
        s->fill = NULL;
        weft__sys_unmap(b->memory, BOUNDED_ARENA);
    }
    weft__free(b->following);
    weft__free(b);
    return code;
}
