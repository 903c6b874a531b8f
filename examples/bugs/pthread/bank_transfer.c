/* bank_transfer.c - a transfer between two accounts while an auditor adds them up.
 *
 * Each account has its lock and is touched only under it; there is no data race. But between the
 * two accounts the money is nowhere, and there the auditor may look.
 *
 * expects: assertion
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
    savings.money -= 20;
    pthread_mutex_unlock(&savings.lock);
    pthread_mutex_lock(&giro.lock);
    giro.money += 20;
    pthread_mutex_unlock(&giro.lock);
    return NULL;
}

static void *auditor(void *arg)
{
    int sum;

    (void)arg;
    pthread_mutex_lock(&savings.lock);
    sum = savings.money;
    pthread_mutex_unlock(&savings.lock);
    pthread_mutex_lock(&giro.lock);
    sum += giro.money;
    pthread_mutex_unlock(&giro.lock);
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
