/* loop_variable_fixed.c - three workers, each told its number.
 *
 * Each number has a place of its own that stays as it is.
 *
 * expects: none
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
    int numbers[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, worker, &numbers[i]);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WORKERS; i++)
        assert(atomic_load(&done[i]) == 1);
    return 0;
}
