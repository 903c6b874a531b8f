/* philosophers.c - three philosophers, three forks.
 *
 * Each takes the left fork first. When all three hold one, all three wait for ever.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

#define SEATS 3

static pthread_mutex_t fork_lock[SEATS] = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static int meals[SEATS];

static void *philosopher(void *arg)
{
    int seat = *(const int *)arg;
    int left = seat, right = (seat + 1) % SEATS;

    pthread_mutex_lock(&fork_lock[left]);
    pthread_mutex_lock(&fork_lock[right]);
    meals[seat]++;
    pthread_mutex_unlock(&fork_lock[right]);
    pthread_mutex_unlock(&fork_lock[left]);
    return NULL;
}

int main(void)
{
    static const int seats[SEATS] = {0, 1, 2};
    pthread_t threads[SEATS];

    for (int i = 0; i < SEATS; i++)
        pthread_create(&threads[i], NULL, philosopher, (void *)&seats[i]);
    for (int i = 0; i < SEATS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SEATS; i++)
        assert(meals[i] == 1);
    return 0;
}
