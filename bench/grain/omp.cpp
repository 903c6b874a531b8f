/* omp.cpp - loops over items of a known time: handed out singly, and by OpenMP's default.
 *
 * For OpenMP: it hands items out by one atomic addition each, and nothing can be split within one.
 * Against it: its default is an equal part for each thread, which does not suit uneven items.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/loop.h"

static int workers;

static void pieces(const loop *loop)
{
#pragma omp parallel for num_threads(workers) schedule(dynamic, 1)
    for (long i = 0; i < loop->items; i++)
        loop_item(loop, i);
}

static void by_itself(const loop *loop)
{
#pragma omp parallel for num_threads(workers)
    for (long i = 0; i < loop->items; i++)
        loop_item(loop, i);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    workers = args.workers;
    loop_grain_run(&args, pieces, by_itself);
    return 0;
}
