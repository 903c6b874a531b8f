/* reader_upgrade_fixed.c - a value computed by the first reader that misses it.
 *
 * One alone may be waiting to become the writer. The other leaves, waits outside, and looks again.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int readers, value;
static bool upgrading;

static void enter(void)
{
    pthread_mutex_lock(&lock);
    while (upgrading)
        pthread_cond_wait(&changed, &lock);
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

static bool compute_alone(void)
{
    pthread_mutex_lock(&lock);
    bool mine = !upgrading;
    if (mine) {
        upgrading = true;
        while (readers > 1)
            pthread_cond_wait(&changed, &lock);
        value = 42;
        upgrading = false;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return mine;
}

static void *reader(void *arg)
{
    (void)arg;
    enter();
    while (value == 0 && !compute_alone()) {
        leave();
        enter();
    }
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
