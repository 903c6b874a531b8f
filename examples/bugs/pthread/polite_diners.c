/* polite_diners.c - two diners share one spoon.
 *
 * Whoever has the spoon gives it away when the other is hungry too. When both are hungry the spoon
 * goes to and fro, and nobody eats.
 *
 * expects: livelock|starvation
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
        if (atomic_load(&hungry[other])) {
            atomic_store(&spoon, other); /* after you */
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
