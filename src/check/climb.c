/* climb.c - schedules from below: first those with no preemption, then those with one, and so on.
 *
 * Called by shrink.c, which looks for the least that fails, and by confirm.c, which looks for
 * anything that fails.
 *
 * Why that is all of them: after each event the strand that did it comes to its next point, and
 * there one choice is made. Two schedules are alike up to the first choice in which they differ.
 * So to a schedule with its last deviation at choice k belong those that differ from it in one
 * choice after k; each schedule is made once. Not varied: failures without cause, early deadlines,
 * and which arm a select takes.
 *
 * Choices that decide the order of two operations on one object come first, and of these the ones
 * by the strands that it is about.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/climb.h"

#include "base/alloc.h"
#include "check/engine.h"

#define CLIMB_LEVELS    4 /* preemptions */
#define CLIMB_RANKS     3
#define CLIMB_SHALLOW   2 /* deviations: then what is important comes before what is cheap */
#define CLIMB_NODES_MAX 200000
#define CLIMB_OBJECTS   1024 /* a power of two */
#define CLIMB_STRANDS   64
#define CLIMB_WAITERS   8

struct climb_node {
    uint32_t from; /* the first choice that may still be another */
    uint32_t n;
    bool woken;    /* ... and whom the event before it wakes */
    struct weft__deviation deviations[WEFT__CLIMB_DEPTH_MAX];
};

struct climb_list {
    struct climb_node *at;
    size_t n, room;
};

/* Which strands have had to do with an object in the trace, and which changed it. */
struct climb_object {
    uint64_t object, touched, written;
};

struct climb_work {
    struct weft__climb *order;
    const struct weft__outcome *outcome;
    struct climb_list levels[CLIMB_LEVELS][CLIMB_RANKS]; /* by preemptions and importance */
    bool complete;
    size_t nodes;
    struct climb_object *objects;
    uint32_t *following;   /* of event i - 1: the next one of its strand; of 0: main's first */
    uint32_t *started;     /* of a strand, while the trace is read */
    uint32_t *born, *died; /* of a strand: the first choice that it may be, and the last */
};

static void climb_push(struct climb_work *c, uint32_t level, uint32_t rank,
                        const struct climb_node *node)
{
    struct climb_list *list = &c->levels[level][rank];
    if (c->nodes >= CLIMB_NODES_MAX) {
        c->complete = false;
        return;
    }
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct climb_node *more = weft__alloc(room * sizeof *more);
        if (!more) {
            c->complete = false;
            return;
        }
        if (list->n)
            memcpy(more, list->at, list->n * sizeof *more);
        weft__free(list->at);
        list->at = more;
        list->room = room;
    }
    list->at[list->n++] = *node;
    c->nodes++;
}

static struct climb_object *climb_object_of(struct climb_work *c, uint64_t object)
{
    uint64_t slot = (object * UINT64_C(0x9e3779b97f4a7c15)) >> 54;
    for (uint32_t i = 0; i < CLIMB_OBJECTS; i++) {
        struct climb_object *one = &c->objects[(slot + i) & (CLIMB_OBJECTS - 1)];
        if (one->object == object || one->object == 0) {
            one->object = object;
            return one;
        }
    }
    return &c->objects[slot & (CLIMB_OBJECTS - 1)]; /* shared: only the order of trials suffers */
}

/* A parent's children are numbered in the order in which it started them; a child may be there
 * before the start of it is passed, and never before its parent came to it. */
