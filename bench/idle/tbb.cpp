/* tbb.cpp - what one trivial task in each millisecond costs.
 *
 * The thread that sleeps is the program's own, since a task of TBB must not.  So there is nothing
 * for parked tasks either.
 *
 * SPDX-License-Identifier: MIT
 */
#include <chrono>
#include <thread>

#include <tbb/global_control.h>
#include <tbb/task_group.h>

#include "common/bench.h"

using clock_type = std::chrono::steady_clock;

static const int SECONDS = 2;

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    clock_type::time_point when = clock_type::now();
    double used = bench_cpu_now();

    for (long i = 0; i < args.n; i++) {
        tbb::task_group one;

        when += std::chrono::nanoseconds(SECONDS * INT64_C(1000000000) / args.n);
        std::this_thread::sleep_until(when);
        one.run([] {});
        one.wait();
    }
    used = bench_cpu_now() - used;
    bench_report(args.name, used / SECONDS * 100, "%");
    return 0;
}
