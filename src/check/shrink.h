/* shrink.h - what confirm.c and finish.c ask of shrink.c beside search.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SHRINK_H
#define WEFT_CHECK_SHRINK_H

#include "check/search.h"

/* Is one of the outcome's findings this one? */
bool weft__outcome_has(const struct weft__outcome *outcome, const struct weft__finding *finding);

#endif
