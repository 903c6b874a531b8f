/* refcount_fixed.c - an object with two owners, freed by the last one.
 *
 * The count before the step comes back from the step itself.
 *
 * expects: none
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
    if (atomic_fetch_sub(&picture->owners, 1) == 1)
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
