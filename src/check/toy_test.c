/* toy_test.c - the world of toy_probe.h turns: one schedule by a plan, and its outcome.
 *
 * Also tests the world itself, because what it says of strategies is only as good.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/toy_probe.h"

#include "base/alloc.h"
#include "check/table.h"
#include "tests/test.h"

static void toy_find(struct toy *t, enum weft__class class, uint32_t site, uint64_t object)
{
    struct weft__outcome *o = &t->runner.exchange->outcome;
    struct weft__finding *f = &o->findings[o->n_findings];

    if (o->n_findings == WEFT__FINDINGS_MAX)
        return;
    o->n_findings++;
    *f = (struct weft__finding){.class = class, .step = o->steps, .object = object, .n_parties = 1};
    f->parties[0].strand = t->self;
    f->parties[0].site = site;
    f->parties[0].object = object;
    t->over |= class != WEFT__CLASS_RACE && weft__class_is_failure(class);
}

static void toy_deviate(struct toy *t, enum weft__choice_kind kind, uint8_t index, uint32_t pick)
{
    struct weft__outcome *o = &t->runner.exchange->outcome;
    const struct weft__strand *self = &t->strands[t->self];

    if (o->n_deviations < WEFT__DEVIATIONS_MAX)
        o->deviations[o->n_deviations++] = (struct weft__deviation){
            .strand = self->id, .kind = (uint8_t)kind, .index = index, .site = self->site,
            .nth = self->nth, .pick = pick};
}

/* The plan's deviation for this moment, or NULL. */
static const struct weft__deviation *toy_deviation(struct toy *t, enum weft__choice_kind kind,
                                                   uint8_t index)
{
    const struct weft__plan *plan = &t->runner.exchange->plan;
    const struct weft__strand *self = &t->strands[t->self];

    for (uint32_t i = 0; i < plan->n_deviations; i++) {
        const struct weft__deviation *d = &plan->deviations[i];
        if (d->strand == self->id && d->kind == kind && d->index == index &&
            d->site == self->site && d->nth == self->nth)
            return d;
    }
    return NULL;
}

static uint32_t toy_choose(struct toy *t, enum weft__choice_kind kind, uint32_t n)
{
    uint8_t index = t->side[t->self].choices[kind]++;
    const struct weft__deviation *d = toy_deviation(t, kind, index);
    uint32_t pick = 0;

    if (n < 2)
        return 0;
    if (d != NULL && d->pick < n)
        pick = d->pick;
    else if (t->strategy->choose != NULL)
        pick = t->strategy->choose(&t->view, kind, n);
    if (pick != 0)
        toy_deviate(t, kind, index, pick);
    return pick;
}

static uint32_t toy_by_default(struct toy *t, const uint16_t *enabled, uint32_t n, int32_t current)
{
    uint32_t at = 0;

    if (current >= 0 && (n == 1 || t->strands[t->self].next.op != WEFT__OP_YIELD))
        return (uint32_t)current;
    while (at < n && enabled[at] <= t->self)
        at++;
    return at == n ? 0 : at;
}

/* Whom the deviation names, if it can run; else the strategy's. */
static uint32_t toy_pick(struct toy *t, const uint16_t *enabled, uint32_t n, int32_t current)
{
    struct weft__outcome *o = &t->runner.exchange->outcome;
    uint8_t index = t->side[t->self].choices[WEFT__CHOICE_STRAND]++;
    const struct weft__deviation *d = toy_deviation(t, WEFT__CHOICE_STRAND, index);
    uint32_t at = t->runner.exchange->plan.strategy == WEFT__STRATEGY_DEFAULT
                      ? toy_by_default(t, enabled, n, current)
                      : t->strategy->pick(&t->view, enabled, n, current);

    WEFT_CHECK(at < n);
    for (uint32_t i = 0; d != NULL && i < n; i++) {
        if (enabled[i] == d->pick) {
            at = i;
            d = NULL;
        }
    }
    o->deviations_lost += d != NULL;
    if (at != toy_by_default(t, enabled, n, current))
        toy_deviate(t, WEFT__CHOICE_STRAND, index, enabled[at]);
    return at;
}

