/* weft.c - the stable sort by a key; the integers are keys themselves.
 *
 * For Weft: it knows what the keys are, and needs not compare; Rayon's, TBB's and OpenMP's sorts of
 * integers compare them, inlined.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/arrays.h"

static void sort(int64_t *at, long n)
{
    bench_ok(weft_sort_by(at, (size_t)n, sizeof *at, WEFT_KEY_INT64, 0), "weft_sort_by");
}

static int compare(const void *a, const void *b, void *arg)
{
    (void)arg;
    return par_compare(a, b);
}

static void sort_compared(int64_t *at, long n)
{
    bench_ok(weft_sort(at, (size_t)n, sizeof *at, compare, NULL), "weft_sort");
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    void (*by)(int64_t *at, long n) = bench_is(args, "compare") ? sort_compared : sort;

    par_sort_ns(by, args->n / 100 + 1);
    bench_report(args->name, par_sort_ns(by, args->n) / 1e6, "ms");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
