/* tbb.cpp - fib with a task for each other call, without a cut-off.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "common/par.h"

static int64_t fib(int64_t n)
{
    int64_t first, second;

    if (n < 2)
        return n;
    tbb::task_group group;
    group.run([&first, n] { first = fib(n - 1); });
    second = fib(n - 2);
    group.wait();
    return first + second;
}

static void run(void *arg)
{
    const par_fib *wanted = static_cast<const par_fib *>(arg);

    bench_ok(fib(wanted->k) != wanted->value, "fib: a wrong answer");
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    par_fib wanted = par_fib_of(args.n);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    arena.execute([&] {
        bench_report("fib", par_mean_ns(run, &wanted) / double(wanted.calls), "ns");
    });
    return 0;
}
