/* engine.c - one strand runs at a time, and this says which.
 *
 * A point, in order: the strand publishes its operation; the enabled strands are counted; one is
 * picked (a wish of the plan, else the strategy); the processor moves there; whoever goes on
 * records its own event and returns to do what it published.  Who decides is always the strand that
 * ran last, so that a choice has a name that stays the same when other choices are taken back: its
 * strand, the site, and the how-manieth arrival there.
 *
 * Spinners.  A strand that sees the same again and again (a flag, a refused try, a yield) is taken
 * for waiting until somebody else changes what it looked at.  When all are, they run on, with
 * doubled patience; if nothing new happens for LIVELOCK_STEPS, the second half of them by turns, it
 * is a livelock.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

#include "base/sys.h"
#include "check/blocks.h"
#include "check/lockorder.h"
#include "check/shadow.h"
#include "check/state.h"
#include "weft/err.h"

#define ENGINE_ARENA     (256ul << 20) /* reserved; touched as needed */
#define ENGINE_EPOCH     (INT64_C(1000000000) * 1000000000) /* virtual time at the start */
#define SPIN_PATIENCE    12
#define SPIN_PATIENCE_MAX 4096
#define LIVELOCK_STEPS   60000
#define STEPS_MAX        20000000
#define JUMPS_MAX        20000
#define SITE_END         1 /* no code is there: what is next when a strand has ended */

_Static_assert(ENGINE_EPOCH > 0, "fits");

static struct weft__engine *engine_memory; /* kept from schedule to schedule */
static void *engine_strategy_memory;
static void *engine_arena_memory;
struct weft__engine *weft__engine;

/* ---- sites ---- */

weft__site weft__site_of(uintptr_t pc)
{
    const struct weft__modules *modules = &weft__engine->exchange->modules;

    for (uint32_t i = 0; i < modules->n; i++) {
        const struct weft__module *m = &modules->module[i];
        if (pc - m->low < m->high - m->low) {
            uint64_t offset = pc - m->base;
            return offset <= WEFT__SITE_OFFSET_MASK
                       ? (i << WEFT__SITE_MODULE_SHIFT) | (weft__site)offset
                       : 0;
        }
    }
    return 0;
}

const void *weft__site_address(weft__site site)
{
    const struct weft__modules *modules = &weft__engine->exchange->modules;
    uint32_t module = site >> WEFT__SITE_MODULE_SHIFT;

    if (site == 0 || module >= modules->n)
        return NULL;
    return (const void *)(uintptr_t)(modules->module[module].base +
                                     (site & WEFT__SITE_OFFSET_MASK));
}

/* ---- start ---- */

static uint64_t engine_wish_key(uint16_t strand, uint8_t kind, uint8_t index, weft__site site,
                                uint32_t nth)
{
    return weft__mix((uint64_t)site << 32 | nth) ^
           ((uint64_t)strand << 16 | (uint64_t)kind << 8 | index);
}

static void engine_take_plan(struct weft__engine *e)
{
    const struct weft__plan *plan = e->plan;

    for (uint32_t i = 0; i < plan->n_hot; i++)
        (void)weft__table_add(&e->hot, &e->arena, plan->hot[i]);
    for (uint32_t i = 0; i < plan->n_deviations; i++) {
        const struct weft__deviation *d = &plan->deviations[i];
        uint64_t *wish = weft__table_at(
            &e->wishes, &e->arena, engine_wish_key(d->strand, d->kind, d->index, d->site, d->nth));
        if (wish != NULL)
            *wish = (uint64_t)d->pick + 1;
        /* The site must be a point, else the wish would never be looked up. */
        (void)weft__table_add(&e->hot, &e->arena, d->site);
    }
}

static int engine_map(void)
{
    void *memory;

    if (engine_memory != NULL)
        return 0;
    int rc = weft__sys_map(sizeof *engine_memory, &memory);
    if (rc == 0)
        rc = weft__sys_map(ENGINE_ARENA, &engine_arena_memory);
    if (rc == 0)
        rc = weft__sys_map(WEFT__STRATEGY_MEMORY, &engine_strategy_memory);
    if (rc < 0)
        return rc;
    weft__sys_no_huge_pages(memory, sizeof *engine_memory);
    weft__sys_no_huge_pages(engine_arena_memory, ENGINE_ARENA);
    weft__sys_no_huge_pages(engine_strategy_memory, WEFT__STRATEGY_MEMORY);
    engine_memory = memory;
    return 0;
}

