/* loop_variable.c - three workers, each told its number.
 *
 * All get the address of the loop's variable, which goes on counting while they read it: two may
 * see the same number, or one that is nobody's.
 *
 * expects: data-race|assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define WORKERS 3

static atomic_int done[WORKERS + 1];

static void *worker(void *arg)
{
    int number = *(int *)arg;

    atomic_fetch_add(&done[number], 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, worker, &i);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WORKERS; i++)
        assert(atomic_load(&done[i]) == 1);
    return 0;
}
