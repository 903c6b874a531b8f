/* strategies.c - the table of the ways to do the job.
 *
 * The first row is what the others are compared with.  A later way adds its row below.
 *
 * SPDX-License-Identifier: MIT
 */
#include "job.h"

const struct strategy strategies[] = {
    {"sequential", "sequential", sequential_run},
    {"threads", "threads and locks", threads_run},
    {"tasks", "tasks and channels", tasks_run},
    {"loops", "parallel for", loops_run},
};

const size_t strategies_n = sizeof strategies / sizeof strategies[0];

const struct strategy strategy_warm = {"warm", "reading once", sequential_run_warm};

volatile sig_atomic_t job_stop;