int weft__engine_prepare(void)
{
    int rc = engine_map();

    if (rc == 0)
        rc = weft__shadow_map();
    if (rc == 0)
        rc = weft__lockorder_map();
    if (rc == 0)
        rc = weft__blocks_map();
    return rc;
}

static void engine_clear(struct weft__engine *e)
{
    uint32_t n = e->n_strands;

    memset(e->strands, 0, n * sizeof e->strands[0]);
    memset(e->books, 0, n * sizeof e->books[0]);
    if (n > 0) { /* has been used before */
        memset(e->news, 0, sizeof e->news);
        memset(e->freed_pages, 0, sizeof e->freed_pages);
        memset(engine_strategy_memory, 0, e->strategy->memory);
    }
    e->n_strands = 0;
    e->self = e->pending = NULL;
    e->news_step = e->last_ran = e->jumps = 0;
    e->news_set = 0;
    e->is_over = false;
    e->now = ENGINE_EPOCH;
    e->arena = (struct weft__arena){.low = engine_arena_memory,
                                    .at = engine_arena_memory,
                                    .high = (unsigned char *)engine_arena_memory + ENGINE_ARENA};
}

static void engine_clear_outcome(struct weft__outcome *out)
{
    memset(out, 0, offsetof(struct weft__outcome, findings));
    out->state = WEFT__OUTCOME_RUNNING;
    out->exit_status = -1;
}

static void engine_init_tables(struct weft__engine *e)
{
    struct weft__table *tables[] = {&e->arrivals, &e->pairs,  &e->hot,     &e->found_hot, &e->last,
                                    &e->seen_values, &e->wishes, &e->signals, &e->races};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(tables); i++)
        weft__table_init(tables[i], &e->arena);
}

int weft__engine_init(struct weft__exchange *exchange, const struct weft__executor *executor)
{
    int rc = engine_map();

    if (rc == 0)
        rc = weft__shadow_init();
    if (rc == 0)
        rc = weft__lockorder_init();
    if (rc == 0)
        rc = weft__blocks_init();
    if (rc < 0)
        return rc;
    struct weft__engine *e = engine_memory;
    engine_clear(e);
    e->exchange = exchange;
    e->plan = &exchange->plan;
    e->outcome = &exchange->outcome;
    e->executor = executor;
    e->steps_max = e->plan->steps_max > 0 ? e->plan->steps_max : STEPS_MAX;
    e->strategy = weft__strategy_of((enum weft__strategy_id)e->plan->strategy);
    weft__rng_seed(&e->rng, e->plan->seed);
    engine_clear_outcome(e->outcome);
    engine_init_tables(e);
    engine_take_plan(e);
    weft__engine = e;
    e->view = (struct weft__strategy_view){.plan = e->plan,
                                           .rng = &e->rng,
                                           .strands = e->strands,
                                           .memory = engine_strategy_memory};
    e->strategy->begin(&e->view);
    e->self = weft__strand_new("main", 0, 0, NULL);
    e->self->state = WEFT__STRAND_LIVE;
    return 0;
}

void weft__engine_fini(void)
{
    if (engine_memory == NULL)
        return;
    weft__sys_unmap(engine_memory, sizeof *engine_memory);
    weft__sys_unmap(engine_arena_memory, ENGINE_ARENA);
    weft__sys_unmap(engine_strategy_memory, WEFT__STRATEGY_MEMORY);
    engine_memory = NULL;
    engine_arena_memory = engine_strategy_memory = NULL;
    weft__engine = NULL;
    weft__shadow_fini();
    weft__lockorder_fini();
    weft__blocks_fini();
}

/* ---- strands ---- */

struct weft__strand *weft__strand_self(void)
{
    return weft__engine->self;
}

