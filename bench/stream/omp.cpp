/* omp.cpp - sum and saxpy over long arrays: each thread an equal part, as is OpenMP's default.
 *
 * SPDX-License-Identifier: MIT
 */
#include <omp.h>

#include "common/arrays.h"

static int workers;

/* This thread's part of the array. */
static long part(const par_stream *stream, int i)
{
    return stream->n / omp_get_num_threads() * i + stream->n % omp_get_num_threads() * i /
           omp_get_num_threads();
}

static void fill(void *arg)
{
    par_stream *stream = static_cast<par_stream *>(arg);

#pragma omp parallel num_threads(workers)
    {
        int i = omp_get_thread_num();

        par_fill(stream->x, 1, part(stream, i), part(stream, i + 1));
        par_fill(stream->y, 0, part(stream, i), part(stream, i + 1));
    }
}

static void sum(void *arg)
{
    par_stream *stream = static_cast<par_stream *>(arg);
    double all = 0;

#pragma omp parallel num_threads(workers) reduction(+ : all)
    {
        int i = omp_get_thread_num();

        all += par_sum(stream->x, part(stream, i), part(stream, i + 1));
    }
    stream->sum = all;
}

static void saxpy(void *arg)
{
    par_stream *stream = static_cast<par_stream *>(arg);

#pragma omp parallel num_threads(workers)
    {
        int i = omp_get_thread_num();

        par_saxpy(stream->y, 0.5, stream->x, part(stream, i), part(stream, i + 1));
    }
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    par_stream stream = par_stream_of(args.n);

    workers = args.workers;
    par_stream_run(&stream, fill, sum, saxpy);
    return 0;
}