static void toy_stuck(struct toy *t)
{
    bool waits = false, living = false;

    for (uint32_t i = 0; i < t->n; i++) {
        living |= t->strands[i].state != WEFT__STRAND_ENDED;
        if (t->strands[i].state != WEFT__STRAND_ENDED) {
            waits |= t->strands[i].next.op == WEFT__OP_COND_WAKE;
            t->self = (uint16_t)i;
        }
    }
    if (living && !t->over)
        toy_find(t, waits ? WEFT__CLASS_LOST_WAKEUP : WEFT__CLASS_DEADLOCK,
                 t->strands[t->self].site, t->strands[t->self].next.object);
}

/* Picks who goes on; NULL: nobody can. */
static struct weft__strand *toy_next(struct toy *t)
{
    struct weft__outcome *o = &t->runner.exchange->outcome;
    uint16_t enabled[TOY_STRANDS];
    uint32_t n = 0;
    int32_t current = -1;

    for (uint16_t i = 0; i < t->n; i++) {
        struct weft__strand *s = &t->strands[i];
        s->enabled = s->state != WEFT__STRAND_ENDED && (s->next.can == NULL || s->next.can(s));
        if (s->enabled) {
            current = i == t->self ? (int32_t)n : current;
            enabled[n++] = i;
        }
    }
    if (n == 0 || t->over) {
        toy_stuck(t);
        return NULL;
    }
    uint16_t from = t->self;
    t->self = enabled[toy_pick(t, enabled, n, current)];
    o->preemptions +=
        current >= 0 && t->self != from && t->strands[from].next.op != WEFT__OP_YIELD;
    return &t->strands[t->self];
}

static void toy_record(struct toy *t, struct weft__strand *s, uint32_t flags)
{
    struct weft__outcome *o = &t->runner.exchange->outcome;
    struct weft__event *e = &o->trace[o->n_trace % WEFT__TRACE_MAX];

    o->steps++;
    o->points++;
    s->points++;
    if (s->id < 64)
        o->strand_points[s->id]++;
    *e = (struct weft__event){.step = o->steps, .strand = s->id, .op = (uint8_t)s->next.op,
                              .site = s->site, .nth = s->nth, .object = s->next.object,
                              .flags = flags, .value = s->next.second};
    o->n_trace++;
    o->trace_first = o->n_trace > WEFT__TRACE_MAX ? o->n_trace - WEFT__TRACE_MAX : 0;
    o->trace_hash = weft__mix(o->trace_hash ^ (e->strand + e->op * 131U + e->site * 65537U));
    t->side[s->id].n_events++;
    if (t->strategy->done != NULL)
        t->strategy->done(&t->view, s);
    if (o->steps > TOY_STEPS_MAX)
        toy_find(t, WEFT__CLASS_LIVELOCK, s->site, 0);
}

static void toy_switch(struct toy *t, struct weft__ctx *from, struct weft__san *from_san,
                       struct weft__ctx *to, struct weft__san *to_san)
{
    weft__san_release(t);
    weft__san_leave(from_san, to_san, false);
    weft__ctx_switch(from, to, NULL);
    weft__san_arrive(from_san);
    weft__san_acquire(t);
}

/* Leaves the running strand for whoever is picked; back home when nobody is. */
static void toy_leave(struct toy *t, uint16_t me)
{
    struct toy_strand *side = &t->side[me];
    struct weft__strand *next = toy_next(t);

    if (next == NULL)
        toy_switch(t, &side->ctx, &side->san, &t->home, &t->home_san);
    else if (next->id != me)
        toy_switch(t, &side->ctx, &side->san, &t->side[next->id].ctx, &t->side[next->id].san);
}

