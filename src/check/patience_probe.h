/* patience_probe.h - had what limits itself by the clock the time that it gives itself?
 *
 * Shrinking, confirming and replaying give up after a quarter of a second, or more (shrink.c,
 * confirm.c, finish.c), so that nobody waits long for a report.  The kernel may leave a test's
 * thread alone for as long; then less comes out, and rightly.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_PATIENCE_PROBE_H
#define WEFT_CHECK_PATIENCE_PROBE_H

#include "base/time.h"
#include "weft/time.h"

/* Less has passed than any of them waits. */
static inline bool probe_had_time(int64_t since)
{
    return weft__time_now() - since < WEFT_SECOND / 4;
}

#endif
