/* termination_fixed.c - a job makes two more jobs; when no job is left, the work is done.
 *
 * A job counts until it is finished, and its children are counted before that.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, idle = PTHREAD_COND_INITIALIZER;
static int queue[4], queued, finished;
static int unfinished = 1;
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
        pthread_mutex_unlock(&lock);
        /* here the job is done */
        pthread_mutex_lock(&lock);
        for (int i = 0; i < children; i++)
            queue[queued++] = 0;
        unfinished += children - 1;
        finished++;
        if (unfinished == 0)
            pthread_cond_signal(&idle);
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
    while (unfinished > 0)
        pthread_cond_wait(&idle, &lock);
    assert(finished == 3);
    stop = true;
    pthread_cond_signal(&more);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    return 0;
}
