/* forgotten_join.c - a thread writes lines from a queue until it is told to stop.
 *
 * The main thread tells it to stop only if it has written something by then; otherwise it returns,
 * and leaves the thread waiting for ever.
 *
 * expects: leaked-thread
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting = 1, written;
static bool stop;

static void *writer(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (!stop || waiting > 0) {
        if (waiting > 0) {
            waiting--;
            written++;
        } else {
            pthread_cond_wait(&changed, &lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, writer, NULL);
    pthread_mutex_lock(&lock);
    bool used = written > 0;
    pthread_mutex_unlock(&lock);
    if (!used)
        return 0; /* nothing to stop */
    pthread_mutex_lock(&lock);
    stop = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    assert(written == 1);
    return 0;
}
