/* limiter.h - what the pool of blocking calls needs of a limiter.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_LIMITER_H
#define WEFT_CORE_LIMITER_H

#include "core/core.h"

/* Sleeps.  Takes a unit; NULL has no limit.  0 or -WEFT_ECANCELED: none was taken.  The caller is
 * inside, and stays so. */
int weft__limiter_enter(weft_limiter *limiter, struct weft__thread **self, const void *site);

/* Never sleeps.  Gives it back, to the longest-waiting one if any.  The caller is inside. */
void weft__limiter_leave(weft_limiter *limiter);

#endif
