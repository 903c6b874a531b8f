/* model.c - the explorer: every interleaving of a small program, in three memory modes.
 *
 * Each model thread is a coroutine.  At an atomic operation it leaves word of what it is about to
 * do (struct op) and the explorer picks what happens next: whose operation takes effect, which
 * message a load returns, when a buffered store reaches memory.  One execution is a list of such
 * choices; a depth-first search goes through all lists.  Threads are deterministic, so a list is
 * run again by making the same choices again, and the next list differs in the last choice that
 * had another way.
 *
 * Two executions that reach the same state have the same futures, so the second one stops there. 
 * The state is what decides the future: the memory (messages, buffers), and for each thread how
 * many operations it made and a hash of what they returned.  It is remembered as 128 bits; with
 * 10^7 states the chance that any two collide is below 10^-24.  A state is noted when first
 * reached and the search is depth-first, so it is fully explored before the search ends.
 *
 * The explorer is one OS thread, and switches by ucontext: slow, but nothing of ours that it is
 * here to test.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sys.h"
#include "tests/model_inside.h"

#define W model_world

struct model_world model_world;
struct model_site model_sites[SITES];
int model_sites_count;
uint64_t model_bit;
struct model_mutant model_mutant;

static int current; /* who runs; -1: main */
static bool starting;
static ucontext_t main_context;
static WEFT_ALIGNED(16) char stacks[MODEL_THREADS + 1][STACK_BYTES];

static struct {
    struct choice choice;
    uint16_t ways, taken; /* one way only: nothing to come back for */
} path[STEPS];
static int path_length; /* steps to repeat; in the last one, take another way */
static int path_depth;  /* steps made so far */

static struct hash *states;
static size_t states_size;

bool model_night(void)
{
    return W.night;
}

bool model_on_stack(const void *address)
{
    const char *at = address;

    return at >= stacks[0] && at < stacks[MODEL_THREADS] + STACK_BYTES;
}

/* ---- failing ---- */

void execution_fail(const char *format, ...)
{
    va_list list;

    if (W.outcome == FAILED) /* the first one counts */
        return;
    va_start(list, format);
    vsnprintf(W.failure, sizeof W.failure, format, list);
    va_end(list);
    W.outcome = FAILED;
}

static WEFT_NORETURN void model_stop(void)
{
    setcontext(&main_context);
    fprintf(stderr, "model: setcontext failed\n");
    exit(2);
}

void model_fail(const char *format, ...)
{
    va_list list;
    char text[sizeof W.failure];

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    execution_fail("%s", text);
    model_stop();
}

/* What WEFT_CHECK calls; panic.c is not part of a model. */
void weft__check_failed(const char *file, int line, const char *text)
{
    model_fail("%s:%d: check failed: %s", file, line, text);
}

void event_add(int thread, const struct op *op, uint64_t result, const char *note)
{
    if (W.events_count == STEPS)
        execution_fail("more than %d steps: a loop without bound?", STEPS);
    else
        W.events[W.events_count++] = (struct event){*op, thread, result, note};
}

/* ---- states met ---- */

/* Returns false if it was there. */
static bool states_put(struct hash h)
{
    for (size_t i = h.a & (states_size - 1);; i = (i + 1) & (states_size - 1)) {
        if (states[i].a == h.a && states[i].b == h.b)
            return false;
        if (states[i].a == 0) {
            states[i] = h;
            return true;
        }
    }
}

static void states_resize(size_t size)
{
    struct hash *old = states;
    size_t old_size = states_size;

    states = calloc(size, sizeof *states);
    states_size = size;
    if (states == NULL) {
        fprintf(stderr, "model: no memory for %zu states\n", size);
        exit(2);
    }
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].a != 0)
            states_put(old[i]);
    }
    free(old);
}

static void states_clear(void)
{
    free(states);
    states = NULL;
    states_size = 0;
    W.states = 0;
    states_resize(1 << 12);
}

static bool state_is_new(void)
{
    size_t limit = W.night ? STATES_NIGHT : STATES_DAY;

    if (2 * W.states >= states_size)
        states_resize(2 * states_size);
    if (!states_put(state_hash()))
        return false;
    if (++W.states > limit)
        execution_fail("more than %zu states: make the model smaller", limit);
    return true;
}

