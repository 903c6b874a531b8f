/* par.h - what the parallel loads over trees compute: the same for every peer in C or C++.
 *
 * Who shares the work out is the peer; what the work is stands here, once.  The Go peers hold the
 * same formulas, and those in Rust have them in par.rs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_PAR_H
#define BENCH_PAR_H

#include "common/bench.h"

#define PAR_LONG_ENOUGH_NS 100000000

/* How long run(arg) takes: once to warm up, then again and again until they are long enough. */
static inline double par_mean_ns(void (*run)(void *arg), void *arg)
{
    int64_t start, passed;
    long runs = 0;

    __asm__ volatile("" : "+r"(run)); /* or gcc may see that every run has the same answer */
    run(arg);
    start = bench_now();
    do {
        run(arg);
        runs++;
        passed = bench_now() - start;
    } while (passed < PAR_LONG_ENOUGH_NS);
    return (double)passed / (double)runs;
}

/* ---- fib: what n says is how many calls there may be ---- */

struct par_fib {
    int k;
    int64_t value; /* fib(k) */
    long calls;    /* that its computation makes, without a cut-off */
};

static inline struct par_fib par_fib_of(long calls_max)
{
    struct par_fib fib = {1, 1, 1};
    int64_t before = 0;
    long calls_before = 1;

    while (fib.calls + calls_before + 1 <= calls_max) {
        int64_t value = fib.value + before;
        long calls = fib.calls + calls_before + 1;

        before = fib.value;
        calls_before = fib.calls;
        fib.k++;
        fib.value = value;
        fib.calls = calls;
    }
    return fib;
}

/* ---- nqueens: a board is three sets of columns, those that are attacked in this row ---- */

struct par_board {
    uint32_t columns, left, right;
};

static inline uint32_t par_free(int n, struct par_board b)
{
    return ~(b.columns | b.left | b.right) & ((UINT32_C(1) << n) - 1);
}

static inline struct par_board par_place(struct par_board b, uint32_t column)
{
    struct par_board next = {b.columns | column, (b.left | column) << 1, (b.right | column) >> 1};

    return next;
}

/* How many boards are looked at for so many queens, the empty one and the full ones among them. */
static inline double par_boards(long n)
{
    static const double boards[] = {1,   2,    3,    6,     17,     54,    153,
                                    552, 2057, 8394, 35539, 166926, 856189};

    bench_ok(n > 12, "nqueens: 12 at most");
    return boards[n];
}

static inline void par_check_queens(long n, int64_t solutions)
{
    static const int64_t known[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200};

    bench_ok(solutions != known[n], "nqueens: a wrong answer");
}

/* ---- uts: an unbalanced tree, after that of Olivier et al. 2006 (geometric, linear) ----
 *
 * A node is a number; its children's numbers, and how many they are, come from it by a hash that
 * takes about as long as the SHA-1 of the original. */

enum { PAR_UTS_DEPTH = 18, PAR_UTS_CHILDREN_MAX = 100, PAR_UTS_ROUNDS = 16 };

#define PAR_UTS_ROOT 26
#define PAR_UTS_NODES 1016680

static inline uint64_t par_uts_child(uint64_t node, int i)
{
    uint64_t x = node + (uint64_t)i;

    for (int round = 0; round < PAR_UTS_ROUNDS; round++) {
        x += UINT64_C(0x9E3779B97F4A7C15);
        x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
        x ^= x >> 31;
    }
    return x;
}

static inline int par_uts_children(uint64_t node, int depth)
{
    uint64_t less = (uint64_t)(4 * (PAR_UTS_DEPTH - depth));
    uint64_t limit = 65536 * less / ((uint64_t)PAR_UTS_DEPTH + less);
    int children = 0;

    while (children < PAR_UTS_CHILDREN_MAX) {
        node = node * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (node >> 48 >= limit)
            break;
        children++;
    }
    return children;
}

static inline void par_check_uts(int64_t nodes)
{
    bench_ok(nodes != PAR_UTS_NODES, "uts: a wrong answer");
}

/* ---- skynet: a tree of tens ---- */

static inline long par_skynet_leaves(long leaves_max)
{
    long leaves = 10;

    while (leaves * 10 <= leaves_max) {
        leaves *= 10;
    }
    return leaves;
}

static inline void par_check_skynet(long leaves, int64_t sum)
{
    bench_ok(sum != (int64_t)leaves * (leaves - 1) / 2, "skynet: a wrong answer");
}

#endif
