/* answer_never_set.c - a price is looked up, at a shop that may have closed.
 *
 * When the shop has closed the task returns early, and keeps its reference to the future. Nobody
 * will set that, and nobody learns so: who asked waits for ever.
 *
 * expects: deadlock|lost-wakeup
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_event shop_closed;

static int look_up(void *arg)
{
    weft_future *price = *(weft_future **)arg;
    int euros = 7;

    if (weft_event_is_set(&shop_closed))
        return 0;
    weft_future_set(price, &euros);
    weft_future_setter_unref(price);
    return 0;
}

static int close_shop(void *arg)
{
    (void)arg;
    weft_event_set(&shop_closed);
    return 0;
}

static int app(void *arg)
{
    weft_future *price = weft_future_new(sizeof(int));
    weft_scope scope;
    int euros = 0;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, look_up, &price);
    weft_go(&scope, close_shop, NULL);
    int rc = weft_future_get(price, &euros);
    assert(rc < 0 || euros == 7);
    weft_future_unref(price);
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
