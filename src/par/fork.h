/* fork.h - pieces as the files of this room fork them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_FORK_H
#define WEFT_PAR_FORK_H

#include "weft/par.h"

/* ---- offers: pieces worth some ten nanoseconds, so that others may take them at once; see also
 * weft__forks_may_offer ---- */

/* Never sleeps.  As weft_fork. */
void weft__par_offer(weft_piece *piece, int (*fn)(void *arg), void *arg);

/* Sleeps, if somebody has taken it, until it has ended, and returns false, with its code.  True:
 * the caller must do what it was for. */
bool weft__par_take_back(weft_piece *piece, int *ret_code);

#endif