struct weft__strand *weft__strand_of(uint16_t id)
{
    WEFT_CHECK(id < weft__engine->n_strands);
    return &weft__engine->strands[id];
}

uint32_t weft__strand_count(void)
{
    return weft__engine->n_strands;
}

struct weft__strand *weft__strand_new(const char *name, uintptr_t function, uintptr_t spawn_pc,
                                      void *carrier)
{
    struct weft__engine *e = weft__engine;

    if (e->n_strands == WEFT__STRANDS_MAX)
        return NULL;
    uint16_t id = (uint16_t)e->n_strands++;
    struct weft__strand *strand = &e->strands[id];
    strand->id = id;
    strand->parent = e->self != NULL ? e->self->id : 0;
    strand->state = WEFT__STRAND_NEW;
    strand->enabled = strand->ready = true;
    strand->carrier = carrier;
    strand->function = weft__site_of(function);
    strand->spawn_site = weft__site_of(spawn_pc);
    strand->next = (struct weft__operation){.op = WEFT__OP_BEGIN,
                                            .object = (uintptr_t)id + 1,
                                            .pc = function,
                                            .deadline = WEFT__NO_DEADLINE};
    strand->site = strand->function;
    strand->nth = 1;
    e->books[id].patience = SPIN_PATIENCE;
    for (size_t i = 0; name != NULL && i + 1 < sizeof strand->name && name[i] != '\0'; i++)
        strand->name[i] = name[i];
    e->view.n_strands = e->n_strands;
    e->outcome->strands = e->n_strands;
    if (e->self != NULL)
        weft__clock_spawn(e->self->id, id);
    e->news_step = e->outcome->steps;
    if (e->strategy->told != NULL)
        e->strategy->told(&e->view, strand);
    return strand;
}

/* ---- spinners ---- */

void weft__spin_end(struct weft__strand *strand)
{
    struct weft__strand_books *books = &weft__engine->books[strand->id];

    strand->spinning = false;
    books->reads_alike = 0;
    books->n_cells = 0;
}

void weft__spin_wake(uintptr_t object)
{
    struct weft__engine *e = weft__engine;

    for (uint32_t i = 0; i < e->n_strands; i++) {
        struct weft__strand_books *books = &e->books[i];
        if (!e->strands[i].spinning || &e->strands[i] == e->self)
            continue;
        bool matters = books->n_cells == 0 || books->n_cells > WEFT__SPIN_CELLS;
        for (uint32_t c = 0; c < books->n_cells && !matters; c++)
            matters = (books->cells[c] & ~(uintptr_t)7) == (object & ~(uintptr_t)7);
        if (matters) {
            books->patience = SPIN_PATIENCE;
            weft__spin_end(&e->strands[i]);
        }
    }
}

bool weft__spin_count(uintptr_t object)
{
    struct weft__strand *self = weft__engine->self;
    struct weft__strand_books *books = &weft__engine->books[self->id];
    bool known = object == 0;

    for (uint32_t c = 0; c < books->n_cells && c < WEFT__SPIN_CELLS && !known; c++)
        known = books->cells[c] == object;
    if (!known) {
        if (books->n_cells < WEFT__SPIN_CELLS)
            books->cells[books->n_cells] = object;
        books->n_cells = weft__min(books->n_cells + 1, (uint32_t)WEFT__SPIN_CELLS + 1);
    }
    if (++books->reads_alike < books->patience)
        return false;
    self->spinning = books->has_spun = true;
    return true;
}

/* All that could run spin: they may go on, for a longer while. */
static bool engine_calm_spinners(struct weft__engine *e)
{
    bool any = false;

    for (uint32_t i = 0; i < e->n_strands; i++) {
        struct weft__strand *strand = &e->strands[i];
        struct weft__strand_books *books = &e->books[i];
        if (!strand->spinning)
            continue;
        books->patience = weft__min(books->patience * 2, (uint32_t)SPIN_PATIENCE_MAX);
        weft__spin_end(strand);
        any = any || strand->enabled;
    }
    return any;
}

