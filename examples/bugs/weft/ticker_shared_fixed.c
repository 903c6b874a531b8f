/* ticker_shared_fixed.c - two lamps blink three times, all at the same pace.
 *
 * Each has a ticker of its own, and both begin at the same time.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

static int blink(void *arg)
{
    weft_ticker ticker;
    int rc = 0;

    weft_ticker_init_with(&ticker, arg);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_ticker_wait(&ticker, NULL);
    return rc;
}

static int app(void *arg)
{
    weft_ticker_options pace = {.period_ns = 10 * WEFT_MS, .first = weft_after(10 * WEFT_MS)};
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, blink, &pace);
    weft_go(&scope, blink, &pace);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
