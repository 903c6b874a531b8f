/* arrays.h - what the parallel loads over arrays compute: the same for every peer in C or C++.
 *
 * The Go and Rust peers hold the same formulas.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_ARRAYS_H
#define BENCH_ARRAYS_H

#include <sys/mman.h>

#include "common/par.h"

/* Neither inlined nor aligned by chance, so that all peers run the same instructions. */
#define PAR_KERNEL __attribute__((noinline, aligned(64), unused))

/* ---- stream: long arrays, in huge pages where the kernel has them ---- */

/* Where they begin is no accident either: with a part in small pages the same loop takes a third
 * longer. */
static inline void *par_array(size_t size)
{
    size_t huge = (size_t)2 << 20, room = (size + 2 * huge - 1) & ~(huge - 1);
    char *at = (char *)mmap(NULL, room + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0);
    size_t before = (huge - (size_t)at % huge) % huge;

    bench_ok(at == MAP_FAILED, "mmap");
    munmap(at + before + room, huge - before);
    if (before > 0)
        munmap(at, before);
    madvise(at + before, room, MADV_HUGEPAGE);
    return at + before;
}

static inline void par_fill(double *at, double value, long from, long to)
{
    for (long i = from; i < to; i++) {
        at[i] = value;
    }
}

typedef double par_two __attribute__((vector_size(16), aligned(8), may_alias));

/* Eight sums side by side, so that one waits for memory and not for the adder. */
PAR_KERNEL static double par_sum(const double *at, long from, long to)
{
    par_two a = {0, 0}, b = a, c = a, d = a;
    double rest = 0;

    for (; from + 8 <= to; from += 8) {
        const par_two *eight = (const par_two *)(at + from);

        a += eight[0];
        b += eight[1];
        c += eight[2];
        d += eight[3];
    }
    for (; from < to; from++) {
        rest += at[from];
    }
    a = (a + b) + (c + d);
    return a[0] + a[1] + rest;
}

PAR_KERNEL static void par_saxpy(double *y, double a, const double *x, long from, long to)
{
    for (long i = from; i < to; i++) {
        y[i] += a * x[i];
    }
}

struct par_stream {
    double *x, *y;
    long n;
    double sum; /* what the last sum was */
};

/* x holds ones and y zeros, and saxpy adds 1/2 * x, so all sums of it are exact. */
static inline struct par_stream par_stream_of(long n)
{
    struct par_stream stream = {(double *)par_array((size_t)n * sizeof(double)),
                                (double *)par_array((size_t)n * sizeof(double)), n, 0};

    return stream;
}

/* fill, sum, saxpy: the peer's ways to run par_fill and so on over all of the arrays. */
static inline void par_stream_run(struct par_stream *stream, void (*fill)(void *arg),
                                  void (*sum)(void *arg), void (*saxpy)(void *arg))
{
    fill(stream);
    bench_report("sum", par_mean_ns(sum, stream) / 1e6, "ms");
    bench_ok(stream->sum != (double)stream->n, "sum: a wrong answer");
    bench_report("saxpy", par_mean_ns(saxpy, stream) / 1e6, "ms");
    bench_ok(stream->y[0] < 1 || stream->y[0] != stream->y[stream->n - 1], "saxpy: wrong answers");
}

/* ---- sort ---- */

static inline int64_t par_nth(long i)
{
    return (int64_t)par_uts_child((uint64_t)i, 0);
}

static inline int par_compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

/* Fills n integers without order, sorts them, and says how many ns that took. */
static inline double par_sort_ns(void (*sort)(int64_t *at, long n), long n)
{
    int64_t *at = (int64_t *)par_array((size_t)n * sizeof *at);
    uint64_t sum = 0;
    int64_t start;

    for (long i = 0; i < n; i++) {
        at[i] = par_nth(i);
        sum += (uint64_t)at[i];
    }
    start = bench_now();
    sort(at, n);
    start = bench_now() - start;
    for (long i = 0; i < n; i++) {
        sum -= (uint64_t)at[i];
        bench_ok(i > 0 && at[i - 1] > at[i], "sort: a wrong answer");
    }
    bench_ok(sum != 0, "sort: other numbers");
    munmap(at, (size_t)n * sizeof *at);
    return (double)start;
}

