/* semaphore_count_fixed.c - a ring of two places between a producer and a consumer.
 *
 * It begins with the number of places.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define PLACES 2
#define VALUES 4

static atomic_int ring[PLACES];
static sem_t room, filled;

static void *producer(void *arg)
{
    (void)arg;
    for (int i = 0; i < VALUES; i++) {
        sem_wait(&room);
        atomic_store(&ring[i % PLACES], i);
        sem_post(&filled);
    }
    return NULL;
}

static void *consumer(void *arg)
{
    (void)arg;
    for (int i = 0; i < VALUES; i++) {
        sem_wait(&filled);
        assert(atomic_load(&ring[i % PLACES]) == i);
        sem_post(&room);
    }
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    sem_init(&room, 0, PLACES);
    sem_init(&filled, 0, 0);
    pthread_create(&one, NULL, producer, NULL);
    pthread_create(&two, NULL, consumer, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    sem_destroy(&filled);
    sem_destroy(&room);
    return 0;
}
