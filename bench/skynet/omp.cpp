/* omp.cpp - a tree of tens: a task for each node.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

static int64_t sum(long first, long leaves)
{
    int64_t sums[10], all = 0;

    if (leaves == 1)
        return first;
    for (int i = 0; i < 10; i++) {
#pragma omp task shared(sums) firstprivate(i)
        sums[i] = sum(first + i * (leaves / 10), leaves / 10);
    }
#pragma omp taskwait
    for (int64_t of_child : sums)
        all += of_child;
    return all;
}

static int workers;

static void run(void *arg)
{
    long leaves = *static_cast<long *>(arg);
    int64_t all = 0;

#pragma omp parallel num_threads(workers)
#pragma omp single
    all = sum(0, leaves);
    par_check_skynet(leaves, all);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    long leaves = par_skynet_leaves(args.n);

    workers = args.workers;
    bench_report("skynet", par_mean_ns(run, &leaves) / double(leaves), "ns");
    return 0;
}
