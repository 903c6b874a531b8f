/* spin_flag_fixed.c - one spins until another says that the answer is there.
 *
 * Every way out of the other sets the flag; whether there is an answer is another matter.
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

static atomic_int question, answer;
static atomic_bool finished;

static void *asker(void *arg)
{
    (void)arg;
    atomic_store(&question, 6);
    return NULL;
}

static void *oracle(void *arg)
{
    int asked = atomic_load(&question);

    (void)arg;
    if (asked != 0)
        atomic_store(&answer, asked * 7);
    atomic_store(&finished, true);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, asker, NULL);
    pthread_create(&two, NULL, oracle, NULL);
    while (!atomic_load(&finished))
        sched_yield();
    assert(atomic_load(&answer) == 42 || atomic_load(&answer) == 0);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
