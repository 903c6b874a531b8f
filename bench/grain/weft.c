/* weft.c - loops over items of a known time: handed out singly, and as Weft finds best.
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

static void pieces(const struct loop *loop)
{
    weft_for_options singly = {.grain = 1};

    bench_ok(weft_for_with(0, loop->items, body, (void *)loop, &singly), "weft_for_with");
}

static void by_itself(const struct loop *loop)
{
    bench_ok(weft_for(0, loop->items, body, (void *)loop), "weft_for");
}

static int app(void *arg)
{
    loop_grain_run(arg, pieces, by_itself);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
