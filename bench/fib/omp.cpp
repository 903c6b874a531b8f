/* omp.cpp - fib with a task for each other call, without a cut-off.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

static int64_t fib(int64_t n)
{
    int64_t first, second;

    if (n < 2)
        return n;
#pragma omp task shared(first)
    first = fib(n - 1);
    second = fib(n - 2);
#pragma omp taskwait
    return first + second;
}

static int workers;

static void run(void *arg)
{
    const par_fib *wanted = static_cast<const par_fib *>(arg);
    int64_t value = 0;

#pragma omp parallel num_threads(workers)
#pragma omp single
    value = fib(wanted->k);
    bench_ok(value != wanted->value, "fib: a wrong answer");
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    par_fib wanted = par_fib_of(args.n);

    workers = args.workers;
    bench_report("fib", par_mean_ns(run, &wanted) / double(wanted.calls), "ns");
    return 0;
}
