/* shutdown_race.c - a queue is drained by a worker, and freed when it is empty.
 *
 * The worker says "drained" and then writes a last note into the queue. Whoever waited for
 * "drained" has freed it by then.
 *
 * expects: use-after-free
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

struct queue {
    int items;
    atomic_int batches;
};

static sem_t drained;

static void *worker(void *arg)
{
    struct queue *queue = arg;

    while (queue->items > 0)
        queue->items--;
    sem_post(&drained);
    atomic_fetch_add(&queue->batches, 1); /* for the statistics */
    return NULL;
}

int main(void)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    pthread_t thread;

    sem_init(&drained, 0, 0);
    queue->items = 3;
    pthread_create(&thread, NULL, worker, queue);
    sem_wait(&drained);
    assert(queue->items == 0);
    free(queue);
    pthread_join(thread, NULL);
    sem_destroy(&drained);
    return 0;
}
