/* lazy_init.c - a registry that is made at its first use.
 *
 * Two first uses at the same time make two registries. What was entered into the one is missing in
 * the other.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct registry {
    atomic_int entries;
};

static _Atomic(struct registry *) the_registry;

static struct registry *registry(void)
{
    struct registry *found = atomic_load(&the_registry);

    if (found == NULL) {
        found = calloc(1, sizeof(*found));
        atomic_store(&the_registry, found);
    }
    return found;
}

static void *plugin(void *arg)
{
    (void)arg;
    atomic_fetch_add(&registry()->entries, 1);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, plugin, NULL);
    pthread_create(&two, NULL, plugin, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(atomic_load(&registry()->entries) == 2);
    free(registry());
    return 0;
}
