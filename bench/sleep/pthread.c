/* pthread.c - a thread that sleeps for a millisecond, again and again: how much too long.
 *
 * The kernel may be late by a slack of 50 us, as it is for every thread that does not ask for less.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/bench.h"

static int64_t sleep_run(long n)
{
    const struct timespec one = {.tv_nsec = 1000000};
    int64_t late = 0;

    for (long i = 0; i < n; i++) {
        int64_t when = bench_now() + one.tv_nsec;

        bench_ok(clock_nanosleep(CLOCK_MONOTONIC, 0, &one, NULL), "clock_nanosleep");
        late += bench_now() - when;
    }
    return late;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    sleep_run(args.n / 10 + 1);
    bench_report("sleep_1ms", (double)sleep_run(args.n) / (double)args.n / 1000, "us");
    return 0;
}
