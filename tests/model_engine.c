/* model_engine.c - a model's threads as strands of the engine of weft check, in this process.
 *
 * Each thread has a context of its own; strand 0 resets, starts them, joins them, and looks at the
 * end.  The runner stands beside them on the system's stack, so that a schedule that is over is
 * left by one switch, wherever it stood.
 *
 * Sequential consistency: an operation takes effect at its point.  Orders are told to the engine,
 * which makes nothing of them here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model_engine.h"

#include "arch/ctx.h"
#include "base/alloc.h"
#include "base/text.h"
#include "check/engine.h"
#include "check/search.h"
#include "weft/check.h"
#include "weft/err.h"

#define ENGINE_STRANDS (MODEL_ENGINE_THREADS + 1)
#define ENGINE_STACK   (128 * 1024)
#define ENGINE_ALONE   100000 /* operations of finally() */
#define ENGINE_FAILS   8 /* failures for no reason, in one thread */

struct engine_strand {
    struct weft__ctx ctx;
    struct weft__strand *strand;
    const void *asleep_at; /* NULL: awake */
    bool is_woken;
    const void *failed[ENGINE_FAILS];
    uint32_t n_failed;
};

static struct engine_strand strands[ENGINE_STRANDS];
static WEFT_ALIGNED(16) unsigned char stacks[ENGINE_STRANDS][ENGINE_STACK];
static struct weft__ctx home;
static const struct model_engine_program *program;
static struct weft__exchange *exchange;
static uint32_t n_alone;
static bool is_steered; /* the model's threads run: not reset(), not finally() */

/* ---- the executor ---- */

static void engine_move(struct weft__strand *from, struct weft__strand *to)
{
    (void)weft__ctx_switch(&strands[from->id].ctx, &strands[to->id].ctx, NULL);
}

static WEFT_NORETURN void engine_go_home(void)
{
    struct weft__ctx nowhere;
    is_steered = false;
    (void)weft__ctx_switch(&nowhere, &home, NULL);
    __builtin_unreachable();
}

static const struct weft__executor engine_executor = {.move = engine_move, .over = engine_go_home};

static struct engine_strand *engine_self(void)
{
    return &strands[weft__strand_self()->id];
}

/* ---- one schedule ---- */

static void engine_thread(void *arg)
{
    size_t index = (size_t)((struct engine_strand *)arg - strands) - 1;
    program->thread[index]();
    weft__strand_end();
}

static bool engine_has_ended(const struct weft__strand *self)
{
    return ((const struct weft__strand *)self->next.arg)->state == WEFT__STRAND_ENDED;
}

static void engine_start(uint32_t id)
{
    struct engine_strand *s = &strands[id];
    uintptr_t fn = (uintptr_t)program->thread[id - 1];
    weft__ctx_make(&s->ctx, stacks[id] + ENGINE_STACK, engine_thread, s);
    s->strand = weft__strand_new(NULL, fn, fn, s);
    WEFT_CHECK(s->strand && s->strand->id == id);
}

static void engine_join(struct weft__strand *other)
{
    weft__point(&(struct weft__operation){.op = WEFT__OP_JOIN,
                                          .object = (uintptr_t)other->id + 1,
                                          .pc = (uintptr_t)engine_join,
                                          .can = engine_has_ended,
                                          .arg = other,
                                          .deadline = WEFT__NO_DEADLINE});
    weft__happened_join(other);
}

static void engine_main(void *arg)
{
    uint32_t n = 0;
    (void)arg;
    program->reset();
    while (n < MODEL_ENGINE_THREADS && program->thread[n]) {
        engine_start(++n);
    }
    is_steered = true;
    for (uint32_t id = 1; id <= n; id++) {
        engine_join(strands[id].strand);
    }
    is_steered = false;
    if (program->finally) {
        program->finally();
    }
    weft__engine_finish(0);
    engine_go_home();
}

static int engine_run(struct weft__runner *runner)
{
    memset(strands, 0, sizeof strands);
    exchange = runner->exchange;
    n_alone = 0;
    int rc = weft__engine_init(runner->exchange, &engine_executor);
    if (rc < 0) {
        return rc;
    }
    weft__ctx_make(&strands[0].ctx, stacks[0] + ENGINE_STACK, engine_main, NULL);
    (void)weft__ctx_switch(&home, &strands[0].ctx, NULL);
    weft__engine = NULL;
    return 0;
}

