/* tasks.h - programs of Weft under control; see tasks.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_TASKS_H
#define WEFT_CHECK_TASKS_H

#include "check/preload/preload.h"

/* In the server, once: is it a program of Weft? */
void weft__tasks_find(void);

/* In the child, after weft__engine_init and weft__threads_begin. */
void weft__tasks_begin(void);

/* Does Weft's own code run, on the thread that runs tasks?  Then nothing is a point. */
bool weft__tasks_are_inside(void);

/* The executor's leave(). */
void weft__tasks_leave(void);

/* Weft's own code works for whoever called it: the program's call, if it is found by the frame
 * pointers from `frame` on; else pc, which is also the answer where no tasks are. */
uintptr_t weft__tasks_site(uintptr_t pc, const void *frame);

#endif
