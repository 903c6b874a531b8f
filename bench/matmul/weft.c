/* weft.c - a product of matrices by recursive halves, a piece for one of two.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/arrays.h"

static int multiply(void *arg)
{
    const struct par_product *p = arg;
    struct par_product first, second;
    weft_piece piece;

    if (par_is_block(p)) {
        par_block(p);
    } else if (par_halves(p, &first, &second)) {
        weft_fork(&piece, multiply, &first);
        multiply(&second);
        weft_join(&piece);
    } else {
        multiply(&first);
        multiply(&second);
    }
    return 0;
}

static long times;

static void run(void *arg)
{
    multiply(arg);
    times++;
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    struct par_product p = par_product_of(args->n);
    double ns = par_mean_ns(run, &p);

    par_check_product(&p, times);
    bench_report("matmul", ns / 1e6, "ms");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