void weft__engine_news(uint64_t what)
{
    struct weft__engine *e = weft__engine;
    uint32_t bit = (uint32_t)weft__mix(what) % WEFT__NEWS_BITS;
    uint64_t mask = UINT64_C(1) << (bit % 64);

    if (e->news[bit / 64] & mask)
        return;
    e->news[bit / 64] |= mask;
    e->news_step = e->outcome->steps;
    e->jumps = 0;
    if (++e->news_set > WEFT__NEWS_BITS / 2) {
        memset(e->news, 0, sizeof e->news);
        e->news_set = 0;
    }
}

/* ---- the trace ---- */

/* Adds the record of the running strand's operation to the trace. */
static void engine_record(const struct weft__operation *op, uint32_t flags)
{
    struct weft__engine *e = weft__engine;
    struct weft__outcome *out = e->outcome;
    struct weft__strand *self = e->self;

    out->steps++;
    self->last_step = out->steps;
    out->trace_hash = (out->trace_hash ^ ((uint64_t)self->site << 16 | (uint64_t)self->id << 8 |
                                          (uint64_t)op->op)) * UINT64_C(0x100000001b3);
    if (!(e->plan->flags & WEFT__PLAN_TRACE))
        return;
    if (e->last_ran != self->id)
        flags |= WEFT__EVENT_SWITCHED;
    struct weft__event *event = &out->trace[out->n_trace % WEFT__TRACE_MAX];
    *event = (struct weft__event){.step = out->steps,
                                  .strand = self->id,
                                  .op = (uint8_t)op->op,
                                  .size = op->size,
                                  .site = self->site,
                                  .caller = self->caller_site,
                                  .nth = self->nth,
                                  .flags = flags,
                                  .object = op->object,
                                  .value = op->second};
    out->n_trace++;
    if (out->n_trace > WEFT__TRACE_MAX)
        out->trace_first = out->n_trace - WEFT__TRACE_MAX;
}

void weft__value(uint64_t value, uint32_t event_flags)
{
    struct weft__engine *e = weft__engine;
    struct weft__outcome *out = e->outcome;
    struct weft__strand *self = e->self;

    if (event_flags & WEFT__EVENT_FAILED)
        weft__spin_count(self->next.object);
    if (weft__op_does(self->next.op) & WEFT__OP_READS) /* that the clock has moved on is no news */
        weft__engine_news((uint64_t)self->site << 32 ^ value);
    if (!(e->plan->flags & WEFT__PLAN_TRACE) || out->n_trace == 0)
        return;
    struct weft__event *event = &out->trace[(out->n_trace - 1) % WEFT__TRACE_MAX];
    if (event->step == self->last_step && event->site == self->site) {
        event->value = value;
        event->flags |= event_flags | WEFT__EVENT_HAS_VALUE;
    }
}

/* ---- choosing ---- */

static bool engine_may_run(const struct weft__strand *strand)
{
    return (strand->state == WEFT__STRAND_NEW || strand->state == WEFT__STRAND_LIVE) &&
           strand->enabled && strand->ready && !strand->spinning;
}

static uint32_t engine_count_enabled(struct weft__engine *e, int32_t *ret_current)
{
    uint32_t n = 0;

    *ret_current = -1;
    for (uint32_t i = 0; i < e->n_strands; i++) {
        if (!engine_may_run(&e->strands[i]))
            continue;
        if (e->self->id == i)
            *ret_current = (int32_t)n;
        e->enabled[n++] = (uint16_t)i;
    }
    return n;
}

/* Time jumps to the next deadline: whose it is may go on.  False: there is none. */
static bool engine_pass_time(struct weft__engine *e)
{
    int64_t next = WEFT__NO_DEADLINE;

    for (uint32_t i = 0; i < e->n_strands; i++) {
        const struct weft__strand *s = &e->strands[i];
        if (s->state == WEFT__STRAND_LIVE && s->ready && !s->enabled)
            next = weft__min(next, s->next.deadline);
    }
    if (next == WEFT__NO_DEADLINE)
        return false;
    e->now = weft__max(e->now, next);
    for (uint32_t i = 0; i < e->n_strands; i++) {
        struct weft__strand *s = &e->strands[i];
        if (s->state == WEFT__STRAND_LIVE && s->ready && !s->enabled &&
            s->next.deadline <= e->now) {
            s->enabled = s->timed_out = true;
        }
    }
    if (e->jumps++ < JUMPS_MAX) /* who polls for ever, with a sleep, is a livelock as well */
        e->news_step = e->outcome->steps;
    return true;
}

