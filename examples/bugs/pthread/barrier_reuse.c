/* barrier_reuse.c - a barrier of one counter, used for two rounds.
 *
 * The last to arrive sets the counter back to 0, which is what the others wait for. If it is at
 * the barrier again before they have looked, the counter is 1 and they wait on.
 *
 * expects: lost-wakeup|deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

#define PARTIES 2

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static int arrived;
static int steps;

static void barrier(void)
{
    pthread_mutex_lock(&lock);
    if (++arrived == PARTIES) {
        arrived = 0;
        pthread_cond_broadcast(&released);
    } else {
        while (arrived != 0)
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
