/* boost.cpp - starts 1000 fibers that do nothing, waits for all, again and again.
 *
 * On one worker with the pooled stacks that suit it best.  On two with its work-stealing scheduler,
 * and with stacks from malloc, because the pool is not safe for a fiber that ends on another
 * thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include <thread>
#include <vector>

#include <boost/fiber/algo/work_stealing.hpp>
#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;

static const int BATCH = 1000;
static const std::size_t STACK_SIZE = 16 * 1024;

template <class Stacks> static int64_t run(long batches, Stacks stacks)
{
    std::vector<fibers::fiber> all;
    int64_t start = bench_now();

    all.reserve(BATCH);
    for (long i = 0; i < batches; i++) {
        for (int j = 0; j < BATCH; j++)
            all.emplace_back(fibers::launch::post, std::allocator_arg, stacks, [] {});
        for (auto &one : all)
            one.join();
        all.clear();
    }
    return bench_now() - start;
}

template <class Stacks> static void measure(long batches, Stacks stacks)
{
    run(batches / 10 + 1, stacks);
    bench_report("spawn", double(run(batches, stacks)) / double(batches * BATCH), "ns");
}

/* The second thread lends its CPU until told to stop; it parks in a fiber of its own. */
static void measure_stealing(long batches)
{
    fibers::mutex mutex;
    fibers::condition_variable stopped;
    bool stop = false;
    std::thread helper([&] {
        fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(2, true);
        std::unique_lock<fibers::mutex> lock(mutex);
        stopped.wait(lock, [&] { return stop; });
    });

    fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(2, true);
    measure(batches, fibers::fixedsize_stack(STACK_SIZE));
    {
        std::unique_lock<fibers::mutex> lock(mutex);
        stop = true;
    }
    stopped.notify_all();
    helper.join();
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    if (args.workers == 1)
        measure(args.n / BATCH, fibers::pooled_fixedsize_stack(STACK_SIZE));
    else
        measure_stealing(args.n / BATCH);
    return 0;
}
