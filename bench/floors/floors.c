/* floors.c - what this machine takes for the steps that nobody can leave out.
 *
 * No peer: figures to hold beside all the others.  A wake of a sleeping CPU is far dearer on a
 * virtual machine than on a bare one, and a line between two CPUs depends on which two.
 *
 * SPDX-License-Identifier: MIT
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/bench.h"

enum { CPUS = 2, PAGE = 4096 };

/* Alone on its line, or two CPUs would fight about its neighbours too. */
static struct {
    _Alignas(128) uint32_t word;
    char pad[124];
} shared;

static int cpus[CPUS];
static long rounds;

static void find_cpus(void)
{
    cpu_set_t set;
    int found = 0;

    bench_ok(sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
    for (int i = 0; i < CPU_SETSIZE && found < CPUS; i++) {
        if (CPU_ISSET(i, &set))
            cpus[found++] = i;
    }
    bench_ok(found < CPUS, "floors need two CPUs");
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    bench_ok(pthread_setaffinity_np(pthread_self(), sizeof set, &set), "pthread_setaffinity_np");
}

/* ---- on one CPU ---- */

static double syscall_ns(long n)
{
    int64_t start = bench_now();

    for (long i = 0; i < n; i++) {
        syscall(SYS_getppid);
    }
    return (double)(bench_now() - start) / (double)n;
}

static double rmw_ns(long n)
{
    int64_t start = bench_now();

    for (long i = 0; i < n; i++) {
        __atomic_fetch_add(&shared.word, 1, __ATOMIC_SEQ_CST);
    }
    return (double)(bench_now() - start) / (double)n;
}

static double page_touch_ns(long pages)
{
    size_t size = (size_t)pages * PAGE;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int64_t start, end;

    bench_ok(at == MAP_FAILED, "mmap");
    madvise(at, size, MADV_NOHUGEPAGE);
    start = bench_now();
    for (long i = 0; i < pages; i++) {
        ((volatile char *)at)[i * PAGE] = 1;
    }
    end = bench_now();
    munmap(at, size);
    return (double)(end - start) / (double)pages;
}

/* ---- between two CPUs: even values belong to one side, odd ones to the other ---- */

static void spin_for(uint32_t value)
{
    while (__atomic_load_n(&shared.word, __ATOMIC_ACQUIRE) != value) {
    }
}

static void futex_for(uint32_t value)
{
    uint32_t seen;

    while ((seen = __atomic_load_n(&shared.word, __ATOMIC_ACQUIRE)) != value) {
        syscall(SYS_futex, &shared.word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
}

static void spin_set(uint32_t value)
{
    __atomic_store_n(&shared.word, value, __ATOMIC_RELEASE);
}

static void futex_set(uint32_t value)
{
    __atomic_store_n(&shared.word, value, __ATOMIC_RELEASE);
    syscall(SYS_futex, &shared.word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

struct way {
    void (*wait)(uint32_t value);
    void (*set)(uint32_t value);
};

static const struct way spinning = {spin_for, spin_set};
static const struct way sleeping = {futex_for, futex_set};

static void *answer(void *arg)
{
    const struct way *way = arg;

    pin(cpus[1]);
    for (uint32_t i = 0; i < (uint32_t)rounds; i++) {
        way->wait(2 * i + 1);
        way->set(2 * i + 2);
    }
    return NULL;
}

static double round_trip_ns(const struct way *way, long n)
{
    pthread_t other;
    int64_t start;

    rounds = n;
    shared.word = 0;
    bench_ok(pthread_create(&other, NULL, answer, (void *)way), "pthread_create");
    start = bench_now();
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        way->set(2 * i + 1);
        way->wait(2 * i + 2);
    }
    start = bench_now() - start;
    pthread_join(other, NULL);
    return (double)start / (double)n;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    long n = args.n;

    find_cpus();
    pin(cpus[0]);
    syscall_ns(n / 10 + 1);
    bench_report("syscall", syscall_ns(n), "ns");
    bench_report("rmw", rmw_ns(n), "ns");
    bench_report("page_touch", page_touch_ns(n / 10 + 1), "ns");
    round_trip_ns(&spinning, n / 10 + 1);
    bench_report("cache_line", round_trip_ns(&spinning, n), "ns");
    round_trip_ns(&sleeping, n / 1000 + 1);
    bench_report("futex_wake", round_trip_ns(&sleeping, n / 100 + 1) / 2, "ns");
    return 0;
}
