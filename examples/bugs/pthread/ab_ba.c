/* ab_ba.c - two threads move goods between two shelves.
 *
 * Each locks the shelf it takes from and then the one it brings to. One goes from a to b, the
 * other from b to a: when each has its first lock, neither gets its second.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>

struct shelf {
    pthread_mutex_t lock;
    int goods;
};

static struct shelf a = {PTHREAD_MUTEX_INITIALIZER, 5};
static struct shelf b = {PTHREAD_MUTEX_INITIALIZER, 5};

static void move(struct shelf *from, struct shelf *to)
{
    pthread_mutex_lock(&from->lock);
    pthread_mutex_lock(&to->lock);
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
