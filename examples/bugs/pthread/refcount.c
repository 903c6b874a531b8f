/* refcount.c - an object with two owners, freed by the last one.
 *
 * Counting down and looking whether that was the last are two steps. Both owners may count down
 * before either looks; then both see 0 and both free.
 *
 * expects: use-after-free|double-free
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct picture {
    atomic_int owners;
    int width;
};

static void drop(struct picture *picture)
{
    atomic_fetch_sub(&picture->owners, 1);
    if (atomic_load(&picture->owners) == 0)
        free(picture);
}

static void *viewer(void *arg)
{
    struct picture *picture = arg;

    assert(picture->width == 640);
    drop(picture);
    return NULL;
}

int main(void)
{
    struct picture *picture = malloc(sizeof(*picture));
    pthread_t one, two;

    atomic_init(&picture->owners, 2);
    picture->width = 640;
    pthread_create(&one, NULL, viewer, picture);
    pthread_create(&two, NULL, viewer, picture);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
