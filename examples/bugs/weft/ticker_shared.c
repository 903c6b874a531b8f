/* ticker_shared.c - two lamps blink three times, all at the same pace.
 *
 * They go by one ticker. But a tick is for one: who waits for the ticker while another does would
 * take the other's.
 *
 * expects: misuse|crash
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

static weft_ticker ticker;

static int blink(void *arg)
{
    int rc = 0;

    (void)arg;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_ticker_wait(&ticker, NULL);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_ticker_init(&ticker, 10 * WEFT_MS);
    weft_scope_open(&scope);
    weft_go(&scope, blink, NULL);
    weft_go(&scope, blink, NULL);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
