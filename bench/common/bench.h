/* bench.h - arguments, clocks and output: the same for every peer that is written in C or C++.
 *
 * Every program of every language is called `program CASE WORKERS N` and prints rows `name value
 * unit` on stdout, where a smaller value is always the better one.  It warms up, then measures
 * within itself.  A server is called `program CASE WORKERS PORT` (socket.h): bench/serve.py has it
 * measured from outside.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct bench_args {
    const char *name; /* which case of the load */
    int workers;      /* how many CPUs we are pinned to, so how many threads may run */
    long n;           /* how many operations, of all tasks together */
};

static inline void bench_die(const char *why)
{
    fprintf(stderr, "bench: %s\n", why);
    exit(2);
}

static inline struct bench_args bench_parse(int argc, char **argv)
{
    struct bench_args args;

    if (argc != 4)
        bench_die("usage: program CASE WORKERS N");
    args.name = argv[1];
    args.workers = atoi(argv[2]);
    args.n = atol(argv[3]);
    if (args.workers < 1 || args.n < 1)
        bench_die("WORKERS and N are at least 1");
    return args;
}

static inline int bench_is(const struct bench_args *args, const char *name)
{
    return strcmp(args->name, name) == 0;
}

/* For calls that cannot fail unless the measurement is worthless. */
static inline void bench_ok(int rc, const char *what)
{
    if (rc != 0)
        bench_die(what);
}

static inline int64_t bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Seconds of CPU, user and system, of all threads so far. */
static inline double bench_cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Bytes of memory that a process, or "self", uses: resident pages, and the page tables that map
 * them, which are no small part of it when a million stacks lie far apart. */
static inline double bench_memory_of(const char *pid)
{
    char line[256];
    double kilobytes = 0;
    long value;
    FILE *f;

    snprintf(line, sizeof line, "/proc/%s/status", pid);
    f = fopen(line, "r");
    if (!f)
        bench_die("/proc/PID/status: cannot be read");
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmRSS: %ld", &value) == 1 || sscanf(line, "VmPTE: %ld", &value) == 1)
            kilobytes += (double)value;
    }
    fclose(f);
    return kilobytes * 1024;
}

static inline double bench_memory_now(void)
{
    return bench_memory_of("self");
}

static inline void bench_report(const char *name, double value, const char *unit)
{
    printf("%s %.6g %s\n", name, value, unit);
    fflush(stdout);
}

/* The i-th of n sleeps of 0 to 1 s, in nanoseconds, in an order without order (Knuth's
 * multiplicative hash).  The Go and Erlang peers hold the same formula. */
static inline int64_t bench_spread(long i)
{
    return (int64_t)(((uint64_t)((uint32_t)i * UINT32_C(2654435761)) * UINT64_C(1000000000)) >> 32);
}

#endif
