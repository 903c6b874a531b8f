/* flag_and_counter.c - two workers add to a sum; a flag says that it is complete.
 *
 * The flag is atomic, but it is set by the first that is done. The sum behind it is read while the
 * other still adds.
 *
 * expects: data-race|assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sum;
static atomic_int done;

static void *worker(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    sum += 21;
    pthread_mutex_unlock(&lock);
    atomic_store(&done, 1);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, worker, NULL);
    pthread_create(&two, NULL, worker, NULL);
    while (atomic_load(&done) == 0)
        sched_yield();
    assert(sum == 42);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
