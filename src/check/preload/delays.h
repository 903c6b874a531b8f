/* delays.h - the program on its real threads, with delays here and there.
 *
 * The fall-back for programs that cannot be controlled: no engine, nothing is chosen, and what
 * fails does so by chance.  preload.h says where the calls are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_DELAYS_H
#define WEFT_CHECK_DELAYS_H

#include "check/preload/preload.h"

/* In the server, before the first fork. */
void weft__delays_prepare(struct weft__exchange *exchange);

/* In the server, before and after one fork: forgets what the last child said; waits for the child
 * and fills the outcome.  Returns the status of waitpid.  Ends all when the socket is closed. */
void weft__delays_clear(void);
int weft__delays_wait(pid_t pid, int socket);

/* In the child: from now on. */
void weft__delays_begin(uint64_t seed);

/* In the child: it will abort, for this reason. */
void weft__delays_note(const char *text, const char *file, unsigned line, const char *function);

#endif
