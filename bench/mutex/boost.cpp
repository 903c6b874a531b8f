/* boost.cpp - lock, count, unlock: one fiber alone, and four on one mutex, dealt out to the
 * threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include <thread>
#include <vector>

#include <boost/fiber/all.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;

static fibers::mutex mutex;
static volatile long counter;

static void locker(long n)
{
    for (long i = 0; i < n; i++) {
        mutex.lock();
        counter = counter + 1;
        mutex.unlock();
    }
}

static void run_fibers(int tasks, long each)
{
    std::vector<fibers::fiber> all;

    for (int i = 0; i < tasks; i++)
        all.emplace_back(fibers::launch::post, locker, each);
    for (auto &one : all)
        one.join();
}

static int64_t run(int workers, int tasks, long each)
{
    std::vector<std::thread> threads;
    int64_t start = bench_now(), end;

    counter = 0;
    for (int i = 1; i < workers; i++)
        threads.emplace_back(run_fibers, tasks / workers, each);
    run_fibers(tasks / workers, each);
    for (auto &one : threads)
        one.join();
    end = bench_now();
    bench_ok(counter != each * tasks, "the mutex does not exclude");
    return end - start;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    int tasks = bench_is(&args, "mutex4") ? 4 : 1;
    long each = args.n / tasks;

    run(args.workers, tasks, each / 10 + 1);
    bench_report(args.name, double(run(args.workers, tasks, each)) / double(each * tasks), "ns");
    return 0;
}
