/* seq.c - a tree of tens, whose leaves are summed up by plain calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

__attribute__((noinline)) static int64_t sum(long first, long leaves)
{
    int64_t all = 0;

    if (leaves == 1)
        return first;
    for (int i = 0; i < 10; i++) {
        all += sum(first + i * (leaves / 10), leaves / 10);
    }
    return all;
}

static void run(void *arg)
{
    long leaves = *(long *)arg;

    par_check_skynet(leaves, sum(0, leaves));
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    long leaves = par_skynet_leaves(args.n);

    bench_report("skynet", par_mean_ns(run, &leaves) / (double)leaves, "ns");
    return 0;
}
