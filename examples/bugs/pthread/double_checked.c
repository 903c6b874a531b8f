/* double_checked.c - a table made at its first use, with a quick test before the lock.
 *
 * The quick test reads `made` without the lock, and `made` is set before the table is filled. A
 * second caller passes the test and reads an empty table.
 *
 * expects: data-race|assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool made;
static int squares[4];

static int square(int n)
{
    if (!made) {
        pthread_mutex_lock(&lock);
        if (!made) {
            made = true;
            for (int i = 0; i < 4; i++)
                squares[i] = i * i;
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
