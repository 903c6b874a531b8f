/* bank_transfer_fixed.c - a transfer between two accounts while an auditor adds them up.
 *
 * Transfer and audit hold both locks, taken in one order.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

struct account {
    pthread_mutex_t lock;
    int money;
};

static struct account savings = {PTHREAD_MUTEX_INITIALIZER, 70};
static struct account giro = {PTHREAD_MUTEX_INITIALIZER, 30};

static void *transfer(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&savings.lock);
    pthread_mutex_lock(&giro.lock);
    savings.money -= 20;
    giro.money += 20;
    pthread_mutex_unlock(&giro.lock);
    pthread_mutex_unlock(&savings.lock);
    return NULL;
}

static void *auditor(void *arg)
{
    int sum;

    (void)arg;
    pthread_mutex_lock(&savings.lock);
    pthread_mutex_lock(&giro.lock);
    sum = savings.money;
    sum += giro.money;
    pthread_mutex_unlock(&giro.lock);
    pthread_mutex_unlock(&savings.lock);
    assert(sum == 100);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, transfer, NULL);
    pthread_create(&two, NULL, auditor, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
