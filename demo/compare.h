/* compare.h - the proof that all strategies gave the same answers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_COMPARE_H
#define DEMO_COMPARE_H

#include "trial.h"

#define COMPARE_TROUBLES_MAX 10 /* files that could not be read are named up to so many */

struct verdict {
    bool identical;
    uint64_t files;         /* that were read, by the first strategy */
    uint64_t bytes;         /* in them */
    uint64_t largest;       /* bytes of the largest one */
    uint64_t unreadable;    /* files and directories */
    struct answer trouble[COMPARE_TROUBLES_MAX]; /* the first of those, by path */
    size_t troubles;

    /* Where identical is false: the first path on which two strategies differ, and in what; or no
     * path, and then trial `b` failed. */
    char *path;
    const char *what;
    const struct trial *a;
    const struct trial *b;
};

/* Reads the answers of the n trials side by side, one at a time of each.  Those that are not done
 * are left out; one that failed makes the verdict false.  The first one's answers are written to
 * `file` as answer_print does, if that is not NULL.  0 or a negative code; the verdict is freed by
 * verdict_free either way. */
int compare(struct trial *trials, size_t n, FILE *file, struct verdict *ret_verdict);

void verdict_free(struct verdict *verdict);

#endif
