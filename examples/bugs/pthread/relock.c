/* relock.c - an account that complains when it is overdrawn.
 *
 * The complaint reads the balance through a function that takes the lock, and the caller holds it
 * already. It happens only when the withdrawal comes before the deposit.
 *
 * expects: deadlock|misuse
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int balance, lowest;

static int read_balance(void)
{
    pthread_mutex_lock(&lock);
    int now = balance;
    pthread_mutex_unlock(&lock);
    return now;
}

static void complain(void)
{
    lowest = read_balance();
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
        complain();
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