static bool engine_has_outside(const struct weft__engine *e)
{
    for (uint32_t i = 0; i < e->n_strands; i++) {
        if (e->strands[i].state == WEFT__STRAND_OUTSIDE)
            return true;
    }
    return false;
}

/* Nobody is enabled: makes somebody so.  False: there is no way. */
static bool engine_find_somebody(struct weft__engine *e)
{
    bool outside = engine_has_outside(e) && e->executor->look != NULL;

    if (outside && e->executor->look(false))
        return true;
    if (engine_pass_time(e))
        return true;
    if (engine_calm_spinners(e))
        return true;
    return outside && e->executor->look(true);
}

static void engine_note_deviation(struct weft__engine *e, enum weft__choice_kind kind,
                                  uint8_t index, uint32_t pick)
{
    struct weft__outcome *out = e->outcome;
    const struct weft__strand *self = e->self;
    const struct weft__strand_books *books = &e->books[self->id];

    if (out->n_deviations == WEFT__DEVIATIONS_MAX) {
        out->deviations_lost++;
        return;
    }
    out->deviations[out->n_deviations++] = (struct weft__deviation){.strand = self->id,
                                                                    .kind = (uint8_t)kind,
                                                                    .index = index,
                                                                    .site = books->site,
                                                                    .nth = books->nth,
                                                                    .pick = pick};
}

/* What the plan wishes for this choice of the running strand: false when it is silent. */
static bool engine_wish(struct weft__engine *e, enum weft__choice_kind kind, uint8_t index,
                        uint32_t *ret_pick)
{
    uint16_t self = e->self->id;

    if (e->plan->n_deviations == 0)
        return false;
    const uint64_t *wish = weft__table_find(
        &e->wishes,
        engine_wish_key(self, (uint8_t)kind, index, e->books[self].site, e->books[self].nth));
    if (wish == NULL || *wish == 0)
        return false;
    *ret_pick = (uint32_t)(*wish - 1);
    return true;
}

static uint8_t engine_choice_index(struct weft__engine *e, enum weft__choice_kind kind)
{
    uint32_t *count = &e->books[e->self->id].choices[kind];

    return (uint8_t)weft__min((*count)++, 255u);
}

uint32_t weft__choose(enum weft__choice_kind kind, uint32_t n)
{
    struct weft__engine *e = weft__engine;
    uint8_t index = engine_choice_index(e, kind);
    uint32_t pick = 0;

    if (n < 2)
        return 0;
    if (!engine_wish(e, kind, index, &pick) && e->strategy->choose != NULL)
        pick = e->strategy->choose(&e->view, kind, n);
    if (pick >= n)
        pick = 0;
    if (pick != 0)
        engine_note_deviation(e, kind, index, pick);
    return pick;
}

/* The default: the running one goes on, unless it only yields; else the next higher number.  When
 * nothing new has happened for long, all get their turns: what then goes on for ever is no
 * strategy's fault. */
static uint32_t engine_default(const struct weft__engine *e, uint32_t n, int32_t current, bool fair)
{
    if (current >= 0 && ((e->self->next.op != WEFT__OP_YIELD && !fair) || n == 1))
        return (uint32_t)current;
    for (uint32_t i = 0; i < n; i++) {
        if (e->enabled[i] > e->self->id)
            return i;
    }
    return 0;
}

/* A deadline may come early, if the plan allows that. */
static void engine_maybe_early(struct weft__engine *e)
{
    bool any = false;

    if (!(e->plan->flags & WEFT__PLAN_EARLY_TIMERS))
        return;
    for (uint32_t i = 0; i < e->n_strands && !any; i++) {
        const struct weft__strand *s = &e->strands[i];
        any = s->state == WEFT__STRAND_LIVE && s->ready && !s->enabled &&
              s->next.deadline != WEFT__NO_DEADLINE;
    }
    if (any && weft__choose(WEFT__CHOICE_TIMER, 2) == 1)
        engine_pass_time(e);
}

