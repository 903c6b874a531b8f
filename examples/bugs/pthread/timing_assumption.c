/* timing_assumption.c - a helper prepares something, and the main thread gives it time to.
 *
 * Letting others run three times is not waiting for them: how far they come is anybody's guess.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_bool prepared;

static void *helper(void *arg)
{
    (void)arg;
    atomic_store(&prepared, true);
    return NULL;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, helper, NULL);
    for (int i = 0; i < 3; i++)
        sched_yield(); /* that will be enough */
    assert(atomic_load(&prepared));
    pthread_join(thread, NULL);
    return 0;
}
