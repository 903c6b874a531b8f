/* trial.h - one strategy's run, in a process of its own, timed.
 *
 * Its own process, so that its peak of memory is its own, and so that no strategy inherits anything
 * from the one before.  The answers come back through a file, the figures through a pipe.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_TRIAL_H
#define DEMO_TRIAL_H

#include "job.h"

enum trial_state {
    TRIAL_NOT_RUN = 0,
    TRIAL_DONE = 1,
    TRIAL_INTERRUPTED = 2, /* by a signal; its figures are those so far */
    TRIAL_FAILED = 3       /* see code and signal */
};

struct trial {
    const struct strategy *strategy;
    enum trial_state state;
    int code;             /* failed: negative code of the strategy, or 0 when its process died */
    int signal;           /* failed: the signal that its process died from, or 0 */
    FILE *answers;        /* done: the sorted answers, read by answer_read */
    uint64_t files;
    uint64_t bytes;
    uint64_t skipped;
    int64_t wall_ns;
    int64_t cpu_ns;       /* of all its threads, in user code and in the kernel */
    int64_t queued_ns;    /* its first thread was ready, and all CPUs had other work */
    uint64_t peak_bytes;  /* the most memory that it had resident */
    uint8_t digest[SHA256_SIZE]; /* of all its answers; filled in by compare.c */
};

struct trial_setup {
    const char *root;
    size_t workers;
    uint64_t bytes_total;      /* to show how far a trial is; 0: not known */
    bool show;                 /* draw a progress line on stderr */
    struct progress *progress; /* in shared memory */
};

/* Runs the trial's strategy and fills in the rest.  SIGINT and SIGTERM, which the caller must have
 * directed to job_stop, end it early. */
void trial_run(struct trial *trial, const struct trial_setup *setup);

/* Seconds, for people. */
static inline double trial_seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

#endif
