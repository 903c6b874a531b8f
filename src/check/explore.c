/* explore.c - weft_explore: a function as a Weft program, again and again in this process.
 *
 * A schedule is one weft_run whose tasks the engine steers (steer.c).  Nothing is forked: what
 * fails is ended where it stands (core/control.c), a panic is caught before it prints, and the next
 * schedule begins.  What is kept between schedules: the runtime's stacks, the engine's memory.
 *
 * A crash ends the process, but not before the replay string has been said: the choices made so far
 * are in the outcome, and lead there again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/explore.h"

#include <signal.h>

#include "base/alloc.h"
#include "base/symbol.h"
#include "base/sys.h"
#include "base/time.h"
#include "check/search.h"
#include "check/steer.h"
#include "core/fatal.h"
#include "core/runtime.h"
#include "weft/err.h"
#include "weft/run.h"

#define EXPLORE_FIRST 1 /* the number of the first task */

struct explore {
    struct weft__runner runner; /* first */
    int (*fn)(void *arg);
    void *arg;
    struct weft__plan *crash_plan; /* for the last words; so large that it is not on a stack */
    const char *replay; /* the string that is being played, or NULL */
    bool is_open, is_running;
};

static struct explore *explore_now; /* one at a time: it needs the one runtime */

static const int explore_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction explore_old[WEFT_ARRAY_SIZE(explore_signals)];

/* ---- last words ---- */

void weft__explore_say_where(void)
{
    struct explore *x = explore_now;
    if (!x || !x->is_running) {
        return;
    }
    const struct weft__exchange *exchange = x->runner.exchange;
    struct weft__plan *plan = x->crash_plan;
    memcpy(plan, &exchange->plan, sizeof *plan);
    plan->strategy = WEFT__STRATEGY_DEFAULT;
    plan->n_deviations = exchange->outcome.n_deviations;
    memcpy(plan->deviations, exchange->outcome.deviations,
           plan->n_deviations * sizeof plan->deviations[0]);
    char *string = weft__replay_write(plan, NULL); /* the heap may be broken: nothing to lose */
    static const char before[] = "weft: in a schedule of weft_explore; again with .replay = \"";
    weft__sys_say(before, sizeof before - 1);
    if (string) {
        weft__sys_say(string, strlen(string));
    }
    weft__sys_say("\"\n", 2);
    weft__free(string);
}

static void explore_crashed(int signo)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(explore_signals); i++) {
        sigaction(explore_signals[i], &explore_old[i], NULL);
    }
    weft__explore_say_where();
    raise(signo); /* blocked here, so it comes when this returns */
}

static void explore_listen(bool on)
{
    struct sigaction action = {.sa_handler = explore_crashed, .sa_flags = SA_ONSTACK};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(explore_signals); i++) {
        sigaction(explore_signals[i], on ? &action : &explore_old[i],
                  on ? &explore_old[i] : NULL);
    }
}

/* ---- what the engine asks ---- */

static void explore_move(struct weft__strand *from, struct weft__strand *to)
{
    (void)from, (void)to;
    WEFT_CHECK(!"all tasks share one carrier");
}

static uint32_t explore_stack(uintptr_t *ret, uint32_t n)
{
    const struct weft__task *task = weft__self_task();
    const unsigned char *low = task->stack.lo;
    void *frames[2 * WEFT__STACK_MAX];
    if (!low) {
        return 0;
    }
    const void *call = weft__site_address(weft__strand_self()->site);
    size_t skip = 0;
    size_t found = weft__symbol_walk(__builtin_frame_address(0), NULL, low,
                                     low + task->stack.size, frames,
                                     WEFT_ARRAY_SIZE(frames));
    while (skip < found && frames[skip] != call) { /* from the program's own call on */
        skip++;
    }
    skip = skip < found ? skip : 0;
    found = weft__min(found, skip + n);
    for (size_t i = skip; i < found; i++) {
        ret[i - skip] = (uintptr_t)frames[i];
    }
    return (uint32_t)(found - skip);
}

static const struct weft__executor explore_executor = {
    .move = explore_move, .stack = explore_stack, .over = weft__control_give_up};

/* ---- one schedule ---- */

static void explore_note_failure(const struct explore *x, int rc)
{
    struct weft__finding *finding = weft__found(
        WEFT__CLASS_ASSERT, 0, "the function returned %d (%s)", rc, weft_strerror(rc));
    struct weft__party *party = &finding->parties[0];
    if (weft__strand_count() > EXPLORE_FIRST) {
        weft__party_fill(party, weft__strand_of(EXPLORE_FIRST));
    }
    party->site = party->stack[0] = weft__site_of((uintptr_t)x->fn + 1); /* as if after a call */
    party->n_stack = 1;
}

