/* report.h - what the demo says at the end: a table, advice, and whether all agreed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include "compare.h"

#define REPORT_ADVICE_MAX 1024

struct report {
    const char *root;
    size_t cpus;               /* that this process may use */
    size_t workers;
    const struct trial *warm;  /* the first reading */
    const struct trial *trials;
    size_t n;
    const struct verdict *verdict;
    int stop;                  /* the signal that ended it early, or 0 */
};

/* What the others are compared with: sequential, if it is done; else NULL. */
const struct trial *report_base(const struct report *report);

/* How many CPUs a strategy can keep busy. */
static inline size_t report_cpus(const struct report *report)
{
    return report->workers < report->cpus ? report->workers : report->cpus;
}

/* How many times as fast as the base.  0 when either is not known. */
double report_speedup(const struct trial *base, const struct trial *trial);

/* The speed-up for each CPU that the trial could use: 1 is all that can be hoped for. */
double report_efficiency(const struct report *report, const struct trial *trial);

/* Two or three sentences that follow from the figures, for this machine and this directory. */
void report_advice(const struct report *report, char *ret_text, size_t size);

/* For people; the last line says whether the answers were identical, or that it was interrupted. */
void report_print(const struct report *report, FILE *file);

/* For programs: one object on one line. */
void report_print_json(const struct report *report, FILE *file);

#endif
