/* state.h - the engine's own insides, shared by engine.c, access.c and finding.c alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_STATE_H
#define WEFT_CHECK_STATE_H

#include "base/rng.h"
#include "check/engine.h"
#include "check/strategy.h"
#include "check/table.h"

#define WEFT__SPIN_CELLS  8
#define WEFT__NEWS_BITS   (1 << 14)
#define WEFT__FREED_BITS  (1 << 16)

/* What the engine keeps of a strand beside what others may see. */
struct weft__strand_books {
    uint32_t reads_alike;     /* in a row: reads that saw what they saw before, yields, refusals */
    uint32_t patience;        /* how many of these make it a spinner */
    uint32_t n_cells;         /* what it read in that row; more than WEFT__SPIN_CELLS: anything */
    uint32_t cold;            /* accesses since its last point */
    uint32_t blocked_since;   /* the step at which it came to wait */
    weft__site site;          /* of its last point, which names its choices */
    uint32_t nth;
    uint32_t choices[8];      /* of each kind, at this point */
    bool has_spun;
    struct weft__event *unvalued; /* a write whose value is not known yet */
    uintptr_t written;            /* the last write, to shared memory: where, how long, what was */
    uint64_t written_old;         /* there before: did it change anything?  0: none */
    uint8_t written_size;
    uintptr_t cells[WEFT__SPIN_CELLS];
};

struct weft__engine {
    struct weft__exchange *exchange;
    const struct weft__plan *plan;
    struct weft__outcome *outcome;
    const struct weft__executor *executor;
    const struct weft__strategy *strategy;
    struct weft__strategy_view view;
    struct weft__rng rng;
    struct weft__arena arena;
    struct weft__strand *self;      /* runs now */
    struct weft__strand *pending;   /* chosen, of a shared carrier that has not been told yet */
    uint32_t n_strands;
    uint32_t news_step;             /* when something last happened that had not happened before */
    uint32_t jumps;                 /* of time, since then */
    uint32_t steps_max;
    uint32_t last_ran;              /* the strand of the last event */
    int64_t now;
    bool is_over;
    struct weft__table arrivals;    /* strand and site -> how often */
    struct weft__table pairs;       /* writer and reader site -> 1 */
    struct weft__table hot;         /* site -> 1: is a point */
    struct weft__table found_hot;   /* site -> 1: told in the outcome */
    struct weft__table last;        /* object -> site and strand of the last operation that wrote */
    struct weft__table seen_values; /* strand, site and address -> what it saw last */
    struct weft__table wishes;      /* deviations of the plan, by what they say -> pick + 1 */
    struct weft__table signals;     /* condition -> step of the last signal, and how many */
    struct weft__table races;       /* pair of sites -> 1: told */
    uint64_t news[WEFT__NEWS_BITS / 64];
    uint32_t news_set;
    uint64_t freed_pages[WEFT__FREED_BITS / 64]; /* a filter: may the page hold freed memory? */
    uint16_t enabled[WEFT__STRANDS_MAX];
    struct weft__strand strands[WEFT__STRANDS_MAX];
    struct weft__strand_books books[WEFT__STRANDS_MAX];
};

/* ---- engine.c ---- */

/* The running strand is here for the first time, perhaps: it passes what it was made with. */
void weft__strand_begin(struct weft__strand *self);

/* The strand's books of a row of fruitless reads end: it made progress, or somebody did for it. */
void weft__spin_end(struct weft__strand *strand);

/* Some state has changed: whoever spins on it may go on. */
void weft__spin_wake(uintptr_t object);

/* One more fruitless look of the running strand, at the object (0: none).  True: it spins. */
bool weft__spin_count(uintptr_t object);

/* Something new happened: the schedule is not a livelock. */
void weft__engine_news(uint64_t what);

/* ---- access.c ---- */

/* Reads what is at the address now, for traces and spinners: up to 8 bytes. */
uint64_t weft__peek(uintptr_t address, size_t size);

/* A value travelled from the last writer of the object to the running strand's operation. */
void weft__pair_of_object(const struct weft__strand *strand);

/* The running strand is at its next point: its last write is done, and its value known. */
void weft__write_done(struct weft__strand_books *books);

/* ---- finding.c ---- */

/* Nothing new has happened for a long time. */
void weft__no_progress(void) __attribute__((noreturn));

#endif
