/* time.c - the one door to the real clock.
 *
 * Called by everyone, from any thread.  Holds nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/time.h"

#include <time.h>

int64_t weft__time_now(void)
{
    struct timespec now;

    WEFT_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * WEFT_NS_PER_SECOND + now.tv_nsec;
}

void weft__time_sleep_until(int64_t when_ns)
{
    struct timespec until;

    if (when_ns < 0)
        return;
    until.tv_sec = when_ns / WEFT_NS_PER_SECOND;
    until.tv_nsec = when_ns % WEFT_NS_PER_SECOND;
    /* the arguments are in order, so that it fails only when a signal came */
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        continue;
}
