/* time.h - one clock, in nanoseconds.
 *
 * All times are int64_t nanoseconds of the runtime's clock: monotonic, started at an unspecified
 * point, and virtual when weft_options.virtual_clock asks for it (then it stands still while any
 * task can run, and jumps to the next timer when all are blocked).
 *
 * No call in Weft takes a deadline: a deadline belongs to a scope (weft/scope.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include "weft/api.h"

#define WEFT_US     INT64_C(1000)
#define WEFT_MS     INT64_C(1000000)
#define WEFT_SECOND INT64_C(1000000000)
#define WEFT_NEVER  INT64_MAX

WEFT_BEGIN_DECLS

/* Never sleeps.  Nanoseconds on the runtime's clock; on the monotonic clock outside weft_run. */
WEFT_API int64_t weft_now(void);

/* Never sleeps.  weft_now() + ns, saturating at WEFT_NEVER; a negative ns is a time in the past. */
WEFT_API int64_t weft_after(int64_t ns);

/* Sleeps.  For at least ns nanoseconds; ns <= 0 is weft_yield().
 *
 * 0                 the time has passed
 * -WEFT_ECANCELED   the scope is cancelled; it returns at once
 */
WEFT_API int weft_sleep(int64_t ns);

/* Sleeps.  Until the clock reaches `when`; otherwise as weft_sleep. */
WEFT_API int weft_sleep_until(int64_t when);

WEFT_END_DECLS

#endif
