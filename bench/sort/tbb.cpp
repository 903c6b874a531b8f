/* tbb.cpp - TBB's own sort.
 *
 * For TBB: a quicksort, so equal keys may change their order; Weft's and OpenMP's may not.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/parallel_sort.h>
#include <tbb/task_arena.h>

#include "common/arrays.h"

static void sort(int64_t *at, long n)
{
    tbb::parallel_sort(at, at + n);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    arena.execute([&] {
        par_sort_ns(sort, args.n / 100 + 1);
        bench_report("sort", par_sort_ns(sort, args.n) / 1e6, "ms");
    });
    return 0;
}
