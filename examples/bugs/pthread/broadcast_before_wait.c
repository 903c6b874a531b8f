/* broadcast_before_wait.c - a starter fires, and two runners run.
 *
 * A condition remembers nothing. A runner that comes to the line after the shot waits for one that
 * will never be fired.
 *
 * expects: lost-wakeup|deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t shot = PTHREAD_COND_INITIALIZER;
static int running;

static void *runner(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    pthread_cond_wait(&shot, &lock);
    running++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *starter(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&shot);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];

    pthread_create(&threads[0], NULL, runner, NULL);
    pthread_create(&threads[1], NULL, runner, NULL);
    pthread_create(&threads[2], NULL, starter, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert(running == 2);
    return 0;
}
