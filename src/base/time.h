/* time.h - the one door to the real clock.
 *
 * Times are int64_t nanoseconds of CLOCK_MONOTONIC: it never jumps and it stands still while the
 * machine is suspended.  The virtual clock of tests lives in core/, which asks here only for the
 * real one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_TIME_H
#define WEFT_BASE_TIME_H

#include "base/base.h"

#define WEFT_NS_PER_SECOND INT64_C(1000000000)
#define WEFT_NS_PER_MS INT64_C(1000000)
#define WEFT_NS_PER_US INT64_C(1000)

/* Never sleeps.  Nanoseconds since some moment in the past; never less than the call before. */
int64_t weft__time_now(void);

/* Sleeps.  The calling OS thread, until `when_ns` or later.  For plain threads: a task that calls
 * it keeps its worker. */
void weft__time_sleep_until(int64_t when_ns);

#endif
