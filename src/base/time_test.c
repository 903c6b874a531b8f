/* time_test.c - the clock only rises, and nobody wakes early.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/time.h"

#include "tests/test.h"

TEST(time_never_falls)
{
    int64_t last = weft__time_now();

    for (int i = 0; i < 100000; i++) {
        int64_t now = weft__time_now();
        EXPECT(now >= last);
        last = now;
    }
}

TEST(time_sleep_is_never_short)
{
    for (int i = 0; i < 20; i++) {
        int64_t until = weft__time_now() + WEFT_NS_PER_MS;
        weft__time_sleep_until(until);
        EXPECT(weft__time_now() >= until);
    }
}

TEST(time_sleep_until_the_past_returns)
{
    weft__time_sleep_until(0);
    weft__time_sleep_until(-1);
    weft__time_sleep_until(INT64_MIN);
}
