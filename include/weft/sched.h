/* sched.h - functions that are to be called at a time: entries on an agenda, and who follows it.
 *
 * Each entry has a time, a priority and a function.  Whoever calls weft_sched_run or
 * weft_sched_serve calls the functions when their times have come, one after the other, in his own
 * task: so two entries never overlap, unless two tasks follow the same agenda.  Entries may be
 * added, cancelled and listed by any task and any plain OS thread, also from within an entry.
 *
 *     weft_sched *agenda = weft_sched_new(0);
 *     rc = weft_sched_after(agenda, 5 * WEFT_SECOND, 0, remind, user, &id);
 *     rc = weft_sched_every(agenda, weft_now(), WEFT_SECOND, 0, tick, NULL, NULL);
 *     rc = weft_sched_run(agenda);
 *
 * Order: by time; at equal times by priority, the lower number first; then as entered.  Times are
 * of weft_now's clock.  An entry is never called early.
 *
 * As Python's sched, with repetition.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SCHED_H
#define WEFT_SCHED_H

#include "weft/api.h"
#include "weft/time.h"

typedef struct weft_sched weft_sched;

#define WEFT_SCHED_ENTRIES_MAX (1u << 20) /* the most that one agenda can be made for */
#define WEFT_SCHED_ENTRIES     (1u << 16) /* ... and what it is made for if nobody says */

WEFT_BEGIN_DECLS

/* Never sleeps.  An agenda for at most entries_max entries (0: WEFT_SCHED_ENTRIES); memory for them
 * is taken in steps, as they come.  NULL: no memory, or over WEFT_SCHED_ENTRIES_MAX. */
WEFT_API weft_sched *weft_sched_new(size_t entries_max);

/* Never sleeps.  Frees it; entries left on it are not called.  Panics when a task is inside run or
 * serve.  NULL: none. */
WEFT_API void weft_sched_free(weft_sched *sched);

/* ---- entries ---- */

/* Never sleep.  Has fn(arg) called at the time `when`, or delay_ns from now (in the past: at
 * once).  *ret_id, if ret_id is not NULL, is the entry's name for weft_sched_cancel, never 0.
 *
 * 0                 it stands on the agenda
 * -WEFT_EAGAIN      entries_max entries stand on it
 * -WEFT_EPIPE       the agenda has been stopped
 * -WEFT_ENOMEM      no memory for one more
 * -WEFT_EINVAL      fn is NULL
 */
WEFT_API WEFT_MUST_USE int weft_sched_at(weft_sched *sched, int64_t when, int priority,
                                         int (*fn)(void *arg), void *arg, uint64_t *ret_id);
WEFT_API WEFT_MUST_USE int weft_sched_after(weft_sched *sched, int64_t delay_ns, int priority,
                                            int (*fn)(void *arg), void *arg, uint64_t *ret_id);

/* Never sleeps.  Has fn called at `first`, first + period_ns, first + 2 * period_ns, and so on, as
 * long as it returns 0.  Those times stand, however long the calls take.  Times that have passed
 * meanwhile are skipped: fn is told how many were `missed` since the call before, and called once,
 * for the last of them.  A call of fn is over before its next one begins.  The codes of
 * weft_sched_at; -WEFT_EINVAL also when period_ns < 1. */
WEFT_API WEFT_MUST_USE int weft_sched_every(weft_sched *sched, int64_t first, int64_t period_ns,
                                            int priority, int (*fn)(void *arg, uint64_t missed),
                                            void *arg, uint64_t *ret_id);

/* Never sleeps.  Takes an entry out.
 *
 * 0                 it will not be called, or not any more
 * -WEFT_EBUSY       it is being called just now; it will not be called again
 * -ENOENT           there is no such entry: it has been called, or cancelled
 */
WEFT_API int weft_sched_cancel(weft_sched *sched, uint64_t id);

/* ---- following the agenda ---- */

/* Sleeps.  Calls the entries as their times come, in the calling task.  run returns when no entry
 * waits for its time (those that others are just calling do not count); serve waits for new ones
 * until the agenda is stopped.
 *
 * 0                 all have been called, or the agenda has been stopped
 * a code            an entry returned it; that entry is over, and the others are still there
 * -WEFT_ECANCELED   the scope was cancelled while waiting, and no entry is lost; or an entry
 *                   returned it
 */
WEFT_API WEFT_MUST_USE int weft_sched_run(weft_sched *sched);
WEFT_API WEFT_MUST_USE int weft_sched_serve(weft_sched *sched);

/* Sleeps only where an entry does.  Calls those whose time has come, but no more of them than
 * waited when it began, so that it returns whatever they add.  *ret_delay_ns, if ret_delay_ns is
 * not NULL, is how long it is until the next one: 0 when that is due already, -1 when there is
 * none, or the agenda has been stopped.
 *
 * >= 0            so many have been called
 * a code            an entry returned it; *ret_delay_ns is untouched
 */
WEFT_API WEFT_MUST_USE int weft_sched_run_due(weft_sched *sched, int64_t *ret_delay_ns);

/* Never sleeps.  From now on no entry is called: who is inside run or serve returns after the call
 * that it is in, and so does who comes later.  Nothing can be added.  For good. */
WEFT_API void weft_sched_stop(weft_sched *sched);

/* ---- looking ---- */

typedef struct weft_sched_entry {
    uint64_t id;
    int64_t when;      /* its time, or the next one */
    int64_t period_ns; /* 0: it is called once */
    uint64_t entered;  /* counts the entries of the agenda, from 1 */
    const void *fn;    /* the function, for reports */
    void *arg;
    int priority;
    bool is_running;   /* it is being called just now */
} weft_sched_entry;

/* Never sleeps.  Entries that wait for their time: 0 is empty. */
WEFT_API size_t weft_sched_len(const weft_sched *sched);

/* Never sleeps.  When the first one is due; WEFT_NEVER: none. */
WEFT_API int64_t weft_sched_next(const weft_sched *sched);

/* Never sleeps.  Copies the first n entries out, in the order of the agenda, and returns how many
 * there are, those being called included.  Not of one moment: what comes or goes during the call
 * may be in it or not. */
WEFT_API size_t weft_sched_list(const weft_sched *sched, weft_sched_entry *ret_entries, size_t n);

struct weft_sched_counts {
    uint64_t added, refused;  /* refused: no room, no memory, or stopped */
    uint64_t called, failed;  /* failed: with a negative code */
    uint64_t missed;          /* times of repeated entries that were skipped */
    uint64_t cancelled;
    uint64_t waits;           /* how often who follows the agenda had to sleep */
    uint64_t waiting, running; /* entries now */
    uint64_t waiting_peak;
};

/* Never sleeps. */
WEFT_API void weft_sched_stats(const weft_sched *sched, struct weft_sched_counts *ret_counts);

WEFT_END_DECLS

#endif
