/* gate.c - a word and those who wait for it.
 *
 * First come, first served: a waiter is given what it waits for by whoever claims it, and need not
 * try again.  From the claim to ready it sleeps for sure, so that its call keeps the memory alive
 * until the claimer has dropped the lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/gate.h"

#include "base/panic.h"
#include "base/text.h"
#include "core/worker.h"

void weft__gate_init(struct weft__gate *gate, uint64_t value)
{
    WEFT_CHECK(value <= GATEWORD_VALUE);
    memset(gate, 0, sizeof *gate);
    a_store(&gate->word, value, relaxed);
    lock_init(&gate->lock, WEFT_RANK_SYNC);
}

void weft__gate_fini(const struct weft__gate *gate, const char *call, const void *site)
{
    struct weft__gate *g = (struct weft__gate *)(uintptr_t)gate;
    char what[128];
    struct weft__text text;
    if (!(a_load(&g->word, acquire) & GATEWORD_WAITED)) {
        return;
    }
    lock_take(&g->lock); /* not inside */
    const void *waited_at = g->waiters.head ? g->waiters.head->value : NULL;
    lock_drop(&g->lock);
    weft__text_init(&text, what, sizeof what);
    weft__text_add(&text, "%s: a task still waits for it", call);
    weft__panic_sites(what, "destroyed at", site, "waited for at", waited_at);
}

void weft__gate_queue(struct weft__gate *gate, struct weft__waiter *waiter,
                      struct weft__thread *self, const void *site)
{
    weft__waiter_init_locked(waiter, self);
    waiter->value = (void *)(uintptr_t)site; /* for fini's report */
    weft__waitq_push(&gate->waiters, waiter);
    weft__stat_add(&gate->waits, 1);
}

int weft__gate_park(struct weft__gate *gate, struct weft__waiter *waiter,
                    struct weft__thread **self, const struct weft__wait_kind *kind)
{
    int rc = weft__park(self, &(struct weft__parking){.kind = kind,
                                                      .object = gate,
                                                      .site = waiter->value,
                                                      .lock = &gate->lock,
                                                      .ticket = waiter->ticket});
    if (rc < 0) {
        lock_take_object(&gate->lock);
        if (waiter->queued) {
            weft__waitq_remove(&gate->waiters, waiter);
            if (weft__waitq_is_empty(&gate->waiters)) {
                gateword_unwait(&gate->word);
            }
        }
        weft__stat_add(&gate->cancels, 1);
        lock_drop(&gate->lock);
    }
    return rc;
}

WEFT_NOINLINE int weft__gate_wait_slowly(struct weft__gate *gate, struct weft__thread **self,
                                         const struct weft__gate_kind *kind, const void *site)
{
    struct weft__waiter waiter;
    lock_take_object(&gate->lock);
    if (gateword_pass_or_wait(&gate->word, kind->is_open, kind->takes)) {
        lock_drop(&gate->lock);
        return 0;
    }
    weft__gate_queue(gate, &waiter, *self, site);
    return weft__gate_park(gate, &waiter, self, &kind->wait);
}

WEFT_NOINLINE bool weft__gate_wake_one(struct weft__gate *gate)
{
    struct weft__thread *self = weft__enter();
    lock_take_object(&gate->lock);
    struct weft__waiter *waiter = weft__waitq_claim(&gate->waiters);
    bool woke = waiter != NULL;
    weft__stat_add(&gate->wakes, woke);
    if (weft__waitq_is_empty(&gate->waiters)) {
        gateword_unwait(&gate->word);
    }
    lock_drop(&gate->lock);
    if (woke) {
        weft__ready(waiter->task);
    }
    weft__leave(self);
    return woke;
}

void weft__gate_claim_all(struct weft__gate *gate, struct weft__waiter **chain)
{
    lock_take_object(&gate->lock);
    while (*chain) {
        chain = &(*chain)->next;
    }
    *chain = weft__waitq_claim_all(&gate->waiters);
    weft__stat_add(&gate->wakes, weft__waiter_count(*chain));
    gateword_unwait(&gate->word);
    lock_drop(&gate->lock);
}

WEFT_NOINLINE void weft__gate_open(struct weft__gate *gate, uint64_t w, uint64_t value)
{
    struct weft__thread *self = weft__enter();
    struct weft__waiter *chain = NULL;
    do {
        if (w & GATEWORD_WAITED) {
            weft__gate_claim_all(gate, &chain);
            w = a_load(&gate->word, relaxed);
        }
    } while ((w & GATEWORD_WAITED) || !gateword_replace(&gate->word, &w, value));
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

uint64_t weft__gate_waiting(struct weft__gate *gate)
{
    uint64_t ended = weft__stat_read(&gate->wakes) + weft__stat_read(&gate->cancels);
    uint64_t waits = weft__stat_read(&gate->waits);
    return waits > ended ? waits - ended : 0; /* read one by one */
}
