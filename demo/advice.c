/* advice.c - what follows from the figures, in two or three sentences.
 *
 * The first one says what limits this job here; the second, which strategy that speaks for; the
 * third, when that one is not worth it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <string.h>

#include "report.h"

#define ADVICE_PAID_OFF  1.15 /* a speed-up below this is not worth a line of code */
#define ADVICE_NEAR      1.10 /* times this close to each other are the same */
#define ADVICE_CPU_BOUND 0.90 /* of the sequential time was spent computing */
#define ADVICE_DISTURBED 0.10 /* of it was spent waiting for a CPU: other programs ran */
#define ADVICE_BUSY      0.75 /* of the CPUs; below, something kept them waiting */
#define ADVICE_TOO_SHORT INT64_C(20000000) /* ns; below this the clock tells little */

struct advice {
    const struct report *report;
    const struct trial *base;
    const struct trial *best; /* the fastest of the others; NULL: there are none */
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void advice_say(const struct advice *advice,
                                                             const char *format, ...)
{
    size_t used = strlen(advice->text);
    va_list args;

    va_start(args, format);
    vsnprintf(advice->text + used, advice->size - used, format, args);
    va_end(args);
}

static const struct trial *advice_best(const struct report *report, const struct trial *base)
{
    const struct trial *best = NULL;

    for (size_t i = 0; i < report->n; i++) {
        const struct trial *trial = &report->trials[i];
        if (trial == base || trial->state != TRIAL_DONE)
            continue;
        if (best == NULL || trial->wall_ns < best->wall_ns)
            best = trial;
    }
    return best;
}

static double advice_ratio(int64_t a, int64_t b)
{
    return b > 0 ? (double)a / (double)b : 1;
}

/* ---- what limits it ---- */

/* How much of the sequential time was spent computing, and how much waiting for a CPU. */
static double advice_computed(const struct advice *advice)
{
    return advice_ratio(advice->base->cpu_ns, advice->base->wall_ns);
}

static double advice_queued(const struct advice *advice)
{
    return advice_ratio(advice->base->queued_ns, advice->base->wall_ns);
}

static bool advice_is_disturbed(const struct advice *advice)
{
    return advice_computed(advice) < ADVICE_CPU_BOUND && advice_queued(advice) > ADVICE_DISTURBED;
}

static void advice_limit(const struct advice *advice)
{
    const struct verdict *verdict = advice->report->verdict;
    double computed = advice_computed(advice), queued = advice_queued(advice);
    double largest = (double)verdict->largest / ((double)verdict->bytes + 1);

    if (largest > 0.5) {
        advice_say(advice,
                   "One file holds %.0f %% of all bytes, and a file is read by one worker: that "
                   "alone limits the speed-up to %.1f. ",
                   100 * largest, 1 / largest);
        return;
    }
    if (computed >= ADVICE_CPU_BOUND) {
        advice_say(advice,
                   "The job is CPU-bound here (%.0f %% of the sequential time was computing)",
                   computed < 1 ? 100 * computed : 100);
    } else if (advice_is_disturbed(advice)) {
        advice_say(advice,
                   "Other programs ran meanwhile (for %.0f %% of its time sequential had to wait "
                   "for a CPU), so that these figures tell little",
                   100 * queued);
    } else {
        advice_say(advice,
                   "The job is partly I/O-bound here (for %.0f %% of the sequential time the CPU "
                   "waited)",
                   100 * (1 - computed - queued));
    }
    advice_say(advice, ", and %zu CPU%s usable. ", advice->report->cpus,
               advice->report->cpus == 1 ? " is" : "s are");
}

/* ---- which strategy ---- */

static bool advice_is_near(const struct advice *advice, const struct trial *trial)
{
    return trial != advice->base && trial->state == TRIAL_DONE &&
           advice_ratio(trial->wall_ns, advice->best->wall_ns) < ADVICE_NEAR;
}

/* Names those that are about as fast as the best one, n of them. */
static void advice_name_near(const struct advice *advice, size_t n)
{
    const struct report *report = advice->report;
    size_t named = 0;

    for (size_t i = 0; i < report->n; i++) {
        if (!advice_is_near(advice, &report->trials[i]))
            continue;
        advice_say(advice, "%s\"%s\"", named == 0 ? "" : named == n - 1 ? " and " : ", ",
                   report->trials[i].strategy->title);
        named++;
    }
}

static void advice_choice(const struct advice *advice)
{
    const struct report *report = advice->report;
    double speedup = report_speedup(advice->base, advice->best);
    double percent = 100 * report_efficiency(report, advice->best);
    size_t near = 0;

    for (size_t i = 0; i < report->n; i++)
        near += advice_is_near(advice, &report->trials[i]);
    if (near > 1) {
        advice_name_near(advice, near);
        advice_say(advice,
                   " are equally fast, %.1f times as fast as sequential, an efficiency of "
                   "%.0f %%: take the one that is easiest to get right. ",
                   speedup, percent);
    } else {
        advice_say(advice,
                   "Take \"%s\": %.1f times as fast as sequential, an efficiency of %.0f %%. ",
                   advice->best->strategy->title, speedup, percent);
    }
}

/* ---- when it is not worth it ---- */

static double advice_cost(const struct advice *advice)
{
    return advice_ratio(advice->best->cpu_ns, advice->base->cpu_ns);
}

/* Of the strategy that was just recommended. */
static void advice_worth(const struct advice *advice)
{
    const struct trial *best = advice->best;
    double busy = advice_ratio(best->cpu_ns, best->wall_ns);
    size_t cpus = report_cpus(advice->report);

    if (busy < ADVICE_BUSY * (double)cpus && !advice_is_disturbed(advice)) {
        advice_say(advice, "It kept only %.1f of %zu CPUs busy: more workers are not worth it.",
                   busy, cpus);
    } else if (advice_cost(advice) >= ADVICE_NEAR) {
        advice_say(advice,
                   "For that \"%s\" takes %.1f times the CPU time: not worth it when others need "
                   "the CPUs.",
                   best->strategy->title, advice_cost(advice));
    } else {
        advice_say(advice,
                   "It takes %s more CPU time than sequential (%.2f times): not worth it only "
                   "where no CPU is idle, or for less than some %d ms of work.",
                   advice_cost(advice) > 1 ? "hardly" : "no", advice_cost(advice),
                   (int)(ADVICE_TOO_SHORT / 1000000));
    }
}

static void advice_give(const struct advice *advice)
{
    double speedup = advice->best != NULL ? report_speedup(advice->base, advice->best) : 0;

    advice_limit(advice);
    if (advice->best == NULL) {
        advice_say(advice, "Nothing else ran to compare it with.");
    } else if (advice->base->wall_ns < ADVICE_TOO_SHORT) {
        advice_say(advice, "It takes %.1f ms: too short for any strategy to be worth it.",
                   trial_seconds(advice->base->wall_ns) * 1e3);
    } else if (speedup < ADVICE_PAID_OFF) {
        advice_say(advice,
                   "Doing it in parallel was not worth it (%.2f times as fast at best, for %.1f "
                   "times the CPU time): sequential is the simplest, take that.",
                   speedup, advice_cost(advice));
    } else {
        advice_choice(advice);
        advice_worth(advice);
    }
}

void report_advice(const struct report *report, char *ret_text, size_t size)
{
    struct advice advice = {
        .report = report, .base = report_base(report), .text = ret_text, .size = size};

    advice.best = advice_best(report, advice.base);
    ret_text[0] = '\0';
    if (report->verdict->files == 0)
        advice_say(&advice, "There was no file to read.");
    else if (advice.base == NULL)
        advice_say(&advice, "Without the sequential strategy nothing can be compared.");
    else
        advice_give(&advice);
}
