/* limiter.c - so many at once: of blocking calls, and of whatever else takes a unit.
 *
 * A unit that is given back goes straight to the longest-waiting one, so that while somebody waits
 * all units are in use and a newcomer cannot overtake.  Under a lock, since who takes a unit
 * means to do something long.
 *
 * Unlike a semaphore it knows its limit: more given than taken is a mistake that it can see.
 *
 * The drop of the lock is the giver's last step on the limiter, whose memory may be freed by
 * whoever takes the last unit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/limiter.h"

#include "base/panic.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "weft/err.h"

struct limiter {
    uint64_t limit;
    struct weft__lock lock;
    uint64_t used; /* this and below under the lock */
    struct weft__waitq waiters;
    uint64_t used_max, taken, waited, cancelled, waiting;
};

_Static_assert(sizeof(struct limiter) <= sizeof(weft_limiter), "fits its public box");
_Static_assert(_Alignof(struct limiter) <= _Alignof(weft_limiter), "lies well in its public box");

static const struct weft__wait_kind limiter_kind = {.what = "limiter"};

static struct limiter *limiter_of(const weft_limiter *limiter)
{
    return (struct limiter *)(uintptr_t)limiter;
}

void weft_limiter_init(weft_limiter *limiter, size_t limit)
{
    WEFT_CHECK(limit > 0);
    memset(limiter, 0, sizeof *limiter);
    limiter_of(limiter)->limit = limit;
    lock_init(&limiter_of(limiter)->lock, WEFT_RANK_LIMITER);
}

/* The lock is held. */
static bool limiter_try(struct limiter *l)
{
    WEFT_CHECK(l->limit > 0);
    if (l->used == l->limit) {
        return false;
    }
    WEFT_CHECK(weft__waitq_is_empty(&l->waiters));
    l->used++;
    l->used_max = weft__max(l->used_max, l->used);
    l->taken++;
    return true;
}

/* The lock is held, and dropped. */
static int limiter_wait(struct limiter *l, struct weft__thread **self, const void *site)
{
    struct weft__waiter waiter;
    weft__waiter_init(&waiter, *self);
    weft__waitq_push(&l->waiters, &waiter);
    l->waited++;
    l->waiting++;
    int rc = weft__park(
        self, &(struct weft__parking){
                  .kind = &limiter_kind, .object = l, .site = site, .lock = &l->lock});
    if (rc < 0) {
        lock_take(&l->lock);
        weft__waitq_remove(&l->waiters, &waiter);
        l->waiting--;
        l->cancelled++;
        lock_drop(&l->lock);
    }
    return rc;
}

int weft__limiter_enter(weft_limiter *limiter, struct weft__thread **self, const void *site)
{
    int rc = 0;
    if (!limiter) {
        return 0;
    }
    struct limiter *l = limiter_of(limiter);
    lock_take(&l->lock);
    if (limiter_try(l)) {
        lock_drop(&l->lock);
    } else {
        rc = limiter_wait(l, self, site);
    }
    if (rc == 0) {
        weft__control_order(l);
    }
    return rc;
}

void weft__limiter_leave(weft_limiter *limiter)
{
    if (!limiter) {
        return;
    }
    struct limiter *l = limiter_of(limiter);
    weft__control_order(l);
    lock_take(&l->lock);
    if (WEFT_UNLIKELY(l->used == 0)) {
        lock_drop(&l->lock);
        weft__panic("weft_limiter_give: no unit of it is taken");
    }
    struct weft__waiter *waiter = weft__waitq_claim(&l->waiters);
    if (waiter) {
        l->waiting--; /* and has its unit: as many are used as before */
        l->taken++;
    } else {
        l->used--;
    }
    lock_drop(&l->lock);
    if (waiter) {
        weft__ready(waiter->task);
    }
}

int weft_limiter_take(weft_limiter *limiter)
{
    const void *site = __builtin_return_address(0);
    WEFT_CHECK(limiter != NULL);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_LIMITER, limiter, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int rc = weft__limiter_enter(limiter, &self, site);
    weft__leave(self);
    return rc;
}

int weft_limiter_try_take(weft_limiter *limiter)
{
    struct limiter *l = limiter_of(limiter);
    weft__control_point(WEFT__DEED_LIMITER_TRY, limiter, __builtin_return_address(0));
    lock_take(&l->lock);
    bool taken = limiter_try(l);
    lock_drop(&l->lock);
    return weft__control_result(taken ? 0 : -WEFT_EAGAIN);
}

void weft_limiter_give(weft_limiter *limiter)
{
    WEFT_CHECK(limiter != NULL);
    weft__control_point(WEFT__DEED_LIMITER_GIVE, limiter, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    weft__limiter_leave(limiter);
    weft__leave(self);
}

size_t weft_limiter_used(const weft_limiter *limiter)
{
    struct limiter *l = limiter_of(limiter);
    weft__control_point(WEFT__DEED_LIMITER_LOOK, limiter, __builtin_return_address(0));
    lock_take(&l->lock);
    size_t used = l->used;
    lock_drop(&l->lock);
    return used;
}

void weft_limiter_stats(const weft_limiter *limiter, weft_limiter_counts *ret_counts)
{
    struct limiter *l = limiter_of(limiter);
    lock_take(&l->lock);
    *ret_counts = (weft_limiter_counts){.limit = l->limit,
                                        .used = l->used,
                                        .used_max = l->used_max,
                                        .waiting = l->waiting,
                                        .taken = l->taken,
                                        .waited = l->waited,
                                        .cancelled = l->cancelled};
    lock_drop(&l->lock);
}

void weft_limiter_fini(weft_limiter *limiter)
{
    if (limiter) {
        WEFT_CHECK(limiter_of(limiter)->used == 0);
        WEFT_CHECK(weft__waitq_is_empty(&limiter_of(limiter)->waiters));
    }
}
