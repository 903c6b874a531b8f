/* barrier.c - waits until so many have come, round after round.
 *
 * Who comes last completes the round, under the lock: that is the moment at which all have come.
 * It takes all waiters off the queue, and returns 1.
 *
 * Cancel.  A waiter that is cancelled takes its arrival back, and the round goes on to need all its
 * parties.  The cancel wins the sleep without the lock, so the round may be completed between that
 * and the taking back; then the arrival has been counted, others have gone on because of it, and
 * the wait has happened: it returns 0, and the next call of the task tells the cancel.
 *
 * Rejected: a barrier that breaks when one is cancelled (as Python's): all others then need a way
 * to mend it, while here who gives up on one party cancels the scope that all are in.
 *
 * Sleepers hold no word: an arrival is rare and long, and each one takes the lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "base/stat.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/sync.h"

struct barrier {
    uint64_t parties; /* first, for WEFT_BARRIER_INIT */
    struct weft__lock lock;
    struct weft__waitq waiters;
    struct weft__stat arrived, rounds, waits, cancels; /* under the lock */
};

_Static_assert(sizeof(struct barrier) <= sizeof(weft_barrier), "fits its public box");
_Static_assert(_Alignof(struct barrier) <= _Alignof(weft_barrier), "lies well in its public box");

static const struct weft__wait_kind barrier_kind = {.what = "barrier"};

static struct barrier *barrier_of(const weft_barrier *barrier)
{
    return (struct barrier *)(uintptr_t)barrier;
}

void weft_barrier_init(weft_barrier *barrier, uint32_t parties)
{
    struct barrier *b = barrier_of(barrier);
    if (parties == 0) {
        weft__panic("weft_barrier_init: a barrier for nobody");
    }
    memset(barrier, 0, sizeof *barrier);
    b->parties = parties;
    lock_init(&b->lock, WEFT_RANK_SYNC);
}

static void barrier_set_arrived(struct barrier *b, uint64_t n)
{
    a_store(&b->arrived.count, n, relaxed);
}

/* The last one has come.  The lock is held, and dropped; from there on the memory may be gone. */
static void barrier_complete(struct barrier *b)
{
    struct weft__waiter *chain = weft__waitq_claim_all(&b->waiters);
    barrier_set_arrived(b, 0);
    weft__stat_add(&b->rounds, 1);
    lock_drop(&b->lock);
    weft__waitq_ready_chain(chain);
}

/* Woken by a cancel.  True: the arrival is taken back. */
static bool barrier_take_back(struct barrier *b, struct weft__waiter *waiter, uint64_t round)
{
    lock_take_object(&b->lock);
    bool is_open = weft__stat_read(&b->rounds) == round;
    if (is_open) {
        weft__waitq_remove(&b->waiters, waiter);
        barrier_set_arrived(b, weft__stat_read(&b->arrived) - 1);
        weft__stat_add(&b->cancels, 1);
    }
    lock_drop(&b->lock);
    return is_open;
}

int weft_barrier_wait(weft_barrier *barrier)
{
    const void *site = __builtin_return_address(0);
    struct barrier *b = barrier_of(barrier);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_BARRIER_WAIT, barrier, site);
    struct weft__waiter waiter;
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    if (WEFT_UNLIKELY(b->parties == 0)) {
        weft__panic("weft_barrier_wait: a barrier for nobody; it needs weft_barrier_init");
    }
    lock_take_object(&b->lock);
    uint64_t arrived = weft__stat_read(&b->arrived) + 1, round = weft__stat_read(&b->rounds);
    if (arrived == b->parties) {
        barrier_complete(b);
        weft__leave(self);
        return 1;
    }
    barrier_set_arrived(b, arrived);
    weft__stat_add(&b->waits, 1);
    weft__waiter_init_locked(&waiter, self);
    waiter.value = (void *)(uintptr_t)site; /* for fini's report */
    weft__waitq_push(&b->waiters, &waiter);
    int rc = weft__park(&self, &(struct weft__parking){.kind = &barrier_kind,
                                                       .object = b,
                                                       .site = site,
                                                       .lock = &b->lock,
                                                       .ticket = waiter.ticket,
                                                       .keeps_cancel = true});
    if (rc < 0 && barrier_take_back(b, &waiter, round)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    return 0;
}

void weft_barrier_stats(const weft_barrier *barrier, weft_barrier_counts *ret)
{
    struct barrier *b = barrier_of(barrier);
    *ret = (weft_barrier_counts){.waits = weft__stat_read(&b->waits),
                                 .cancels = weft__stat_read(&b->cancels),
                                 .rounds = weft__stat_read(&b->rounds),
                                 .arrived = weft__stat_read(&b->arrived),
                                 .parties = b->parties};
}

void weft_barrier_fini(weft_barrier *barrier)
{
    struct barrier *b = barrier ? barrier_of(barrier) : NULL;
    if (b && weft__stat_read(&b->arrived) != 0) {
        lock_take(&b->lock);
        const void *waited_at = b->waiters.head ? b->waiters.head->value : NULL;
        lock_drop(&b->lock);
        weft__panic_sites("weft_barrier_fini: a task still waits for it", "destroyed at",
                          __builtin_return_address(0), "waited for at", waited_at);
    }
}
