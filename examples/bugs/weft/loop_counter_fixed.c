/* loop_counter_fixed.c - the accounts of a bank are gone through, and the overdrawn ones are
 * counted.
 *
 * Each task counts for itself; what they have counted is added up when they are done.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define ACCOUNTS 4

static const int balances[ACCOUNTS] = {-10, 20, -30, -40};

static int count_range(int64_t from, int64_t to, void *acc, void *arg)
{
    int *overdrawn = acc;

    (void)arg;
    for (int64_t i = from; i < to; i++) {
        if (balances[i] < 0)
            ++*overdrawn;
    }
    return 0;
}

static void add(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(int *)acc += *(const int *)other;
}

static int app(void *arg)
{
    static const int none = 0;
    static const weft_reduce_ops count = {.size = sizeof none, .identity = &none,
                                          .body = count_range, .combine = add};
    int overdrawn = 0;
    int rc = weft_reduce(0, ACCOUNTS, &count, &overdrawn, NULL);

    (void)arg;
    assert(rc < 0 || overdrawn == 3);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
