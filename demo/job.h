/* job.h - the one job, and the strategies that do it.
 *
 * The job: every regular file below a directory is read, its words are counted, its bytes hashed.
 * A strategy is a row of the table in strategies.c; to add one, write its run function and its row.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_JOB_H
#define DEMO_JOB_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"

#define JOB_PIECE_SIZE ((size_t)128 * 1024) /* files are read in pieces of so many bytes */
#define JOB_DEPTH_MAX  128 /* directories deeper than that are not entered but named: -ELOOP */

/* How far a strategy is.  Lies in memory that its process shares with the demo's own. */
struct progress {
    atomic_uint_fast64_t files;
    atomic_uint_fast64_t bytes;
};

struct job {
    const char *root;
    size_t workers;            /* how many may compute at once */
    struct answers *answers;   /* where the answers go, in any order */
    struct progress *progress;
};

struct strategy {
    const char *name;  /* what --strategy takes */
    const char *title; /* what the table says */

    /* Does the job, in a process of its own.  0, or a negative code: -ECANCELED when a signal ended
     * it early; the answers so far are then in the list. */
    int (*run)(struct job *job);
};

extern const struct strategy strategies[];
extern const size_t strategies_n;

/* Not in the table: reads every file once and computes nothing, so that the strategies after it all
 * find the same page cache. */
extern const struct strategy strategy_warm;

int sequential_run(struct job *job);
int sequential_run_warm(struct job *job);
int threads_run(struct job *job);
int tasks_run(struct job *job);
int loops_run(struct job *job);

/* Set by SIGINT and SIGTERM to their number. */
extern volatile sig_atomic_t job_stop;

static inline void job_progress_bytes(struct job *job, uint64_t bytes)
{
    atomic_fetch_add_explicit(&job->progress->bytes, bytes, memory_order_relaxed);
}

static inline void job_progress_file(struct job *job)
{
    atomic_fetch_add_explicit(&job->progress->files, 1, memory_order_relaxed);
}

#endif
