/* tbb.cpp - a tree of tens: a task for each node.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "common/par.h"

static int64_t sum(long first, long leaves)
{
    int64_t sums[10], all = 0;

    if (leaves == 1)
        return first;
    tbb::task_group group;
    for (int i = 0; i < 10; i++) {
        group.run([&sums, i, first, leaves] {
            sums[i] = sum(first + i * (leaves / 10), leaves / 10);
        });
    }
    group.wait();
    for (int64_t of_child : sums)
        all += of_child;
    return all;
}

static void run(void *arg)
{
    long leaves = *static_cast<long *>(arg);

    par_check_skynet(leaves, sum(0, leaves));
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    long leaves = par_skynet_leaves(args.n);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    arena.execute([&] {
        bench_report("skynet", par_mean_ns(run, &leaves) / double(leaves), "ns");
    });
    return 0;
}
