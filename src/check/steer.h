/* steer.h - the tasks of a run as strands of the engine: core/control.h, filled.
 *
 * explore.c sets the table as it is; preload/tasks.c sets one of its own, in which plain threads
 * are strands, too.  So this calls nothing of core: it is also in libweft-check.so, which is not
 * linked with libweft.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_STEER_H
#define WEFT_CHECK_STEER_H

#include "check/engine.h"
#include "core/control.h"

struct weft__steer_options {
    bool orders;               /* accesses of memory are seen: say what happens before what */
    uintptr_t (*caller)(void); /* the call of the function that holds the point; NULL: unknown */
    /* Where the program called Weft, of which the frame is; pc, if that cannot be told.  NULL: it
     * never can. */
    uintptr_t (*site)(uintptr_t pc, const void *frame);
};

extern const struct weft__control weft__steer;

/* Before each schedule, after weft__engine_init. */
void weft__steer_init(const struct weft__steer_options *options);

/* Does Weft's own code run, in the thread whose run it is?  Then it is not to be left. */
bool weft__steer_is_inside(void);

/* For an executor: the running task leaves in the middle of its own code. */
void weft__steer_leave(void);

/* The base's deadline is that of the next timer. */
void weft__steer_timer(int64_t next_timer);

/* The engine's word for a deed. */
enum weft__op weft__steer_op(enum weft__deed deed);

/* What orders the memory of the running strand with others', as it does the deed now. */
void weft__steer_order(enum weft__deed deed, const void *object);

#endif
