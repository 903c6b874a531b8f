/* tbb.cpp - loops by more threads than CPUs, or beside a process that wants a CPU for itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "common/loop.h"

using range = tbb::blocked_range<long>;

static double loops_ns(int workers, long loops, const loop *loop)
{
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, std::size_t(workers));
    tbb::task_arena arena(workers);
    int64_t start = bench_now();

    arena.execute([&] {
        for (long k = 0; k < loops; k++) {
            tbb::parallel_for(range(0, loop->items), [=](const range &r) {
                for (long i = r.begin(); i < r.end(); i++)
                    loop_item(loop, i);
            });
        }
    });
    return double(bench_now() - start) / double(loops);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    loop_crowd_run(&args, loops_ns);
    return 0;
}
