/* rate_polled.c - two tasks send letters, ten a second between them.
 *
 * A sender whose turn it is not tries again, after a look at whether others want to run. While
 * anybody asks, nobody rests; and a clock that goes on only when all rest never will.
 *
 * expects: livelock|starvation
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rate rate = WEFT_RATE_INIT(10, WEFT_SECOND, 1);

static int send_letter(void *arg)
{
    int rc;

    (void)arg;
    while ((rc = weft_rate_try(&rate, 1)) == -WEFT_EAGAIN) {
        rc = weft_yield();
        if (rc < 0)
            return rc;
    }
    return rc;
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
