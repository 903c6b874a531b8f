/* model.h - what a model says: threads, what must hold, and that everything was explored.
 *
 * A model is a small program of two to four threads over one structure of ours, compiled from the
 * structure's own header with WEFT_ATOMIC_CHECK, so that every atomic operation asks the explorer
 * (model.c) who goes on and what is seen.  The explorer runs it again and again until every choice
 * has been made in every way, in three memory modes:
 *
 *   sc     each operation takes effect at once
 *   tso    a store that is not seq_cst waits in its thread's buffer, first in first out (x86)
 *   weak   loads see any value, and stores land in any order, that C11 allows: this is what makes a
 *          missing acquire, release or fence visible.  Contains tso, but is harder to read
 *
 * Not modelled, so a model proves nothing about it: a load that takes its value from a store which
 * has not run yet (load buffering; so an order that only keeps a load BEFORE a store cannot be
 * shown necessary); seq_cst accesses in an order other than that in which they ran; consume;
 * accesses of mixed size; races on plain memory.  In weak a loop sees one stale value at most twice
 * in a row; a weak compare-and-swap fails for no reason at most once per thread and line of source.
 *
 * Interleavings multiply: a model of 1,000 states explores in milliseconds, one of 10^6 in a
 * minute.
 *
 * What a thread may do: atomic operations; model_block_while() in place of a waiting loop; the
 * futex calls of base/sys.h, which the explorer fills; plain memory of its own, that only finally()
 * reads.  What it must not: loop without bound, allocate, ask a clock, share plain memory.
 * What the item of a queue holds should be an ATOMIC read relaxed, so that a missing order shows.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_MODEL_H
#define WEFT_TESTS_MODEL_H

#include "base/atomic.h"
#include "base/base.h"

#define MODEL_THREADS 4

struct model {
    const char *name;
    void (*reset)(void); /* before each execution: every shared word gets its first value */
    void (*thread[MODEL_THREADS])(void);
    void (*finally)(void); /* after each: the invariants of the end; may be NULL */
    const char *broken;    /* not NULL: what is wrong with it; the explorer must find a failure */
    bool night;            /* large: only under --night */
};

#define MODEL(model_name, model_reset, model_finally, ...)                                        \
    {                                                                                             \
        .name = (model_name), .reset = (model_reset), .finally = (model_finally),                 \
        .thread = {__VA_ARGS__}                                                                   \
    }
#define MODEL_NIGHT(model_name, model_reset, model_finally, ...)                                  \
    {                                                                                             \
        .name = (model_name), .reset = (model_reset), .finally = (model_finally),                 \
        .thread = {__VA_ARGS__}, .night = true                                                    \
    }
#define MODEL_BROKEN(model_name, why, model_reset, model_finally, ...)                            \
    {                                                                                             \
        .name = (model_name), .reset = (model_reset), .finally = (model_finally),                 \
        .thread = {__VA_ARGS__}, .broken = (why)                                                  \
    }

/* A weaker order that no model here can tell from the right one, and why that one stands. */
struct model_spared {
    const char *function;
    const char *text;   /* the address, as the source says it */
    const char *change; /* "acquire -> relaxed" */
    const char *why;
};

/* The main() of each x_model.c.  Explores all models in all modes; then weakens every order that
 * the headers name, one at a time, and demands that some model fails.  Prints a line for each
 * exploration; returns the exit status.
 *
 *   --night      larger bounds; models read model_night()
 *   --verbose    print the interleaving of the failures that had to be found, too
 */
int model_main(int argc, char **argv, const struct model *models, size_t models_count,
               const struct model_spared *spared, size_t spared_count);

bool model_night(void);

/* Fails the exploration and prints the interleaving. */
#define model_assert(cond)                                                                        \
    ((cond) ? (void)0 : model_fail("%s:%d: not true: %s", __FILE__, __LINE__, #cond))
WEFT_NORETURN WEFT_PRINTF(1, 2) void model_fail(const char *format, ...);

/* Waits until *p is not v and returns what it is: `while (a_load(p, acquire) == v);` without the
 * turns.  Threads that all wait so for ever are a deadlock, which is a failure. */
#define model_block_while(p, v)                                                                   \
    weft__atomic_back(p, model_block(weft__atomic_here(LOAD, #p, acquire, relaxed), (p),          \
                                     sizeof(*(p)), weft__atomic_word(v)))
uint64_t model_block(const struct weft__atomic_site *site, void *at, size_t size, uint64_t value);

#endif