/* ---- the futex ---- */

static bool thread_sleeps_at(int thread, int place)
{
    return W.threads[thread].op.kind == OP_ASLEEP && W.threads[thread].op.place == place;
}

/* As many as asked, or which one: the kernel promises no order. */
static void choices_of_wake(int thread)
{
    const struct op *op = &W.threads[thread].op;
    uint64_t sleepers = 0;

    for (int i = 0; i < W.threads_count; i++)
        sleepers += thread_sleeps_at(i, op->place);
    if (op->operand >= sleepers) {
        choice_add(thread, ACT_OP, -1);
        return;
    }
    if (op->operand != 1)
        execution_fail("futex_wake of %d, neither 1 nor all", (int)op->operand);
    for (int i = 0; i < W.threads_count; i++) {
        if (thread_sleeps_at(i, op->place))
            choice_add(thread, ACT_OP, i);
    }
}

static uint64_t futex_wake(const struct op *op, int which)
{
    uint64_t woken = 0;

    for (int i = 0; i < W.threads_count; i++) {
        if (thread_sleeps_at(i, op->place) && (which < 0 || which == i)) {
            W.threads[i].op.kind = OP_WOKEN;
            W.threads[i].result = 0;
            woken++;
        }
    }
    return woken;
}

/* The kernel compares the newest value; that it also orders other places is not relied upon. */
static uint64_t futex_operate(const struct thread *t, const struct op *op, struct choice way)
{
    const struct place *p = &W.places[op->place];

    switch (op->kind) {
    case OP_FUTEX_WAIT:
        return word_read(p->address, p->size) == op->operand ? 0 : (uint64_t)-EAGAIN;
    case OP_FUTEX_WAKE: return futex_wake(op, way.arg);
    case OP_ASLEEP: return (uint64_t)-ETIMEDOUT;
    default: return t->result;
    }
}

/* ---- what can happen next ---- */

void choice_add(int thread, enum act act, int arg)
{
    if (W.choices_count == CHOICES)
        execution_fail("more than %d choices in one state", CHOICES);
    else
        W.choices[W.choices_count++] = (struct choice){(uint8_t)thread, (uint8_t)act, (int16_t)arg};
}

static void choices_of_thread(int thread)
{
    const struct thread *t = &W.threads[thread];

    switch (t->op.kind) {
    case OP_ASLEEP:
        if (t->op.may_time_out)
            choice_add(thread, ACT_TIME_OUT, 0);
        break;
    case OP_DONE:
        if (t->buffer_count > 0)
            choice_add(thread, ACT_DRAIN, 0);
        break;
    case OP_FUTEX_WAKE:
        if (t->buffer_count > 0)
            choice_add(thread, ACT_DRAIN, 0);
        else
            choices_of_wake(thread);
        break;
    default: memory_choices(thread); break;
    }
}

static void choices_find(void)
{
    W.choices_count = 0;
    for (int i = 0; i < W.threads_count; i++) /* who runs goes first: fewer switches */
        choices_of_thread((i + (current < 0 ? 0 : current)) % W.threads_count);
}

/* ---- making it happen ---- */

static const char *choice_note(const struct op *op, struct choice way)
{
    if (way.act == ACT_SPURIOUS)
        return "for no reason";
    if (way.act == ACT_STALE)
        return "stale";
    if (W.mode == MODEL_WEAK && op->kind == WEFT__ATOMIC_LOAD &&
        way.arg != W.places[op->place].last)
        return "stale";
    if (W.mode == MODEL_WEAK && op->kind == WEFT__ATOMIC_STORE &&
        way.arg != W.places[op->place].last)
        return "before others";
    return NULL;
}

/* Does what the choice says; true if its thread has its result and goes on. */
static bool choice_make(struct choice way)
{
    struct thread *t = &W.threads[way.thread];
    struct op op = t->op;

    if (way.act == ACT_DRAIN) {
        memory_drain(way.thread);
        return false;
    }
    t->result = op.kind >= OP_FUTEX_WAIT ? futex_operate(t, &op, way) : memory_operate(t, &op, way);
    if (op.kind == OP_FUTEX_WAIT && t->result == 0) {
        event_add(way.thread, &op, 0, "sleeps");
        t->op.kind = OP_ASLEEP;
        return false;
    }
    if (way.act == ACT_SPURIOUS)
        t->spurious[t->spurious_count++] = op.site;
    event_add(way.thread, &op, t->result, choice_note(&op, way));
    t->op.expected = op.expected;
    t->made++;
    hash_mix(&t->seen, t->result);
    hash_mix(&t->seen, op.expected);
    return true;
}

