/* rwlock_error_path.c - a table of names behind a read-write lock.
 *
 * A look-up that finds nothing returns early, with the read lock still held. The writer, and all
 * after it, wait for ever.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int port_of_http;

static int look_up(void)
{
    pthread_rwlock_rdlock(&lock);
    if (port_of_http == 0)
        return -1;
    int port = port_of_http;
    pthread_rwlock_unlock(&lock);
    return port;
}

static void *reader(void *arg)
{
    int port = look_up();

    (void)arg;
    assert(port == -1 || port == 80);
    return NULL;
}

static void *writer(void *arg)
{
    (void)arg;
    pthread_rwlock_wrlock(&lock);
    port_of_http = 80;
    pthread_rwlock_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, writer, NULL);
    pthread_create(&two, NULL, reader, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
