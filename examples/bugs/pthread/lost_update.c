/* lost_update.c - two threads count visitors in one counter.
 *
 * `hits++` reads, adds and writes. When both read before either has written, one of the two
 * visitors is lost.
 *
 * expects: data-race|assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static int hits;

static void *visitor(void *arg)
{
    (void)arg;
    hits++;
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