static void climb_survey_births(struct climb_work *c, const struct weft__outcome *outcome)
{
    uint32_t *at = c->started;
    memset(at, 0, WEFT__STRANDS_MAX * sizeof *at);
    for (uint32_t i = 0; i < WEFT__STRANDS_MAX; i++)
        c->born[i] = c->died[i] = WEFT__CLIMB_NO_EVENT;
    c->born[0] = 0;
    for (uint32_t i = 1; i < outcome->n_strand_notes && i < WEFT__STRANDS_MAX; i++) {
        uint32_t parent = outcome->strand_notes[i].parent % WEFT__STRANDS_MAX, before = 0;
        for (uint32_t k = 0; k < outcome->n_trace; k++) {
            if (outcome->trace[k].strand != parent)
                continue;
            if (weft__event_is_birth(&outcome->trace[k]) && k >= at[parent]) {
                c->born[i] = before;
                at[parent] = k + 1;
                break;
            }
            before = k + 1;
        }
        if (c->born[i] == WEFT__CLIMB_NO_EVENT)
            c->born[i] = 0;
    }
}

/* What the trace says about its strands and objects. */
static void climb_survey(struct climb_work *c, const struct weft__outcome *outcome)
{
    uint32_t *last = c->started; /* of a strand: the choice before its next event */
    memset(c->objects, 0, CLIMB_OBJECTS * sizeof c->objects[0]);
    climb_survey_births(c, outcome);
    for (uint32_t i = 0; i < WEFT__STRANDS_MAX; i++)
        last[i] = i ? WEFT__CLIMB_NO_EVENT : 0;
    for (uint32_t i = 0; i <= outcome->n_trace; i++)
        c->following[i] = WEFT__CLIMB_NO_EVENT;
    for (uint32_t i = 0; i < outcome->n_trace; i++) {
        const struct weft__event *event = &outcome->trace[i];
        uint32_t strand = event->strand % WEFT__STRANDS_MAX;
        uint64_t bit = UINT64_C(1) << (strand % CLIMB_STRANDS);
        if (last[strand] != WEFT__CLIMB_NO_EVENT)
            c->following[last[strand]] = i;
        last[strand] = i + 1;
        if (event->object) {
            struct climb_object *object = climb_object_of(c, event->object);
            object->touched |= bit;
            object->written |= weft__op_does(event->op) & WEFT__OP_WRITES ? bit : 0;
        }
    }
    for (uint32_t i = 0; i < outcome->n_strand_notes && i < WEFT__STRANDS_MAX; i++) {
        if (outcome->strand_notes[i].state == WEFT__STRAND_ENDED && last[i] != WEFT__CLIMB_NO_EVENT)
            c->died[i] = last[i];
    }
}

bool weft__climb_choice(const struct weft__outcome *outcome, uint32_t k, uint32_t next,
                        struct weft__deviation *ret, bool *ret_free)
{
    uint16_t strand = k ? outcome->trace[k - 1].strand : 0;
    *ret = (struct weft__deviation){.strand = strand, .kind = WEFT__CHOICE_STRAND};
    if (next != WEFT__CLIMB_NO_EVENT) {
        ret->site = outcome->trace[next].site;
        ret->nth = outcome->trace[next].nth;
        *ret_free = outcome->trace[next].flags & WEFT__EVENT_WAITED ||
                    outcome->trace[next].op == WEFT__OP_YIELD;
        return true;
    }
    *ret_free = true;
    if (strand >= outcome->n_strand_notes || k == 0)
        return false;
    if (outcome->strand_notes[strand].state == WEFT__STRAND_ENDED) {
        ret->site = outcome->trace[k - 1].site;
        ret->nth = outcome->trace[k - 1].nth;
        ret->index = 1;
        return true;
    }
    /* It came to a point that it never passed. */
    ret->site = outcome->strand_notes[strand].site;
    ret->nth = 1;
    for (uint32_t j = 0; j < k; j++) {
        if (outcome->trace[j].strand == strand && outcome->trace[j].site == ret->site)
            ret->nth = outcome->trace[j].nth + 1;
    }
    return true;
}

