/* fork.h - for the files of this room: is somebody there for a piece?
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_FORK_H
#define WEFT_PAR_FORK_H

#include "base/base.h"

/* Never sleeps, cheap enough to be asked every few hundred nanoseconds.  Does somebody want work,
 * so that what is forked now is likely to be taken?  False in plain threads and with one worker. */
bool weft__par_is_wanted(void);

#endif
