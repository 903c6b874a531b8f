/* weft.c - a loop of as many items as there are workers, an item for each.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/loop.h"

static int body(int64_t from, int64_t to, void *arg)
{
    for (int64_t i = from; i < to; i++) {
        loop_item(arg, i);
    }
    return 0;
}

static void run(const struct loop *loop)
{
    weft_for_options equal_parts = {.schedule = WEFT_FOR_STATIC};

    bench_ok(weft_for_with(0, loop->items, body, (void *)loop, &equal_parts), "weft_for_with");
}

static int app(void *arg)
{
    loop_dispatch_run(arg, run);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
