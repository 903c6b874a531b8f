/* tbb.cpp - counts the nodes of an unbalanced tree: the children of a node by halves, in tasks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "common/par.h"

static int64_t count_children(uint64_t node, int depth, int from, int to);

static int64_t count(uint64_t node, int depth)
{
    return 1 + count_children(node, depth, 0, par_uts_children(node, depth));
}

static int64_t count_children(uint64_t node, int depth, int from, int to)
{
    int64_t first, second;
    int middle = from + (to - from) / 2;

    if (to - from < 2)
        return from == to ? 0 : count(par_uts_child(node, from), depth + 1);
    tbb::task_group group;
    group.run([&first, node, depth, from, middle] {
        first = count_children(node, depth, from, middle);
    });
    second = count_children(node, depth, middle, to);
    group.wait();
    return first + second;
}

static void run(void *)
{
    par_check_uts(count(PAR_UTS_ROOT, 0));
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    arena.execute([] { bench_report("uts", par_mean_ns(run, nullptr) / PAR_UTS_NODES, "ns"); });
    return 0;
}
