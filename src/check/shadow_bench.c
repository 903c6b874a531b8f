/* shadow_bench.c - what an access costs, in nanoseconds.  Not built by default:
 *
 *   gcc -O2 -D_GNU_SOURCE -I src -I include src/check/shadow_bench.c src/check/shadow.c
 *       src/check/vclock.c libweft.a -pthread
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/shadow.h"

#include <stdio.h>
#include <time.h>

#define BENCH_ROUNDS 5000000u

static struct weft__seen bench_seen;

static void bench_access(uint16_t strand, enum weft__op op, int order, uintptr_t at, uint32_t step)
{
    weft__shadow_access(strand, op, order, 0x7f0000000000 + at, 4, 10, 11, step, &bench_seen);
}

/* Processor time: the machine may have other work. */
static void bench_say(const char *what, clock_t begin, uint64_t n)
{
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;

    printf("%-56s %6.1f ns\n", what, seconds * 1e9 / (double)n);
}

static void bench_begin(uint16_t strands)
{
    (void)weft__shadow_init();
    for (uint16_t i = 1; i < strands; i++)
        weft__clock_spawn(0, i);
}

static void bench_one_strand(void)
{
    bench_begin(2);
    clock_t begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS; i++)
        bench_access(0, WEFT__OP_READ, 0, i % 2 * 4, i);
    bench_say("read again, one place", begin, BENCH_ROUNDS);
    begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS; i++)
        bench_access(0, WEFT__OP_WRITE, 0, i % 2 * 4, i);
    bench_say("write again, one place", begin, BENCH_ROUNDS);
    begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS; i++)
        bench_access(0, i % 2 ? WEFT__OP_WRITE : WEFT__OP_READ, 0, i % 4096 * 4, i);
    bench_say("read and write again, 16 KB in a row", begin, BENCH_ROUNDS);
    begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS; i++)
        bench_access(0, WEFT__OP_READ, 0, i * 2654435761u % 4096 * 4, i);
    bench_say("read again, 16 KB at random", begin, BENCH_ROUNDS);
    begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS; i++)
        bench_access(0, WEFT__OP_WRITE, 0, 1u << 24 | i * 4, i);
    bench_say("write, 20 MB in a row, for the first time", begin, BENCH_ROUNDS);
}

static void bench_several(uint16_t strands)
{
    char what[64];

    bench_begin(strands);
    clock_t begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS; i++)
        bench_access((uint16_t)(i % strands), WEFT__OP_READ, 0, 0, i);
    snprintf(what, sizeof what, "%u strands by turns read one place", strands);
    bench_say(what, begin, BENCH_ROUNDS);
    begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS / 10; i++) {
        uint16_t strand = (uint16_t)(i % strands);
        weft__clock_acquire(strand, 0x7f0000001000);
        bench_access(strand, WEFT__OP_READ, 0, 8, i);
        bench_access(strand, WEFT__OP_WRITE, 0, 8, i);
        weft__clock_release(strand, 0x7f0000001000);
    }
    snprintf(what, sizeof what, "%u strands: lock, read, write, unlock", strands);
    bench_say(what, begin, BENCH_ROUNDS / 10);
    begin = clock();
    for (uint32_t i = 0; i < BENCH_ROUNDS / 10; i++)
        bench_access((uint16_t)(i % strands), WEFT__OP_ATOMIC_RMW, __ATOMIC_ACQ_REL, 16, i);
    snprintf(what, sizeof what, "%u strands: acq_rel read-modify-write", strands);
    bench_say(what, begin, BENCH_ROUNDS / 10);
}

int main(void)
{
    bench_one_strand();
    bench_several(4);
    bench_several(100);
    clock_t begin = clock();
    for (uint32_t i = 0; i < 100000; i++) {
        bench_begin(4);
        for (uint32_t k = 0; k < 50; k++)
            bench_access(k % 4, WEFT__OP_WRITE, 0, k * 4096, k);
    }
    bench_say("init, 4 strands, 50 places far apart", begin, 100000);
    weft__shadow_fini();
    return 0;
}