static void toy_publish(struct toy *t, enum weft__op op, struct toy_cell *cell,
                        bool (*can)(const struct weft__strand *), uint32_t site)
{
    struct weft__strand *s = &t->strands[t->self];

    WEFT_CHECK(site < TOY_SITES);
    s->next = (struct weft__operation){.op = op, .object = (uintptr_t)cell, .can = can,
                                       .deadline = WEFT__NO_DEADLINE};
    s->site = site;
    s->nth = ++t->side[s->id].nth[site];
    memset(t->side[s->id].choices, 0, sizeof t->side[s->id].choices);
    if (t->strategy->told != NULL)
        t->strategy->told(&t->view, s);
}

static void toy_go(struct toy *t)
{
    uint16_t me = t->self;
    const struct weft__strand *s = &t->strands[me];
    bool waits = s->next.can != NULL && !s->next.can(s);

    toy_leave(t, me);
    toy_record(t, &t->strands[me], waits ? WEFT__EVENT_WAITED : 0);
    if (t->over)
        toy_leave(t, me);
}

void toy_point(struct toy *t, enum weft__op op, struct toy_cell *cell, uint32_t site)
{
    toy_publish(t, op, cell, NULL, site);
    toy_go(t);
}

void toy_assert(struct toy *t, bool holds, uint32_t site)
{
    if (!holds) {
        toy_find(t, WEFT__CLASS_ASSERT, site, 0);
        toy_leave(t, t->self);
    }
}

/* ---- variables ---- */

static bool toy_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

static void toy_bit_set(uint64_t *bits, uint32_t i, bool on)
{
    bits[i / 64] = (bits[i / 64] & ~(UINT64_C(1) << i % 64)) | (uint64_t)on << i % 64;
}

static bool toy_is_shared(const struct toy_cell *cell)
{
    uint32_t n = 0;

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cell->seen); i++)
        n += (uint32_t)__builtin_popcountll(cell->seen[i]);
    return n > 1;
}

/* A cold site is no point. */
static void toy_access(struct toy *t, enum weft__op op, struct toy_cell *cell, uint32_t site)
{
    const struct weft__plan *plan = &t->runner.exchange->plan;
    struct weft__outcome *o = &t->runner.exchange->outcome;
    bool is_point = (plan->flags & WEFT__PLAN_ALL_POINTS) != 0, known = false;
    struct toy_strand *side = &t->side[t->self];

    for (uint32_t i = 0; i < plan->n_hot; i++)
        is_point |= plan->hot[i] == site;
    if (is_point)
        toy_point(t, op, cell, site);
    else
        side->n_events++;
    toy_bit_set(cell->seen, t->self, true);
    for (uint32_t i = 0; i < cell->n_sites; i++)
        known |= cell->sites[i] == site;
    if (!known && cell->n_sites < WEFT_ARRAY_SIZE(cell->sites))
        cell->sites[cell->n_sites++] = (uint16_t)site;
    if (weft__op_does(op) & WEFT__OP_READS) {
        side->seen_hash = weft__mix(side->seen_hash ^ cell->writer_count);
        known = false;
        for (uint32_t i = 0; i < o->n_pairs; i++)
            known |= o->pairs[i].writer == cell->writer_site && o->pairs[i].reader == site;
        if (!known && o->n_pairs < WEFT__PAIRS_MAX)
            o->pairs[o->n_pairs++] =
                (struct weft__pair){.writer = cell->writer_site, .reader = site};
    }
    if (weft__op_does(op) & WEFT__OP_WRITES) {
        cell->written = true;
        cell->writer_site = site;
        cell->writer_count = t->self * 65536U + side->n_events;
    }
    if (t->races && cell->written && toy_is_shared(cell) && side->held == NULL &&
        o->n_findings == 0 && t->self != 0)
        toy_find(t, WEFT__CLASS_RACE, site, (uintptr_t)cell);
}

