/* tbb.cpp - loops over items of a known time: handed out singly, and as TBB finds best.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "common/loop.h"

using range = tbb::blocked_range<long>;

static void pieces(const loop *loop)
{
    tbb::parallel_for(
        range(0, loop->items, 1),
        [=](const range &r) {
            for (long i = r.begin(); i < r.end(); i++)
                loop_item(loop, i);
        },
        tbb::simple_partitioner());
}

static void by_itself(const loop *loop)
{
    tbb::parallel_for(range(0, loop->items), [=](const range &r) {
        for (long i = r.begin(); i < r.end(); i++)
            loop_item(loop, i);
    });
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    arena.execute([&] { loop_grain_run(&args, pieces, by_itself); });
    return 0;
}
