/* trylock_misread_fixed.c - C11 threads: a counter that is skipped when somebody else is at it.
 *
 * It goes on only if the lock is its own.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdatomic.h>
#include <threads.h>

static mtx_t lock;
static int counted;
static atomic_int skipped;

static int worker(void *arg)
{
    (void)arg;
    if (mtx_trylock(&lock) == thrd_success) {
        counted++;
        mtx_unlock(&lock);
    } else {
        atomic_fetch_add(&skipped, 1);
    }
    return 0;
}

int main(void)
{
    thrd_t one, two;

    mtx_init(&lock, mtx_plain);
    thrd_create(&one, worker, NULL);
    thrd_create(&two, worker, NULL);
    thrd_join(one, NULL);
    thrd_join(two, NULL);
    mtx_destroy(&lock);
    assert(counted + atomic_load(&skipped) == 2);
    return 0;
}
