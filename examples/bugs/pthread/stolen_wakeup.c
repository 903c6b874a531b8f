/* stolen_wakeup.c - one waits for a token, another helps itself when it comes by.
 *
 * The signal wakes the patient one, but before it has its lock back the passer-by takes the lock
 * and the token. The patient one believes the signal and takes a token that is gone.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int tokens;

static void *patient(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    if (tokens == 0)
        pthread_cond_wait(&more, &lock);
    assert(tokens > 0);
    tokens--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *passer_by(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    if (tokens > 0)
        tokens--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *mint(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) { /* one for each, should both want one */
        pthread_mutex_lock(&lock);
        tokens++;
        pthread_cond_signal(&more);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];

    pthread_create(&threads[0], NULL, patient, NULL);
    pthread_create(&threads[1], NULL, mint, NULL);
    pthread_create(&threads[2], NULL, passer_by, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
