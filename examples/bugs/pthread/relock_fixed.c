/* relock_fixed.c - an account that complains when it is overdrawn.
 *
 * What runs under the lock is written for that, and does not take it again.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int balance, lowest;

static void complain_locked(void)
{
    lowest = balance;
}

static void *deposit(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    balance += 10;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *withdraw(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    balance -= 10;
    if (balance < 0)
        complain_locked();
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, deposit, NULL);
    pthread_create(&two, NULL, withdraw, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(balance == 0 && lowest <= 0);
    return 0;
}
