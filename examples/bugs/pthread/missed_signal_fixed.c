/* missed_signal_fixed.c - a cook rings when the dish is ready, and a waiter waits for the ring.
 *
 * The waiter looks at `ready` under the lock, which it keeps until it waits.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;
static atomic_bool ready;
static int served;

static void *waiter(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (!atomic_load(&ready))
        pthread_cond_wait(&bell, &lock);
    pthread_mutex_unlock(&lock);
    served = 1;
    return NULL;
}

static void *cook(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    atomic_store(&ready, true);
    pthread_cond_signal(&bell);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, waiter, NULL);
    pthread_create(&two, NULL, cook, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(served == 1);
    return 0;
}
