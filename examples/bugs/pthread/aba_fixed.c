/* aba_fixed.c - a stack of free buffers without locks.
 *
 * The head carries a count of its changes, so that the old head is not taken for the new one.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

static _Atomic uint64_t head = 1; /* count of changes in the upper half */
static _Atomic uint32_t below[4] = {0, 2, 3, 0}; /* 0: none */
static atomic_int in_use[4];

static uint32_t pop(void)
{
    uint64_t old = atomic_load(&head);
    uint32_t top;

    do {
        top = (uint32_t)old;
        if (top == 0)
            return 0;
    } while (!atomic_compare_exchange_strong(
        &head, &old, ((old >> 32) + 1) << 32 | atomic_load(&below[top])));
    int was = atomic_exchange(&in_use[top], 1);
    assert(was == 0);
    return top;
}

static void push(uint32_t buffer)
{
    uint64_t old = atomic_load(&head);

    atomic_store(&in_use[buffer], 0);
    do {
        atomic_store(&below[buffer], (uint32_t)old);
    } while (!atomic_compare_exchange_strong(&head, &old, ((old >> 32) + 1) << 32 | buffer));
}

static void *taker(void *arg)
{
    (void)arg;
    pop();
    return NULL;
}

static void *swapper(void *arg)
{
    uint32_t first = pop();

    (void)arg;
    pop();
    push(first);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, taker, NULL);
    pthread_create(&two, NULL, swapper, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    while (pop() != 0)
        ; /* what is left must not be in use */
    return 0;
}
