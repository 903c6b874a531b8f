/* peterson.c - mutual exclusion of two by Peterson's rule.
 *
 * Here each says "my turn" instead of "your turn". The second to say so walks in although the
 * first is inside.
 *
 * expects: data-race|assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_bool wants[2];
static atomic_int turn;
static int entries;

static void enter(int me)
{
    atomic_store(&wants[me], true);
    atomic_store(&turn, me);
    while (atomic_load(&wants[1 - me]) && atomic_load(&turn) == 1 - me)
        sched_yield();
}

static void leave(int me)
{
    atomic_store(&wants[me], false);
}

static void *visitor(void *arg)
{
    int me = *(const int *)arg;

    enter(me);
    entries++;
    leave(me);
    return NULL;
}

int main(void)
{
    static const int names[2] = {0, 1};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, visitor, (void *)&names[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert(entries == 2);
    return 0;
}