/* ---- all schedules ---- */

typedef void engine_tell(unsigned thread, const char *words, const void *site, uint64_t value);

static void engine_tell_trace(const struct weft__exchange *failing, engine_tell *tell)
{
    const struct weft__outcome *outcome = &failing->outcome;
    for (uint32_t i = outcome->trace_first; i < outcome->n_trace; i++) {
        const struct weft__event *event = &outcome->trace[i % WEFT__TRACE_MAX];
        const struct weft__module *module =
            &failing->modules.module[event->site >> WEFT__SITE_MODULE_SHIFT];
        bool is_atomic = event->op == WEFT__OP_FENCE ||
                         (weft__op_does((enum weft__op)event->op) & WEFT__OP_ATOMIC);
        uintptr_t site = (uintptr_t)module->base + (event->site & WEFT__SITE_OFFSET_MASK);
        if (event->strand > 0) {
            tell(event->strand - 1u, weft__op_words((enum weft__op)event->op),
                 is_atomic ? (const void *)site : NULL, event->value);
        }
    }
}

static void engine_conclude(const struct weft_check_report *report, engine_tell *tell,
                            struct model_engine_result *ret)
{
    struct weft__text text;
    weft__text_init(&text, ret->text, sizeof ret->text);
    ret->found = report->result.found;
    ret->complete = report->result.complete;
    ret->same = report->result.deterministic && report->replays == report->replays_same;
    ret->schedules = report->result.schedules;
    ret->behaviours = report->result.behaviours;
    ret->preemptions = report->result.preemptions;
    if (ret->found) {
        weft__text_add(&text, "%s: %s", report->result.class_name, report->finding.text);
    }
    if (tell && report->failing) {
        engine_tell_trace(report->failing, tell);
    }
}

int model_engine_search(const struct model_engine_program *which, const char *strategy,
                        uint64_t schedules, engine_tell *tell, struct model_engine_result *ret)
{
    const weft_check_options options = {
        .strategy = strategy, .schedules = schedules, .early_timers = true, .jobs = 1};
    struct weft__runner runner = {.run = engine_run};
    struct weft__runner *runners = &runner;
    struct weft_check_report *report = weft__report_new();
    runner.exchange = weft__alloc_zero(sizeof *runner.exchange);
    int rc = report && runner.exchange ? 0 : -WEFT_ENOMEM;
    program = which;
    if (rc == 0) {
        weft__modules_fill(&runner.exchange->modules);
        rc = weft__search(&runners, 1, &options, report);
    }
    if (rc == 0) {
        rc = weft__finish(&runner, &options, NULL, report);
    }
    if (rc == 0) {
        engine_conclude(report, tell, ret);
    }
    if (report) {
        weft_check_report_free(report);
    }
    weft__free(runner.exchange);
    weft__engine_fini();
    return rc;
}

/* ---- what the threads do ---- */

/* Every operation is a point, also of a word that nobody shares: models let others go on there. */
static void engine_make_hot(const void *place)
{
    struct weft__outcome *outcome = &exchange->outcome;
    weft__site site = weft__site_of((uintptr_t)place);
    for (uint32_t i = 0; i < outcome->n_hot; i++) {
        if (outcome->hot[i] == site) {
            return;
        }
    }
    WEFT_CHECK(outcome->n_hot < WEFT__HOT_MAX);
    outcome->hot[outcome->n_hot++] = site;
}

/* What a broken model leaves behind may be a loop. */
static void engine_count_alone(void)
{
    if (++n_alone == ENGINE_ALONE) {
        model_engine_fail("a loop without bound in finally()");
    }
}

void model_engine_access(enum weft__op op, const void *at, size_t size, int order,
                         const void *site)
{
    if (is_steered) {
        engine_make_hot(site);
        weft__access(op, (uintptr_t)at, size, order, (uintptr_t)site);
    } else {
        engine_count_alone();
    }
}

void model_engine_swap(const void *at, size_t size, uint64_t expected, int order, int fail_order,
                       const void *site)
{
    if (is_steered) {
        engine_make_hot(site);
        weft__access_swap((uintptr_t)at, size, expected, order, fail_order, (uintptr_t)site);
    }
}

