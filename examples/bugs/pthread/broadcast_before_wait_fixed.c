/* broadcast_before_wait_fixed.c - a starter fires, and two runners run.
 *
 * What is waited for is a variable; the condition only says that it may have changed.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t shot = PTHREAD_COND_INITIALIZER;
static bool started;
static int running;

static void *runner(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (!started)
        pthread_cond_wait(&shot, &lock);
    running++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *starter(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    started = true;
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