static bool threads_are_done(void)
{
    for (int i = 0; i < W.threads_count; i++) {
        if (W.threads[i].op.kind != OP_DONE || W.threads[i].buffer_count > 0)
            return false;
    }
    return true;
}

/* A step that was never made before: its first way. */
static void step_begin(void)
{
    if (path_depth == STEPS) {
        execution_fail("more than %d steps: a loop without bound?", STEPS);
        return;
    }
    choices_find();
    if (W.choices_count == 0) {
        if (threads_are_done())
            W.outcome = ENDED;
        else
            execution_fail("deadlock: all wait");
        return;
    }
    if (W.choices_count > 1 && !state_is_new()) {
        W.outcome = PRUNED;
        return;
    }
    path[path_depth].choice = W.choices[0];
    path[path_depth].ways = (uint16_t)W.choices_count;
    path[path_depth].taken = 0;
    path_length = path_depth + 1;
}

/* The step where this execution leaves the one before. */
static void step_turn_off(void)
{
    choices_find();
    if (W.choices_count != path[path_depth].ways)
        execution_fail("the model is not deterministic: %d ways were %d", W.choices_count,
                       path[path_depth].ways);
    path[path_depth].choice = W.choices[path[path_depth].taken];
}

/* Goes on until some thread has its result; -1 when the execution is over. */
static int execution_next(void)
{
    while (W.outcome == RUNNING) {
        if (path_depth == path_length)
            step_begin();
        else if (path_depth == path_length - 1 && path[path_depth].taken > 0)
            step_turn_off();
        if (W.outcome == RUNNING) {
            struct choice way = path[path_depth++].choice;

            if (choice_make(way) && W.outcome == RUNNING)
                return way.thread;
        }
    }
    return -1;
}

/* Called on a thread's stack with its op set; returns when it has happened. */
static void thread_turn(struct thread *t)
{
    int self = current, next;

    if (starting) {
        swapcontext(&t->context, &main_context);
        return;
    }
    next = execution_next();
    if (next == self)
        return;
    current = next;
    swapcontext(&t->context, next < 0 ? &main_context : &W.threads[next].context);
}

static void thread_main(void)
{
    struct thread *t = &W.threads[current];

    t->body();
    t->op = (struct op){.kind = OP_DONE, .place = -1};
    if (current != DIRECTOR)
        thread_turn(t);
    model_stop();
}

/* ---- what the model's operations call ---- */

static void site_note(const struct weft__atomic_site *site)
{
    for (int i = 0; i < model_sites_count; i++) {
        if (model_sites[i].site == site) {
            model_sites[i].models |= model_bit;
            return;
        }
    }
    if (model_sites_count == SITES)
        model_fail("more than %d operations in the source", SITES);
    model_sites[model_sites_count++] = (struct model_site){site, model_bit};
}

static uint64_t thread_operate(struct op *op, void *at, size_t size)
{
    struct thread *t = &W.threads[current];

    op->place = at != NULL ? place_find(at, size, op->kind) : -1;
    t->op = *op;
    thread_turn(t);
    op->expected = t->op.expected;
    return t->result;
}

/* reset() and finally(): nobody else is about. */
static uint64_t director_operate(const struct weft__atomic_site *site, void *at, size_t size,
                                 uint64_t operand, uint64_t *expected)
{
    uint64_t old = at != NULL ? word_read(at, size) : 0;

    switch (site->kind) {
    case WEFT__ATOMIC_LOAD:
    case WEFT__ATOMIC_FENCE: return old;
    case WEFT__ATOMIC_CAS:
    case WEFT__ATOMIC_CAS_WEAK:
        if (old != word_cut(size, *expected)) {
            *expected = old;
            return 0;
        }
        word_write(at, size, operand);
        return 1;
    default: word_write(at, size, word_modify((int)site->kind, old, operand)); return old;
    }
}

