/* lost_update_fixed.c - two threads count visitors in one counter.
 *
 * The counter is touched under a lock only.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int hits;

static void *visitor(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    hits++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t first, second;

    pthread_create(&first, NULL, visitor, NULL);
    pthread_create(&second, NULL, visitor, NULL);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    assert(hits == 2);
    return 0;
}
