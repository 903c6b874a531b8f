/* stack_argument.c - a waiter hands an order to a cook.
 *
 * The cook gets the address of a variable on the waiter's stack, and the waiter goes on: what he
 * does next overwrites it.
 *
 * expects: assertion|data-race|use-after-free
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

struct order {
    int plates;
};

static int cook(void *arg)
{
    const struct order *order = *(struct order **)arg;

    assert(order->plates == 3);
    return 0;
}

static __attribute__((noinline)) int take_order(weft_scope *kitchen)
{
    struct order order = {3};
    struct order *address = &order;

    weft_go(kitchen, cook, &address);
    return weft_yield(); /* the cook may be quick */
}

static __attribute__((noinline)) int clear_table(void)
{
    volatile int dishes[64];

    for (int i = 0; i < 64; i++)
        dishes[i] = 100;
    return dishes[63];
}

static int app(void *arg)
{
    weft_scope kitchen;

    (void)arg;
    weft_scope_open(&kitchen);
    int rc = take_order(&kitchen);
    int dish = clear_table();
    assert(dish == 100);
    int closed = weft_scope_close(&kitchen);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
