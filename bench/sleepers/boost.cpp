/* boost.cpp - many fibers, all asleep on one condition: memory and creation of each, then the wake.
 *
 * For Boost: all on one thread, and stacks without guards, because guards split mappings and the
 * kernel's default allows 65530.  Its stacks are 16 KB each.  It runs fewer fibers than the others
 * (see bench/run), for its memory; the values are per fiber.
 *
 * SPDX-License-Identifier: MIT
 */
#include <vector>

#include <boost/fiber/all.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;

static const std::size_t STACK_SIZE = 16 * 1024;

static void run(long n, bool report)
{
    fibers::mutex mutex;
    fibers::condition_variable waker;
    bool wake = false;
    long asleep = 0;
    double before = bench_memory_now(), bytes;
    std::vector<fibers::fiber> all;
    int64_t start = bench_now(), created, woken;

    all.reserve(static_cast<std::size_t>(n));
    for (long i = 0; i < n; i++) {
        all.emplace_back(fibers::launch::post, std::allocator_arg,
                         fibers::fixedsize_stack(STACK_SIZE), [&] {
                             std::unique_lock<fibers::mutex> lock(mutex);
                             asleep++;
                             waker.wait(lock, [&] { return wake; });
                         });
    }
    while (asleep < n)
        boost::this_fiber::yield();
    created = bench_now();
    bytes = bench_memory_now() - before;
    woken = bench_now();
    wake = true;
    waker.notify_all();
    for (auto &one : all)
        one.join();
    if (report) {
        bench_report("bytes", bytes / double(n), "bytes");
        bench_report("create", double(created - start) / double(n), "ns");
        bench_report("wake", double(bench_now() - woken) / double(n), "ns");
    }
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    run(1000, false);
    run(args.n, true);
    return 0;
}