int64_t toy_load(struct toy *t, struct toy_cell *cell, uint32_t site)
{
    toy_access(t, WEFT__OP_READ, cell, site);
    return cell->value;
}

void toy_store(struct toy *t, struct toy_cell *cell, int64_t value, uint32_t site)
{
    toy_access(t, WEFT__OP_WRITE, cell, site);
    cell->value = value;
}

bool toy_cas(struct toy *t, struct toy_cell *cell, int64_t old, int64_t to, uint32_t site)
{
    toy_access(t, WEFT__OP_ATOMIC_RMW, cell, site);
    if (cell->value != old)
        return false;
    cell->value = to;
    return true;
}

int64_t toy_add(struct toy *t, struct toy_cell *cell, int64_t value, uint32_t site)
{
    toy_access(t, WEFT__OP_ATOMIC_RMW, cell, site);
    cell->value += value;
    return cell->value - value;
}

/* ---- locks, conditions, semaphores ---- */

static bool toy_is_free(const struct weft__strand *s)
{
    const struct toy_cell *cell = (const void *)s->next.object;

    return cell->owner == 0;
}

/* A cycle of two is told as a suspicion. */
static void toy_lock_order(struct toy *t, struct toy_cell *cell, uint32_t site)
{
    struct toy_strand *side = &t->side[t->self];
    struct weft__outcome *o = &t->runner.exchange->outcome;

    for (uint32_t i = 0; side->held != NULL && i < t->n_order; i++) {
        if (t->order[i].a != cell || t->order[i].b != side->held || t->order[i].strand == t->self)
            continue;
        uint32_t at = o->n_findings;
        toy_find(t, WEFT__CLASS_LOCK_ORDER, site, (uintptr_t)cell);
        if (at == WEFT__FINDINGS_MAX)
            return;
        struct weft__finding *f = &o->findings[at];
        f->n_parties = 2;
        f->parties[0].taken = side->held_site;
        f->parties[1] = (struct weft__party){.strand = t->order[i].strand,
                                             .site = t->order[i].b_site,
                                             .taken = t->order[i].a_site,
                                             .object = (uintptr_t)side->held};
    }
    if (side->held != NULL && t->n_order < WEFT_ARRAY_SIZE(t->order)) {
        t->order[t->n_order].a = side->held;
        t->order[t->n_order].b = cell;
        t->order[t->n_order].a_site = side->held_site;
        t->order[t->n_order].b_site = site;
        t->order[t->n_order++].strand = t->self;
    }
}

void toy_lock(struct toy *t, struct toy_cell *cell, uint32_t site)
{
    toy_publish(t, WEFT__OP_MUTEX_LOCK, cell, toy_is_free, site);
    toy_go(t);
    cell->owner = t->self + 1;
    toy_lock_order(t, cell, site);
    t->side[t->self].held = cell;
    t->side[t->self].held_site = site;
}

void toy_unlock(struct toy *t, struct toy_cell *cell, uint32_t site)
{
    toy_point(t, WEFT__OP_MUTEX_UNLOCK, cell, site);
    WEFT_CHECK(cell->owner == t->self + 1);
    cell->owner = 0;
    t->side[t->self].held = NULL;
}

static bool toy_is_woken(const struct weft__strand *s)
{
    const struct toy_cell *cond = (const void *)s->next.object;
    const struct toy_cell *lock = (const void *)s->next.second;

    return toy_bit(cond->woken, s->id) && lock->owner == 0;
}

void toy_wait(struct toy *t, struct toy_cell *cond, struct toy_cell *lock, uint32_t site)
{
    toy_publish(t, WEFT__OP_COND_WAIT, cond, NULL, site);
    t->strands[t->self].next.second = (uintptr_t)lock;
    toy_go(t);
    WEFT_CHECK(lock->owner == t->self + 1);
    lock->owner = 0;
    toy_bit_set(cond->waiting, t->self, true);
    toy_publish(t, WEFT__OP_COND_WAKE, cond, toy_is_woken, site);
    t->strands[t->self].next.second = (uintptr_t)lock;
    toy_go(t);
    toy_bit_set(cond->woken, t->self, false);
    lock->owner = t->self + 1;
    t->side[t->self].held = lock;
}

