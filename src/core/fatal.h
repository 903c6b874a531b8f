/* fatal.h - signals that concern the whole run: a stack that overflowed, and Ctrl-C.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_FATAL_H
#define WEFT_CORE_FATAL_H

#include "core/core.h"

/* Installs the handlers, and puts the former ones back. */
void weft__fatal_start(struct weft__runtime *rt);
void weft__fatal_stop(struct weft__runtime *rt);

/* A stack for handlers on the calling thread, since its task's may be used up.  0 or
 * -WEFT_ENOMEM. */
int weft__fatal_thread_begin(struct weft__thread *self);
void weft__fatal_thread_end(struct weft__thread *self);

#endif
