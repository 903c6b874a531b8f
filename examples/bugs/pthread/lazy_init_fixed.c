/* lazy_init_fixed.c - a registry that is made at its first use.
 *
 * pthread_once makes one, and lets the second wait for it.
 *
 * expects: none
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
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void)
{
    atomic_store(&the_registry, calloc(1, sizeof(struct registry)));
}

static struct registry *registry(void)
{
    pthread_once(&once, make);
    return atomic_load(&the_registry);
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
