/* loop.h - loops over items that compute for a known time: for the loads grain, dispatch, crowd.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bench.h"

/* Items of a loop: item i computes for `rounds`; of an uneven loop for 0 to twice that, more and
 * more. */
struct loop {
    long items, rounds;
    int uneven;
};

/* Computes for so many rounds, each of which waits for the one before: about a nanosecond.  Neither
 * inlined nor aligned by chance, so that all peers run the same instructions. */
__attribute__((noinline, aligned(64), unused)) static void loop_work(long rounds)
{
    uint64_t x = (uint64_t)rounds | 1;

    for (long i = 0; i < rounds; i++) {
        x = x * UINT64_C(6364136223846793005) + 1;
    }
    __asm__ volatile("" : : "r"(x)); /* somebody wants to know x */
}

static inline void loop_item(const struct loop *loop, long i)
{
    loop_work(loop->uneven ? 2 * loop->rounds * i / loop->items : loop->rounds);
}

static inline void loop_serial(const struct loop *loop)
{
    for (long i = 0; i < loop->items; i++) {
        loop_item(loop, i);
    }
}

/* How many rounds take ns nanoseconds, when nothing disturbs. */
static inline long loop_rounds(double ns)
{
    static double round_ns;

    for (int turn = 0; turn < 3; turn++) {
        int64_t start = bench_now();
        double each;

        loop_work(1000000);
        each = (double)(bench_now() - start) / 1e6;
        if (round_ns == 0 || each < round_ns)
            round_ns = each;
    }
    return (long)(ns / round_ns) + 1;
}

/* What the loop takes, run by the peer, over what its items take one after the other.  The least of
 * a few turns: a machine that is not quiet adds to either. */
static inline double loop_over_serial(const struct loop *loop, void (*run)(const struct loop *loop))
{
    int64_t serial = INT64_MAX, shared = INT64_MAX;

    for (int turn = 0; turn < 4; turn++) {
        int64_t start = bench_now(), between;

        loop_serial(loop);
        between = bench_now();
        run(loop);
        if (between - start < serial)
            serial = between - start;
        if (bench_now() - between < shared)
            shared = bench_now() - between;
    }
    return (double)shared / (double)serial;
}

/* ---- grain: n is how long a loop takes by one CPU, in ns ---- */

static const struct {
    const char *name;
    double ns;
} loop_grains[] = {{"grain_100ns", 100}, {"grain_300ns", 300}, {"grain_1us", 1000},
                   {"grain_3us", 3000}, {"grain_10us", 10000}, {"grain_30us", 30000},
                   {"grain_100us", 100000}};

enum { LOOP_GRAINS = sizeof loop_grains / sizeof loop_grains[0] };

/* Case `pieces`: each item is handed out by itself.  Case `auto`: uneven items of 100 ns, and the
 * peer decides. */
static inline void loop_grain_run(const struct bench_args *args,
                                  void (*pieces)(const struct loop *loop),
                                  void (*by_itself)(const struct loop *loop))
{
    if (bench_is(args, "pieces")) {
        for (int i = 0; i < LOOP_GRAINS; i++) {
            double ns = loop_grains[i].ns;
            struct loop loop = {(long)((double)args->n / ns) + 1, loop_rounds(ns), 0};

            bench_report(loop_grains[i].name, loop_over_serial(&loop, pieces), "x");
        }
    } else {
        struct loop loop = {args->n / 100 + 1, loop_rounds(100), 1};

        bench_report("auto", loop_over_serial(&loop, by_itself), "x");
    }
}

/* ---- crowd: more workers than CPUs, or a CPU that somebody else wants too ---- */

/* A process that computes for ever, until it is ended or its parent is. */
static inline pid_t loop_hog_start(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            loop_work(1000000);
        }
    }
    bench_ok(pid < 0, "fork");
    return pid;
}

static inline void loop_hog_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* loops_ns(workers, loops, loop): what a loop takes on average of so many, one after the other. */
static inline void loop_crowd_run(const struct bench_args *args,
                                  double (*loops_ns)(int workers, long loops,
                                                     const struct loop *loop))
{
    struct loop loop = {2000, loop_rounds(5000), 0};
    int crowded = bench_is(args, "workers") ? 2 * args->workers : args->workers;
    double alone = 0, beside = 0;

    for (int turn = 0; turn < 3; turn++) {
        pid_t hog = 0;

        alone += loops_ns(args->workers, args->n, &loop);
        if (bench_is(args, "hog"))
            hog = loop_hog_start();
        beside += loops_ns(crowded, args->n, &loop);
        if (hog)
            loop_hog_stop(hog);
    }
    bench_report(args->name, beside / alone, "x");
}

/* ---- dispatch: a loop of as many items as there are workers, on workers that are awake ---- */

enum { LOOP_DISPATCH_WORK_NS = 2000, LOOP_BATCH = 100, LOOP_BATCHES_MAX = 2000 };

/* A thread that the kernel takes its CPU from holds up the others; so not more than a second. */
enum { LOOP_DISPATCH_WARM_NS = 20000000, LOOP_DISPATCH_LONG_NS = 1000000000 };

static inline int loop_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* Case `empty`: what a loop takes whose items do nothing.  Case `apart`: items of 2 us, and what
 * the loop takes beyond 2 us; 2000 more if one worker runs them all.  The median of batches. */
static inline void loop_dispatch_run(const struct bench_args *args,
                                     void (*run)(const struct loop *loop))
{
    static double batches[LOOP_BATCHES_MAX];
    int beyond_ns = bench_is(args, "apart") ? LOOP_DISPATCH_WORK_NS : 0;
    struct loop loop = {args->workers, beyond_ns ? loop_rounds(beyond_ns) : 0, 0};
    int64_t start = bench_now(), now, before;
    int n = 0;

    while (bench_now() - start < LOOP_DISPATCH_WARM_NS) {
        run(&loop);
    }
    start = now = bench_now();
    while (n < args->n / LOOP_BATCH + 1 && n < LOOP_BATCHES_MAX &&
           now - start < LOOP_DISPATCH_LONG_NS) {
        before = now;
        for (int i = 0; i < LOOP_BATCH; i++) {
            run(&loop);
        }
        now = bench_now();
        batches[n++] = (double)(now - before) / LOOP_BATCH;
    }
    qsort(batches, (size_t)n, sizeof batches[0], loop_compare);
    bench_report(args->name, batches[n / 2] - beyond_ns, "ns");
}

#endif
