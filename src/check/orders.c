/* orders.c - reads a trace: which operations conflict, which follow which, what do locks guard.
 *
 * Called by knowledge.c.  For each object of the trace it gathers the places that touched it.  Two
 * places that conflict, and were visited by different strands, make two orders; those that the
 * trace shows are seen, the others are what portfolio.c tries to bring about.
 *
 * What a lock guards in every trace is no business of the scheduler: the order of two accesses
 * under one lock is the order of the two locks.  So accesses that are always under one common
 * lock make no orders, and are no points in most schedules.  Guarded is judged as Eraser does
 * (Savage et al., 1997): by the locks common to all accesses since a second strand came; what is
 * done while there is only one strand does not count.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/knowledge.h"
#include "check/strategy.h"

#define ORDERS_PLACES   12  /* of one object */
#define ORDERS_HELD     8   /* locks of one strand */
#define ORDERS_GUARDS   4   /* common locks of one object */
#define ORDERS_SITE_GUARDED 1
#define ORDERS_SITE_OPEN    2

/* One place that touched an object. */
struct orders_place {
    weft__site context, site;
    uint16_t strand;
    bool many; /* another strand was here, too */
    bool reads, writes;
};

struct orders_last {
    weft__site context;
    uint16_t strand;
    bool any;
};

struct orders_object {
    uint32_t n_places;
    struct orders_place places[ORDERS_PLACES];
    struct orders_last write, access; /* the last ones */
    bool is_memory, is_atomic, is_shared, has_guards, overflow;
    uint16_t first_strand;
    uint32_t n_guards;
    uint64_t guards[ORDERS_GUARDS];
};

struct orders_strand {
    uint32_t n_held;
    uint64_t held[ORDERS_HELD];
    uint64_t laid_down; /* the mutex that a wait has given back */
    uint32_t last;      /* index of its last event */
};

struct orders_reading {
    struct weft__knowledge *k;
    const struct weft__outcome *outcome;
    struct weft__table by_object; /* -> struct orders_object */
    struct orders_strand *strands;
    uint32_t first, end;          /* events kept */
    uint32_t crowd, alone;        /* from, to: other strands than main may be there */
    bool news;
    uint64_t list[512];           /* objects in the order in which they came */
    uint32_t n_list;
};

/* ---- what counts ---- */

/* What it competes for: who wakes from a wait, for the mutex. */
static uint64_t orders_subject(const struct weft__event *event)
{
    if (event->op != WEFT__OP_COND_WAKE)
        return event->object;
    return event->flags & (WEFT__EVENT_HAS_VALUE | WEFT__EVENT_TIMED_OUT) ? 0 : event->value;
}

/* Does the order of such operations decide anything?  A lock is given back by who has it, so only
 * the taking does; what starts and ends strands cannot be turned round. */
static bool orders_counts(const struct weft__event *event)
{
    switch ((enum weft__op)event->op) {
    case WEFT__OP_BEGIN:
    case WEFT__OP_END:
    case WEFT__OP_SPAWN:
    case WEFT__OP_JOIN:
    case WEFT__OP_PIECE_FORK:
    case WEFT__OP_PIECE_JOIN:
    case WEFT__OP_DETACH:
    case WEFT__OP_EXIT:
    case WEFT__OP_OBJECT_INIT:
    case WEFT__OP_OBJECT_FINI:
    case WEFT__OP_MUTEX_UNLOCK:
    case WEFT__OP_RWLOCK_UNLOCK:
    case WEFT__OP_SEM_POST:
    case WEFT__OP_BARRIER_LEAVE:
    case WEFT__OP_ALLOC:
        return false;
    default:
        return orders_subject(event) != 0 &&
               (weft__op_does((enum weft__op)event->op) & WEFT__RW) != 0;
    }
}

/* ---- locks held ---- */

static void orders_take(struct orders_strand *strand, uint64_t lock)
{
    if (lock != 0 && strand->n_held < ORDERS_HELD)
        strand->held[strand->n_held++] = lock;
}

static void orders_give(struct orders_strand *strand, uint64_t lock)
{
    for (uint32_t i = strand->n_held; i-- > 0;) {
        if (strand->held[i] == lock) {
            strand->held[i] = strand->held[--strand->n_held];
            return;
        }
    }
}

static void orders_follow_locks(struct orders_strand *strand, const struct weft__event *event)
{
    bool refused = event->flags & (WEFT__EVENT_FAILED | WEFT__EVENT_TIMED_OUT);

    switch ((enum weft__op)event->op) {
    case WEFT__OP_MUTEX_LOCK:
    case WEFT__OP_MUTEX_TRY_LOCK:
    case WEFT__OP_RWLOCK_READ:
    case WEFT__OP_RWLOCK_TRY_READ:
    case WEFT__OP_RWLOCK_WRITE:
    case WEFT__OP_RWLOCK_TRY_WRITE:
        if (!refused)
            orders_take(strand, event->object);
        break;
    case WEFT__OP_MUTEX_UNLOCK:
    case WEFT__OP_RWLOCK_UNLOCK:
        orders_give(strand, event->object);
        break;
    case WEFT__OP_COND_WAIT:
        strand->laid_down = event->value;
        orders_give(strand, event->value);
        break;
    case WEFT__OP_COND_WAKE:
        orders_take(strand, strand->laid_down);
        strand->laid_down = 0;
        break;
    default:
        break;
    }
}