void model_engine_fence(const void *site)
{
    if (is_steered) {
        weft__point(&(struct weft__operation){
            .op = WEFT__OP_FENCE, .pc = (uintptr_t)site, .deadline = WEFT__NO_DEADLINE});
    }
}

void model_engine_changed(const void *at)
{
    if (is_steered) {
        weft__changed((uintptr_t)at);
    }
}

bool model_engine_fails(const void *site)
{
    if (!is_steered) {
        return false;
    }
    struct engine_strand *self = engine_self();
    for (uint32_t i = 0; i < self->n_failed; i++) {
        if (self->failed[i] == site) {
            return false;
        }
    }
    if (self->n_failed == ENGINE_FAILS || weft__choose(WEFT__CHOICE_FAIL, 2) == 0) {
        return false;
    }
    self->failed[self->n_failed++] = site;
    return true;
}

struct engine_block {
    const void *at;
    size_t size;
    uint64_t value;
};

static uint64_t engine_peek(const void *at, size_t size)
{
    uint64_t value = 0;
    WEFT_CHECK(size <= sizeof value);
    memcpy(&value, at, size); /* little endian, as all machines of ours */
    return value;
}

static bool engine_differs(const struct weft__strand *self)
{
    const struct engine_block *block = self->next.arg;
    return engine_peek(block->at, block->size) != block->value;
}

void model_engine_block(const void *at, size_t size, uint64_t value, const void *site)
{
    const struct engine_block block = {at, size, value};
    WEFT_CHECK(is_steered);
    for (;;) {
        weft__access(WEFT__OP_ATOMIC_LOAD, (uintptr_t)at, size, __ATOMIC_ACQUIRE, (uintptr_t)site);
        if (engine_peek(at, size) != value) {
            return;
        }
        weft__point(&(struct weft__operation){.op = WEFT__OP_FUTEX_WAIT,
                                              .object = (uintptr_t)at,
                                              .pc = (uintptr_t)site + 1,
                                              .can = engine_differs,
                                              .arg = &block,
                                              .deadline = WEFT__NO_DEADLINE});
    }
}

static bool engine_is_woken(const struct weft__strand *self)
{
    return ((const struct engine_strand *)self->next.arg)->is_woken;
}

void model_engine_compare(const void *at, const void *site)
{
    WEFT_CHECK(is_steered);
    weft__point(&(struct weft__operation){.op = WEFT__OP_FUTEX_WAIT,
                                          .object = (uintptr_t)at,
                                          .pc = (uintptr_t)site,
                                          .deadline = WEFT__NO_DEADLINE});
}

bool model_engine_sleep(const void *at, bool may_time_out, const void *site)
{
    struct engine_strand *self = engine_self();
    WEFT_CHECK(is_steered);
    self->asleep_at = at;
    self->is_woken = false;
    weft__point(&(struct weft__operation){
        .op = WEFT__OP_FUTEX_WAIT,
        .object = (uintptr_t)at,
        .pc = (uintptr_t)site + 1,
        .can = engine_is_woken,
        .arg = self,
        .deadline = may_time_out ? weft__virtual_now() + 1 : WEFT__NO_DEADLINE});
    self->asleep_at = NULL;
    return self->is_woken;
}

int model_engine_wake(const void *at, int n, const void *site)
{
    int woken = 0;
    WEFT_CHECK(is_steered);
    weft__point(&(struct weft__operation){.op = WEFT__OP_FUTEX_WAKE,
                                          .object = (uintptr_t)at,
                                          .pc = (uintptr_t)site,
                                          .deadline = WEFT__NO_DEADLINE});
    while (woken < n) {
        struct engine_strand *sleepers[ENGINE_STRANDS];
        uint32_t count = 0;
        for (uint32_t i = 0; i < ENGINE_STRANDS; i++) {
            if (strands[i].asleep_at == at && !strands[i].is_woken) {
                sleepers[count++] = &strands[i];
            }
        }
        if (count == 0) {
            break;
        }
        sleepers[weft__choose(WEFT__CHOICE_WAITER, count)]->is_woken = true;
        woken++;
    }
    weft__changed((uintptr_t)at);
    return woken;
}

void model_engine_fail(const char *text)
{
    weft__found(WEFT__CLASS_ASSERT, 0, "%s", text);
    weft__engine_over();
}
