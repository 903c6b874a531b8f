/* seq.c - sum and saxpy over long arrays, in plain loops.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/arrays.h"

static void fill(void *arg)
{
    struct par_stream *stream = arg;

    par_fill(stream->x, 1, 0, stream->n);
    par_fill(stream->y, 0, 0, stream->n);
}

static void sum(void *arg)
{
    struct par_stream *stream = arg;

    stream->sum = par_sum(stream->x, 0, stream->n);
}

static void saxpy(void *arg)
{
    struct par_stream *stream = arg;

    par_saxpy(stream->y, 0.5, stream->x, 0, stream->n);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    struct par_stream stream = par_stream_of(args.n);

    par_stream_run(&stream, fill, sum, saxpy);
    return 0;
}
