/* seq.c - counts the nodes of an unbalanced tree by plain calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

static int64_t count(uint64_t node, int depth)
{
    int children = par_uts_children(node, depth);
    int64_t nodes = 1;

    for (int i = 0; i < children; i++) {
        nodes += count(par_uts_child(node, i), depth + 1);
    }
    return nodes;
}

static void run(void *arg)
{
    (void)arg;
    par_check_uts(count(PAR_UTS_ROOT, 0));
}

int main(int argc, char **argv)
{
    bench_parse(argc, argv);
    bench_report("uts", par_mean_ns(run, NULL) / PAR_UTS_NODES, "ns");
    return 0;
}
