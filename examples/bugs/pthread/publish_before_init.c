/* publish_before_init.c - a new configuration is made and shown to others.
 *
 * The pointer is stored before the fields are filled; who comes between sees an empty one.
 *
 * expects: data-race|assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct config {
    int port;
    int backlog;
};

static _Atomic(struct config *) current;

static void *loader(void *arg)
{
    struct config *config = calloc(1, sizeof(*config));

    (void)arg;
    atomic_store(&current, config);
    config->port = 8080;
    config->backlog = 16;
    return NULL;
}

static void *server(void *arg)
{
    struct config *config = atomic_load(&current);

    (void)arg;
    if (config != NULL)
        assert(config->port == 8080 && config->backlog == 16);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, loader, NULL);
    pthread_create(&two, NULL, server, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    free(atomic_load(&current));
    return 0;
}
