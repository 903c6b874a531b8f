/* three_locks_fixed.c - printer, scanner and modem are each needed in pairs.
 *
 * The third takes its two in the order 0-2, so that everybody goes upwards and no circle closes.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t device[3] = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static int uses[3];

static const int copy[2] = {0, 1}, fax[2] = {1, 2};
static const int receive[2] = {0, 2};

static void *job(void *arg)
{
    const int *needs = arg;

    pthread_mutex_lock(&device[needs[0]]);
    pthread_mutex_lock(&device[needs[1]]);
    uses[needs[0]]++;
    uses[needs[1]]++;
    pthread_mutex_unlock(&device[needs[1]]);
    pthread_mutex_unlock(&device[needs[0]]);
    return NULL;
}

int main(void)
{
    const int *jobs[3] = {copy, fax, receive};
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, job, (void *)jobs[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert(uses[0] == 2 && uses[1] == 2 && uses[2] == 2);
    return 0;
}
