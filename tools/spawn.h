/* spawn.h - find programs on PATH, run them and wait, or become them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_SPAWN_H
#define WEFT_TOOLS_SPAWN_H

#include "words.h"

/* The program's path: the name itself when it has a slash, else looked for on PATH.  NULL: none. */
const char *spawn_find(const char *name);

/* Sleeps.  Runs argv[0] with nothing on stdin and with its stdout on our stderr; waits for it.  Its
 * exit status, 128 + the signal that ended it, or a negative code: it could not be started. */
int spawn_wait(const struct words *argv);

/* This process becomes the program at the path, or, where that is gone, the one that is open at fd.
 * Returns only on failure, with a negative code. */
int spawn_become(const char *path, int fd, const struct words *argv);

#endif
