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
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/arrays.h"

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

static double clock_ns(long n)
{
    int64_t start = bench_now();

    for (long i = 0; i < n; i++) {
        bench_now();
    }
    return (double)(bench_now() - start) / (double)n;
}

/* ---- two stacks on one CPU ---- */

#if defined(__x86_64__)
/* The registers that a call keeps change with the stack; a jump instead of a return, which would be
 * foretold wrongly each time. */
void floors_switch(void **ret_from, void *to);
__asm__(".text\n.type floors_switch, @function\nfloors_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\n"
        "pop %rcx\njmp *%rcx\n.size floors_switch, . - floors_switch\n");

static void *home, *away;

static void live_away(void)
{
    for (;;) {
        floors_switch(&away, home);
    }
}

static void go_there(void)
{
    floors_switch(&home, away);
}

static void make_away(void *stack, size_t size)
{
    void **top = (void **)((char *)stack + size) - 2; /* the stack as behind a call */

    top[0] = (void *)live_away;
    away = top - 6;
}
#else
static ucontext_t home, away; /* with a system call, so far above a floor */

static void live_away(void)
{
    for (;;) {
        swapcontext(&away, &home);
    }
}

static void go_there(void)
{
    swapcontext(&home, &away);
}

static void make_away(void *stack, size_t size)
{
    bench_ok(getcontext(&away), "getcontext");
    away.uc_stack.ss_sp = stack;
    away.uc_stack.ss_size = size;
    makecontext(&away, live_away, 0);
}
#endif

static double switch_ns(long n)
{
    static _Alignas(16) char stack[1 << 16];
    int64_t start;

    make_away(stack, sizeof stack);
    start = bench_now();
    for (long i = 0; i < n; i++) {
        go_there();
    }
    return (double)(bench_now() - start) / (double)(2 * n);
}

/* ---- the kernel's timer, for a thread that allows it no slack ---- */

static void sleep_and_tick(long n, double *ret_late_us, double *ret_cpu_percent)
{
    const struct timespec one = {.tv_nsec = 1000000};
    double used = bench_cpu_now();
    int64_t late = 0, start = bench_now();

    prctl(PR_SET_TIMERSLACK, 1UL);
    for (long i = 0; i < n; i++) {
        int64_t when = bench_now() + one.tv_nsec;

        bench_ok(clock_nanosleep(CLOCK_MONOTONIC, 0, &one, NULL), "clock_nanosleep");
        late += bench_now() - when;
    }
    *ret_late_us = (double)late / (double)n / 1000;
    *ret_cpu_percent = (bench_cpu_now() - used) / ((double)(bench_now() - start) / 1e9) * 100;
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

/* ---- memory: arrays that no cache holds, by the least code that reads or writes them ---- */

static struct par_stream stream;
static volatile double sums[3];

/* Half 0, 1, or both, which is 2. */
static void read_half(int half)
{
    sums[half] = par_sum(stream.x, half == 1 ? stream.n / 2 : 0,
                         half == 0 ? stream.n / 2 : stream.n);
}

static void update_half(int half)
{
    par_saxpy(stream.y, 0.5, stream.x, half == 1 ? stream.n / 2 : 0,
              half == 0 ? stream.n / 2 : stream.n);
}

static void *second_half(void *arg)
{
    void (**pass)(int half) = arg;

    pin(cpus[1]);
    (*pass)(1);
    return NULL;
}

/* ns for a KB of one array, the least of a few passes, by one CPU or two. */
static double pass_ns(void (*pass)(int half), int on)
{
    double kilobytes = (double)stream.n * sizeof(double) / 1024;
    int64_t least = INT64_MAX;

    for (int turn = 0; turn < 6; turn++) {
        int64_t start = bench_now();
        pthread_t other;

        if (on == 2)
            bench_ok(pthread_create(&other, NULL, second_half, &pass), "pthread_create");
        pass(on == 2 ? 0 : 2);
        if (on == 2)
            pthread_join(other, NULL);
        if (bench_now() - start < least)
            least = bench_now() - start;
    }
    return (double)least / kilobytes;
}

static void memory_run(long n)
{
    stream = par_stream_of(n);
    par_fill(stream.x, 1, 0, n);
    par_fill(stream.y, 0, 0, n);
    bench_report("read_1w", pass_ns(read_half, 1), "ns/KB");
    bench_report("read_2w", pass_ns(read_half, 2), "ns/KB");
    bench_report("update_1w", pass_ns(update_half, 1), "ns/KB");
    bench_report("update_2w", pass_ns(update_half, 2), "ns/KB");
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    long n = args.n;
    double late_us, cpu_percent;

    find_cpus();
    pin(cpus[0]);
    if (bench_is(&args, "memory")) {
        memory_run(n);
        return 0;
    }
    syscall_ns(n / 10 + 1);
    bench_report("syscall", syscall_ns(n), "ns");
    bench_report("rmw", rmw_ns(n), "ns");
    bench_report("page_touch", page_touch_ns(n / 10 + 1), "ns");
    round_trip_ns(&spinning, n / 10 + 1);
    bench_report("cache_line", round_trip_ns(&spinning, n), "ns");
    round_trip_ns(&sleeping, n / 1000 + 1);
    bench_report("futex_wake", round_trip_ns(&sleeping, n / 100 + 1) / 2, "ns");
    clock_ns(n / 10 + 1);
    bench_report("clock", clock_ns(n), "ns");
    switch_ns(n / 10 + 1);
    bench_report("switch", switch_ns(n), "ns");
    sleep_and_tick(n / 1000 + 1, &late_us, &cpu_percent);
    bench_report("sleep", late_us, "us");
    bench_report("tick", cpu_percent, "%");
    return 0;
}
