/* barrier_reuse_fixed.c - a barrier of one counter, used for two rounds.
 *
 * They wait for the number of the round to change, and that never goes back.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

#define PARTIES 2

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static int arrived;
static unsigned barrier_round;
static int steps;

static void barrier(void)
{
    pthread_mutex_lock(&lock);
    if (++arrived == PARTIES) {
        arrived = 0;
        barrier_round++;
        pthread_cond_broadcast(&released);
    } else {
        for (unsigned mine = barrier_round; mine == barrier_round;)
            pthread_cond_wait(&released, &lock);
    }
    steps++;
    pthread_mutex_unlock(&lock);
}

static void *party(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        barrier();
    return NULL;
}

int main(void)
{
    pthread_t threads[PARTIES];

    for (int i = 0; i < PARTIES; i++)
        pthread_create(&threads[i], NULL, party, NULL);
    for (int i = 0; i < PARTIES; i++)
        pthread_join(threads[i], NULL);
    assert(steps == 2 * PARTIES);
    return 0;
}
