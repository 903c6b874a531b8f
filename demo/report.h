/* report.h - what the demo says at the end: a table, advice, and whether all agreed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include "compare.h"

#define REPORT_ADVICE_MAX 512

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

/* One or two sentences that follow from the figures, for this machine and this directory. */
void report_advice(const struct report *report, char *ret_text, size_t size);

/* For people; the last line says whether the answers were identical, or that it was interrupted. */
void report_print(const struct report *report, FILE *file);

/* For programs: one object on one line. */
void report_print_json(const struct report *report, FILE *file);

#endif
