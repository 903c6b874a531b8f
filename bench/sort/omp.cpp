/* omp.cpp - the parallel mode of gcc's own library, which sorts with OpenMP: multiway mergesort.
 *
 * SPDX-License-Identifier: MIT
 */
#include <omp.h>
#include <parallel/algorithm>

#include "common/arrays.h"

static void sort(int64_t *at, long n)
{
    __gnu_parallel::stable_sort(at, at + n);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    omp_set_num_threads(args.workers);
    par_sort_ns(sort, args.n / 100 + 1);
    bench_report("sort", par_sort_ns(sort, args.n) / 1e6, "ms");
    return 0;
}
