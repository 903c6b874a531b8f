/* clock_calls.c - sleeping, and what time it is.
 *
 * Time is the engine's: it stands while anybody can run.  A program that waits by asking for the
 * time again and again would then wait for ever, so each question takes a moment, and the more of
 * them a strand asks in a row, the longer they take.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#include <sched.h>
#include <sys/time.h>
#include <unistd.h>

#include "check/preload/signals.h"

#define CLOCK_SECOND     INT64_C(1000000000)
#define CLOCK_QUESTION   1000 /* ns that asking takes */
#define CLOCK_PATIENCE   64   /* questions in a row before it takes longer */
#define CLOCK_DOUBLINGS  15
/* Calendar time at the engine's time 0, so that a schedule begins at the end of 2025. */
#define CLOCK_CALENDAR   (INT64_C(767000000) * CLOCK_SECOND)
/* ... and the monotonic clock begins with a day, as on a machine that has been up for a while. */
#define CLOCK_MONOTONE   (-(CLOCK_SECOND - 86400) * CLOCK_SECOND)

static int64_t clock_asking;      /* what all questions have taken */
static uint32_t clock_row;        /* of questions by one strand */
static uint16_t clock_strand;
static uint32_t clock_points;     /* of that strand when it last asked */

static int64_t clock_offset(clockid_t clock)
{
    bool calendar = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
                    clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM;

    return (calendar ? CLOCK_CALENDAR : CLOCK_MONOTONE) + clock_asking;
}

static int64_t clock_ask(clockid_t clock)
{
    const struct weft__strand *self = weft__strand_self();

    if (clock_strand != self->id || self->points - clock_points > 4)
        clock_row = 0;
    clock_strand = self->id;
    clock_points = self->points;
    uint32_t doublings = clock_row++ / CLOCK_PATIENCE;
    clock_asking += (int64_t)CLOCK_QUESTION << weft__min(doublings, (uint32_t)CLOCK_DOUBLINGS);
    return weft__virtual_now() + clock_offset(clock);
}

static struct timespec clock_spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / CLOCK_SECOND, .tv_nsec = ns % CLOCK_SECOND};
}

static int64_t clock_ns(const struct timespec *time)
{
    int64_t ns;

    if (__builtin_mul_overflow((int64_t)time->tv_sec, CLOCK_SECOND, &ns) ||
        __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns)) {
        return time->tv_sec < 0 ? 0 : WEFT__NO_DEADLINE;
    }
    return ns;
}

bool weft__time_is_valid(const struct timespec *time)
{
    return time->tv_nsec >= 0 && time->tv_nsec < CLOCK_SECOND;
}

int64_t weft__deadline_at(clockid_t clock, const struct timespec *time)
{
    int64_t ns = clock_ns(time), when;

    if (ns == WEFT__NO_DEADLINE || __builtin_sub_overflow(ns, clock_offset(clock), &when))
        return WEFT__NO_DEADLINE;
    return when;
}

int64_t weft__deadline_in(const struct timespec *time)
{
    int64_t when;

    if (__builtin_add_overflow(weft__virtual_now(), clock_ns(time), &when))
        return WEFT__NO_DEADLINE;
    return when;
}

/* ---- sleeping ---- */

static bool clock_can_wake(const struct weft__strand *strand)
{
    return weft__cancel_due(strand) ||
           (weft__signals_waiting && weft__signals_has(strand));
}

/* True: a signal came first. */
static bool clock_sleep(int64_t deadline, uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_SLEEP, weft__thread_self(), pc);

    weft__cancel_point();
    op.can = clock_can_wake;
    op.deadline = deadline;
    bool early = weft__call_point(&op) != WEFT__GO_TIMED_OUT;
    weft__cancel_point();
    if (weft__signals_waiting)
        weft__signals_deliver(pc);
    return early;
}

static void clock_yield(uintptr_t pc)
{
    weft__call_simple(WEFT__OP_YIELD, NULL, pc);
}

