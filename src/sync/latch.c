/* latch.c - a latch: counts down once, and is open from then on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "core/worker.h"
#include "sync/gate.h"
#include "weft/sync.h"

_Static_assert(sizeof(struct weft__gate) <= sizeof(weft_latch), "fits its public box");
_Static_assert(_Alignof(struct weft__gate) <= _Alignof(weft_latch), "lies well in its public box");
_Static_assert(WEFT_LATCH_MAX == GATEWORD_VALUE, "the value has room for every count");

static struct weft__gate *latch_of(const weft_latch *latch)
{
    return (struct weft__gate *)(uintptr_t)latch;
}

static bool latch_is_open(uint64_t w)
{
    return w == 0;
}

static const struct weft__gate_kind latch_kind = {
    .wait.what = "latch", .deed = WEFT__DEED_LATCH_WAIT, .is_open = latch_is_open, .takes = 0};

void weft_latch_init(weft_latch *latch, uint32_t count)
{
    weft__gate_init(latch_of(latch), count);
}

/* Counts down to w - n, unless that opens the latch to somebody who waits. */
static bool latch_count(struct weft__gate *gate, uint64_t *w, uint32_t n)
{
    for (;;) {
        uint64_t left = *w & GATEWORD_VALUE;
        if (WEFT_UNLIKELY(left < n)) {
            weft__panic("weft_latch_down: counts down by %u, but only %u are left", n,
                        (unsigned)left);
        }
        if (*w - n == GATEWORD_WAITED) {
            return false;
        }
        if (gateword_replace(&gate->word, w, *w - n)) {
            return true;
        }
    }
}

static WEFT_NOINLINE void latch_open_slowly(struct weft__gate *gate, uint64_t w, uint32_t n)
{
    struct weft__thread *self = weft__enter();
    struct weft__waiter *chain = NULL;
    do {
        weft__gate_claim_all(gate, &chain);
        w = a_load(&gate->word, relaxed);
    } while (!latch_count(gate, &w, n));
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

void weft_latch_down(weft_latch *latch, uint32_t n)
{
    struct weft__gate *gate = latch_of(latch);
    weft__control_point(WEFT__DEED_LATCH_DOWN, latch, __builtin_return_address(0));
    uint64_t w = a_load(&gate->word, relaxed);
    if (n != 0 && !latch_count(gate, &w, n)) {
        latch_open_slowly(gate, w, n);
    }
}

int weft_latch_wait(weft_latch *latch)
{
    return weft__gate_wait(latch_of(latch), &latch_kind, __builtin_return_address(0));
}

uint32_t weft_latch_left(const weft_latch *latch)
{
    weft__control_point(WEFT__DEED_LATCH_LOOK, latch, __builtin_return_address(0));
    return (uint32_t)weft__gate_value(latch_of(latch));
}

void weft_latch_stats(const weft_latch *latch, weft_latch_counts *ret)
{
    struct weft__gate *gate = latch_of(latch);
    *ret = (weft_latch_counts){.waits = weft__stat_read(&gate->waits),
                               .wakes = weft__stat_read(&gate->wakes),
                               .cancels = weft__stat_read(&gate->cancels),
                               .waiting = weft__gate_waiting(gate),
                               .left = weft__gate_value(gate)};
}

void weft_latch_fini(weft_latch *latch)
{
    if (latch) {
        weft__gate_fini(latch_of(latch), "weft_latch_fini", __builtin_return_address(0));
    }
}
