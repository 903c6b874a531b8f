/* event.c - an event: a flag that tasks wait for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/gate.h"
#include "weft/sync.h"

#define EVENT_SET UINT64_C(1)

_Static_assert(sizeof(struct weft__gate) <= sizeof(weft_event), "fits its public box");
_Static_assert(_Alignof(struct weft__gate) <= _Alignof(weft_event), "lies well in its public box");

static struct weft__gate *event_of(const weft_event *event)
{
    return (struct weft__gate *)(uintptr_t)event;
}

static bool event_lets_pass(uint64_t w)
{
    return (w & EVENT_SET) != 0;
}

static const struct weft__gate_kind event_kind = {
    .wait.what = "event", .deed = WEFT__DEED_EVENT_WAIT, .is_open = event_lets_pass, .takes = 0};

void weft_event_init(weft_event *event)
{
    weft__gate_init(event_of(event), 0);
}

int weft_event_wait(weft_event *event)
{
    return weft__gate_wait(event_of(event), &event_kind, __builtin_return_address(0));
}

void weft_event_set(weft_event *event)
{
    struct weft__gate *gate = event_of(event);
    uint64_t w = 0;
    weft__control_point(WEFT__DEED_EVENT_SET, event, __builtin_return_address(0));
    while (!(w & GATEWORD_WAITED)) {
        if (gateword_replace(&gate->word, &w, EVENT_SET)) {
            return;
        }
    }
    weft__gate_open(gate, w, EVENT_SET);
}

void weft_event_clear(weft_event *event)
{
    weft__control_point(WEFT__DEED_EVENT_CLEAR, event, __builtin_return_address(0));
    (void)a_and(&event_of(event)->word, ~EVENT_SET, relaxed);
}

bool weft_event_is_set(const weft_event *event)
{
    weft__control_point(WEFT__DEED_EVENT_LOOK, event, __builtin_return_address(0));
    return weft__control_seen(event_lets_pass(weft__gate_value(event_of(event))));
}

void weft_event_stats(const weft_event *event, weft_event_counts *ret)
{
    struct weft__gate *gate = event_of(event);
    *ret = (weft_event_counts){.waits = weft__stat_read(&gate->waits),
                               .wakes = weft__stat_read(&gate->wakes),
                               .cancels = weft__stat_read(&gate->cancels),
                               .waiting = weft__gate_waiting(gate),
                               .is_set = event_lets_pass(weft__gate_value(gate))};
}

void weft_event_fini(weft_event *event)
{
    if (event) {
        weft__gate_fini(event_of(event), "weft_event_fini", __builtin_return_address(0));
    }
}
