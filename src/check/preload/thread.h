/* thread.h - what others need to know of the threads of a program under control.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_THREAD_H
#define WEFT_CHECK_THREAD_H

#include <pthread.h>

#include "check/preload/preload.h"

/* NULL: no thread has that name. */
struct weft__strand *weft__strand_of_thread(pthread_t thread);

/* Is the strand to be cancelled, and does it allow it?  For predicates of cancellation points: when
 * a cancellation comes, the object of the strand's operation counts as changed. */
bool weft__cancel_due(const struct weft__strand *strand);

/* The running strand is cancelled if it is due: then does not return. */
void weft__cancel_point(void);

/* The program ends here with that status, without handlers: _exit.  exit() comes here by itself,
 * last of all. */
void weft__program_end(int status) __attribute__((noreturn));

#endif
