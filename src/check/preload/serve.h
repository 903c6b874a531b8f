/* serve.h - the fork server inside the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SERVE_H
#define WEFT_CHECK_SERVE_H

#include "check/preload/preload.h"

/* If this is the program that is meant, and it is not under control yet: becomes the server, and
 * comes back in each child, under control.  Else nothing. */
void weft__server_arm(void);

/* The program unwinds stacks: the next child finds the unwinder loaded. */
void weft__server_note_unwinding(void);

/* Are we the child of a child: forked by the program itself, and out of control? */
void weft__server_forget(void);

#endif
