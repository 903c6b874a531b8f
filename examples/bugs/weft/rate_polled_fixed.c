/* rate_polled_fixed.c - two tasks send letters, ten a second between them.
 *
 * A sender sleeps until it is its turn.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rate rate = WEFT_RATE_INIT(10, WEFT_SECOND, 1);

static int send_letter(void *arg)
{
    (void)arg;
    return weft_rate_wait(&rate, 1);
}

static int app(void *arg)
{
    weft_rate_counts counts;
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, send_letter, NULL);
    weft_go(&scope, send_letter, NULL);
    int rc = weft_scope_close(&scope);
    weft_rate_stats(&rate, &counts);
    assert(rc < 0 || counts.units == 2);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
