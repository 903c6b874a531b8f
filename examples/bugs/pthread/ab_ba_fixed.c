/* ab_ba_fixed.c - two threads move goods between two shelves.
 *
 * Whatever the direction, the shelf with the lower address is locked first.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdint.h>

struct shelf {
    pthread_mutex_t lock;
    int goods;
};

static struct shelf a = {PTHREAD_MUTEX_INITIALIZER, 5};
static struct shelf b = {PTHREAD_MUTEX_INITIALIZER, 5};

static void move(struct shelf *from, struct shelf *to)
{
    struct shelf *first = (uintptr_t)from < (uintptr_t)to ? from : to;
    struct shelf *second = first == from ? to : from;

    pthread_mutex_lock(&first->lock);
    pthread_mutex_lock(&second->lock);
    from->goods--;
    to->goods++;
    pthread_mutex_unlock(&to->lock);
    pthread_mutex_unlock(&from->lock);
}

static void *forth(void *arg)
{
    (void)arg;
    move(&a, &b);
    return NULL;
}

static void *back(void *arg)
{
    (void)arg;
    move(&b, &a);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, forth, NULL);
    pthread_create(&two, NULL, back, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(a.goods == 5 && b.goods == 5);
    return 0;
}
