/* philosophers.c - three philosophers, three forks.
 *
 * Each takes the left fork first. When all three hold one, all three wait for ever.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define SEATS 3

static weft_mutex forks[SEATS];
static int meals[SEATS];

static int philosopher(void *arg)
{
    int seat = *(int *)arg, left = seat, right = (seat + 1) % SEATS;
    int first = left, second = right;
    int rc = weft_mutex_lock(&forks[first]);

    if (rc < 0)
        return rc;
    rc = weft_mutex_lock(&forks[second]);
    if (rc == 0) {
        meals[seat]++;
        weft_mutex_unlock(&forks[second]);
    }
    weft_mutex_unlock(&forks[first]);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < SEATS; i++)
        weft_go(&scope, philosopher, &i);
    int rc = weft_scope_close(&scope);
    for (int i = 0; i < SEATS; i++)
        assert(rc < 0 || meals[i] == 1);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
