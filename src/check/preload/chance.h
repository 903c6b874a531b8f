/* chance.h - the system's random bytes, the same in each run.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_CHANCE_H
#define WEFT_CHECK_CHANCE_H

#include "base/base.h"

void weft__chance_fill(void *to, size_t size);

/* Was the descriptor opened on a device of random bytes?  Not any more. */
bool weft__chance_is(int fd);
void weft__chance_forget(int fd);

#endif