/* 0: it decides an order, between strands that it is about; 1: it decides an order; 2: neither. */
static uint32_t climb_rank(struct climb_work *c, uint32_t next, uint32_t strand, uint32_t pick)
{
    uint64_t bit = UINT64_C(1) << (pick % CLIMB_STRANDS);
    uint64_t both = bit | UINT64_C(1) << (strand % CLIMB_STRANDS);
    uint32_t best = c->order->strands & both ? 0 : 1;
    if (next == WEFT__CLIMB_NO_EVENT)
        return best;
    const struct weft__event *event = &c->outcome->trace[next];
    if (!event->object)
        return 2;
    const struct climb_object *object = climb_object_of(c, event->object);
    bool decides = (object->written & bit) ||
                   ((object->touched & bit) && weft__op_does(event->op) & WEFT__OP_WRITES);
    return decides ? best : 2;
}

/* A choice of whom a signal wakes belongs to the signal's own point, event k - 1. */
static void climb_expand_waiters(struct climb_work *c, const struct climb_node *node,
                                  uint32_t level, uint32_t k)
{
    const struct weft__outcome *outcome = c->outcome;
    struct climb_node child = *node;
    if (k == 0 || outcome->trace[k - 1].op != WEFT__OP_COND_SIGNAL)
        return;
    const struct weft__event *event = &outcome->trace[k - 1];
    child.from = k;
    child.woken = true;
    child.n = node->n + 1;
    for (uint32_t pick = 1; pick + 1 < outcome->strands && pick < CLIMB_WAITERS; pick++) {
        child.deviations[node->n] = (struct weft__deviation){
            .strand = event->strand, .kind = WEFT__CHOICE_WAITER, .site = event->site,
            .nth = event->nth, .pick = pick};
        climb_push(c, level, 1, &child);
    }
}

static void climb_expand_strands(struct climb_work *c, const struct climb_node *node,
                                  uint32_t level, uint32_t k)
{
    const struct weft__outcome *outcome = c->outcome;
    struct climb_node child = *node;
    struct weft__deviation choice;
    uint32_t next = c->following[k];
    bool is_free;
    if (!weft__climb_choice(outcome, k, next, &choice, &is_free))
        return;
    if (!is_free && level + 1 >= c->order->limit)
        return;
    /* To stop before what has no effect is to stop before what comes next. */
    if (!is_free && !weft__op_does(outcome->trace[next].op) &&
        outcome->trace[next].op != WEFT__OP_FENCE)
        return;
    if (next != WEFT__CLIMB_NO_EVENT && c->order->focus &&
        !c->order->focus(c->order, &outcome->trace[next]))
        return;
    child.from = k + 1;
    child.woken = false;
    child.n = node->n + 1;
    for (uint32_t pick = 0; pick < outcome->strands; pick++) {
        bool alive = c->born[pick] <= k && c->died[pick] > k;
        if (!alive || (pick == choice.strand && !is_free))
            continue;
        child.deviations[node->n] = choice;
        child.deviations[node->n].pick = pick;
        climb_push(c, level + !is_free, climb_rank(c, next, choice.strand, pick), &child);
    }
}

/* All schedules with one deviation more than the one just run. */
static void climb_expand(struct climb_work *c, const struct climb_node *node, uint32_t level)
{
    const struct weft__outcome *outcome = c->outcome;
    if (outcome->trace_first > 0 || outcome->n_trace >= WEFT__TRACE_MAX ||
        node->n >= c->order->depth) {
        c->complete = false;
        return;
    }
    climb_survey(c, outcome);
    for (uint32_t k = node->from; k <= outcome->n_trace; k++) {
        if (k > node->from || !node->woken)
            climb_expand_waiters(c, node, level, k);
        climb_expand_strands(c, node, level, k);
    }
}