/* Who goes on.  NULL: nobody can. */
static struct weft__strand *engine_pick(struct weft__engine *e)
{
    int32_t current;

    engine_maybe_early(e);
    uint32_t n = engine_count_enabled(e, &current);
    while (n == 0) {
        if (!engine_find_somebody(e))
            return NULL;
        n = engine_count_enabled(e, &current);
    }
    bool fair = e->outcome->steps - e->news_step > LIVELOCK_STEPS / 2;
    uint32_t usual = engine_default(e, n, current, fair), pick = usual, wish;
    uint8_t index = engine_choice_index(e, WEFT__CHOICE_STRAND);
    bool is_wish = engine_wish(e, WEFT__CHOICE_STRAND, index, &wish);
    for (uint32_t i = 0; is_wish && i < n; i++) {
        if (e->enabled[i] == wish)
            pick = i;
    }
    if (!is_wish && e->plan->strategy != WEFT__STRATEGY_DEFAULT && n > 1 && !fair)
        pick = e->strategy->pick(&e->view, e->enabled, n, current);
    WEFT_CHECK(pick < n);
    if (pick != usual)
        engine_note_deviation(e, WEFT__CHOICE_STRAND, index, e->enabled[pick]);
    if (current >= 0 && pick != (uint32_t)current && e->self->next.op != WEFT__OP_YIELD && !fair)
        e->outcome->preemptions++;
    return &e->strands[e->enabled[pick]];
}

/* For a debugger: the place to stop at each switch. */
static WEFT_NOINLINE void engine_switched(const struct weft__engine *e)
{
    if (e->plan->flags & WEFT__PLAN_STOP_AT_SWITCH) {
        int rc = weft__sys_tgkill(weft__sys_gettid(), SIGTRAP);
        WEFT_CHECK(rc == 0);
    }
}

/* ---- points ---- */

static void engine_publish(struct weft__engine *e, struct weft__strand *self,
                           const struct weft__operation *op)
{
    struct weft__strand_books *books = &e->books[self->id];

    weft__write_done(books);
    self->next = *op;
    self->site = weft__site_of(op->pc);
    self->caller_site = op->caller != 0 ? weft__site_of(op->caller) : 0;
    uint64_t *arrivals =
        weft__table_at(&e->arrivals, &e->arena, (uint64_t)self->id << 32 | self->site);
    self->nth = arrivals != NULL ? (uint32_t)++*arrivals : 1;
    if (self->nth == 1)
        e->news_step = e->outcome->steps;
    books->site = self->site;
    books->nth = self->nth;
    memset(books->choices, 0, sizeof books->choices);
    books->cold = 0;
    self->state = WEFT__STRAND_LIVE;
    self->timed_out = false;
    self->enabled = op->can == NULL || op->can(self);
    if (!self->enabled)
        books->blocked_since = e->outcome->steps;
    if (op->op == WEFT__OP_YIELD)
        weft__spin_count(0);
    if (e->strategy->told != NULL)
        e->strategy->told(&e->view, self);
}

/* The strand goes on: what it published happens now. */
static void engine_pass(struct weft__engine *e, uint32_t flags)
{
    struct weft__strand *self = e->self;
    const struct weft__operation *op = &self->next;
    unsigned does = weft__op_does(op->op);

    self->points++;
    e->outcome->points++;
    if (self->id < WEFT_ARRAY_SIZE(e->outcome->strand_points))
        e->outcome->strand_points[self->id] = self->points;
    if (self->timed_out)
        flags |= WEFT__EVENT_TIMED_OUT;
    engine_record(op, flags);
    if (!(does & (WEFT__OP_ACCESS | WEFT__OP_ATOMIC)) && op->object != 0) {
        weft__pair_of_object(self);
        if ((does & WEFT__OP_WRITES) && !self->timed_out)
            weft__spin_wake(op->object);
    }
    if (op->op == WEFT__OP_OBJECT_INIT || op->op == WEFT__OP_OBJECT_FINI)
        weft__lockorder_forget(op->object);
    if (op->op == WEFT__OP_COND_SIGNAL || op->op == WEFT__OP_COND_BROADCAST) {
        uint64_t *signals = weft__table_at(&e->signals, &e->arena, op->object);
        if (signals != NULL)
            *signals = ((*signals >> 32) + 1) << 32 | e->outcome->steps;
    }
    e->last_ran = self->id;
    if (e->strategy->done != NULL)
        e->strategy->done(&e->view, self);
    if (e->outcome->steps - e->news_step > LIVELOCK_STEPS || e->outcome->steps > e->steps_max)
        weft__no_progress();
}

