/* boost.cpp - 1000 fibers that do nothing but yield.
 *
 * For Boost: its fibers never leave their thread, so its run queue needs no atomic operation.
 *
 * SPDX-License-Identifier: MIT
 */
#include <vector>

#include <boost/fiber/all.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;

static const int TASKS = 1000;

static int64_t run(long rounds)
{
    std::vector<fibers::fiber> all;
    int64_t start = bench_now();

    for (int i = 0; i < TASKS; i++) {
        all.emplace_back(fibers::launch::post, [rounds] {
            for (long j = 0; j < rounds; j++)
                boost::this_fiber::yield();
        });
    }
    for (auto &one : all)
        one.join();
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    long rounds = args.n / TASKS;

    run(rounds / 10 + 1);
    bench_report("switch", double(run(rounds)) / double(rounds * TASKS), "ns");
    return 0;
}
