/* sequence_lock.c - a pair of numbers behind a sequence lock: odd while it is being written.
 *
 * The reader waits until the sequence is even, but does not look at it again afterwards. A writer
 * that comes between its two reads goes unnoticed: one old number, one new.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static atomic_uint sequence;
static atomic_int low = 1, high = 1; /* always equal */

static void *writer(void *arg)
{
    (void)arg;
    atomic_fetch_add(&sequence, 1);
    atomic_store(&low, 2);
    atomic_store(&high, 2);
    atomic_fetch_add(&sequence, 1);
    return NULL;
}

static void *reader(void *arg)
{
    unsigned before;
    int a, b;

    (void)arg;
    while ((before = atomic_load(&sequence)) % 2 == 1)
        sched_yield();
    a = atomic_load(&low);
    b = atomic_load(&high);
    assert(a == b);
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
