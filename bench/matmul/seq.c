/* seq.c - a product of matrices by recursive halves, by plain calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/arrays.h"

static void multiply(const struct par_product *p)
{
    struct par_product first, second;

    if (par_is_block(p)) {
        par_block(p);
        return;
    }
    par_halves(p, &first, &second);
    multiply(&first);
    multiply(&second);
}

static long times;

static void run(void *arg)
{
    multiply(arg);
    times++;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    struct par_product p = par_product_of(args.n);
    double ns = par_mean_ns(run, &p);

    par_check_product(&p, times);
    bench_report("matmul", ns / 1e6, "ms");
    return 0;
}
