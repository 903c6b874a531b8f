/* tbb.cpp - values through concurrent_bounded_queue, between OS threads.
 *
 * TBB's tasks must not wait, so both sides are threads.  Its queue has no rendezvous: capacity 1.
 *
 * SPDX-License-Identifier: MIT
 */
#include <thread>
#include <vector>

#include <tbb/concurrent_queue.h>

#include "common/bench.h"

using queue = tbb::concurrent_bounded_queue<long>;

static const long END = -1;

static void ping_pong(long n)
{
    queue there, back;

    there.set_capacity(1);
    back.set_capacity(1);
    std::thread ponger([&] {
        for (long i = 0, value; i < n; i++) {
            there.pop(value);
            back.push(value);
        }
    });
    for (long i = 0, value; i < n; i++) {
        there.push(i);
        back.pop(value);
    }
    ponger.join();
}

/* Each producer ends with a mark of its own, and each consumer at the first mark that it finds. */
static void bounded(long n, int pairs)
{
    queue ch;
    std::vector<std::thread> threads;

    ch.set_capacity(128);
    for (int i = 0; i < pairs; i++) {
        threads.emplace_back([&] {
            long value;
            do {
                ch.pop(value);
            } while (value != END);
        });
        threads.emplace_back([&] {
            for (long j = 0; j < n / pairs; j++)
                ch.push(j);
            ch.push(END);
        });
    }
    for (auto &one : threads)
        one.join();
}

static int64_t run(const bench_args &args, long n)
{
    int64_t start = bench_now();

    if (bench_is(&args, "rendezvous"))
        ping_pong(n);
    else
        bounded(n, bench_is(&args, "chan128_4p4c") ? 4 : 1);
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    run(args, args.n / 10 + 4);
    bench_report(args.name, double(run(args, args.n)) / double(args.n), "ns");
    return 0;
}
