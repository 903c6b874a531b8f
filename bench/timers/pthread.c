/* pthread.c - a timer that is set and taken back, with the kernel's own: a timerfd.
 *
 * A million sleeping threads are not to be had.  A program of threads would arm a timerfd, or one
 * timed wait; this is two system calls, which is the price of a kernel's timer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/bench.h"

static int64_t arm_run(int fd, long n)
{
    const struct itimerspec second = {.it_value = {.tv_sec = 1}}, none = {.it_value = {0}};
    int64_t start = bench_now();

    for (long i = 0; i < n; i++) {
        bench_ok(timerfd_settime(fd, 0, &second, NULL), "timerfd_settime");
        bench_ok(timerfd_settime(fd, 0, &none, NULL), "timerfd_settime");
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    bench_ok(fd < 0, "timerfd_create");
    arm_run(fd, args.n / 10 + 1);
    bench_report("arm_cancel", (double)arm_run(fd, args.n) / (double)args.n, "ns");
    close(fd);
    return 0;
}
