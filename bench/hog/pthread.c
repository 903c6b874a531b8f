/* pthread.c - threads that wake each millisecond, beside threads that compute without letting go.
 *
 * The kernel preempts and prefers who has slept, so this is what fairness costs when each task is a
 * thread: nearly the floor for the others.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>

#include "common/bench.h"

enum { OTHERS = 20, HOGS_MAX = 64, BURST_MS = 50, MS = 1000000 };

static int64_t ends;
static int64_t worst;

static void worst_note(int64_t late)
{
    int64_t seen = __atomic_load_n(&worst, __ATOMIC_RELAXED);

    while (late > seen && !__atomic_compare_exchange_n(&worst, &seen, late, 1, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED)) {
    }
}

static void *hog(void *arg)
{
    (void)arg;
    while (bench_now() < ends) {
        for (int64_t until = bench_now() + BURST_MS * MS; bench_now() < until;) {
        }
        sched_yield();
    }
    return NULL;
}

static void *other(void *arg)
{
    const struct timespec one = {.tv_nsec = MS};

    (void)arg;
    while (bench_now() < ends) {
        int64_t when = bench_now() + MS;

        bench_ok(clock_nanosleep(CLOCK_MONOTONIC, 0, &one, NULL), "clock_nanosleep");
        worst_note(bench_now() - when);
    }
    return NULL;
}

static void hog_run(int hogs, long ms)
{
    pthread_t threads[OTHERS + HOGS_MAX];

    worst = 0;
    ends = bench_now() + ms * MS;
    for (int i = 0; i < OTHERS + hogs; i++) {
        bench_ok(pthread_create(&threads[i], NULL, i < OTHERS ? other : hog, NULL),
                 "pthread_create");
    }
    for (int i = 0; i < OTHERS + hogs; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    int hogs = bench_is(&args, "all") ? args.workers : 1;

    bench_ok(hogs > HOGS_MAX, "too many workers");
    hog_run(hogs, args.n / 10 + 1);
    hog_run(hogs, args.n);
    bench_report(args.name, (double)worst / MS, "ms");
    return 0;
}
