/* task.h - a task's life: born with a promise, bound to a stack at its first turn, gone at its
 * last.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_TASK_H
#define WEFT_CORE_TASK_H

#include "core/self.h"

/* What upstairs says of a task to be. */
struct weft__birth_request {
    int (*fn)(void *);
    const void *arg;
    size_t arg_size;
    const weft_task_options *options; /* or NULL */
    void *home;
    const void *site;
    struct weft__start *start;
};

/* Never sleeps.  Makes the birth, with its stack promised, without letting it run.  0 or a code. */
int weft__birth_new(struct weft__thread *self, struct weft__runtime *rt,
                    const struct weft__birth_request *request, struct weft__birth **ret_birth);

/* Never sleeps.  Lets it run.  From here on it will.  WEFT_THREAD: starts the thread: 0, or a code
 * and then the birth is gone. */
int weft__birth_launch(struct weft__thread *self, struct weft__runtime *rt,
                       struct weft__birth *birth, enum weft_on on);

/* Never sleeps.  Turns a birth into a task on its own stack. */
struct weft__task *weft__task_from_birth(struct weft__thread *self, struct weft__birth *birth);

/* Never sleeps.  After the last switch away from it. */
void weft__task_bury(struct weft__thread *self, struct weft__task *task);

/* Fills in a task that is a plain thread. */
void weft__task_init_thread(struct weft__task *task, const char *name);

/* Never returns: the last steps of the calling task, after upstairs' finished. */
WEFT_NORETURN void weft__task_exit(struct weft__thread *self);

/* Runs the birth as the calling thread's own task, to its end, and frees it. */
void weft__task_run_on_thread(struct weft__thread *self, struct weft__birth *birth);

/* The task's name for reports: its own, or its function's.  At most size bytes, never NULL. */
const char *weft__task_label(const struct weft__task *task, char *buffer, size_t size);

#endif
