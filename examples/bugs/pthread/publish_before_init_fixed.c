/* publish_before_init_fixed.c - a new configuration is made and shown to others.
 *
 * First filled, then shown.
 *
 * expects: none
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
    config->port = 8080;
    config->backlog = 16;
    atomic_store(&current, config);
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
