/* termination.c - a job makes two more jobs; when no job is left, the work is done.
 *
 * "No job in the queue" is taken for "no job left". While the worker has the last one in its hands
 * the queue is empty, and the two that will come of it are still to come.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, idle = PTHREAD_COND_INITIALIZER;
static int queue[4], queued, finished;
static bool stop;

static void *worker(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (queued == 0 && !stop)
            pthread_cond_wait(&more, &lock);
        if (queued == 0)
            break;
        int children = queue[--queued];
        if (queued == 0)
            pthread_cond_signal(&idle);
        pthread_mutex_unlock(&lock);
        /* here the job is done */
        pthread_mutex_lock(&lock);
        for (int i = 0; i < children; i++)
            queue[queued++] = 0;
        finished++;
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t thread;

    queue[queued++] = 2;
    pthread_create(&thread, NULL, worker, NULL);
    pthread_mutex_lock(&lock);
    while (queued > 0)
        pthread_cond_wait(&idle, &lock);
    assert(finished == 3);
    stop = true;
    pthread_cond_signal(&more);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    return 0;
}
