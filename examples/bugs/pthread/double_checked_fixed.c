/* double_checked_fixed.c - a table made at its first use, with a quick test before the lock.
 *
 * `made` is atomic, is set last, and whoever sees it set sees the table.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool made;
static int squares[4];

static int square(int n)
{
    if (!atomic_load_explicit(&made, memory_order_acquire)) {
        pthread_mutex_lock(&lock);
        if (!atomic_load_explicit(&made, memory_order_relaxed)) {
            for (int i = 0; i < 4; i++)
                squares[i] = i * i;
            atomic_store_explicit(&made, true, memory_order_release);
        }
        pthread_mutex_unlock(&lock);
    }
    return squares[n];
}

static void *user(void *arg)
{
    (void)arg;
    assert(square(3) == 9);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, user, NULL);
    pthread_create(&two, NULL, user, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
