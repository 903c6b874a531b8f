/* toy_probe.h - a small world of strands, variables and locks, run by a plan without the engine.
 *
 * For the tests of strategies and of the search: a program is a C function whose every step on
 * shared things goes through one of the macros below, each a point.  Strands are contexts on
 * stacks of their own, one runs at a time, and the strategy says which.  The runner fills an
 * outcome as engine.c would, as far as the search looks at it.  A site is the number of the
 * macro's use in its file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_TOY_PROBE_H
#define WEFT_CHECK_TOY_PROBE_H

#include "arch/ctx.h"
#include "arch/sanitize.h"
#include "check/strategy.h"

#define TOY_STRANDS 128
#define TOY_STEPS_MAX 10000 /* more is a livelock */
#define TOY_CELLS   64
#define TOY_SITES   2048
#define TOY_STACK   (32 * 1024)

struct toy;
typedef void toy_body(struct toy *t, int arg);

/* A variable, a lock, a condition or a semaphore, as the program likes. */
struct toy_cell {
    int64_t value;
    int32_t owner; /* of a lock, plus one */
    uint64_t waiting[TOY_STRANDS / 64], woken[TOY_STRANDS / 64]; /* of a condition */
    uint64_t seen[TOY_STRANDS / 64];                             /* who touched it */
    bool written;
    uint32_t writer_site, writer_count; /* the last write; its strand and number in one */
    uint32_t n_sites;
    uint16_t sites[32];
};

struct toy_strand {
    struct weft__ctx ctx;
    struct weft__san san;
    toy_body *body;
    int arg;
    uint64_t seen_hash; /* of what it has read */
    uint32_t n_events;
    struct toy_cell *held; /* the last lock it took and still has */
    uint32_t held_site;
    uint16_t nth[TOY_SITES];
    uint8_t choices[8]; /* of each kind, at this point */
};

struct toy {
    struct weft__runner runner;
    toy_body *main;
    uint32_t runs; /* of all plans so far */
    bool races;    /* tells every conflict of plain accesses as a race */
    unsigned char *stacks;
    /* one schedule: */
    struct weft__rng rng;
    const struct weft__strategy *strategy;
    struct weft__strategy_view view;
    struct weft__ctx home;
    struct weft__san home_san;
    uint16_t self, n;
    bool over;
    struct weft__strand strands[TOY_STRANDS];
    struct toy_strand side[TOY_STRANDS];
    struct toy_cell cell[TOY_CELLS];
    struct { struct toy_cell *a, *b; uint32_t a_site, b_site; uint16_t strand; } order[64];
    uint32_t n_order;
    uint64_t memory[WEFT__STRATEGY_MEMORY / 8];
};

struct toy *toy_open(toy_body *body);
void toy_close(struct toy *t);

void toy_point(struct toy *t, enum weft__op op, struct toy_cell *cell, uint32_t site);
void toy_spawn(struct toy *t, toy_body *body, int arg, uint32_t site);
void toy_join(struct toy *t, uint16_t strand, uint32_t site);
void toy_lock(struct toy *t, struct toy_cell *cell, uint32_t site);
void toy_unlock(struct toy *t, struct toy_cell *cell, uint32_t site);
void toy_wait(struct toy *t, struct toy_cell *cond, struct toy_cell *lock, uint32_t site);
void toy_signal(struct toy *t, struct toy_cell *cond, bool all, uint32_t site);
void toy_assert(struct toy *t, bool holds, uint32_t site);
int64_t toy_load(struct toy *t, struct toy_cell *cell, uint32_t site);
void toy_store(struct toy *t, struct toy_cell *cell, int64_t value, uint32_t site);
bool toy_cas(struct toy *t, struct toy_cell *cell, int64_t old, int64_t to, uint32_t site);
int64_t toy_add(struct toy *t, struct toy_cell *cell, int64_t value, uint32_t site);
void toy_down(struct toy *t, struct toy_cell *cell, uint32_t site);
void toy_up(struct toy *t, struct toy_cell *cell, uint32_t site);

/* A site of its own for each use in a file. */
#define TOY_HERE (__COUNTER__ + 8u)

/* What programs say; i is a cell's number. */
#define LOAD(i)         toy_load(t, &t->cell[i], TOY_HERE)
#define STORE(i, v)     toy_store(t, &t->cell[i], (v), TOY_HERE)
#define CAS(i, old, to) toy_cas(t, &t->cell[i], (old), (to), TOY_HERE)
#define ADD(i, v)       toy_add(t, &t->cell[i], (v), TOY_HERE)
#define LOCK(i)         toy_lock(t, &t->cell[i], TOY_HERE)
#define UNLOCK(i)       toy_unlock(t, &t->cell[i], TOY_HERE)
#define WAIT(c, m)      toy_wait(t, &t->cell[c], &t->cell[m], TOY_HERE)
#define SIGNAL(c)       toy_signal(t, &t->cell[c], false, TOY_HERE)
#define BROADCAST(c)    toy_signal(t, &t->cell[c], true, TOY_HERE)
#define DOWN(i)         toy_down(t, &t->cell[i], TOY_HERE)
#define UP(i)           toy_up(t, &t->cell[i], TOY_HERE)
#define YIELD()         toy_point(t, WEFT__OP_YIELD, NULL, TOY_HERE)
#define SPAWN(f, arg)   toy_spawn(t, (f), (arg), TOY_HERE)
#define JOIN(id)        toy_join(t, (uint16_t)(id), TOY_HERE)
#define ASSERT(cond)    toy_assert(t, (cond), TOY_HERE)
#define JOIN_ALL()                        \
    for (int j = 1; j < (int)t->n; j++) { \
        JOIN(j);                          \
    }

struct toy_program {
    const char *name;
    toy_body *body;
    enum weft__class class; /* NONE: any */
};

/* toy_programs_test.c: wrong ones. */
extern const struct toy_program toy_programs[];
extern const size_t toy_programs_n;

/* A right one. */
toy_body toy_right_update;

/* By name; never NULL. */
toy_body *toy_program(const char *name);

#endif
