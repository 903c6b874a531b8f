/* spinlock_gap_fixed.c - a spin lock of one's own.
 *
 * One exchange sees and takes.
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

static atomic_bool taken;
static int sum;

static void spin_lock(void)
{
    while (atomic_exchange(&taken, true))
        sched_yield();
}

static void spin_unlock(void)
{
    atomic_store(&taken, false);
}

static void *adder(void *arg)
{
    (void)arg;
    spin_lock();
    sum += 5;
    spin_unlock();
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, adder, NULL);
    pthread_create(&two, NULL, adder, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(sum == 10);
    return 0;
}