static uint64_t model_operate(const struct weft__atomic_site *site, void *at, size_t size,
                              uint64_t operand, uint64_t *expected)
{
    struct op op = {.site = site,
                    .kind = (int)site->kind,
                    .order = site->order,
                    .failure = site->failure,
                    .operand = word_cut(size, operand)};
    uint64_t result;

    if (current == DIRECTOR)
        return director_operate(site, at, size, operand, expected);
    site_note(site);
    if (site == model_mutant.site) {
        op.order = model_mutant.order;
        op.failure = model_mutant.failure;
    }
    if (expected != NULL)
        op.expected = word_cut(size, *expected);
    result = thread_operate(&op, at, size);
    if (expected != NULL)
        *expected = op.expected;
    return result;
}

/* A waiting loop has no bound; models say model_block_while(). */
static void model_relax(void)
{
}

static const struct weft__atomic_check model_check = {model_operate, model_relax};
const struct weft__atomic_check *weft__atomic_check = &model_check;

uint64_t model_block(const struct weft__atomic_site *site, void *at, size_t size, uint64_t value)
{
    struct op op = {.site = site,
                    .kind = OP_BLOCK,
                    .order = WEFT__ATOMIC_acquire,
                    .operand = word_cut(size, value)};

    return thread_operate(&op, at, size);
}

int weft__sys_futex_wait(ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    struct op op = {.kind = OP_FUTEX_WAIT, .operand = expected, .may_time_out = timeout_ns >= 0};

    return (int)thread_operate(&op, word, sizeof *word);
}

int weft__sys_futex_wake(ATOMIC(uint32_t) *word, int n)
{
    struct op op = {.kind = OP_FUTEX_WAKE, .operand = (uint64_t)n};

    return (int)thread_operate(&op, word, sizeof *word);
}

/* ---- one execution ---- */

static void thread_prepare(int index, void (*body)(void))
{
    struct thread *t = &W.threads[index];

    memset((char *)t + sizeof t->context, 0, sizeof *t - sizeof t->context);
    t->body = body;
    getcontext(&t->context);
    t->context.uc_stack.ss_sp = stacks[index];
    t->context.uc_stack.ss_size = STACK_BYTES;
    t->context.uc_link = NULL;
    makecontext(&t->context, thread_main, 0);
}

static void director_run(void (*body)(void))
{
    if (body == NULL)
        return;
    thread_prepare(DIRECTOR, body);
    current = DIRECTOR;
    swapcontext(&main_context, &W.threads[DIRECTOR].context);
}

/* Each thread runs up to its first operation, so that all have one pending. */
static void threads_start(void)
{
    starting = true;
    for (current = 0; current < W.threads_count && W.outcome == RUNNING; current++) {
        thread_prepare(current, W.model->thread[current]);
        swapcontext(&main_context, &W.threads[current].context);
    }
    starting = false;
    current = -1;
}

static void execution_run(void)
{
    W.places_count = 0;
    W.events_count = 0;
    W.outcome = RUNNING;
    memset(&W.seq_cst_view, 0, sizeof W.seq_cst_view);
    path_depth = 0;
    director_run(W.model->reset);
    threads_start();
    current = execution_next();
    if (current >= 0)
        swapcontext(&main_context, &W.threads[current].context);
    if (W.outcome == ENDED)
        director_run(W.model->finally);
}

/* ---- the search ---- */

/* The next list of choices in depth-first order; false after the last. */
static bool path_advance(void)
{
    while (path_length > 0) {
        if (++path[path_length - 1].taken < path[path_length - 1].ways)
            return true;
        path_length--;
    }
    return false;
}

bool model_explore(const struct model *m, enum model_mode mode)
{
    W.model = m;
    W.mode = mode;
    W.executions = 0;
    path_length = 0;
    states_clear();
    for (W.threads_count = 0; W.threads_count < MODEL_THREADS; W.threads_count++) {
        if (m->thread[W.threads_count] == NULL)
            break;
    }
    do {
        execution_run();
        W.executions++;
    } while (W.outcome != FAILED && path_advance());
    return W.outcome == FAILED;
}
