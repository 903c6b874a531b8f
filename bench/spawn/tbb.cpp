/* tbb.cpp - starts 1000 tasks that do nothing, waits for all, again and again.
 *
 * For TBB: its tasks have no stack of their own and cannot wait for anything; a task is a heap
 * object whose function is called once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "common/bench.h"

static const int BATCH = 1000;

static int64_t run(long batches)
{
    int64_t start = bench_now();

    for (long i = 0; i < batches; i++) {
        tbb::task_group all;

        for (int j = 0; j < BATCH; j++)
            all.run([] {});
        all.wait();
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);
    long batches = args.n / BATCH;

    arena.execute([&] {
        run(batches / 10 + 1);
        bench_report("spawn", double(run(batches)) / double(batches * BATCH), "ns");
    });
    return 0;
}
