/* aba.c - a stack of free buffers without locks.
 *
 * One thread wants to pop buffer 1 and has read that 2 lies below it. The other pops 1 and 2 and
 * puts 1 back. The compare-and-swap sees 1 on top as before, and makes 2 the top, which is in use.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

static _Atomic uint32_t head = 1;
static _Atomic uint32_t below[4] = {0, 2, 3, 0}; /* 0: none */
static atomic_int in_use[4];

static uint32_t pop(void)
{
    uint32_t top = atomic_load(&head);

    do {
        if (top == 0)
            return 0;
    } while (!atomic_compare_exchange_strong(&head, &top, atomic_load(&below[top])));
    int was = atomic_exchange(&in_use[top], 1);
    assert(was == 0);
    return top;
}

static void push(uint32_t buffer)
{
    uint32_t top = atomic_load(&head);

    atomic_store(&in_use[buffer], 0);
    do {
        atomic_store(&below[buffer], top);
    } while (!atomic_compare_exchange_strong(&head, &top, buffer));
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
