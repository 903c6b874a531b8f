/* time.h - one clock, in nanoseconds; and what goes by it: rates and tickers.
 *
 * All times are int64_t nanoseconds of the runtime's clock: monotonic, started at an unspecified
 * point, and virtual when weft_options.virtual_clock asks for it (then it stands still while any
 * task can run, and jumps to the next timer when all are blocked).
 *
 * No call in Weft takes a deadline: a deadline belongs to a scope (weft/scope.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include "weft/api.h"

#define WEFT_US     INT64_C(1000)
#define WEFT_MS     INT64_C(1000000)
#define WEFT_SECOND INT64_C(1000000000)
#define WEFT_NEVER  INT64_MAX

typedef struct weft_rate { uint64_t opaque[20]; } weft_rate;
typedef struct weft_ticker { uint64_t opaque[8]; } weft_ticker;

#define WEFT_RATE_MAX       UINT32_MAX /* of units and burst */
#define WEFT_RATE_FILL_MAX  (INT64_C(1) << 62) /* ns in which a whole burst comes back */
#define WEFT_RATE_INIT(units, period_ns, burst) \
    {{(uint64_t)(units), (uint64_t)(period_ns), (uint64_t)(burst)}}

typedef struct weft_rate_counts {
    uint64_t waiting;         /* now */
    uint64_t units, calls;    /* so far: units that went, in so many calls */
    uint64_t waited, refused; /* calls that did not go at once, tries in vain */
    uint64_t cancelled;       /* while waiting */
} weft_rate_counts;

typedef struct weft_ticker_options {
    int64_t period_ns; /* above 0 */
    int64_t first;     /* 0: one period from now; else a time of weft_now's clock */
    bool burst;        /* ticks that were missed are made up for, one by one */
} weft_ticker_options;

typedef struct weft_ticker_counts {
    uint64_t ticks, late; /* handed out, and of these without having to wait */
    uint64_t missed;      /* skipped */
    uint64_t cancelled;
} weft_ticker_counts;

WEFT_BEGIN_DECLS

/* Never sleeps.  Nanoseconds on the runtime's clock; on the monotonic clock outside weft_run. */
WEFT_API int64_t weft_now(void);

/* Never sleeps.  weft_now() + ns, saturating at WEFT_NEVER; a negative ns is a time in the past. */
WEFT_API int64_t weft_after(int64_t ns);

/* Sleeps.  For at least ns nanoseconds; ns <= 0 is weft_yield().
 *
 * 0                 the time has passed
 * -WEFT_ECANCELED   the scope is cancelled; it returns at once
 */
WEFT_API int weft_sleep(int64_t ns);

/* Sleeps.  Until the clock reaches `when`; otherwise as weft_sleep. */
WEFT_API int weft_sleep_until(int64_t when);

/* ---- rate: so many units in so much time, and so many at once after a rest.  For tasks and plain
 * threads; lives in your memory and needs no fini when nobody waits.
 *
 *     static weft_rate rate = WEFT_RATE_INIT(100, WEFT_SECOND, 10);     100 a second, 10 at once
 *
 * The generic cell rate algorithm (ITU-T I.371): a rate remembers one time, at which a full burst
 * will be there again.  Each unit puts it off by period_ns / units, to the fraction of a
 * nanosecond, so that nothing drifts: who wakes late goes late, and counts as gone on time. ---- */

/* Never sleeps.  As WEFT_RATE_INIT, whose mistakes show at the first use.  Panics when units,
 * period_ns or burst is 0, or one beyond its limit. */
WEFT_API void weft_rate_init(weft_rate *rate, uint64_t units, int64_t period_ns, uint64_t burst);

/* Sleeps.  Until n units may go, which are then gone.  First come, first served: few units do not
 * overtake many.
 *
 * 0                 they are yours
 * -WEFT_ECANCELED   none is gone; those behind you wait no longer for you
 * -WEFT_EINVAL      n is more than the burst, and would never go
 */
WEFT_API WEFT_MUST_USE int weft_rate_wait(weft_rate *rate, uint64_t n);

/* Never sleeps.  0: n units are gone.  -WEFT_EAGAIN: they may not go yet, or others wait.
 * -WEFT_EINVAL: n is more than the burst. */
WEFT_API WEFT_MUST_USE int weft_rate_try(weft_rate *rate, uint64_t n);

/* Never sleeps. */
WEFT_API void weft_rate_stats(const weft_rate *rate, weft_rate_counts *ret_counts);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_rate_fini(weft_rate *rate);

/* ---- ticker: the same thing again and again, at start + k * period, without drift.
 *
 * Ticks that pass while its user is busy: the latest is handed out at once and the others are
 * skipped; with `burst`, each is handed out by a call of its own.  (As Go's and tokio's tickers.)
 *
 * One task or thread at a time waits for it.  It is no arm of a select, but its time is: a
 * weft_select with timeout weft_ticker_left(&ticker) says -WEFT_ETIMEDOUT when the tick is
 * there. ---- */

/* Never sleeps.  The first tick comes one period from now.  Panics unless period_ns > 0. */
WEFT_API void weft_ticker_init(weft_ticker *ticker, int64_t period_ns);
WEFT_API void weft_ticker_init_with(weft_ticker *ticker, const weft_ticker_options *options);

/* Sleeps.  Until the next tick.  *ret_missed, if ret_missed is not NULL: how many more had come by
 * then, which are skipped, or with `burst` the next to be handed out.
 *
 * 0                 a tick
 * -WEFT_ECANCELED   none; the next call waits for the same one
 *
 * Panics, naming both sites, when somebody waits for it already.
 */
WEFT_API WEFT_MUST_USE int weft_ticker_wait(weft_ticker *ticker, uint64_t *ret_missed);

/* Never sleeps.  Nanoseconds until the next tick, 0 if it is there.  Of its user only. */
WEFT_API int64_t weft_ticker_left(const weft_ticker *ticker);

/* Never sleeps.  Any thread. */
WEFT_API void weft_ticker_stats(const weft_ticker *ticker, weft_ticker_counts *ret_counts);

/* Never sleeps.  Panics when waited for.  NULL is allowed. */
WEFT_API void weft_ticker_fini(weft_ticker *ticker);

WEFT_END_DECLS

#endif