void toy_signal(struct toy *t, struct toy_cell *cond, bool all, uint32_t site)
{
    uint32_t n = 0, pick;

    toy_point(t, all ? WEFT__OP_COND_BROADCAST : WEFT__OP_COND_SIGNAL, cond, site);
    for (uint32_t i = 0; i < t->n; i++)
        n += toy_bit(cond->waiting, i);
    pick = all ? 0 : toy_choose(t, WEFT__CHOICE_WAITER, n);
    for (uint32_t i = 0; i < t->n; i++) {
        if (!toy_bit(cond->waiting, i))
            continue;
        if (all || pick-- == 0) {
            toy_bit_set(cond->waiting, i, false);
            toy_bit_set(cond->woken, i, true);
        }
    }
}

static bool toy_is_up(const struct weft__strand *s)
{
    const struct toy_cell *cell = (const void *)s->next.object;

    return cell->value > 0;
}

void toy_down(struct toy *t, struct toy_cell *cell, uint32_t site)
{
    toy_publish(t, WEFT__OP_SEM_WAIT, cell, toy_is_up, site);
    toy_go(t);
    cell->value--;
}

void toy_up(struct toy *t, struct toy_cell *cell, uint32_t site)
{
    toy_point(t, WEFT__OP_SEM_POST, cell, site);
    cell->value++;
}

/* ---- strands, and one schedule ---- */

static void toy_enter(void *arg)
{
    struct toy *t = arg;

    weft__san_arrive(&t->side[t->self].san);
    weft__san_acquire(t);
    uint16_t me = t->self;
    toy_record(t, &t->strands[me], 0); /* BEGIN */
    t->side[me].body(t, t->side[me].arg);
    toy_publish(t, WEFT__OP_END, NULL, NULL, 1);
    toy_go(t);
    t->strands[me].state = WEFT__STRAND_ENDED;
    toy_leave(t, me);
    WEFT_CHECK(false);
}

static void toy_new(struct toy *t, toy_body *body, int arg)
{
    uint16_t id = t->n++, parent = t->self;
    struct toy_strand *side = &t->side[id];
    unsigned char *stack = t->stacks + (size_t)id * TOY_STACK;

    WEFT_CHECK(id < TOY_STRANDS);
    t->view.n_strands = t->n;
    side->body = body;
    side->arg = arg;
    t->strands[id] = (struct weft__strand){.id = id, .parent = parent,
                                           .state = WEFT__STRAND_LIVE};
    weft__san_stack_reuse(stack, TOY_STACK);
    weft__ctx_make(&side->ctx, stack + TOY_STACK, toy_enter, t);
    weft__san_make(&side->san, stack, TOY_STACK);
    t->self = id;
    toy_publish(t, WEFT__OP_BEGIN, NULL, NULL, 3);
    t->self = parent;
}

void toy_spawn(struct toy *t, toy_body *body, int arg, uint32_t site)
{
    toy_point(t, WEFT__OP_SPAWN, NULL, site);
    toy_new(t, body, arg);
}

static bool toy_has_ended(const struct weft__strand *s)
{
    return ((const struct weft__strand *)s->next.second)->state == WEFT__STRAND_ENDED;
}

void toy_join(struct toy *t, uint16_t strand, uint32_t site)
{
    toy_publish(t, WEFT__OP_JOIN, NULL, toy_has_ended, site);
    t->strands[t->self].next.second = (uintptr_t)&t->strands[strand];
    toy_go(t);
}