static int explore_run(struct weft__runner *runner)
{
    struct explore *x = (struct explore *)runner;
    struct weft__outcome *outcome = &runner->exchange->outcome;
    int rc = weft__engine_init(runner->exchange, &explore_executor);
    if (rc < 0) {
        return rc;
    }
    weft__steer_init(&(struct weft__steer_options){.orders = false});
    memcpy(weft__strand_self()->name, "weft_run", sizeof "weft_run");
    uint32_t seen = a_load(&weft__foreign_seen, relaxed);
    x->is_running = true;
    rc = weft_run_with(x->fn, x->arg, &(weft_options){.workers = 1, .virtual_clock = true});
    x->is_running = false;
    if (outcome->state != WEFT__OUTCOME_DONE) {
        if (rc < 0) {
            explore_note_failure(x, rc);
        }
        weft__engine_finish(0);
    }
    outcome->exit_status = rc < 0 ? 1 : 0;
    if (a_load(&weft__foreign_seen, relaxed) != seen) {
        outcome->not_deterministic = 1;
    }
    weft__engine = NULL;
    return 0;
}

/* ---- all schedules ---- */

static int explore_replay(struct explore *x, const char *string,
                          struct weft_check_report *report)
{
    struct weft__exchange *exchange = x->runner.exchange;
    char **argv = NULL;
    int rc = weft__replay_read(string, &exchange->plan, &argv);
    weft__free(argv);
    if (rc < 0) {
        return rc;
    }
    exchange->plan.flags |= WEFT__PLAN_TRACE;
    rc = explore_run(&x->runner);
    if (rc < 0) {
        return rc;
    }
    const struct weft__finding *finding = weft__gravest(&exchange->outcome);
    report->failing = weft__alloc(sizeof *report->failing);
    report->replay = weft__alloc(strlen(string) + 1);
    if (!report->failing || !report->replay) {
        return -WEFT_ENOMEM;
    }
    memcpy(report->failing, exchange, sizeof *exchange);
    memcpy(report->replay, string, strlen(string) + 1);
    report->modules = exchange->modules;
    report->result.schedules = 1;
    report->result.deterministic = exchange->outcome.not_deterministic == 0;
    report->result.preemptions = (int)exchange->outcome.preemptions;
    if (finding) {
        report->finding = *finding;
        report->result.found = weft__class_is_failure((enum weft__class)finding->class);
        report->result.schedule = report->result.failing = report->result.found;
    }
    weft__report_complete(report);
    return 0;
}

static int explore_all(struct explore *x, const weft_check_options *options,
                       struct weft_check_report *report)
{
    struct weft__runner *runner = &x->runner;
    weft_check_options usual = *options;
    usual.jobs = 1;
    if (usual.replay) {
        return explore_replay(x, usual.replay, report);
    }
    int rc = weft__search(&runner, 1, &usual, report);
    return rc < 0 ? rc : weft__finish(runner, &usual, NULL, report);
}

static int explore_open(struct explore *x, const weft_check_options *options)
{
    struct weft__thread *self = weft__self();
    if (!x->fn || options->time_ns < 0) {
        return -WEFT_EINVAL;
    }
    if (explore_now || self->runtime || self->task != &self->own ||
        weft__control_set(&weft__steer, WEFT__CONTROL_VERSION) < 0) {
        return -WEFT_EBUSY;
    }
    x->is_open = true;
    x->runner.exchange = weft__alloc_zero(sizeof *x->runner.exchange);
    x->crash_plan = weft__alloc(sizeof *x->crash_plan);
    if (!x->runner.exchange || !x->crash_plan || weft__fatal_thread_begin(self) < 0) {
        return -WEFT_ENOMEM;
    }
    weft__modules_fill(&x->runner.exchange->modules);
    explore_now = x;
    explore_listen(true);
    return 0;
}

static void explore_close(struct explore *x)
{
    if (explore_now == x) {
        explore_listen(false);
        explore_now = NULL;
        weft__fatal_thread_end(weft__self());
    }
    if (x->is_open) {
        int cleared = weft__control_set(NULL, WEFT__CONTROL_VERSION);
        WEFT_CHECK(cleared == 0);
        weft__control_free_stacks();
        weft__engine_fini();
    }
    weft__free(x->runner.exchange);
    weft__free(x->crash_plan);
}

int weft_explore_report(int (*fn)(void *arg), void *arg, const weft_check_options *options,
                        weft_check_report **ret_report)
{
    static const weft_check_options none;
    struct explore x = {.runner.run = explore_run, .fn = fn, .arg = arg};
    options = options ? options : &none;
    struct weft_check_report *report = weft__report_new();
    if (!report) {
        return -WEFT_ENOMEM;
    }
    report->is_tasks = true;
    int rc = explore_open(&x, options);
    if (rc == 0) {
        rc = explore_all(&x, options, report);
    }
    explore_close(&x);
    if (rc < 0 || !ret_report) {
        weft_check_report_free(report);
        return rc;
    }
    *ret_report = report;
    return report->result.found;
}

int weft_explore(int (*fn)(void *arg), void *arg, const weft_check_options *options)
{
    weft_check_report *report;
    int rc = weft_explore_report(fn, arg, options, &report);
    if (rc < 0) {
        return rc;
    }
    if (rc == 1 && !(options && options->quiet)) {
        (void)weft_check_print(report, WEFT_CHECK_TEXT, stderr, 0, false);
    }
    weft_check_report_free(report);
    return rc;
}
