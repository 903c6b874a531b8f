/* stack_argument_fixed.c - a waiter hands an order to a cook.
 *
 * weft_go copies what it is given the address of: the order itself, not its address.
 *
 * expects: none
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
    const struct order *order = arg;

    assert(order->plates == 3);
    return 0;
}

static __attribute__((noinline)) int take_order(weft_scope *kitchen)
{
    struct order order = {3};

    weft_go(kitchen, cook, &order);
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