/* The locks that were held at every access so far, this included. */
static void orders_guard(struct orders_object *object, const struct orders_strand *strand)
{
    if (!object->has_guards) {
        object->has_guards = true;
        object->n_guards = weft__min(strand->n_held, (uint32_t)ORDERS_GUARDS);
        memcpy(object->guards, strand->held, object->n_guards * sizeof object->guards[0]);
        return;
    }
    for (uint32_t i = object->n_guards; i-- > 0;) {
        bool held = false;
        for (uint32_t j = 0; j < strand->n_held; j++)
            held |= strand->held[j] == object->guards[i];
        if (!held)
            object->guards[i] = object->guards[--object->n_guards];
    }
}

/* ---- orders ---- */

static struct weft__order *orders_of(struct weft__knowledge *k, weft__site before, weft__site after)
{
    uint64_t *index = weft__table_at(&k->by_order, &k->arena, (uint64_t)before << 32 | after);

    if (index == NULL)
        return NULL;
    if (*index == 0) {
        if (k->n_orders == WEFT__ORDERS_MAX)
            return NULL;
        k->orders[k->n_orders] = (struct weft__order){
            .before = before, .after = after, .origin = k->n_corpus + 1};
        *index = ++k->n_orders;
        k->n_unseen++;
    }
    return &k->orders[*index - 1];
}

static void orders_see(struct orders_reading *r, const struct orders_last *before,
                       weft__site after)
{
    struct weft__order *order = orders_of(r->k, before->context, after);

    if (order == NULL || order->seen)
        return;
    order->seen = true;
    r->k->n_unseen--;
    r->news = true;
}

static void orders_possible(struct orders_reading *r, const struct orders_place *before,
                            const struct orders_place *after)
{
    uint32_t known = r->k->n_orders;
    struct weft__order *order = orders_of(r->k, before->context, after->context);

    if (order == NULL)
        return;
    r->news |= r->k->n_orders > known;
    order->before_writes |= before->writes;
    order->after_reads |= after->reads;
    order->after_writes |= after->writes;
}

static bool orders_is_guarded(const struct orders_object *object)
{
    return object->is_memory && (!object->is_shared || object->n_guards > 0);
}

/* ---- one object ---- */

static void orders_visit(struct orders_object *object, const struct weft__event *event,
                         weft__site context)
{
    unsigned does = weft__op_does((enum weft__op)event->op);
    struct orders_place *place = NULL;

    for (uint32_t i = 0; i < object->n_places && place == NULL; i++) {
        if (object->places[i].context == context)
            place = &object->places[i];
    }
    if (place == NULL) {
        if (object->n_places == ORDERS_PLACES) {
            object->overflow = true;
            return;
        }
        place = &object->places[object->n_places++];
        *place = (struct orders_place){.context = context, .site = event->site,
                                       .strand = event->strand};
    }
    place->many |= place->strand != event->strand;
    place->reads |= (does & WEFT__OP_READS) != 0;
    place->writes |= (does & WEFT__OP_WRITES) != 0;
}

/* NULL: too many objects. */
static struct orders_object *orders_object_of(struct orders_reading *r,
                                              const struct weft__event *event)
{
    uint64_t *at = weft__table_at(&r->by_object, &r->k->scratch, orders_subject(event));

    if (at == NULL)
        return NULL;
    if (*at == 0 && r->n_list < WEFT_ARRAY_SIZE(r->list)) {
        struct orders_object *object = weft__arena_take(&r->k->scratch, sizeof *object);
        if (object == NULL)
            return NULL;
        object->first_strand = event->strand;
        *at = (uintptr_t)object;
        r->list[r->n_list++] = (uintptr_t)object;
    }
    return (void *)(uintptr_t)*at;
}

static void orders_read_event(struct orders_reading *r, uint32_t i)
{
    const struct weft__event *event = &r->outcome->trace[i % WEFT__TRACE_MAX];
    unsigned does = weft__op_does((enum weft__op)event->op);
    struct orders_strand *strand = &r->strands[event->strand % WEFT__STRANDS_MAX];
    bool alone = event->strand == 0 && (i < r->crowd || i >= r->alone);

    orders_follow_locks(strand, event);
    if (!orders_counts(event) || alone)
        return;
    struct orders_object *object = orders_object_of(r, event);
    if (object == NULL)
        return;
    weft__site context =
        weft__strategy_place((enum weft__op)event->op, event->site, event->caller);
    if (does & (WEFT__OP_ACCESS | WEFT__OP_ATOMIC)) {
        object->is_memory = true;
        object->is_shared |= object->first_strand != event->strand;
        orders_guard(object, strand);
    }
    orders_visit(object, event, context);
    if (object->write.any && object->write.strand != event->strand)
        orders_see(r, &object->write, context);
    if ((does & WEFT__OP_WRITES) && object->access.any && object->access.strand != event->strand)
        orders_see(r, &object->access, context);
    object->access = (struct orders_last){context, event->strand, true};
    if (does & WEFT__OP_WRITES)
        object->write = object->access;
}

