/* boost.cpp - values through channels: ping-pong by rendezvous, and streams through a channel of
 * 128.
 *
 * A fiber stays on its thread, so on two workers we deal the fibers out: pinger and ponger, or the
 * producer and the consumer of a pair, never share a thread.  That is the hard case; the others may
 * run both sides on one worker.  Its channel of 128 keeps one place empty.
 *
 * SPDX-License-Identifier: MIT
 */
#include <functional>
#include <thread>
#include <vector>

#include <boost/fiber/all.hpp>

#include "common/bench.h"

namespace fibers = boost::fibers;
using body = std::function<void()>;

static const std::size_t CAPACITY = 128;

/* Runs all bodies of one thread as fibers of it. */
static void run_fibers(const std::vector<body> &bodies)
{
    std::vector<fibers::fiber> all;

    for (auto &one : bodies)
        all.emplace_back(fibers::launch::post, one);
    for (auto &one : all)
        one.join();
}

/* The calling thread is worker 0. */
static void run_workers(const std::vector<std::vector<body>> &dealt)
{
    std::vector<std::thread> threads;

    for (std::size_t i = 1; i < dealt.size(); i++)
        threads.emplace_back(run_fibers, std::cref(dealt[i]));
    run_fibers(dealt[0]);
    for (auto &one : threads)
        one.join();
}

static void rendezvous(long n, int workers)
{
    fibers::unbuffered_channel<long> there, back;
    std::vector<std::vector<body>> dealt(static_cast<std::size_t>(workers));

    dealt[0].push_back([&] {
        for (long i = 0; i < n; i++) {
            there.push(i);
            back.value_pop();
        }
    });
    dealt[1 % dealt.size()].push_back([&] {
        for (long i = 0; i < n; i++)
            back.push(there.value_pop());
    });
    run_workers(dealt);
}

static void bounded(long n, int workers, int pairs)
{
    fibers::buffered_channel<long> ch(CAPACITY);
    std::vector<std::vector<body>> dealt(static_cast<std::size_t>(workers));
    std::atomic<int> producing(pairs);

    for (int i = 0; i < pairs; i++) {
        std::size_t at = static_cast<std::size_t>(i);

        dealt[(at + 1) % dealt.size()].push_back([&] {
            long value;
            while (ch.pop(value) == fibers::channel_op_status::success) {
            }
        });
        dealt[at % dealt.size()].push_back([&] {
            for (long j = 0; j < n / pairs; j++)
                ch.push(j);
            if (--producing == 0)
                ch.close();
        });
    }
    run_workers(dealt);
}

static int64_t run(const bench_args &args, long n)
{
    int64_t start = bench_now();

    if (bench_is(&args, "rendezvous"))
        rendezvous(n, args.workers);
    else
        bounded(n, args.workers, bench_is(&args, "chan128_4p4c") ? 4 : 1);
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    run(args, args.n / 10 + 4);
    bench_report(args.name, double(run(args, args.n)) / double(args.n), "ns");
    return 0;
}
