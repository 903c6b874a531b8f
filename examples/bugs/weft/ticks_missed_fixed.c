/* ticks_missed_fixed.c - a meter adds up what flows, a litre in each tick of 10 ms.
 *
 * The ticker tells how many ticks were skipped, and the meter counts them, too.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static int write_down(int litres)
{
    return weft_sleep(litres % 2 ? 0 : 35 * WEFT_MS);
}

static int app(void *arg)
{
    int64_t start = weft_now();
    int litres = 0;
    weft_ticker ticker;

    (void)arg;
    weft_ticker_init(&ticker, 10 * WEFT_MS);
    for (int i = 0; i < 6; i++) {
        uint64_t missed = 0;
        int rc = weft_ticker_wait(&ticker, &missed);
        if (rc < 0)
            return rc;
        litres += 1 + (int)missed;
        assert(litres >= (weft_now() - start) / (10 * WEFT_MS) - 1);
        if (write_down(i + 1) < 0)
            return -WEFT_ECANCELED;
    }
    return 0;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
