/* tbb.cpp - lock, count, unlock with tbb::mutex: one thread alone, and four OS threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include <thread>
#include <vector>

#include <oneapi/tbb/mutex.h>

#include "common/bench.h"

static tbb::mutex mutex;
static volatile long counter;

static void locker(long n)
{
    for (long i = 0; i < n; i++) {
        mutex.lock();
        counter = counter + 1;
        mutex.unlock();
    }
}

static int64_t run(int tasks, long each)
{
    std::vector<std::thread> threads;
    int64_t start = bench_now(), end;

    counter = 0;
    for (int i = 0; i < tasks; i++)
        threads.emplace_back(locker, each);
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

    run(tasks, each / 10 + 1);
    bench_report(args.name, double(run(tasks, each)) / double(each * tasks), "ns");
    return 0;
}
