/* advice.c - what follows from the figures, in one or two sentences.
 *
 * The first sentence says what limits this job here; the second, which strategy that speaks for.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "report.h"

#define ADVICE_PAID_OFF  1.15 /* a speed-up below this is not worth a line of code */
#define ADVICE_NEAR      1.10 /* times this close to each other are the same */
#define ADVICE_CPU_BOUND 0.90 /* of the sequential time was spent computing */
#define ADVICE_TOO_SHORT INT64_C(20000000) /* ns; below this the clock tells little */

static const struct trial *advice_find(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->n; i++) {
        const struct trial *trial = &report->trials[i];
        if (trial->state == TRIAL_DONE && strcmp(trial->strategy->name, name) == 0)
            return trial;
    }
    return NULL;
}

/* The fastest of the others than `not_this`; NULL: there are none. */
static const struct trial *advice_best(const struct report *report, const struct trial *not_this,
                                       const struct trial *nor_this)
{
    const struct trial *best = NULL;

    for (size_t i = 0; i < report->n; i++) {
        const struct trial *trial = &report->trials[i];
        if (trial == not_this || trial == nor_this || trial->state != TRIAL_DONE)
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

static int advice_limit(const struct report *report, const struct trial *base, char *text,
                        size_t size)
{
    double share = advice_ratio(base->cpu_ns, base->wall_ns);
    double largest = (double)report->verdict->largest / ((double)report->verdict->bytes + 1);

    if (largest > 0.5) {
        return snprintf(text, size,
                        "One file holds %.0f %% of all bytes, and a file is read by one worker: "
                        "that alone limits the speed-up to %.1f. ",
                        100 * largest, 1 / largest);
    }
    if (share >= ADVICE_CPU_BOUND) {
        return snprintf(text, size,
                        "The job is CPU-bound here (%.0f %% of the sequential time was computing), "
                        "and %zu CPU%s usable. ",
                        share < 1 ? 100 * share : 100, report->cpus,
                        report->cpus == 1 ? " is" : "s are");
    }
    return snprintf(text, size,
                    "The job is partly I/O-bound here (for %.0f %% of the sequential time the CPU "
                    "waited), and %zu CPU%s usable. ",
                    100 * (1 - share), report->cpus, report->cpus == 1 ? " is" : "s are");
}

static void advice_choice(const struct report *report, const struct trial *base, char *text,
                          size_t size)
{
    const struct trial *best = advice_best(report, base, NULL);
    const struct trial *next = advice_best(report, base, best);
    double speedup = best != NULL ? advice_ratio(base->wall_ns, best->wall_ns) : 0;
    double ideal = 100 * speedup / (double)report->cpus;

    if (best == NULL) {
        snprintf(text, size, "Nothing else ran to compare it with.");
    } else if (base->wall_ns < ADVICE_TOO_SHORT) {
        snprintf(text, size, "It takes %.1f ms: too short for any strategy to matter.",
                 trial_seconds(base->wall_ns) * 1e3);
    } else if (speedup < ADVICE_PAID_OFF) {
        snprintf(text, size,
                 "Doing it in parallel did not pay off (%.2f times as fast at best): sequential is "
                 "the simplest, take that.",
                 speedup);
    } else if (next != NULL && advice_ratio(next->wall_ns, best->wall_ns) < ADVICE_NEAR) {
        snprintf(text, size,
                 "\"%s\" and \"%s\" are equally fast, %.1f times as fast as sequential (%.0f %% "
                 "of what the CPUs could give): take the one that is easier to get right.",
                 best->strategy->title, next->strategy->title, speedup, ideal);
    } else {
        snprintf(text, size,
                 "Take \"%s\": %.1f times as fast as sequential, %.0f %% of what the CPUs could "
                 "give.",
                 best->strategy->title, speedup, ideal);
    }
}

void report_advice(const struct report *report, char *ret_text, size_t size)
{
    const struct trial *base = advice_find(report, "sequential");

    if (report->verdict->files == 0) {
        snprintf(ret_text, size, "There was no file to read.");
    } else if (base == NULL) {
        snprintf(ret_text, size, "Without the sequential strategy nothing can be compared.");
    } else {
        int n = advice_limit(report, base, ret_text, size);
        if (n > 0 && (size_t)n < size)
            advice_choice(report, base, ret_text + n, size - (size_t)n);
    }
}
