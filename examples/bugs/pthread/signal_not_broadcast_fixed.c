/* signal_not_broadcast_fixed.c - a gate opens once, and all who wait before it may pass.
 *
 * What concerns all is told to all: broadcast.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool open_now;
static int inside;

static void *guest(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (!open_now)
        pthread_cond_wait(&opened, &lock);
    inside++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *porter(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    open_now = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];

    pthread_create(&threads[0], NULL, porter, NULL);
    pthread_create(&threads[1], NULL, guest, NULL);
    pthread_create(&threads[2], NULL, guest, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert(inside == 2);
    return 0;
}
