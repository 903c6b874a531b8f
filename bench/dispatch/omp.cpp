/* omp.cpp - a loop of as many items as there are threads, an item for each.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/loop.h"

static int workers;

static void run(const loop *loop)
{
#pragma omp parallel for num_threads(workers) schedule(static)
    for (long i = 0; i < loop->items; i++)
        loop_item(loop, i);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    workers = args.workers;
    loop_dispatch_run(&args, run);
    return 0;
}
