/* seq.c - qsort of integers.
 *
 * For qsort: it calls a function for each comparison, as Weft's does.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/arrays.h"

static void sort(int64_t *at, long n)
{
    qsort(at, (size_t)n, sizeof *at, par_compare);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    par_sort_ns(sort, args.n / 100 + 1);
    bench_report("sort", par_sort_ns(sort, args.n) / 1e6, "ms");
    return 0;
}
