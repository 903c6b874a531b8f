/* tbb.cpp - a loop of as many items as there are threads, an item for each.
 *
 * For TBB: when the other thread is late, the first runs both items; `apart` shows how often.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "common/loop.h"

using range = tbb::blocked_range<long>;

static void run(const loop *loop)
{
    tbb::parallel_for(
        range(0, loop->items),
        [=](const range &r) {
            for (long i = r.begin(); i < r.end(); i++)
                loop_item(loop, i);
        },
        tbb::static_partitioner());
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    arena.execute([&] { loop_dispatch_run(&args, run); });
    return 0;
}
