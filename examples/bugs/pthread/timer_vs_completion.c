/* timer_vs_completion.c - a request is settled by its answer or by its timer.
 *
 * Both look whether it is still open and then settle it. When both look before either settles, it
 * is settled twice, and its buffer freed twice.
 *
 * expects: double-free|use-after-free
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum state { OPEN, ANSWERED, TIMED_OUT };

struct request {
    atomic_int state;
    char *buffer;
};

static void settle(struct request *request, enum state how)
{
    if (atomic_load(&request->state) == OPEN) {
        atomic_store(&request->state, how);
        free(request->buffer);
    }
}

static void *answer(void *arg)
{
    settle(arg, ANSWERED);
    return NULL;
}

static void *timer(void *arg)
{
    settle(arg, TIMED_OUT);
    return NULL;
}

int main(void)
{
    struct request request = {OPEN, malloc(64)};
    pthread_t one, two;

    pthread_create(&one, NULL, answer, &request);
    pthread_create(&two, NULL, timer, &request);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(atomic_load(&request.state) != OPEN);
    return 0;
}
