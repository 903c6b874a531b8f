/* unlock_not_held_fixed.c - a statistic that is skipped when somebody else is at it.
 *
 * Only who got the lock gives it back.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int counted;
static atomic_int skipped;

static void *worker(void *arg)
{
    (void)arg;
    if (pthread_mutex_trylock(&lock) == 0) {
        counted++;
        pthread_mutex_unlock(&lock);
    } else {
        atomic_fetch_add(&skipped, 1);
    }
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, worker, NULL);
    pthread_create(&two, NULL, worker, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(counted + atomic_load(&skipped) == 2);
    return 0;
}
