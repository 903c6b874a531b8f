/* weft.c - sum and saxpy over long arrays, split as Weft finds best.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/arrays.h"

static int fill_range(int64_t from, int64_t to, void *arg)
{
    struct par_stream *stream = arg;

    par_fill(stream->x, 1, from, to);
    par_fill(stream->y, 0, from, to);
    return 0;
}

static int sum_range(int64_t from, int64_t to, void *acc, void *arg)
{
    const struct par_stream *stream = arg;

    *(double *)acc += par_sum(stream->x, from, to);
    return 0;
}

static void add(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(double *)acc += *(const double *)other;
}

static int saxpy_range(int64_t from, int64_t to, void *arg)
{
    struct par_stream *stream = arg;

    par_saxpy(stream->y, 0.5, stream->x, from, to);
    return 0;
}

static void fill(void *arg)
{
    struct par_stream *stream = arg;

    bench_ok(weft_for(0, stream->n, fill_range, stream), "weft_for");
}

static void sum(void *arg)
{
    static const double zero;
    struct par_stream *stream = arg;
    weft_reduce_ops ops = {
        .size = sizeof zero, .identity = &zero, .body = sum_range, .combine = add};

    bench_ok(weft_reduce(0, stream->n, &ops, &stream->sum, stream), "weft_reduce");
}

static void saxpy(void *arg)
{
    struct par_stream *stream = arg;

    bench_ok(weft_for(0, stream->n, saxpy_range, stream), "weft_for");
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    struct par_stream stream = par_stream_of(args->n);

    par_stream_run(&stream, fill, sum, saxpy);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
