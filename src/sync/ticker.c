/* ticker.c - the same thing again and again.
 *
 * A ticker is the time of its next tick.  It has one user at a time, who alone changes it, so there
 * is no lock: `waited_at` says where that user waits, and who finds it set is one too many.
 *
 * Rejected: a ticker that sends into a channel (Go's).  Its sender would be a task that nobody
 * asked for; weft_ticker_left gives a select the time instead.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "base/stat.h"
#include "core/clock.h"
#include "weft/err.h"
#include "weft/time.h"

struct ticker {
    int64_t period_ns;
    int64_t next;
    bool burst;
    ATOMIC(const void *) waited_at; /* NULL: nobody waits */
    struct weft__stat ticks, late, missed, cancelled; /* added to by who waits */
};

_Static_assert(sizeof(struct ticker) <= sizeof(weft_ticker), "fits its public box");
_Static_assert(_Alignof(struct ticker) <= _Alignof(weft_ticker), "lies well in its public box");

static const struct weft__wait_kind ticker_kind = {.what = "ticker"};

static struct ticker *ticker_of(const weft_ticker *ticker)
{
    return (struct ticker *)(uintptr_t)ticker;
}

static int64_t ticker_add(int64_t at, int64_t ns)
{
    int64_t sum;
    return __builtin_add_overflow(at, ns, &sum) ? WEFT_NEVER : sum;
}

void weft_ticker_init(weft_ticker *ticker, int64_t period_ns)
{
    weft_ticker_init_with(ticker, &(weft_ticker_options){.period_ns = period_ns});
}

void weft_ticker_init_with(weft_ticker *ticker, const weft_ticker_options *options)
{
    struct ticker *t = ticker_of(ticker);
    WEFT_CHECK(options->period_ns > 0);
    memset(ticker, 0, sizeof *ticker);
    t->period_ns = options->period_ns;
    t->burst = options->burst;
    t->next = options->first ? options->first : weft_after(options->period_ns);
}

/* Hands out the tick, which has come, and goes on to the next.  Returns how many more have. */
static uint64_t ticker_advance(struct ticker *t, int64_t now)
{
    uint64_t period = (uint64_t)t->period_ns;
    WEFT_CHECK(t->next <= now);
    uint64_t more = ((uint64_t)now - (uint64_t)t->next) / period;
    weft__stat_add(&t->ticks, 1);
    if (!t->burst) {
        weft__stat_add(&t->missed, more);
        t->next = (int64_t)((uint64_t)t->next + more * period);
    }
    t->next = ticker_add(t->next, t->period_ns);
    return more;
}

int weft_ticker_wait(weft_ticker *ticker, uint64_t *ret_missed)
{
    const void *site = __builtin_return_address(0);
    struct ticker *t = ticker_of(ticker);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_TICKER_WAIT, ticker, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    WEFT_CHECK(t->period_ns > 0);
    /* pairs with the release below: users one after the other see what the one before did */
    const void *other = a_xchg(&t->waited_at, site, acquire);
    if (WEFT_UNLIKELY(other != NULL)) {
        weft__panic_sites("weft_ticker_wait: somebody waits for the ticker already",
                          "waited for at", site, "and before at", other);
    }
    int rc = 0;
    int64_t now = weft_now();
    if (t->next > now) {
        struct weft__parking parking = {.kind = &ticker_kind, .object = t, .site = site};
        rc = weft__clock_sleep(&self, t->next, &parking);
        now = weft__max(weft_now(), t->next);
    } else {
        weft__stat_add(&t->late, 1);
    }
    if (rc == 0) {
        uint64_t more = ticker_advance(t, now);
        if (ret_missed) {
            *ret_missed = more;
        }
    } else {
        weft__stat_add(&t->cancelled, 1);
    }
    a_store(&t->waited_at, NULL, release);
    weft__leave(self);
    return rc;
}

int64_t weft_ticker_left(const weft_ticker *ticker)
{
    int64_t now = weft_now(), next = ticker_of(ticker)->next;
    return next > now ? next - now : 0;
}

void weft_ticker_stats(const weft_ticker *ticker, weft_ticker_counts *ret_counts)
{
    struct ticker *t = ticker_of(ticker);
    *ret_counts = (weft_ticker_counts){.ticks = weft__stat_read(&t->ticks),
                                       .late = weft__stat_read(&t->late),
                                       .missed = weft__stat_read(&t->missed),
                                       .cancelled = weft__stat_read(&t->cancelled)};
}

void weft_ticker_fini(weft_ticker *ticker)
{
    if (!ticker) {
        return;
    }
    const void *waited_at = a_load(&ticker_of(ticker)->waited_at, acquire);
    if (waited_at) {
        weft__panic_sites("weft_ticker_fini: a task still waits for it", "destroyed at",
                          __builtin_return_address(0), "waited for at", waited_at);
    }
}