/* Sleeps for that long; what is left of it when a signal comes. */
static int64_t clock_sleep_for(int64_t ns, uintptr_t pc)
{
    int64_t deadline;

    if (ns <= 0) {
        clock_yield(pc);
        return 0;
    }
    if (__builtin_add_overflow(weft__virtual_now(), ns, &deadline))
        deadline = WEFT__NO_DEADLINE;
    if (!clock_sleep(deadline, pc))
        return 0;
    return weft__max(deadline - weft__virtual_now(), INT64_C(1));
}

WEFT__EXPORT unsigned sleep(unsigned seconds)
{
    static unsigned (*real)(unsigned);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sleep")(seconds);
    int64_t left = clock_sleep_for((int64_t)seconds * CLOCK_SECOND, WEFT__PC());
    return (unsigned)((left + CLOCK_SECOND - 1) / CLOCK_SECOND);
}

WEFT__EXPORT int usleep(useconds_t us)
{
    static int (*real)(useconds_t);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "usleep")(us);
    if (clock_sleep_for((int64_t)us * 1000, WEFT__PC()) == 0)
        return 0;
    errno = EINTR;
    return -1;
}

int weft__nap(const struct timespec *time, struct timespec *ret_left, uintptr_t pc)
{
    if (!weft__time_is_valid(time) || time->tv_sec < 0)
        return EINVAL;
    int64_t left = clock_sleep_for(clock_ns(time), pc);
    if (left == 0)
        return 0;
    if (ret_left != NULL)
        *ret_left = clock_spec(left);
    return EINTR;
}

WEFT__EXPORT int nanosleep(const struct timespec *time, struct timespec *ret_left)
{
    static int (*real)(const struct timespec *, struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "nanosleep")(time, ret_left);
    int code = weft__nap(time, ret_left, WEFT__PC());
    if (code == 0)
        return 0;
    errno = code;
    return -1;
}

WEFT__EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                                 struct timespec *ret_left)
{
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "clock_nanosleep")(clock, flags, time, ret_left);
    if (!(flags & TIMER_ABSTIME))
        return weft__nap(time, ret_left, WEFT__PC());
    if (!weft__time_is_valid(time))
        return EINVAL;
    int64_t deadline = weft__deadline_at(clock, time);
    if (deadline <= weft__virtual_now()) {
        clock_yield(WEFT__PC());
        return 0;
    }
    return clock_sleep(deadline, WEFT__PC()) ? EINTR : 0;
}

WEFT__EXPORT int sched_yield(void)
{
    static int (*real)(void);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sched_yield")();
    clock_yield(WEFT__PC());
    return 0;
}

WEFT__EXPORT int sched_getcpu(void)
{
    static int (*real)(void);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sched_getcpu")();
    return 0;
}

/* ---- what time it is ---- */

WEFT__EXPORT int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static int (*real)(clockid_t, struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "clock_gettime")(clock, ret);
    *ret = clock_spec(clock_ask(clock));
    return 0;
}

WEFT__EXPORT int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    static int (*real)(struct timeval *restrict, void *restrict);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "gettimeofday")(ret, zone);
    int64_t ns = clock_ask(CLOCK_REALTIME);
    *ret = (struct timeval){.tv_sec = ns / CLOCK_SECOND, .tv_usec = ns % CLOCK_SECOND / 1000};
    return 0;
}

WEFT__EXPORT time_t time(time_t *ret)
{
    static time_t (*real)(time_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "time")(ret);
    time_t now = clock_ask(CLOCK_REALTIME) / CLOCK_SECOND;
    if (ret != NULL)
        *ret = now;
    return now;
}

WEFT__EXPORT int timespec_get(struct timespec *ret, int base)
{
    static int (*real)(struct timespec *, int);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "timespec_get")(ret, base);
    if (base != TIME_UTC)
        return 0;
    *ret = clock_spec(clock_ask(CLOCK_REALTIME));
    return base;
}

WEFT__EXPORT clock_t clock(void)
{
    static clock_t (*real)(void);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "clock")();
    return (clock_ask(CLOCK_MONOTONIC) - 86400 * CLOCK_SECOND) / (CLOCK_SECOND / CLOCKS_PER_SEC);
}
