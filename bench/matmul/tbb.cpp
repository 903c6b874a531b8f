/* tbb.cpp - a product of matrices by recursive halves, two at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/parallel_invoke.h>
#include <tbb/task_arena.h>

#include "common/arrays.h"

static void multiply(const par_product *p)
{
    par_product first, second;

    if (par_is_block(p)) {
        par_block(p);
    } else if (par_halves(p, &first, &second)) {
        tbb::parallel_invoke([&] { multiply(&first); }, [&] { multiply(&second); });
    } else {
        multiply(&first);
        multiply(&second);
    }
}

static long times;

static void run(void *arg)
{
    multiply(static_cast<const par_product *>(arg));
    times++;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);
    par_product p = par_product_of(args.n);
    double ns = 0;

    arena.execute([&] { ns = par_mean_ns(run, &p); });
    par_check_product(&p, times);
    bench_report("matmul", ns / 1e6, "ms");
    return 0;
}
