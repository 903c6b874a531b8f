/* gate.h - a word and those who wait for it: what semaphore, event, latch and condition share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_GATE_H
#define WEFT_SYNC_GATE_H

#include "base/stat.h"
#include "core/waitq.h"
#include "sync/gateword.h"

/* All-zero is valid, and so is a word alone. */
struct weft__gate {
    ATOMIC(uint64_t) word;
    struct weft__lock lock; /* of the queue */
    struct weft__waitq waiters;
    struct weft__stat waits, wakes, cancels; /* under the lock */
};

struct weft__gate_kind {
    struct weft__wait_kind wait;
    enum weft__deed deed;
    gateword_is_open_fn *is_open;
    uint64_t takes; /* units, from who passes */
};

/* Never sleeps. */
void weft__gate_init(struct weft__gate *gate, uint64_t value);

/* Never sleeps.  Panics when waited for, naming both sites. */
void weft__gate_fini(const struct weft__gate *gate, const char *call, const void *site);

/* Sleeps.  Waits at a gate that seems shut.  The caller is inside, and stays so. */
int weft__gate_wait_slowly(struct weft__gate *gate, struct weft__thread **self,
                           const struct weft__gate_kind *kind, const void *site);

/* Never sleeps.  Queues the caller, on its way to sleep.  The lock is held. */
void weft__gate_queue(struct weft__gate *gate, struct weft__waiter *waiter,
                      struct weft__thread *self, const void *site);

/* Sleeps, queued before; drops the lock meanwhile. */
int weft__gate_park(struct weft__gate *gate, struct weft__waiter *waiter,
                    struct weft__thread **self, const struct weft__wait_kind *kind);

/* Never sleeps.  Wakes the longest-waiting one.  False: nobody waits any more. */
bool weft__gate_wake_one(struct weft__gate *gate);

/* Never sleeps.  Opens it: the word becomes `value`, and all who wait are woken.  w is what it was.
 * The caller is not inside. */
void weft__gate_open(struct weft__gate *gate, uint64_t w, uint64_t value);

/* The length of a chain that claim_all gave. */
static inline uint64_t weft__waiter_count(const struct weft__waiter *first)
{
    uint64_t n = 0;
    for (; first; first = first->next) {
        n++;
    }
    return n;
}

/* Never sleeps.  How many wait now. */
uint64_t weft__gate_waiting(struct weft__gate *gate);

/* Never sleeps.  Claims all, whom the caller must make ready: weft__waitq_ready_chain.  The caller
 * is inside. */
void weft__gate_claim_all(struct weft__gate *gate, struct weft__waiter **chain);

static inline uint64_t weft__gate_value(const struct weft__gate *gate)
{
    struct weft__gate *g = (struct weft__gate *)(uintptr_t)gate;
    return a_load(&g->word, acquire) & GATEWORD_VALUE; /* pairs with gateword_replace */
}

/* Sleeps.  The whole of a public wait. */
static inline int weft__gate_wait(struct weft__gate *gate, const struct weft__gate_kind *kind,
                                  const void *site)
{
    struct weft__thread *self = weft__op_begin(kind->deed, gate, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    uint64_t w = a_load(&gate->word, acquire);
    int rc = 0;
    if (WEFT_UNLIKELY(!gateword_pass(&gate->word, &w, kind->is_open, kind->takes))) {
        rc = weft__gate_wait_slowly(gate, &self, kind, site);
    }
    weft__leave(self);
    return rc;
}

#endif
