/* hooked.h - a program with hooks, from its sources or from the cache.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_HOOKED_H
#define WEFT_TOOLS_HOOKED_H

#include "compiler.h"

/* Sleeps.  Compiles the order's sources for `weft check`, unless that was done before; fills what
 * the order lacks.  *ret_program is its path, ret_library that of libweft-check.so.
 * 0, or OUT_COULD_NOT. */
int hooked_program(struct compiler_order *order, bool no_cache, const char **ret_program,
                   const char **ret_library);

#endif
