/* timing_assumption_fixed.c - a helper prepares something, and the main thread gives it time to.
 *
 * It waits for the thing itself.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_bool prepared;
static sem_t done;

static void *helper(void *arg)
{
    (void)arg;
    atomic_store(&prepared, true);
    sem_post(&done);
    return NULL;
}

int main(void)
{
    pthread_t thread;

    sem_init(&done, 0, 0);
    pthread_create(&thread, NULL, helper, NULL);
    sem_wait(&done);
    assert(atomic_load(&prepared));
    pthread_join(thread, NULL);
    sem_destroy(&done);
    return 0;
}
