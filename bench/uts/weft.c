/* weft.c - counts the nodes of an unbalanced tree: the children of a node by halves, in pieces.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/par.h"

/* The children `from` to `to` of a node. */
struct work {
    uint64_t node;
    int depth, from, to;
    int64_t nodes;
};

static int count_children(void *arg)
{
    struct work *work = arg, first = *work, second = *work;
    weft_piece piece;

    if (work->to - work->from < 2) {
        work->nodes = 0;
        if (work->from == work->to)
            return 0;
        first.node = par_uts_child(work->node, work->from);
        first.depth++;
        first.from = 0;
        first.to = par_uts_children(first.node, first.depth);
        count_children(&first);
        work->nodes = 1 + first.nodes;
        return 0;
    }
    first.to = second.from = work->from + (work->to - work->from) / 2;
    weft_fork(&piece, count_children, &first);
    count_children(&second);
    weft_join(&piece);
    work->nodes = first.nodes + second.nodes;
    return 0;
}

static void run(void *arg)
{
    struct work all = {PAR_UTS_ROOT, 0, 0, par_uts_children(PAR_UTS_ROOT, 0), 0};

    (void)arg;
    count_children(&all);
    par_check_uts(1 + all.nodes);
}

static int app(void *arg)
{
    (void)arg;
    bench_report("uts", par_mean_ns(run, NULL) / PAR_UTS_NODES, "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, NULL, &(weft_options){.workers = (size_t)args.workers});
}
