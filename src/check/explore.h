/* explore.h - what tests may ask of the schedule that runs in this process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_EXPLORE_H
#define WEFT_CHECK_EXPLORE_H

#include "weft/check.h"

/* Says on stderr by which string the schedule that runs now can be run again; nothing when none
 * runs.  For who ends the process by other means than a crash.  May be called by a handler whose
 * process is lost anyway. */
void weft__explore_say_where(void);

#endif
