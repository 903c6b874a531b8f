/* barrier_reuse.c - a barrier made of a semaphore, used for two rounds.
 *
 * The last to arrive gives a unit for each. The quick one passes, comes to the second round, and
 * passes that too with the unit that was meant for the slow one.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define PARTIES 2
#define ROUNDS 2

static weft_mutex lock;
static weft_sem turnstile[1];
static int arrived, reached[PARTIES];

static int barrier(int round)
{
    weft_sem *mine = &turnstile[0];
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    if (++arrived == PARTIES * round)
        for (int i = 0; i < PARTIES; i++)
            weft_sem_post(mine);
    weft_mutex_unlock(&lock);
    return weft_sem_wait(mine);
}

static int party(void *arg)
{
    int me = *(int *)arg, rc = 0;

    for (int round = 1; round <= ROUNDS && rc == 0; round++) {
        rc = weft_mutex_lock(&lock);
        if (rc < 0)
            return rc;
        reached[me] = round;
        weft_mutex_unlock(&lock);
        rc = barrier(round);
        if (rc < 0 || (rc = weft_mutex_lock(&lock)) < 0)
            return rc;
        assert(reached[1 - me] >= round);
        weft_mutex_unlock(&lock);
    }
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < PARTIES; i++)
        weft_go(&scope, party, &i);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
