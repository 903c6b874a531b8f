/* runtime.h - from the first thread to the last.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_RUNTIME_H
#define WEFT_CORE_RUNTIME_H

#include "core/self.h"

enum weft__stopping {
    WEFT__STOP_NOT = 0,
    WEFT__STOP_WORKERS = 1, /* the last task has ended */
    WEFT__STOP_SERVICE = 2  /* and so have the workers */
};

#define WEFT__SIGNAL_PENDING 0x100u /* beside the number, in signal_seen: not acted on yet */

/* Makes a runtime whose workers, all but the caller's, run already.  root is upstairs' word.
 * 0 or a code, and then nothing is left behind. */
int weft__runtime_start(const weft_options *options, void *root, struct weft__runtime **ret_rt);

/* Sleeps.  The calling thread works until the runtime stops; then all is torn down.  Returns the
 * signal that cancelled the run, or 0; *ret_deadlocked says whether a deadlock did. */
int weft__runtime_work_until_stop(struct weft__runtime *rt, bool *ret_deadlocked);

/* Never sleeps.  The last task has ended. */
void weft__runtime_stop(struct weft__runtime *rt);

/* Something outside the workers, which will wake a task, begins or ends. */
void weft__runtime_external_begin(struct weft__runtime *rt);
void weft__runtime_external_end(struct weft__runtime *rt);

/* For threads that hold nothing of the run open, and signal handlers: keeps the runtime from being
 * freed until unpin.  NULL: there is none, and nothing to unpin.  Async-signal-safe. */
struct weft__runtime *weft__runtime_pin(void);
void weft__runtime_unpin(void);

/* Threads. */
void weft__runtime_init_thread(struct weft__runtime *rt, struct weft__thread *thread);
int weft__runtime_start_thread(struct weft__runtime *rt, struct weft__worker *seat);
int weft__runtime_start_thread_task(struct weft__runtime *rt, struct weft__birth *birth,
                                    size_t stack_size);
void weft__runtime_reap_threads(struct weft__runtime *rt, bool wait);

/* All workers have committed to sleep and nothing goes on outside. */
enum weft__quiet {
    WEFT__QUIET_SLEEP, /* that is as it should be */
    WEFT__QUIET_LOOK,  /* the clock has jumped, or tasks were cancelled: look again */
    WEFT__QUIET_UNSURE, /* a foreign thread may yet do something: look again soon */
    WEFT__QUIET_LISTEN  /* what was sent may yet arrive: look again before the clock jumps */
};
enum weft__quiet weft__runtime_quiescent(struct weft__runtime *rt);

#endif
