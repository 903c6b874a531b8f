/* blocked.h - the wait graph: who waits for what, held by whom, since where.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_BLOCKED_H
#define WEFT_CORE_BLOCKED_H

#include "core/core.h"

/* Never sleeps.  Writes the graph to stderr, headed by `why`. */
void weft__blocked_print(struct weft__runtime *rt, const char *why);

#endif
