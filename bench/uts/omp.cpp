/* omp.cpp - counts the nodes of an unbalanced tree: the children of a node by halves, in tasks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

static int64_t count_children(uint64_t node, int depth, int from, int to);

static int64_t count(uint64_t node, int depth)
{
    return 1 + count_children(node, depth, 0, par_uts_children(node, depth));
}

static int64_t count_children(uint64_t node, int depth, int from, int to)
{
    int64_t first, second;

    if (to - from < 2)
        return from == to ? 0 : count(par_uts_child(node, from), depth + 1);
#pragma omp task shared(first)
    first = count_children(node, depth, from, from + (to - from) / 2);
    second = count_children(node, depth, from + (to - from) / 2, to);
#pragma omp taskwait
    return first + second;
}

static int workers;

static void run(void *)
{
    int64_t nodes = 0;

#pragma omp parallel num_threads(workers)
#pragma omp single
    nodes = count(PAR_UTS_ROOT, 0);
    par_check_uts(nodes);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    workers = args.workers;
    bench_report("uts", par_mean_ns(run, nullptr) / PAR_UTS_NODES, "ns");
    return 0;
}
