/* seq.c - fib by plain calls: what a program that splits nothing takes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

/* Else gcc puts several levels of calls into one. */
__attribute__((noinline)) static int64_t fib(int64_t n)
{
    if (n < 2)
        return n;
    return fib(n - 1) + fib(n - 2);
}

static void run(void *arg)
{
    const struct par_fib *wanted = arg;

    bench_ok(fib(wanted->k) != wanted->value, "fib: a wrong answer");
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    struct par_fib wanted = par_fib_of(args.n);

    bench_report("fib", par_mean_ns(run, &wanted) / (double)wanted.calls, "ns");
    return 0;
}
