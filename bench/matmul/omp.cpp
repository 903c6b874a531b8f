/* omp.cpp - a product of matrices by recursive halves, a task for one of two.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/arrays.h"

static void multiply(const par_product *p)
{
    par_product first, second;

    if (par_is_block(p)) {
        par_block(p);
    } else if (par_halves(p, &first, &second)) {
#pragma omp task shared(first)
        multiply(&first);
        multiply(&second);
#pragma omp taskwait
    } else {
        multiply(&first);
        multiply(&second);
    }
}

static int workers;
static long times;

static void run(void *arg)
{
#pragma omp parallel num_threads(workers)
#pragma omp single
    multiply(static_cast<const par_product *>(arg));
    times++;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    par_product p = par_product_of(args.n);

    workers = args.workers;
    double ns = par_mean_ns(run, &p);
    par_check_product(&p, times);
    bench_report("matmul", ns / 1e6, "ms");
    return 0;
}
