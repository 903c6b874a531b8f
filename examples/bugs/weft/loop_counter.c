/* loop_counter.c - the accounts of a bank are gone through, and the overdrawn ones are counted.
 *
 * The body of the loop runs in several tasks at the same time, and all add to one counter.
 *
 * expects: assertion|data-race
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define ACCOUNTS 4

static const int balances[ACCOUNTS] = {-10, 20, -30, -40};
static int overdrawn;

static int count_range(int64_t from, int64_t to, void *arg)
{
    (void)arg;
    for (int64_t i = from; i < to; i++) {
        if (balances[i] < 0)
            overdrawn++;
    }
    return 0;
}

static int app(void *arg)
{
    int rc = weft_for(0, ACCOUNTS, count_range, NULL);

    (void)arg;
    assert(rc < 0 || overdrawn == 3);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