static void toy_finish(struct toy *t)
{
    struct weft__outcome *o = &t->runner.exchange->outcome;

    for (uint32_t i = 0; i < TOY_CELLS; i++) {
        const struct toy_cell *cell = &t->cell[i];
        for (uint32_t k = 0; toy_is_shared(cell) && cell->written && k < cell->n_sites; k++) {
            bool known = false;
            for (uint32_t j = 0; j < o->n_hot; j++)
                known |= o->hot[j] == cell->sites[k];
            if (!known && o->n_hot < WEFT__HOT_MAX)
                o->hot[o->n_hot++] = cell->sites[k];
        }
    }
    for (uint32_t i = 0; i < t->n; i++) {
        o->behaviour_hash += weft__mix(t->side[i].seen_hash + i);
        weft__san_free(&t->side[i].san);
        o->strand_notes[i] = (struct weft__strand_note){
            .id = (uint16_t)i, .parent = t->strands[i].parent, .state = t->strands[i].state,
            .op = (uint8_t)t->strands[i].next.op, .site = t->strands[i].site,
            .points = t->strands[i].points};
    }
    o->n_strand_notes = t->n;
    o->strands = t->n;
    o->exit_status = o->n_findings == 0 ? 0 : -1;
    o->state = WEFT__OUTCOME_DONE;
}

static int toy_run(struct weft__runner *runner)
{
    struct toy *t = container_of(runner, struct toy, runner);
    struct weft__outcome *o = &runner->exchange->outcome;

    memset(o, 0, offsetof(struct weft__outcome, findings));
    memset((char *)t + offsetof(struct toy, rng), 0, sizeof *t - offsetof(struct toy, rng));
    t->runs++;
    weft__rng_seed(&t->rng, runner->exchange->plan.seed);
    t->strategy = weft__strategy_of(runner->exchange->plan.strategy);
    t->view = (struct weft__strategy_view){.plan = &runner->exchange->plan, .rng = &t->rng,
                                           .strands = t->strands, .memory = t->memory};
    t->strategy->begin(&t->view);
    weft__san_init_thread(&t->home_san);
    toy_new(t, t->main, 0);
    struct weft__strand *first = toy_next(t);
    toy_switch(t, &t->home, &t->home_san, &t->side[first->id].ctx, &t->side[first->id].san);
    toy_finish(t);
    return 0;
}

struct toy *toy_open(toy_body *body)
{
    struct toy *t = weft__alloc_zero(sizeof *t);

    WEFT_CHECK(t != NULL);
    t->main = body;
    t->runner.run = toy_run;
    t->runner.exchange = weft__alloc_zero(sizeof *t->runner.exchange);
    t->stacks = weft__alloc_aligned(64, (size_t)TOY_STRANDS * TOY_STACK);
    WEFT_CHECK(t->runner.exchange != NULL);
    WEFT_CHECK(t->stacks != NULL);
    return t;
}

void toy_close(struct toy *t)
{
    weft__free(t->stacks);
    weft__free(t->runner.exchange);
    weft__free(t);
}

static void toy_nothing(struct toy *t, int arg)
{
    (void)t;
    (void)arg;
}

/* Two records: main begins, and ends. */
TEST(toy_runs_nothing)
{
    struct toy *t = toy_open(toy_nothing);

    EXPECT_EQ(t->runner.run(&t->runner), 0);
    EXPECT_EQ(t->runner.exchange->outcome.n_trace, 2);
    EXPECT_EQ(t->runner.exchange->outcome.n_findings, 0);
    EXPECT_EQ(t->runs, 1);
    toy_close(t);
}

static void toy_endless(struct toy *t, int arg)
{
    (void)arg;
    for (;;)
        YIELD();
}

TEST(toy_ends_the_endless)
{
    struct toy *t = toy_open(toy_endless);

    EXPECT_EQ(t->runner.run(&t->runner), 0);
    EXPECT_EQ(t->runner.exchange->outcome.findings[0].class, WEFT__CLASS_LIVELOCK);
    toy_close(t);
}
