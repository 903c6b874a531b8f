/* if_not_while.c - two consumers wait for parcels that come one at a time.
 *
 * Each parcel is announced to all. Both consumers wake for the first one, and since each tests
 * with `if` and not with `while`, the second takes a parcel that is not there.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static int parcels;

static void *consumer(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    if (parcels == 0)
        pthread_cond_wait(&arrived, &lock);
    assert(parcels > 0);
    parcels--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *carrier(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&lock);
        parcels++;
        pthread_cond_broadcast(&arrived);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];

    pthread_create(&threads[0], NULL, consumer, NULL);
    pthread_create(&threads[1], NULL, consumer, NULL);
    pthread_create(&threads[2], NULL, carrier, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert(parcels == 0);
    return 0;
}
