/* run.h - start the runtime, and stop it when the last task has ended.
 *
 * weft_run makes the workers, runs one task, and returns what that task returned, after every task
 * has ended.  A process runs one runtime at a time; after it has returned another may start.
 *
 * Environment: WEFT_WORKERS=n overrides weft_options.workers and the count of usable CPUs.
 *              WEFT_IO=auto|uring|epoll|sim overrides weft_options.io.
 *              WEFT_STACK_CENSUS=1 prints at the end how much stack each spawn site used.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_RUN_H
#define WEFT_RUN_H

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* What a weft_panic in a task does. */
enum weft_panic_policy {
    WEFT_PANIC_PROCESS = 0, /* report and abort the process */
    WEFT_PANIC_TASK = 1     /* run the task's deferred calls and fail it with -WEFT_EPANIC */
};

/* Who waits for the outside world. */
enum weft_io {
    WEFT_IO_AUTO = 0,  /* the kernel's ring where there is one, else epoll */
    WEFT_IO_URING = 1, /* io_uring; operations say -WEFT_ENOTSUP where there is none */
    WEFT_IO_EPOLL = 2, /* epoll, and the blocking pool for files */
    WEFT_IO_SIM = 3    /* a network and disk that are simulated: see weft/check.h */
};

/* All zero means: the defaults.  Limits are never exceeded silently: reaching one is an error code,
 * or backpressure, or a line in the log, as said at each. */
typedef struct weft_options {
    size_t workers;              /* 0: one per CPU that affinity and cgroup quota grant */
    size_t stack_size;           /* of tasks that do not say; 0: 128 KB (committed as touched) */
    size_t idle_stacks_max;      /* stacks kept for reuse beside each worker's few; 0: 1024 */
    size_t spare_threads_max;    /* threads that take over seats of stuck ones; 0: 64 */
    size_t blocking_threads_max; /* threads that run weft_blocking and file calls; 0: 64 */
    bool virtual_clock;          /* time jumps when all tasks are blocked */
    bool leave_signals;          /* true: SIGINT and SIGTERM stay as they are */
    bool quiet;                  /* true: no reports of stuck tasks on stderr */
    enum weft_panic_policy panic;
    enum weft_io io;
    int64_t stuck_after_ns;      /* a task that runs so long loses its worker; 0: 8 ms */
} weft_options;

/* Sleeps.  Runs fn(arg) as the first task, in the root scope, and waits until every task has ended.
 *
 * n >= 0 or a code   what fn returned
 * 130, 143           SIGINT or SIGTERM cancelled the run and fn returned -WEFT_ECANCELED
 * -WEFT_EDEADLK      all tasks were blocked with nothing pending.  The wait graph went to stderr,
 *                    then the root scope was cancelled and every task unwound.
 * -WEFT_EINVAL       fn is NULL, or an option is out of range
 * -WEFT_EBUSY        a runtime runs in this process already, or the caller is a task
 * -WEFT_ESHUTDOWN    this process was forked from inside a task: it has no runtime
 * -WEFT_ENOMEM, -WEFT_EAGAIN   memory or threads for the workers could not be had; fn did not run
 *
 * SIGINT and SIGTERM cancel the root scope; a second one within 3 s ends the process at once with
 * status 130 or 143.  The former handlers are restored before it returns.
 */
WEFT_API int weft_run(int (*fn)(void *arg), void *arg);
WEFT_API int weft_run_with(int (*fn)(void *arg), void *arg, const weft_options *options);

/* Counters since the runtime started; sums over all workers, exact when nothing runs. */
typedef struct weft_stats {
    size_t workers;
    uint64_t tasks_started, tasks_ended;
    uint64_t switches;           /* from a task to another or to a worker's own stack */
    uint64_t steals;             /* tasks taken from another worker's queue */
    uint64_t wakes;              /* sleeping workers woken */
    uint64_t timers_fired;
    uint64_t handovers;          /* seats taken from a stuck thread */
    uint64_t spare_threads, spare_threads_peak;
    uint64_t blocking_threads, blocking_threads_peak;
    uint64_t stacks_mapped, stacks_idle;
    enum weft_io io;             /* the back end in use; WEFT_IO_AUTO: none has been needed yet */
    uint64_t io_begun, io_slept; /* operations on descriptors, and those that did not end at once */
    uint64_t io_entered;         /* system calls made to submit, or to wait for, operations */
    uint64_t accepts_delayed;    /* weft_accept found no free descriptor, and waited */
} weft_stats;

/* Never sleeps.  Copies the counters out.  0, or -WEFT_ESHUTDOWN when no runtime runs.  Any
 * thread. */
WEFT_API int weft_stats_get(weft_stats *ret_stats);

/* Never sleeps.  Has fn(arg) called soon on the runtime's service thread.  Safe in signal handlers
 * and from any thread; fn must not sleep (it may cancel scopes, set events, post semaphores).
 *
 * 0                 fn will be called once
 * -WEFT_EAGAIN      256 posts are waiting already
 * -WEFT_ESHUTDOWN   no runtime runs
 */
WEFT_API int weft_post(void (*fn)(void *arg), void *arg);

/* Never sleeps.  How many CPUs are really usable: affinity and cgroup quota, at least 1. */
WEFT_API size_t weft_cpus(void);

WEFT_END_DECLS

#endif