/* ---- matmul: C += A * B, by halves of the longest side down to blocks ---- */

enum { PAR_BLOCK = 32, PAR_PAD = 8 };

struct par_product {
    const double *a, *b;
    double *c;
    long rows, columns, inner; /* c is rows x columns, a is rows x inner */
    long stride;               /* of all three */
};

/* Four rows of b at a time, so that c is read and written more seldom. */
PAR_KERNEL static void par_block(const struct par_product *p)
{
    for (long i = 0; i < PAR_BLOCK; i++) {
        par_two *c = (par_two *)(p->c + i * p->stride);

        for (long k = 0; k < PAR_BLOCK; k += 4) {
            const double *a = p->a + i * p->stride + k, *b = p->b + k * p->stride;
            const par_two *b0 = (const par_two *)b, *b1 = (const par_two *)(b + p->stride);
            const par_two *b2 = (const par_two *)(b + 2 * p->stride);
            const par_two *b3 = (const par_two *)(b + 3 * p->stride);
            double a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];

            for (long j = 0; j < PAR_BLOCK / 2; j++) {
                c[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j]);
            }
        }
    }
}

/* Two halves of a product.  Those of `inner` add to the same c, so one comes after the other. */
static inline int par_halves(const struct par_product *p, struct par_product *ret_first,
                             struct par_product *ret_second)
{
    struct par_product first = *p, second = *p;
    int apart = 1;

    if (p->rows >= p->columns && p->rows >= p->inner) {
        first.rows = second.rows = p->rows / 2;
        second.a += first.rows * p->stride;
        second.c += first.rows * p->stride;
    } else if (p->columns >= p->inner) {
        first.columns = second.columns = p->columns / 2;
        second.b += first.columns;
        second.c += first.columns;
    } else {
        first.inner = second.inner = p->inner / 2;
        second.a += first.inner;
        second.b += first.inner * p->stride;
        apart = 0;
    }
    *ret_first = first;
    *ret_second = second;
    return apart;
}

static inline int par_is_block(const struct par_product *p)
{
    return p->rows <= PAR_BLOCK && p->columns <= PAR_BLOCK && p->inner <= PAR_BLOCK;
}

/* n is PAR_BLOCK times a power of two.  Rows lie a cache line further apart, or those of a block
 * would all want the same few places of the cache. */
static inline struct par_product par_product_of(long n)
{
    long stride = n + PAR_PAD;
    size_t size = (size_t)(n * stride) * sizeof(double);
    double *a = (double *)par_array(size), *b = (double *)par_array(size);
    struct par_product p = {a, b, (double *)par_array(size), n, n, n, stride};

    for (long i = 0; i < n * stride; i++) {
        a[i] = (double)(par_nth(i) & 7);
        b[i] = (double)(par_nth(-i) & 7);
    }
    return p;
}

/* After `times` products into c: each row of c sums up to that row of a, times b's row sums. */
static inline void par_check_product(const struct par_product *p, long times)
{
    double *sums = (double *)par_array((size_t)p->inner * sizeof(double));

    for (long k = 0; k < p->inner; k++) {
        sums[k] = par_sum(p->b + k * p->stride, 0, p->columns);
    }
    for (long i = 0; i < p->rows; i++) {
        double wanted = 0;

        for (long k = 0; k < p->inner; k++) {
            wanted += p->a[i * p->stride + k] * sums[k];
        }
        bench_ok(par_sum(p->c + i * p->stride, 0, p->columns) != wanted * (double)times,
                 "matmul: a wrong answer");
    }
}

#endif