static uint32_t engine_flags(const struct weft__strand *self, bool waited, bool moved)
{
    return (waited ? WEFT__EVENT_WAITED : 0) |
           (moved && !waited && self->next.op != WEFT__OP_YIELD ? WEFT__EVENT_PREEMPTED : 0);
}

void weft__strand_begin(struct weft__strand *self)
{
    struct weft__engine *e = weft__engine;

    if (self->state == WEFT__STRAND_NEW) {
        self->state = WEFT__STRAND_LIVE;
        engine_switched(e);
        engine_pass(e, 0);
    }
}

enum weft__go weft__point(const struct weft__operation *operation)
{
    struct weft__engine *e = weft__engine;
    struct weft__strand *self = e->self;

    if (e->is_over)
        return WEFT__GO;
    weft__strand_begin(self);
    if (self->shared) {
        if (weft__point_shared(operation))
            e->executor->leave();
        return self->timed_out ? WEFT__GO_TIMED_OUT : WEFT__GO;
    }
    engine_publish(e, self, operation);
    bool waited = !self->enabled;
    struct weft__strand *chosen = engine_pick(e);
    if (chosen == NULL)
        weft__stuck();
    if (chosen != self) {
        e->self = chosen;
        e->executor->move(self, chosen);
        WEFT_CHECK(e->self == self);
        engine_switched(e);
    }
    engine_pass(e, engine_flags(self, waited, chosen != self));
    return self->timed_out ? WEFT__GO_TIMED_OUT : WEFT__GO;
}

void weft__changed(uintptr_t object)
{
    struct weft__engine *e = weft__engine;

    if (e->is_over)
        return;
    for (uint32_t i = 0; i < e->n_strands; i++) {
        struct weft__strand *s = &e->strands[i];
        if (s->state != WEFT__STRAND_LIVE || s == e->self || s->next.can == NULL ||
            (s->next.object != object && s->next.second != object)) {
            continue;
        }
        s->enabled = s->timed_out || s->next.can(s);
    }
    weft__spin_wake(object);
}

void weft__strand_end(void)
{
    struct weft__engine *e = weft__engine;
    struct weft__strand *self = e->self;

    weft__strand_begin(self);
    weft__write_done(&e->books[self->id]);
    self->state = WEFT__STRAND_ENDED;
    self->enabled = false;
    e->books[self->id].site = SITE_END;
    e->books[self->id].nth = 1;
    memset(e->books[self->id].choices, 0, sizeof e->books[self->id].choices);
    e->news_step = e->outcome->steps;
    if (e->is_over)
        return;
    for (uint32_t i = 0; i < e->n_strands; i++) { /* those who join it */
        struct weft__strand *s = &e->strands[i];
        if (s->state == WEFT__STRAND_LIVE && s->next.op == WEFT__OP_JOIN && s->next.can != NULL)
            s->enabled = s->timed_out || s->next.can(s);
    }
    if (self->shared) /* weft__strand_pick_shared decides */
        return;
    struct weft__strand *chosen = engine_pick(e);
    if (chosen == NULL)
        weft__stuck();
    e->self = chosen;
    e->executor->move(self, chosen);
    WEFT_CHECK(!"an ended strand goes on");
}

/* ---- strands that share a carrier ---- */

