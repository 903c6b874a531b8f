/* omp.cpp - loops by more threads than CPUs, or beside a process that wants a CPU for itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/loop.h"

static double loops_ns(int workers, long loops, const loop *loop)
{
    int64_t start = bench_now();

    for (long k = 0; k < loops; k++) {
#pragma omp parallel for num_threads(workers) schedule(dynamic)
        for (long i = 0; i < loop->items; i++)
            loop_item(loop, i);
    }
    return double(bench_now() - start) / double(loops);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    loop_crowd_run(&args, loops_ns);
    return 0;
}