static void orders_judge_sites(struct weft__knowledge *k, const struct orders_object *object)
{
    bool guarded = orders_is_guarded(object);

    for (uint32_t i = 0; object->is_memory && i < object->n_places; i++) {
        uint64_t *site = weft__table_at(&k->sites, &k->arena, object->places[i].site);
        if (site != NULL && object->is_shared)
            *site |= guarded ? ORDERS_SITE_GUARDED : ORDERS_SITE_OPEN;
    }
}

/* The object's places as a focus of SURW: each object, until there is no more room. */
static void orders_offer_focus(struct weft__knowledge *k, const struct orders_object *object)
{
    uint32_t at = k->n_focus % WEFT_ARRAY_SIZE(k->focus), n = 0;
    weft__site sites[8] = {0};
    bool shared = false;

    for (uint32_t i = 0; i < object->n_places; i++) {
        bool known = false;
        shared |= object->places[i].many || object->places[i].strand != object->first_strand;
        for (uint32_t j = 0; j < n; j++)
            known |= sites[j] == object->places[i].site;
        if (!known && n < WEFT_ARRAY_SIZE(sites))
            sites[n++] = object->places[i].site;
    }
    if (!shared)
        return;
    for (uint32_t i = 0; i < weft__min(k->n_focus, (uint32_t)WEFT_ARRAY_SIZE(k->focus)); i++) {
        if (memcmp(k->focus[i].sites, sites, sizeof sites) == 0)
            at = i;
    }
    if (at == k->n_focus % WEFT_ARRAY_SIZE(k->focus))
        k->n_focus++;
    memcpy(k->focus[at].sites, sites, sizeof sites);
    memset(k->focus[at].points, 0, sizeof k->focus[at].points);
}

static void orders_count_focus(struct orders_reading *r)
{
    struct weft__knowledge *k = r->k;
    uint32_t n = weft__min(k->n_focus, (uint32_t)WEFT_ARRAY_SIZE(k->focus));

    for (uint32_t i = r->first; i < r->end && n > 0; i++) {
        const struct weft__event *event = &r->outcome->trace[i % WEFT__TRACE_MAX];
        for (uint32_t f = 0; f < n && event->strand < 64; f++) {
            bool hit = false;
            for (size_t j = 0; j < WEFT_ARRAY_SIZE(k->focus[f].sites); j++)
                hit |= k->focus[f].sites[j] == event->site;
            k->focus[f].points[event->strand] += hit;
        }
    }
}

static void orders_finish_object(struct orders_reading *r, const struct orders_object *object)
{
    orders_judge_sites(r->k, object);
    if (orders_is_guarded(object))
        return;
    orders_offer_focus(r->k, object);
    for (uint32_t i = 0; i < object->n_places; i++) {
        for (uint32_t j = 0; j < object->n_places; j++) {
            const struct orders_place *before = &object->places[i], *after = &object->places[j];
            bool two = before->many || after->many || before->strand != after->strand;
            if (two && (before->writes || after->writes))
                orders_possible(r, before, after);
        }
    }
}

/* ---- the trace ---- */

/* When may others than main be there?  From the first start on, until the last of them is done. */
static void orders_find_crowd(struct orders_reading *r)
{
    r->crowd = r->end;
    r->alone = r->first;
    for (uint32_t i = r->first; i < r->end; i++) {
        const struct weft__event *event = &r->outcome->trace[i % WEFT__TRACE_MAX];
        if (event->strand != 0)
            r->alone = i + 1;
        if (r->crowd == r->end && (weft__event_is_birth(event) || event->strand != 0))
            r->crowd = i;
    }
    if (r->outcome->trace_first > 0)
        r->crowd = r->first;
}

bool weft__orders_learn(struct weft__knowledge *k, const struct weft__outcome *outcome)
{
    struct orders_reading r = {.k = k, .outcome = outcome, .first = outcome->trace_first,
                               .end = outcome->n_trace};

    if (r.end - r.first > WEFT__TRACE_MAX)
        r.first = r.end - WEFT__TRACE_MAX;
    k->scratch.at = k->scratch.low;
    r.strands = weft__arena_take(&k->scratch, WEFT__STRANDS_MAX * sizeof *r.strands);
    WEFT_CHECK(r.strands != NULL);
    weft__table_init(&r.by_object, &k->scratch);
    orders_find_crowd(&r);
    for (uint32_t i = r.first; i < r.end; i++)
        orders_read_event(&r, i);
    for (uint32_t i = 0; i < r.n_list; i++)
        orders_finish_object(&r, (const void *)(uintptr_t)r.list[i]);
    for (uint32_t f = 0; f < WEFT_ARRAY_SIZE(k->focus); f++)
        memset(k->focus[f].points, 0, sizeof k->focus[f].points);
    orders_count_focus(&r);
    k->traces++;
    return r.news;
}
