/* weft.c - a tree of tens: a piece for each node.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/par.h"

struct node {
    weft_piece piece;
    long first, leaves;
    int64_t sum;
};

static int sum(void *arg)
{
    struct node *node = arg, children[10];

    node->sum = node->leaves == 1 ? node->first : 0;
    if (node->leaves == 1)
        return 0;
    for (int i = 0; i < 10; i++) {
        children[i].leaves = node->leaves / 10;
        children[i].first = node->first + i * children[i].leaves;
        weft_fork(&children[i].piece, sum, &children[i]);
    }
    for (int i = 10; i-- > 0;) {
        weft_join(&children[i].piece);
        node->sum += children[i].sum;
    }
    return 0;
}

static void run(void *arg)
{
    struct node root = {.leaves = *(long *)arg};

    sum(&root);
    par_check_skynet(root.leaves, root.sum);
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    long leaves = par_skynet_leaves(args->n);

    bench_report("skynet", par_mean_ns(run, &leaves) / (double)leaves, "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
