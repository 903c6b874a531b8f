/* boost.cpp - what doing nothing costs: N fibers that sleep, or one trivial one in each
 * millisecond.
 *
 * SPDX-License-Identifier: MIT
 */
#include <vector>

#include <boost/fiber/all.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;
using clock_type = std::chrono::steady_clock;

static const std::size_t STACK_SIZE = 16 * 1024;
static const int SECONDS = 2;

static double parked(long n)
{
    fibers::mutex mutex;
    fibers::condition_variable waker;
    bool wake = false;
    std::vector<fibers::fiber> all;
    double used;

    for (long i = 0; i < n; i++) {
        all.emplace_back(fibers::launch::post, std::allocator_arg,
                         fibers::fixedsize_stack(STACK_SIZE), [&] {
                             std::unique_lock<fibers::mutex> lock(mutex);
                             waker.wait(lock, [&] { return wake; });
                         });
    }
    boost::this_fiber::sleep_for(std::chrono::milliseconds(500));
    used = bench_cpu_now();
    boost::this_fiber::sleep_for(std::chrono::seconds(SECONDS));
    used = bench_cpu_now() - used;
    wake = true;
    waker.notify_all();
    for (auto &one : all)
        one.join();
    return used;
}

static double each_ms(long n)
{
    clock_type::time_point when = clock_type::now();
    double used = bench_cpu_now();

    for (long i = 0; i < n; i++) {
        when += std::chrono::nanoseconds(SECONDS * INT64_C(1000000000) / n);
        boost::this_fiber::sleep_until(when);
        fibers::fiber(fibers::launch::post, [] {}).join();
    }
    return bench_cpu_now() - used;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    double used = bench_is(&args, "parked") ? parked(args.n) : each_ms(args.n);

    bench_report(args.name, used / SECONDS * 100, "%");
    return 0;
}
