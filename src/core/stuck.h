/* stuck.h - what is to be said of a task that has held its worker too long.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_STUCK_H
#define WEFT_CORE_STUCK_H

#include "core/core.h"

#define WEFT_STUCK_FRAMES 24

struct weft__stuck_report {
    bool is_wanted;
    struct weft__thread *thread;
    int64_t stuck_ns;
    char name[96];
    const void *site;
    long syscall; /* its number, or -1: it runs */
    size_t frame_count;
    void *frames[WEFT_STUCK_FRAMES];
};

/* Installs the handler by which a running thread tells where it is. */
void weft__stuck_start(struct weft__runtime *rt);
void weft__stuck_stop(struct weft__runtime *rt);

/* Never sleeps.  Copies what is known of the task on that thread, which the caller keeps from
 * ending by holding threads_lock. */
void weft__stuck_look(struct weft__stuck_report *report, struct weft__thread *thread,
                      int64_t stuck_ns);

/* May wait some milliseconds for the thread's own backtrace.  Writes the report, at a limited
 * rate. */
void weft__stuck_tell(struct weft__stuck_report *report);

#endif
