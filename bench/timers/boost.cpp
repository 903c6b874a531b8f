/* boost.cpp - a storm of sleeps spread over one second.
 *
 * For Boost: one thread only, stacks of 16 KB without guards.  Against it: one thread only; its
 * sleepers lie in a tree.  It has no timer apart from a sleep, so nothing for arm and cancel.
 *
 * SPDX-License-Identifier: MIT
 */
#include <vector>

#include <boost/fiber/all.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;

static const std::size_t STACK_SIZE = 16 * 1024;

static int64_t worst_late;

static void sleeper(int64_t ns)
{
    int64_t when = bench_now() + ns;
    int64_t late;

    boost::this_fiber::sleep_for(std::chrono::nanoseconds(ns));
    late = bench_now() - when;
    if (late > worst_late)
        worst_late = late;
}

static double storm(long n)
{
    std::vector<fibers::fiber> all;
    double before = bench_cpu_now();

    worst_late = 0;
    all.reserve(static_cast<std::size_t>(n));
    for (long i = 0; i < n; i++)
        all.emplace_back(fibers::launch::post, std::allocator_arg,
                         fibers::fixedsize_stack(STACK_SIZE), sleeper, bench_spread(i));
    for (auto &one : all)
        one.join();
    return bench_cpu_now() - before;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    storm(1000);
    bench_report("cpu", storm(args.n), "s");
    bench_report("late", double(worst_late) / 1e6, "ms");
    return 0;
}
