/* tbb.cpp - sum and saxpy over long arrays, split as TBB finds best.
 *
 * SPDX-License-Identifier: MIT
 */
#include <functional>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>
#include <tbb/task_arena.h>

#include "common/arrays.h"

using range = tbb::blocked_range<long>;

static void fill(void *arg)
{
    par_stream *stream = static_cast<par_stream *>(arg);

    tbb::parallel_for(range(0, stream->n), [=](const range &r) {
        par_fill(stream->x, 1, r.begin(), r.end());
        par_fill(stream->y, 0, r.begin(), r.end());
    });
}

static void sum(void *arg)
{
    par_stream *stream = static_cast<par_stream *>(arg);

    stream->sum = tbb::parallel_reduce(
        range(0, stream->n), 0.0,
        [=](const range &r, double before) {
            return before + par_sum(stream->x, r.begin(), r.end());
        },
        std::plus<double>());
}

static void saxpy(void *arg)
{
    par_stream *stream = static_cast<par_stream *>(arg);

    tbb::parallel_for(range(0, stream->n), [=](const range &r) {
        par_saxpy(stream->y, 0.5, stream->x, r.begin(), r.end());
    });
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);
    par_stream stream = par_stream_of(args.n);

    arena.execute([&] { par_stream_run(&stream, fill, sum, saxpy); });
    return 0;
}
