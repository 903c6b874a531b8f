/* reader_upgrade.c - a value computed by the first reader that misses it.
 *
 * A reader becomes the writer by waiting until no other reader is left. Two readers who both want
 * that wait for each other to leave.
 *
 * expects: deadlock|lost-wakeup
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int readers, value;

static void enter(void)
{
    pthread_mutex_lock(&lock);
    readers++;
    pthread_mutex_unlock(&lock);
}

static void leave(void)
{
    pthread_mutex_lock(&lock);
    readers--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void compute_alone(void)
{
    pthread_mutex_lock(&lock);
    while (readers > 1)
        pthread_cond_wait(&changed, &lock);
    value = 42;
    pthread_mutex_unlock(&lock);
}

static void *reader(void *arg)
{
    (void)arg;
    enter();
    if (value == 0)
        compute_alone();
    assert(value == 42);
    leave();
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, reader, NULL);
    pthread_create(&two, NULL, reader, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
