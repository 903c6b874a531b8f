/* polite_diners_fixed.c - two diners share one spoon.
 *
 * Whoever is hungry and has the spoon eats first, and gives it away then.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_int spoon; /* who has it */
static atomic_bool hungry[2];
static int meals;

static void *diner(void *arg)
{
    int me = *(const int *)arg, other = 1 - me;

    atomic_store(&hungry[me], true);
    while (atomic_load(&hungry[me])) {
        if (atomic_load(&spoon) != me) {
            sched_yield();
            continue;
        }
        meals++; /* by whoever has the spoon */
        atomic_store(&hungry[me], false);
        atomic_store(&spoon, other);
    }
    return NULL;
}

int main(void)
{
    static const int names[2] = {0, 1};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, diner, (void *)&names[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert(meals == 2);
    return 0;
}