/* True: that is enough. */
static bool climb_visit(struct climb_work *c, const struct climb_node *node, uint32_t level)
{
    struct weft__climb *order = c->order;
    struct weft__plan *plan = &order->runner->exchange->plan;
    --*order->left;
    plan->strategy = WEFT__STRATEGY_DEFAULT;
    plan->n_deviations = node->n;
    memcpy(plan->deviations, node->deviations, node->n * sizeof node->deviations[0]);
    order->rc = order->runner->run(order->runner);
    if (order->rc < 0)
        return false;
    if (order->judge(order))
        return true;
    /* A wish that could not be fulfilled: the schedule is another one's child, too. */
    if (c->outcome->n_deviations < node->n)
        return false;
    level = weft__max(level, c->outcome->preemptions);
    if (level < order->limit)
        climb_expand(c, node, level);
    return false;
}

/* The next list with anything in it; NULL: all are empty, up to the limit. */
static struct climb_list *climb_next(struct climb_work *c, uint32_t *ret_level)
{
    bool shallow = c->order->depth <= CLIMB_SHALLOW;
    uint32_t levels = c->order->limit, all = levels * CLIMB_RANKS;
    for (uint32_t i = 0; i < all; i++) {
        uint32_t level = shallow ? i % levels : i / CLIMB_RANKS;
        uint32_t rank = shallow ? i / levels : i % CLIMB_RANKS;
        *ret_level = level;
        if (c->levels[level][rank].n)
            return &c->levels[level][rank];
    }
    return NULL;
}

/* Within a list the last one is taken: any will do. */
static void climb_levels(struct climb_work *c)
{
    struct weft__climb *order = c->order;
    struct climb_list *list;
    uint32_t level;
    while ((list = climb_next(c, &level)) != NULL) {
        struct climb_node node = list->at[list->n - 1];
        if (!*order->left || order->rc < 0) {
            c->complete = false;
            return;
        }
        list->n--;
        c->nodes--;
        if (node.n <= order->depth && climb_visit(c, &node, level))
            return;
    }
    c->complete &= order->rc == 0;
}

static void climb_sow(struct climb_work *c)
{
    struct climb_node node = {0};
    if (c->order->n_seeds == 0)
        climb_push(c, 0, 0, &node);
    node.n = 1;
    for (uint32_t i = 0; i < c->order->n_seeds; i++) {
        node.deviations[0] = c->order->seeds[i];
        climb_push(c, 0, 0, &node);
    }
}

static bool climb_open(struct climb_work *c)
{
    c->objects = weft__alloc(CLIMB_OBJECTS * sizeof *c->objects);
    c->following = weft__alloc((WEFT__TRACE_MAX + 1) * sizeof *c->following);
    c->started = weft__alloc(WEFT__STRANDS_MAX * sizeof *c->started);
    c->born = weft__alloc(WEFT__STRANDS_MAX * sizeof *c->born);
    c->died = weft__alloc(WEFT__STRANDS_MAX * sizeof *c->died);
    return c->objects && c->following && c->started && c->born && c->died;
}

static void climb_close(struct climb_work *c)
{
    weft__free(c->objects);
    weft__free(c->following);
    weft__free(c->started);
    weft__free(c->born);
    weft__free(c->died);
    for (uint32_t level = 0; level < CLIMB_LEVELS; level++) {
        for (uint32_t rank = 0; rank < CLIMB_RANKS; rank++)
            weft__free(c->levels[level][rank].at);
    }
}

bool weft__climb(struct weft__climb *climb)
{
    struct weft__exchange *exchange = climb->runner->exchange;
    struct climb_work c = {.order = climb, .outcome = &exchange->outcome};
    uint32_t flags = exchange->plan.flags;
    c.complete = climb->limit <= CLIMB_LEVELS;
    climb->limit = weft__min(climb->limit, (uint32_t)CLIMB_LEVELS);
    climb->depth = weft__min(climb->depth, (uint32_t)WEFT__CLIMB_DEPTH_MAX);
    climb->rc = 0;
    exchange->plan.flags |= WEFT__PLAN_TRACE;
    bool room = climb_open(&c);
    if (room && climb->limit > 0) {
        climb_sow(&c);
        climb_levels(&c);
    }
    exchange->plan.flags = flags;
    climb_close(&c);
    return room && c.complete;
}