bool weft__point_shared(const struct weft__operation *operation)
{
    struct weft__engine *e = weft__engine;
    struct weft__strand *self = e->self;

    if (e->is_over)
        return false;
    self->shared = true;
    engine_publish(e, self, operation);
    bool waited = !self->enabled;
    struct weft__strand *chosen = engine_pick(e);
    bool moved = chosen != self;
    if (chosen != NULL && chosen->carrier != self->carrier) {
        e->self = chosen;
        e->executor->move(self, chosen);
        chosen = e->self;
    }
    if (chosen == self) {
        engine_pass(e, engine_flags(self, waited, moved));
        return false;
    }
    e->pending = chosen; /* NULL: nobody, yet */
    return true;
}

/* The operation just recorded turned out to wait: it will be recorded when it goes on. */
static void engine_take_back(struct weft__engine *e, const struct weft__strand *strand)
{
    struct weft__outcome *out = e->outcome;

    if (out->n_trace == out->trace_first)
        return;
    const struct weft__event *event = &out->trace[(out->n_trace - 1) % WEFT__TRACE_MAX];
    if (event->strand == strand->id && event->step == strand->last_step &&
        event->op == strand->next.op) {
        out->n_trace--;
    }
}

void weft__strand_ready(struct weft__strand *strand, bool ready)
{
    struct weft__engine *e = weft__engine;

    strand->ready = ready;
    strand->woken = ready;
    if (ready) {
        strand->enabled = true;
    } else {
        e->books[strand->id].blocked_since = e->outcome->steps;
        engine_take_back(e, strand);
    }
}

struct weft__strand *weft__strand_pick_shared(void *carrier)
{
    struct weft__engine *e = weft__engine;
    struct weft__strand *from = e->self, *chosen = e->pending;

    e->pending = NULL;
    if (chosen == NULL && !e->is_over)
        chosen = engine_pick(e);
    if (chosen == NULL)
        return NULL;
    if (chosen->carrier != carrier) {
        e->self = chosen;
        e->executor->move(from, chosen);
        chosen = e->self;
    }
    WEFT_CHECK(chosen->carrier == carrier);
    bool waited = chosen->woken || chosen->next.op == WEFT__OP_BEGIN;
    bool moved = chosen->id != e->last_ran;
    e->self = chosen;
    chosen->shared = true;
    chosen->woken = false;
    chosen->state = WEFT__STRAND_LIVE;
    engine_switched(e);
    engine_pass(e, engine_flags(chosen, waited, moved));
    return chosen;
}

/* ---- outside, and time ---- */

void weft__go_outside(const struct weft__operation *operation)
{
    struct weft__engine *e = weft__engine;
    struct weft__strand *self = e->self;

    if (e->is_over)
        return;
    weft__strand_begin(self);
    engine_publish(e, self, operation);
    self->state = WEFT__STRAND_OUTSIDE;
    struct weft__strand *chosen = engine_pick(e);
    if (self->shared && (chosen == NULL || chosen->carrier == self->carrier)) {
        e->pending = chosen;
        e->executor->leave();
        return;
    }
    if (chosen == NULL)
        weft__stuck();
    if (chosen != self) {
        e->self = chosen;
        e->executor->move(self, chosen);
        if (e->self != self) { /* back on its carrier, but for another one */
            e->pending = e->self;
            e->executor->leave();
            return;
        }
    }
    engine_pass(e, engine_flags(self, true, chosen != self));
}

void weft__wake_outside(struct weft__strand *strand)
{
    WEFT_CHECK(strand->state == WEFT__STRAND_OUTSIDE);
    strand->state = WEFT__STRAND_LIVE;
    strand->enabled = true;
    weft__engine->news_step = weft__engine->outcome->steps;
}

int64_t weft__virtual_now(void)
{
    return weft__engine->now;
}

/* ---- what happens before what ---- */

void weft__happened_release(uintptr_t object)
{
    weft__clock_release(weft__engine->self->id, object);
}

void weft__happened_acquire(uintptr_t object)
{
    weft__clock_acquire(weft__engine->self->id, object);
}

void weft__happened_join(const struct weft__strand *ended)
{
    weft__clock_join(weft__engine->self->id, ended->id);
}
