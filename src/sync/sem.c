/* sem.c - a semaphore: units that are given and taken.
 *
 * While somebody waits there is no unit: a post hands its unit to the longest-waiting one.
 *
 * A bounded one remembers where it was posted last: of a unit given back twice, one of the two
 * posts is the mistake, and mostly not the one that finds no more room.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "base/text.h"
#include "sync/gate.h"
#include "weft/err.h"
#include "weft/sync.h"

struct sem {
    struct weft__gate gate;
    uint64_t max;              /* 0: no bound but WEFT_SEM_MAX */
    ATOMIC(const void *) site; /* of the last post, if bounded */
};

_Static_assert(sizeof(struct sem) <= sizeof(weft_sem), "fits its public box");
_Static_assert(_Alignof(struct sem) <= _Alignof(weft_sem), "lies well in its public box");
_Static_assert(offsetof(struct sem, max) == 7 * sizeof(uint64_t), "as WEFT_SEM_BOUNDED_INIT has");
_Static_assert(WEFT_SEM_MAX == GATEWORD_VALUE, "the value has room for all units");

static struct sem *sem_of(const weft_sem *sem)
{
    return (struct sem *)(uintptr_t)sem;
}

static uint64_t sem_max(const struct sem *s)
{
    return s->max ? s->max : WEFT_SEM_MAX;
}

static bool sem_has_units(uint64_t w)
{
    return w != 0 && !(w & GATEWORD_WAITED);
}

static const struct weft__gate_kind sem_kind = {
    .wait.what = "semaphore", .deed = WEFT__DEED_SEM_WAIT, .is_open = sem_has_units, .takes = 1};

void weft_sem_init(weft_sem *sem, uint32_t units)
{
    memset(sem, 0, sizeof *sem);
    weft__gate_init(&sem_of(sem)->gate, units);
}

void weft_sem_init_bounded(weft_sem *sem, uint32_t units, uint32_t max)
{
    if (max == 0 || units > max) {
        weft__panic("weft_sem_init_bounded: %u units of at most %u", (unsigned)units,
                    (unsigned)max);
    }
    weft_sem_init(sem, units);
    sem_of(sem)->max = max;
}

int weft_sem_wait(weft_sem *sem)
{
    return weft__gate_wait(&sem_of(sem)->gate, &sem_kind, __builtin_return_address(0));
}

int weft_sem_try_wait(weft_sem *sem)
{
    struct weft__gate *gate = &sem_of(sem)->gate;
    weft__control_point(WEFT__DEED_SEM_TRY_WAIT, sem, __builtin_return_address(0));
    uint64_t w = a_load(&gate->word, relaxed);
    bool passed = gateword_pass(&gate->word, &w, sem_has_units, 1);
    return weft__control_result(passed ? 0 : -WEFT_EAGAIN);
}

static WEFT_NORETURN WEFT_NOINLINE void sem_overflows(struct sem *s, const void *site)
{
    char what[96];
    struct weft__text text;
    weft__text_init(&text, what, sizeof what);
    weft__text_add(&text, "weft_sem_post: more than %u units", (unsigned)sem_max(s));
    weft__panic_sites(what, "posted at", site, "posted before at", a_load(&s->site, relaxed));
}

void weft_sem_post(weft_sem *sem)
{
    const void *site = __builtin_return_address(0);
    struct sem *s = sem_of(sem);
    struct weft__gate *gate = &s->gate;
    weft__control_point(WEFT__DEED_SEM_POST, sem, site);
    uint64_t w = a_load(&gate->word, relaxed), max = sem_max(s);
    if (s->max && (w & GATEWORD_VALUE) < max) {
        a_store(&s->site, site, relaxed); /* now: after the post the memory may be gone */
    }
    for (;;) {
        if (WEFT_UNLIKELY(w & GATEWORD_WAITED)) {
            if (weft__gate_wake_one(gate)) {
                return;
            }
            w = a_load(&gate->word, relaxed); /* all who waited were cancelled */
        } else if (WEFT_UNLIKELY(w >= max)) {
            sem_overflows(s, site);
        } else if (gateword_replace(&gate->word, &w, w + 1)) {
            return;
        }
    }
}

uint32_t weft_sem_value(const weft_sem *sem)
{
    weft__control_point(WEFT__DEED_SEM_LOOK, sem, __builtin_return_address(0));
    return (uint32_t)weft__gate_value(&sem_of(sem)->gate);
}

void weft_sem_stats(const weft_sem *sem, weft_sem_counts *ret)
{
    struct weft__gate *gate = &sem_of(sem)->gate;
    *ret = (weft_sem_counts){.waits = weft__stat_read(&gate->waits),
                             .wakes = weft__stat_read(&gate->wakes),
                             .cancels = weft__stat_read(&gate->cancels),
                             .waiting = weft__gate_waiting(gate),
                             .units = weft__gate_value(gate),
                             .max = sem_max(sem_of(sem))};
}

void weft_sem_fini(weft_sem *sem)
{
    if (sem) {
        weft__gate_fini(&sem_of(sem)->gate, "weft_sem_fini", __builtin_return_address(0));
    }
}
